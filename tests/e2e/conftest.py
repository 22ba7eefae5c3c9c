"""Servers over a folder and over a bucket on S3, each started once for all fast tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.previews import Finished, make_previews
from tests.e2e.sdk import Cloud
from tests.e2e.servers import Server, s3_environment, s3_url
from tests.storage.servers import S3Server, rclone_server

S3_BUCKET = "served"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server with empty buckets."""
    names = (S3_BUCKET, "input", "output")
    with rclone_server(tmp_path_factory.mktemp("s3"), buckets=names) as running:
        yield running


@pytest.fixture(scope="session")
def bucket_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is the bucket of `folder_server`."""
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="session")
def folder_server(
    tmp_path_factory: pytest.TempPathFactory, bucket_folder: Path
) -> Iterator[Server]:
    """A running server whose bucket is a folder."""
    server = Server(tmp_path_factory.mktemp("server"), bucket_folder.as_uri())
    yield from _running(server)


@pytest.fixture(scope="session")
def s3_backed_server(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Server]:
    """A running server whose bucket lies on S3."""
    server = Server(
        tmp_path_factory.mktemp("server"), s3_url(s3, S3_BUCKET), environment=s3_environment(s3)
    )
    yield from _running(server)


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
        assert server.terminate() == 0, server.log()
    finally:
        server.kill()


@pytest.fixture(scope="session", params=["folder_server", "s3_backed_server"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the two servers."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def cloud(server: Server) -> Cloud:
    """The SDK over each of the two servers."""
    return Cloud(server.client())


@pytest.fixture(scope="session")
def folder_cloud(folder_server: Server) -> Cloud:
    """The SDK over the server whose bucket is a folder."""
    return Cloud(folder_server.client())


@pytest.fixture(scope="session")
def finished(cloud: Cloud) -> Finished:
    """A job over `previews/in/`, taken to its end on each server."""
    return make_previews(cloud)
