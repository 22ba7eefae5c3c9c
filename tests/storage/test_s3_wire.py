"""What S3 requests look like on the wire, and how broken answers are survived."""

import hashlib
import hmac
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

import pytest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    InvalidArgumentError,
    KeyNotStorableError,
    NoSuchUploadError,
    ObjectNotFoundError,
    PenstockError,
    StoreAccessDeniedError,
    StoreError,
)
from penstock.storage._s3_http import S3Connection
from penstock.storage._s3_location import S3Location, parse_location
from penstock.storage._s3_xml import parse_list_page
from penstock.storage.base import UploadedPart
from penstock.storage.s3 import S3Store
from tests.storage.contract import ODD_KEYS, get, list_keys, put
from tests.storage.scripted_server import Request, ScriptedServer, answer, scripted_server

SECRET = "penstock-test-secret"
UNSAFE = re.compile(r"[^A-Za-z0-9\-._~/%]")
FOUND = answer(headers={"ETag": '"tag"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})


class Scripted(NamedTuple):
    """A store before a scripted server.

    Attributes:
        server: What it talks to.
        pauses: The pauses it made, in seconds.
    """

    store: S3Store
    server: ScriptedServer
    pauses: list[float]


@contextmanager
def scripted(answers: Sequence[bytes], *, query: str = "", token: str = "") -> Iterator[Scripted]:
    """A store whose server gives these answers; pauses take no time."""
    pauses: list[float] = []
    with scripted_server(answers) as server:
        location = parse_location(f"s3://bucket?endpoint={server.endpoint}{query}")
        credentials = None if location.is_anonymous else Credentials("id", SECRET, token or None)
        connection = S3Connection(
            location,
            region="test-1",
            credentials=credentials,
            sleep=pauses.append,
            jitter=lambda: 0.5,
        )
        yield Scripted(S3Store(connection), server, pauses)


def verify_signature(request: Request) -> None:
    """Compute the signature anew, from nothing but what came over the wire."""
    authorization = request.headers["authorization"]
    signed_names = authorization.partition("SignedHeaders=")[2].partition(",")[0]
    path, _, query = request.target.partition("?")
    lines = "".join(f"{name}:{request.headers[name]}\n" for name in signed_names.split(";"))
    digest = request.headers["x-amz-content-sha256"]
    canonical = "\n".join(
        [
            request.method,
            quote(unquote_to_bytes(path), safe="/~"),
            "&".join(sorted(query.split("&"))) if query else "",
            lines,
            signed_names,
            digest,
        ]
    )
    moment = request.headers["x-amz-date"]
    scope = f"{moment[:8]}/test-1/s3/aws4_request"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
    expected = hmac.new(key, text.encode(), "sha256").hexdigest()
    assert authorization.endswith(f"Signature={expected}")
    assert f"Credential=id/{scope}" in authorization
    assert "host" in signed_names.split(";")


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
    "broken",
    [
        answer("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"),
        answer("500 Internal Server Error"),
        answer("502 Bad Gateway", b"<html>"),
        answer("504 Gateway Timeout"),
        answer("429 Too Many Requests"),
        answer("400 Bad Request", b"<Error><Code>RequestTimeout</Code></Error>"),
        b"",
        b"garbage\r\n\r\n",
        answer(body=b"half", length=10),
    ],
)
def test_passing_failure_is_tried_again(broken: bytes) -> None:
    """Overload, broken answers and broken connections are repeated, and the body with them."""
    with scripted([broken, broken, answer(headers={"ETag": '"tag"'})]) as (store, server, pauses):
        stored = store.put_stream("k", io.BytesIO(b"content"), size_bytes=7)

    assert stored.etag == "tag"
    assert [request.body for request in server.requests] == [b"content"] * 3
    assert pauses == pytest.approx([0.075, 0.15])


def test_lasting_failure_is_given_up_after_five_tries() -> None:
    """What the server says at last is raised."""
    broken = answer("503 Slow Down", b"<Error><Code>SlowDown</Code><Message>m</Message></Error>")

    with (
        scripted([broken] * 9) as (store, server, _),
        pytest.raises(StoreError, match="503 SlowDown: m"),
    ):
        get(store, "k")

    assert len(server.requests) == 5


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


def ranged(body: bytes, start: int, *, tag: str = "tag", sent: int | None = None) -> bytes:
    """The end of an object from a byte on, of which only some bytes are sent."""
    rest = body[start:]
    headers = {"ETag": f'"{tag}"'}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    status = "206 Partial Content" if start else "200 OK"
    return answer(status, rest[:sent], headers=headers, length=len(rest))


CONTENT = bytes(range(256)) * 40


def test_broken_download_goes_on_where_it_stopped() -> None:
    """The rest is asked for by range, of the same version only, and joined without a seam."""
    answers = [ranged(CONTENT, 0, sent=4000), ranged(CONTENT, 4000, sent=0), ranged(CONTENT, 4000)]

    with scripted(answers) as (store, server, pauses), closing(store.open("k")) as reader:
        blocks = []
        while block := reader.read(1000):
            blocks.append(block)

    assert b"".join(blocks) == CONTENT
    assert [request.headers.get("range") for request in server.requests] == [
        None,
        "bytes=4000-",
        "bytes=4000-",
    ]
    assert server.requests[1].headers["if-match"] == '"tag"'
    verify_signature(server.requests[1])
    assert pauses == pytest.approx([0.075, 0.15])


def test_broken_ranged_download_goes_on_within_its_range() -> None:
    """A range that broke off ends where it was to end."""
    first = answer(
        "206 Partial Content",
        CONTENT[100:200],
        headers={"Content-Range": f"bytes 100-499/{len(CONTENT)}", "ETag": '"tag"'},
        length=400,
    )

    with scripted([first, ranged(CONTENT, 200)]) as (store, server, _):
        assert get(store, "k", start=100, length=400) == CONTENT[100:500]

    assert server.requests[0].headers["range"] == "bytes=100-499"


@pytest.mark.parametrize(
    "second",
    [
        answer("412 Precondition Failed"),
        ranged(CONTENT, 4000, tag="other"),
        ranged(CONTENT, 0),
        answer("404 Not Found"),
    ],
)
def test_object_changed_during_a_download_is_an_error(second: bytes) -> None:
    """Two versions are never mixed."""
    with (
        scripted([ranged(CONTENT, 0, sent=4000), second]) as (store, _, _),
        closing(store.open("k")) as reader,
        pytest.raises(PenstockError),
    ):
        reader.read()


def test_download_without_progress_is_given_up() -> None:
    """A server that breaks off each time at the same byte is left after some tries."""
    answers = [ranged(CONTENT, 0, sent=100), *[ranged(CONTENT, 100, sent=0)] * 9]

    with (
        scripted(answers) as (store, server, _),
        closing(store.open("k")) as reader,
        pytest.raises(StoreError, match="broke off"),
    ):
        reader.read()

    assert len(server.requests) == 6


def list_page(keys: Sequence[str], *, more: str = "", encoding: str = "url") -> bytes:
    """A page of a listing."""
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2024-01-02T03:04:05.678Z</LastModified>"
        f"<ETag>&quot;tag&quot;</ETag><Size>7</Size><Owner><ID>i</ID></Owner></Contents>"
        for key in keys
    )
    encoding_type = f"<EncodingType>{encoding}</EncodingType>" if encoding else ""
    return answer(
        body=f"<?xml version='1.0'?><ListBucketResult xmlns='x'>{encoding_type}{entries}{more}"
        "</ListBucketResult>".encode()
    )


