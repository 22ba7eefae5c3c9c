"""Object calls, driven by the official SDK and, where it is in the way, by plain sockets."""

import hashlib
import http.client
import os
from pathlib import Path

import pytest
from qcloud_cos import CosS3Client, CosServiceError

from penstock.wire.signature import SignedRequest
from tests.api.sending import Answer, authorization, read, send
from tests.api.server import (
    BUCKET,
    COS_HOST,
    Server,
)

ODD_KEYS = [
    "a b+c&d=e?f#g.txt",
    "中文/ключ.txt",
    "100%25/50%.txt",
    "'quotes\"/<xml>&amp;",
    "trailing blank ",
    "~tilde-_.txt",
    "jobs/readme",
    "a\u00a0\u2028b",
]


def test_object_goes_in_and_out(client: CosS3Client, server: Server) -> None:
    """What is put is what is read, with its type, size, tag and time."""
    stored = client.put_object(Bucket=BUCKET, Key="a/b.txt", Body=b"hello", ContentType="text/x-y")
    found = client.get_object(Bucket=BUCKET, Key="a/b.txt")
    described = client.head_object(Bucket=BUCKET, Key="a/b.txt")

    assert read(found) == b"hello"
    assert (
        stored["ETag"]
        == found["ETag"]
        == f'"{hashlib.md5(b"hello", usedforsecurity=False).hexdigest()}"'
    )
    for headers in (found, described):
        assert headers["Content-Type"] == "text/x-y"
        assert headers["Content-Length"] == "5"
        assert headers["Last-Modified"].endswith("GMT")
        assert headers["Server"] == "tencent-ci"
        assert headers["x-cos-request-id"] == headers["x-ci-request-id"]
    assert (server.root / BUCKET / "a/b.txt").read_bytes() == b"hello"
    assert server.created == [(BUCKET, "a/b.txt")]
    assert server.actions == ["cos:PutObject", "cos:GetObject", "cos:HeadObject"]


def test_object_is_put_from_a_file_and_a_stream(server: Server, tmp_path: Path) -> None:
    """A file is sent with its length, a generator in chunks of unknown number."""
    content = bytes(range(256)) * 9000
    path = tmp_path / "file"
    path.write_bytes(content)
    client = server.client()

    with path.open("rb") as file:
        client.put_object(Bucket=BUCKET, Key="file", Body=file, EnableMD5=True)
    pieces = (content[at : at + 70_001] for at in range(0, len(content), 70_001))
    client.put_object(Bucket=BUCKET, Key="stream", Body=pieces)
    client.put_object(Bucket=BUCKET, Key="empty", Body=b"", EnableMD5=True)

    assert (server.root / BUCKET / "file").read_bytes() == content
    assert (server.root / BUCKET / "stream").read_bytes() == content
    assert (server.root / BUCKET / "empty").read_bytes() == b""
    assert read(client.get_object(Bucket=BUCKET, Key="empty")) == b""


@pytest.mark.parametrize("key", ODD_KEYS)
def test_object_keys_are_exact(server: Server, key: str) -> None:
    """Any key the SDK can send is stored, listed, read and deleted as it is."""
    client = server.client()

    client.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    assert read(client.get_object(Bucket=BUCKET, Key=key)) == b"x"
    listing = client.list_objects(Bucket=BUCKET, Prefix=key[:3])
    assert [found["Key"] for found in listing["Contents"]] == [key]
    client.delete_object(Bucket=BUCKET, Key=key)
    assert not client.object_exists(Bucket=BUCKET, Key=key)


def test_object_keys_of_any_bytes(server: Server) -> None:
    """A key that is not UTF-8 lies in the folder under exactly these bytes."""
    answer = send_bytes(server, "PUT", b"/a%FF%2Fb")

    assert answer.status == 200
    (found,) = (server.root / BUCKET).glob("a*")
    assert bytes(found.name, "utf-8", "surrogateescape") == b"a\xff"
    assert send_bytes(server, "GET", b"/a%FF%2Fb").body == b"x"


def send_bytes(server: Server, method: str, path: bytes) -> Answer:
    """Send a request for a key that is no text."""
    decoded = path.replace(b"%FF", b"\xff").replace(b"%2F", b"/")
    request = SignedRequest(method=method, path=decoded.decode(errors="surrogateescape"))
    body = b"x" if method == "PUT" else None
    header = authorization(request)
    return send(server, method, path.decode(), body=body, headers={"authorization": header})


