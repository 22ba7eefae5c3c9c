"""What S3 requests look like on the wire, and what refusals mean."""

import io
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    InvalidArgumentError,
    KeyNotStorableError,
    ObjectNotFoundError,
    PenstockError,
    StoreAccessDeniedError,
    StoreError,
)
from penstock.storage._s3_location import S3Location
from penstock.storage.base import UploadedPart
from tests.storage.objects import ODD_KEYS, list_keys, put
from tests.storage.scripted_server import answer
from tests.storage.scripted_store import FOUND, scripted, verify_signature

UNSAFE = re.compile(r"[^A-Za-z0-9\-._~/%]")


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key[:20]))
def test_odd_key_is_exact_on_the_wire(key: str) -> None:
    """The target is the key, percent-encoded and nothing else done to it, and is signed so."""
    with scripted([FOUND, answer()]) as (store, server, _):
        store.head(key)
        put(store, key, b"content")

    for request in server.requests:
        assert not UNSAFE.search(request.target)
        assert unquote_to_bytes(request.target) == b"/bucket/" + key.encode()
        verify_signature(request)
    assert server.requests[1].body == b"content"


@given(key=st.text(min_size=1, max_size=200).filter(lambda key: len(key.encode()) <= 1000))
def test_any_key_survives_its_target(key: str) -> None:
    """Every Unicode key can be read back from its target."""
    target = S3Location(bucket="b", endpoint="http://h", is_path_style=True).target(key)

    assert unquote_to_bytes(target) == b"/b/" + key.encode()
    assert target.isascii()
    assert not UNSAFE.search(target)


def test_listing_is_signed_with_its_query() -> None:
    """Parameters are encoded the way signatures count them."""
    with scripted([answer(body=b"<ListBucketResult></ListBucketResult>")]) as (store, server, _):
        assert list_keys(store, "a +&=/ü", start_after="a +&=/ü~*") == []

    [request] = server.requests
    assert request.target.startswith("/bucket?")
    assert "prefix=a%20%2B%26%3D%2F%C3%BC&" in request.target
    assert "start-after=a%20%2B%26%3D%2F%C3%BC~%2A" in request.target
    verify_signature(request)


def test_session_token_is_sent_and_signed() -> None:
    """Temporary credentials carry their token."""
    with scripted([FOUND], token="token") as (store, server, _):
        store.head("k")

    assert server.requests[0].headers["x-amz-security-token"] == "token"
    verify_signature(server.requests[0])


def test_anonymous_request_is_not_signed() -> None:
    """Without credentials nothing is claimed."""
    with scripted([FOUND], query="&anonymous=true") as (store, server, _):
        store.head("k")

    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        ("404 Not Found", "NoSuchKey", ObjectNotFoundError),
        ("404 Not Found", "NoSuchBucket", StoreError),
        ("403 Forbidden", "AccessDenied", StoreAccessDeniedError),
        ("403 Forbidden", "RequestTimeTooSkewed", StoreError),
        ("400 Bad Request", "KeyTooLongError", KeyNotStorableError),
        ("400 Bad Request", "EntityTooSmall", InvalidArgumentError),
        ("400 Bad Request", "InvalidRequest", StoreError),
        ("412 Precondition Failed", "PreconditionFailed", StoreError),
        ("418 I'm a teapot", "", StoreError),
    ],
)
def test_refusal_is_final_and_has_its_error(
    status: str, code: str, error: type[PenstockError]
) -> None:
    """What will not get better is not repeated."""
    body = f"<Error><Code>{code}</Code></Error>".encode()

    with scripted([answer(status, body)]) as (store, server, pauses), pytest.raises(error):
        store.open("k")

    assert len(server.requests) == 1
    assert pauses == []


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary Redirect", "400 Bad Request"])
def test_server_that_tidies_paths_refuses_the_key(status: str) -> None:
    """A redirect is not followed to another key."""
    with (
        scripted([answer(status, headers={"Location": "/bucket/dots"})]) as (store, _, _),
        pytest.raises(KeyNotStorableError),
    ):
        put(store, "o/../dots")


def test_wrong_region_is_named() -> None:
    """The bucket's real region is in the message."""
    moved = answer("301 Moved Permanently", headers={"x-amz-bucket-region": "eu-west-9"})

    with scripted([moved]) as (store, _, _), pytest.raises(StoreError, match="eu-west-9"):
        store.head("k")


def test_parts_are_listed_over_pages() -> None:
    """A long list of parts is read to its end."""
    first = (
        b"<ListPartsResult><IsTruncated>true</IsTruncated><Part><PartNumber>7</PartNumber>"
        b"<ETag>&#34;a&#34;</ETag><Size>5</Size></Part></ListPartsResult>"
    )
    second = b"<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>"

    with scripted([answer(body=first), answer(body=second)]) as (store, server, _):
        assert store.list_parts("k", "id") == [(UploadedPart(7, "a"), 5)]

    assert "part-number-marker=7" in server.requests[1].target


def test_upload_without_an_id_is_an_error() -> None:
    """An answer that gives no upload id cannot be gone on with."""
    with scripted([answer(body=b"<x/>")]) as (store, _, _), pytest.raises(StoreError):
        store.create_upload("k")


def test_object_without_a_size_is_an_error() -> None:
    """An object whose size is not told cannot be read safely."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

    with scripted([chunked]) as (store, _, _), pytest.raises(StoreError):
        store.open("k")


def test_source_that_shrinks_is_an_error(tmp_path: Path) -> None:
    """A file that gets shorter while it is stored is not stored."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * 10)

    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return b""

    with scripted([]) as (store, server, _), pytest.raises(StoreError):
        store.put_stream("k", Shrinking(b"x" * 10), size_bytes=10)

    assert server.requests == []
