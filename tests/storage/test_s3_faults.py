"""Broken answers and broken connections are survived, or told."""

import hashlib
import io
from contextlib import closing

import pytest

from penstock.domain.errors import PenstockError, StoreError
from penstock.domain.refusals import NoSuchUploadError
from penstock.storage.base import UploadedPart
from tests.storage.objects import get
from tests.storage.scripted_server import answer
from tests.storage.scripted_store import FOUND, scripted, verify_signature


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


@pytest.mark.parametrize(("headers", "start"), [({}, 5), ({"Content-Range": "bytes 0-9/10"}, 5)])
def test_server_that_ignores_ranges_is_an_error(headers: dict[str, str], start: int) -> None:
    """The beginning of an object is never taken for its middle."""
    with (
        scripted([answer(body=b"0123456789", headers=headers)]) as (store, _, _),
        pytest.raises(StoreError),
    ):
        store.open("k", start=start)
