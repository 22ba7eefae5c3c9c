"""Calls on whole buckets."""

from collections.abc import Iterator

import pytest
from qcloud_cos import CosS3Client, CosServiceError

from tests.api.sending import put_all, send
from tests.api.server import (
    BUCKET,
    OTHER,
    Server,
)


def test_bucket_unknown(server: Server) -> None:
    """Every call on a bucket that is not bound is NoSuchBucket."""
    client = server.client()

    for call in (client.list_objects, client.head_bucket):
        with pytest.raises(CosServiceError) as caught:
            call(Bucket="nobody-1250000000")
        assert caught.value.get_status_code() == 404


def test_bucket_exists(client: CosS3Client) -> None:
    """HEAD bucket is how clients ask."""
    assert client.bucket_exists(Bucket=BUCKET)


def test_bucket_list_of_service(server: Server) -> None:
    """GET service names the bound buckets."""
    answer = send(server, "GET", "/", headers={"host": "service.cos.myqcloud.com"})

    assert answer.status == 200
    for bucket in (BUCKET, OTHER):
        assert f"<Name>{bucket}</Name>".encode() in answer.body


def pages(client: CosS3Client, **query: str | int) -> Iterator[tuple[list[str], list[str]]]:
    """Keys and common prefixes of every page of a listing."""
    marker = ""
    while True:
        page = client.list_objects(Bucket=BUCKET, Marker=marker, **query)
        yield (
            [found["Key"] for found in page.get("Contents", [])],
            [found["Prefix"] for found in page.get("CommonPrefixes", [])],
        )
        if page["IsTruncated"] == "false":
            assert "NextMarker" not in page
            return
        marker = page["NextMarker"]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_listing_in_pages(client: CosS3Client, size: int) -> None:
    """Pages of any size give every key and every common prefix once, in order."""
    put_all(client, "a", "b/1", "b/2", "b/c/3", "b!", "d", "e/f/4", "é/5")

    flat = list(pages(client, MaxKeys=size))
    rolled = list(pages(client, MaxKeys=size, Delimiter="/"))
    inner = list(pages(client, MaxKeys=size, Delimiter="/", Prefix="b/"))

    assert [key for keys, _ in flat for key in keys] == [
        *("a", "b!", "b/1", "b/2", "b/c/3", "d", "e/f/4", "é/5"),
    ]
    assert [key for keys, _ in rolled for key in keys] == ["a", "b!", "d"]
    assert [prefix for _, prefixes in rolled for prefix in prefixes] == ["b/", "e/", "é/"]
    assert [key for keys, _ in inner for key in keys] == ["b/1", "b/2"]
    assert [prefix for _, prefixes in inner for prefix in prefixes] == ["b/c/"]
    assert all(len(keys) + len(prefixes) <= size for keys, prefixes in flat + rolled + inner)


def test_listing_of_nothing(server: Server) -> None:
    """No keys at all, and no keys wanted, are whole pages."""
    client = server.client()
    put_all(client, "a")

    assert list(pages(client, Prefix="none")) == [([], [])]
    assert list(pages(client, MaxKeys=0)) == [([], [])]


def test_listing_refuses_bad_arguments(server: Server) -> None:
    """A number that is none and an unknown encoding are the caller's mistakes."""
    client = server.client()

    with pytest.raises(CosServiceError, match="max-keys 'x' is not a whole number"):
        client.list_objects(Bucket=BUCKET, MaxKeys="x")
    answer = send(server, "GET", "/?encoding-type=base64")
    assert answer.status == 400
    assert b"encoding-type" in answer.body


def test_delete_many(server: Server) -> None:
    """Many objects go in one call, with and without a word about each."""
    client = server.client()
    put_all(client, "a", " b ", "c")
    names = [{"Key": key} for key in ("a", " b ", "none")]

    answer = client.delete_objects(Bucket=BUCKET, Delete={"Quiet": "false", "Object": names})
    quiet = client.delete_objects(
        Bucket=BUCKET, Delete={"Quiet": "true", "Object": [{"Key": "c"}]}
    )

    assert len(answer["Deleted"]) == 3
    assert "Deleted" not in quiet
    assert list(pages(client)) == [([], [])]


def test_delete_too_many(server: Server) -> None:
    """More than a thousand objects are refused before one is touched."""
    client = server.client()
    put_all(client, "a")
    names = [{"Key": "a"}] * 1001

    with pytest.raises(CosServiceError, match="1001 objects"):
        client.delete_objects(Bucket=BUCKET, Delete={"Object": names})

    assert client.object_exists(Bucket=BUCKET, Key="a")
