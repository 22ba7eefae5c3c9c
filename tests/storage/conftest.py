"""Fixtures of the storage tests: one S3 server for all of them."""

from collections.abc import Iterator

import pytest

from tests.storage.servers import S3Server, rclone_server

BUCKETS = tuple(f"bucket-{number:03d}" for number in range(120))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running S3 server with empty buckets, made before it starts."""
    with rclone_server(tmp_path_factory.mktemp("s3"), buckets=BUCKETS) as server:
        yield server
