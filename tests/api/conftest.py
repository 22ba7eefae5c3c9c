"""Fixtures of the API's tests."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from qcloud_cos import CosS3Client

from tests.api.ci import CiServer, serve_ci
from tests.api.server import CI_HOST, Server, serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server with two empty buckets; its clock stands at the start of the test."""
    with serve(tmp_path, now=time.time()) as running:
        yield running


@pytest.fixture(params=["cos", "ci", "bare"])
def client(request: pytest.FixtureRequest, server: Server) -> CosS3Client:
    """The SDK as users point it here: by address, by CI host name, and by bare address."""
    domains = {"cos": None, "ci": CI_HOST, "bare": f"127.0.0.1:{server.port}"}
    return server.client(domain=domains[request.param])


@pytest.fixture
def ci(tmp_path: Path) -> Iterator[CiServer]:
    """The whole program without an engine, over two bound buckets with every family open."""
    with serve_ci(tmp_path) as running:
        yield running
