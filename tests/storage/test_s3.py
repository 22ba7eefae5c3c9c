"""S3 as an object store: the contract against a real server, and keys on the wire."""

import io
import itertools
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from penstock.domain.errors import (
    InvalidArgumentError,
    ObjectNotFoundError,
    StoreAccessDeniedError,
    StoreError,
)
from penstock.storage._s3_http import S3Connection
from penstock.storage._s3_location import parse_location
from penstock.storage.base import ObjectStore
from penstock.storage.opening import open_store
from penstock.storage.s3 import S3Store
from tests.storage.conftest import BUCKETS
from tests.storage.contract import ObjectStoreContract
from tests.storage.objects import get, list_keys, put
from tests.storage.servers import S3Server

PART = 16 << 20


@pytest.fixture(scope="session")
def new_bucket() -> Callable[[], str]:
    """Gives the name of another empty bucket each time."""
    return itertools.chain(BUCKETS).__next__


@pytest.fixture
def url(
    s3_server: S3Server, new_bucket: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """The URL of an empty bucket, with credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.secret_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return f"s3://{new_bucket()}?endpoint={s3_server.endpoint}"


@pytest.fixture
def store(url: str) -> ObjectStore:
    """An empty bucket."""
    return open_store(url)


class TestS3Contract(ObjectStoreContract):
    """The contract over rclone's S3 server, behind which lies a folder."""

    # A folder has no place for a name that ends with '/': rclone drops the slash unasked.
    changed_keys: ClassVar[frozenset[str]] = frozenset({"o/trail/"})
    # No name of a file has 900 bytes: rclone answers 500.
    failing_keys: ClassVar[frozenset[str]] = frozenset({"l" * 900})
    has_joint_tags: ClassVar[bool] = False
    has_replaceable_parts: ClassVar[bool] = False


def test_root_is_transparent(url: str) -> None:
    """Below a root, keys, prefixes, bounds and parts are those of a bucket of its own."""
    bucket, _, query = url.partition("?")
    whole = open_store(url)
    part = open_store(f"{bucket}/some/base?{query}")
    put(whole, "outside")
    put(whole, "some/baseless")

    put(part, "a/1")
    put(part, "b")

    assert list_keys(part) == ["a/1", "b"]
    assert list_keys(part, "a") == ["a/1"]
    assert list_keys(part, start_after="a/1") == ["b"]
    assert part.head("b").key == "b"
    assert get(part, "a/1") == b"content"
    assert list_keys(whole) == ["outside", "some/base/a/1", "some/base/b", "some/baseless"]


def test_long_listing_goes_on_over_pages(url: str, store: ObjectStore, tmp_path: Path) -> None:
    """A listing of more than one page is whole, in order, and starts anywhere."""
    keys = [f"k/{number:05d}" for number in range(1005)]
    for key in keys:
        put(store, key, b"")

    assert list_keys(store) == keys
    assert list_keys(store, "k/00", start_after=keys[2]) == keys[3:1000]


def test_large_object_is_stored_in_parts(s3_server: S3Server, url: str, tmp_path: Path) -> None:
    """Above the limit for one request, files and streams go up in parts and come back whole."""
    store = S3Store.from_url(url)
    small = S3Store(store._connection, max_single_bytes=1 << 20)
    content = os.urandom(1 << 20) * 17
    source = tmp_path / "large"
    source.write_bytes(content)

    by_file = small.put_file("by-file", source)
    by_stream = small.put_stream("by-stream", io.BytesIO(content), size_bytes=len(content))

    assert by_file.size_bytes == by_stream.size_bytes == len(content)
    assert get(store, "by-file") == content
    assert get(store, "by-stream", start=PART - 3, length=6) == content[PART - 3 : PART + 3]


def test_failed_parts_are_dropped(url: str) -> None:
    """An upload whose stream ends early is aborted and leaves nothing."""
    store = S3Store(S3Store.from_url(url)._connection, max_single_bytes=10)

    with pytest.raises(StoreError):
        store.put_stream("k", io.BytesIO(b"x" * 20), size_bytes=30)

    assert list_keys(store) == []


def test_wrong_secret_is_access_denied(
    url: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused credentials are final, and their own error."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    stranger = open_store(url)

    with pytest.raises(StoreAccessDeniedError):
        stranger.head("k")
    with pytest.raises(StoreAccessDeniedError):
        list(stranger.list_objects())
    with pytest.raises(StoreAccessDeniedError):
        put(stranger, "k")


def test_missing_bucket_is_a_store_error(url: str) -> None:
    """A bucket that does not exist is not an empty one."""
    store = open_store(url.replace("bucket-", "absent-"))

    with pytest.raises(StoreError):
        list(store.list_objects())
    with pytest.raises((StoreError, ObjectNotFoundError)):
        put(store, "k")


def test_strange_content_type_is_refused(store: ObjectStore) -> None:
    """A media type cannot smuggle another header in."""
    with pytest.raises(InvalidArgumentError):
        store.put_stream("k", io.BytesIO(b""), size_bytes=0, content_type="a/b\r\nX-Evil: 1")


def test_unreadable_source_file_is_a_store_error(store: ObjectStore, tmp_path: Path) -> None:
    """A source that is not there is an error of ours."""
    with pytest.raises(StoreError):
        store.put_file("k", tmp_path / "absent")


def test_missing_credentials_are_named_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials a store does not open."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(InvalidArgumentError, match="AWS_ACCESS_KEY_ID"):
        open_store(url)


def test_unknown_profile_is_an_invalid_argument(url: str) -> None:
    """A profile that does not exist is the caller's mistake."""
    with pytest.raises(InvalidArgumentError, match="nobody"):
        open_store(f"{url}&profile=nobody")


def test_unreachable_server_is_a_store_error_after_five_tries(url: str) -> None:
    """A server that is away is asked again, with pauses that grow, and then given up."""
    pauses: list[float] = []
    location = parse_location("s3://bucket?endpoint=http://127.0.0.1:1")
    connection = S3Connection(
        location, region="r", credentials=None, sleep=pauses.append, jitter=lambda: 1.0
    )

    with pytest.raises(StoreError):
        S3Store(connection).head("k")

    assert pauses == [0.1, 0.2, 0.4, 0.8]


def test_reader_of_s3_is_closed_twice_without_harm(store: ObjectStore) -> None:
    """Closing again, or after the end, changes nothing."""
    put(store, "k")

    with closing(store.open("k")) as reader:
        assert reader.read() == b"content"
        assert reader.read(10) == b""
        reader.close()