TRUNCATED = "<IsTruncated>true</IsTruncated>"


def test_listing_facts_are_read() -> None:
    """Size, time and tag come from the page."""
    with scripted([list_page(["a%2Fb+c%2Bd"])]) as (store, _, _):
        [found] = store.list_objects()

    assert found == ("a/b c+d", 7, 1_704_164_645_678, "tag")


def test_listing_goes_on_by_token() -> None:
    """A token is sent back as it came, without the bound of the first page."""
    token = f"{TRUNCATED}<NextContinuationToken>t/+&amp;=</NextContinuationToken>"

    with scripted([list_page(["b"], more=token), list_page(["c"])]) as (store, server, _):
        assert list_keys(store, start_after="a") == ["b", "c"]

    assert "start-after=a" in server.requests[0].target
    assert "continuation-token=t%2F%2B%26%3D" in server.requests[1].target
    assert "start-after" not in server.requests[1].target


def test_listing_of_an_old_server_goes_on_by_marker() -> None:
    """A server that knows only the first version of the call loses and repeats nothing."""
    answers = [
        list_page(["a", "b"], more=TRUNCATED),
        list_page(["c", "d"], more=TRUNCATED),
        list_page(["e"]),
    ]

    with scripted(answers) as (store, server, _):
        assert list_keys(store, start_after="b") == ["c", "d", "e"]

    assert ["marker=" in request.target for request in server.requests] == [False, True, True]
    assert "marker=b&" in server.requests[1].target
    assert "marker=d&" in server.requests[2].target