@pytest.mark.parametrize("path", ["//a", "/a//b", "/a/../b", "/./a"])
def test_object_paths_are_never_resolved(server: Server, path: str) -> None:
    """A key that a folder cannot hold is refused for what it is, not stored elsewhere."""
    answer = send(server, "PUT", path, body=b"x")

    assert answer.status == 400
    assert b"<Code>InvalidKey</Code>" in answer.body
    assert list((server.root / BUCKET).iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "content", "extent"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=3-5", b"345", "bytes 3-5/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_object_range(server: Server, wanted: str, content: bytes, extent: str) -> None:
    """One range is answered with 206 and exactly these bytes."""
    client = server.client()
    client.put_object(Bucket=BUCKET, Key="digits", Body=b"0123456789")

    found = client.get_object(Bucket=BUCKET, Key="digits", Range=wanted)

    assert read(found) == content
    assert found["Content-Range"] == extent


@pytest.mark.parametrize("wanted", ["bytes=1-2,4-5", "lines=1-2", "bytes=5-3", "bytes=-"])
def test_object_range_that_is_ignored(server: Server, wanted: str) -> None:
    """Several ranges and malformed ones give the whole object."""
    (server.root / BUCKET / "digits").write_bytes(b"0123456789")

    answer = send(server, "GET", "/digits", headers={"range": wanted})

    assert (answer.status, answer.body) == (200, b"0123456789")


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0"])
def test_object_range_outside(server: Server, wanted: str) -> None:
    """A range without bytes is 416 and tells the size."""
    (server.root / BUCKET / "digits").write_bytes(b"0123456789")

    answer = send(server, "GET", "/digits", headers={"range": wanted})

    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */10"
    assert b"<Code>InvalidRange</Code>" in answer.body


def test_object_conditions(server: Server) -> None:
    """A current copy is 304, an unmet condition 412, an outdated part the whole object."""
    stored = server.client().put_object(Bucket=BUCKET, Key="k", Body=b"abc")
    date = send(server, "HEAD", "/k").headers["Last-Modified"]
    old = "Mon, 27 Jun 2011 07:23:10 GMT"
    cases: list[tuple[dict[str, str], int]] = [
        ({"if-none-match": stored["ETag"]}, 304),
        ({"if-none-match": '"other", W/' + stored["ETag"]}, 304),
        ({"if-none-match": '"other"', "if-modified-since": date}, 200),
        ({"if-modified-since": date}, 304),
        ({"if-modified-since": old}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-match": stored["ETag"], "if-unmodified-since": old}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-unmodified-since": old}, 412),
        ({"if-unmodified-since": date}, 200),
        ({"range": "bytes=1-", "if-range": stored["ETag"]}, 206),
        ({"range": "bytes=1-", "if-range": date}, 206),
        ({"range": "bytes=1-", "if-range": '"other"'}, 200),
    ]

    for headers, status in cases:
        answer = send(server, "GET", "/k", headers=headers)
        assert (headers, answer.status) == (headers, status)
        assert (answer.body == b"") == (status == 304)
    assert send(server, "HEAD", "/k", headers={"if-modified-since": date}).status == 304
    assert send(server, "HEAD", "/k", headers={"if-match": '"other"'}).status == 412


def test_object_headers_can_be_overridden(server: Server) -> None:
    """`response-…` parameters replace headers, and cannot smuggle in others."""
    client = server.client()
    client.put_object(Bucket=BUCKET, Key="page.html", Body=b"<p>")

    found = client.get_object(
        Bucket=BUCKET,
        Key="page.html",
        ResponseContentType="text/plain",
        ResponseContentDisposition='attachment; filename="ü\r\nX-Evil: 1"',
    )

    assert found["Content-Type"] == "text/plain"
    assert "X-Evil" not in found
    assert found["Content-Disposition"].startswith("attachment")


def test_object_pages_cannot_act_in_the_consoles_name(server: Server) -> None:
    """Under a bare host, where the console is at home, a stored page is sandboxed."""
    (server.root / BUCKET / "page.html").write_bytes(b"<script>")

    bare = send(server, "GET", "/page.html", headers={"host": "localhost"})
    own = send(server, "GET", "/page.html")

    assert bare.headers["Content-Security-Policy"] == "sandbox"
    assert "Content-Security-Policy" not in own.headers
    assert own.headers["Content-Type"] == "text/html"


def test_object_missing(client: CosS3Client) -> None:
    """GET says NoSuchKey with all that the SDK's errors show; HEAD has no body."""
    with pytest.raises(CosServiceError) as caught:
        client.get_object(Bucket=BUCKET, Key="none")
    with pytest.raises(CosServiceError) as headed:
        client.head_object(Bucket=BUCKET, Key="none")

    error = caught.value
    assert (error.get_status_code(), error.get_error_code()) == (404, "NoSuchKey")
    assert error.get_resource_location().endswith("/none")
    assert error.get_request_id()
    assert error.get_trace_id() not in {"", "Unknown"}
    assert headed.value.get_status_code() == 404
    client.delete_object(Bucket=BUCKET, Key="none")


def test_get_cut_short_does_no_harm(server: Server) -> None:
    """A client that leaves in the middle of a large object leaves a server that works."""
    path = server.root / BUCKET / "large"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    header = authorization(SignedRequest(method="GET", path="/large"))
    connection.request("GET", "/large", headers={"host": COS_HOST, "authorization": header})
    assert len(connection.getresponse().read(1000)) == 1000
    connection.close()

    assert (
        server.client().head_object(Bucket=BUCKET, Key="large")["Content-Length"] == "1073741824"
    )


def test_get_of_an_object_that_shrinks_is_cut(server: Server) -> None:
    """When the store fails half-way, the client learns that the object is not complete."""
    path = server.root / BUCKET / "large"
    with path.open("wb") as file:
        file.truncate(1 << 28)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    header = authorization(SignedRequest(method="GET", path="/large"))
    connection.request("GET", "/large", headers={"host": COS_HOST, "authorization": header})
    response = connection.getresponse()

    os.truncate(path, 1000)

    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/k?acl"),
        ("PUT", "/k?tagging"),
        ("PUT", "/?lifecycle"),
        ("GET", "/k?imageMogr2/thumbnail/100x"),
        ("POST", "/k"),
        ("DELETE", "/"),
        ("PATCH", "/k"),
    ],
)
def test_calls_of_cos_that_do_not_exist_here(server: Server, method: str, path: str) -> None:
    """They are refused, rather than taken for another call on the same object."""
    (server.root / BUCKET / "k").write_bytes(b"old")

    answer = send(server, method, path, body=b"new")

    assert answer.status == 405
    assert (server.root / BUCKET / "k").read_bytes() == b"old"