@pytest.mark.parametrize(
    "pages",
    [
        [list_page([], more=TRUNCATED)],
        [list_page(["a"], more=TRUNCATED), list_page(["a"], more=TRUNCATED)],
        [answer(body=b"<html>welcome</html>")],
    ],
)
def test_senseless_listing_is_an_error(pages: list[bytes]) -> None:
    """A listing that cannot be right ends in an error, not in a loop or an empty bucket."""
    with scripted(pages) as (store, _, _), pytest.raises(StoreError):
        list_keys(store)


def test_listing_that_is_not_encoded_is_read_literally() -> None:
    """Where a server ignores the wish for encoding, only XML is undone."""
    page = list_page(["a%2Fb+c&amp;d&#39;e&#x1F600;&apos;"], encoding="")

    with scripted([page]) as (store, _, _):
        assert list_keys(store) == ["a%2Fb+c&d'e\U0001f600'"]


def test_listing_with_incomplete_entries_keeps_them_apart() -> None:
    """An entry without a tag does not get its neighbour's."""
    body = (
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents><Contents>"
        b"<Size>2</Size><ETag>t</ETag><Key>b</Key></Contents></ListBucketResult>"
    )

    page = parse_list_page(body, has_literal_plus=False)

    assert page.objects == [("a", 1, -1, ""), ("b", 2, -1, "t")]


def test_plus_in_a_listing_of_cos_is_literal() -> None:
    """COS does not write blanks as '+'."""
    location = parse_location("s3://b-1?endpoint=https://cos.ap-x.myqcloud.com")

    assert location.has_literal_plus
    body = b"<ListBucketResult><Contents><Key>a+b%20c</Key></Contents><EncodingType>url"
    page = parse_list_page(body + b"</EncodingType></ListBucketResult>", has_literal_plus=True)
    assert [found.key for found in page.objects] == ["a+b c"]


@given(keys=st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_any_key_survives_a_listing(keys: list[str]) -> None:
    """Keys encoded as forms encode them come back exactly."""
    encoded = [quote(key.encode(), safe="/ ").replace(" ", "+") for key in keys]
    entries = "".join(f"<Contents>\n<Key>{key}</Key>\n</Contents>" for key in encoded)
    body = f"<ListBucketResult>{entries}<EncodingType>url</EncodingType></ListBucketResult>"

    page = parse_list_page(body.encode(), has_literal_plus=False)

    assert [found.key for found in page.objects] == keys


def test_completion_that_fails_late_is_repeated() -> None:
    """An error within an answer of status 200 is an error."""
    late = answer(body=b"<?xml?><Error><Code>InternalError</Code></Error>")
    done = answer(body=b"<CompleteMultipartUploadResult><ETag>x</ETag></...>")

    with scripted([late, done, FOUND]) as (store, server, _):
        stored = store.complete_upload("k", "id", [UploadedPart(1, "a<b")])

    assert stored.etag == "tag"
    assert server.requests[1].body.count(b"a&lt;b") == 1


def test_completion_whose_answer_was_lost_succeeds() -> None:
    """An upload that is gone because its object is there was completed."""
    tag = hashlib.md5(b"part", usedforsecurity=False).hexdigest()
    digest = hashlib.md5(bytes.fromhex(tag), usedforsecurity=False).hexdigest()
    gone = answer("404 Not Found", b"<Error><Code>NoSuchUpload</Code></Error>")
    there = answer(headers={"ETag": f'"{digest}-1"'})
    other = answer(headers={"ETag": f'"{tag}"'})
    parts = [UploadedPart(1, tag)]

    with scripted([b"", gone, there]) as (store, _, _):
        assert store.complete_upload("k", "id", parts).etag == f"{digest}-1"
    for tags in (parts, [UploadedPart(1, "no MD5")], [UploadedPart(1, "x" * 32)]):
        with scripted([gone, other]) as (store, _, _), pytest.raises(NoSuchUploadError):
            store.complete_upload("k", "id", tags)


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


@pytest.mark.parametrize(("headers", "start"), [({}, 5), ({"Content-Range": "bytes 0-9/10"}, 5)])
def test_server_that_ignores_ranges_is_an_error(headers: dict[str, str], start: int) -> None:
    """The beginning of an object is never taken for its middle."""
    with (
        scripted([answer(body=b"0123456789", headers=headers)]) as (store, _, _),
        pytest.raises(StoreError),
    ):
        store.open("k", start=start)


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


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("s3://bkt", "https://bkt.s3.r.amazonaws.com", "/k"),
        ("s3://b.dot", "https://s3.r.amazonaws.com", "/b.dot/k"),
        ("s3://bkt?addressing=path", "https://s3.r.amazonaws.com", "/bkt/k"),
        ("s3://bkt/root/", "https://bkt.s3.r.amazonaws.com", "/root/k"),
        ("s3://bkt/a%20%3Fb?endpoint=http://h:9000/", "http://h:9000", "/bkt/a%20%3Fb/k"),
        ("s3://bkt?endpoint=https://h&addressing=virtual", "https://bkt.h", "/k"),
        ("s3://bkt?endpoint=http://[::1]:80/base", "http://[::1]:80", "/base/bkt/k"),
    ],
)
def test_location_is_read_from_its_url(url: str, origin: str, target: str) -> None:
    """Endpoint, addressing and root decide where requests go."""
    location = parse_location(url)

    assert location.origin("r") == origin
    assert location.target("k") == target


def test_location_in_china_has_its_own_domain() -> None:
    """AWS in China is not under amazonaws.com alone."""
    location = parse_location("s3://bkt")

    assert location.origin("cn-north-1") == "https://bkt.s3.cn-north-1.amazonaws.com.cn"
    assert location.target() == "/"


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://b_!",
        "s3://bkt?endpoint=h",
        "s3://bkt?endpoint=ftp://h",
        "s3://bkt?endpoint=http://h:port",
        "s3://bkt?endpoint=",
        "s3://bkt?colour=red",
        "s3://bkt?addressing=none",
        "s3://bkt?anonymous=maybe",
        "s3://bkt?region=a&region=b",
        "s3://bkt?region",
        "s3://bkt#x",
        "s3://[b",
    ],
)
def test_malformed_location_is_refused(url: str) -> None:
    """What cannot be meant is named before anything is contacted."""
    with pytest.raises(InvalidArgumentError):
        parse_location(url)
