"""The bridge between the event loop and a store's thread."""

import asyncio
import io

import pytest

from penstock.api.requests import Body, Message
from penstock.api.streams import BodyStream
from penstock.api.threads import Threads
from penstock.domain.refusals import InvalidContentError


async def never() -> Message:
    """A client that sends nothing more."""
    await asyncio.Event().wait()
    raise AssertionError


def body_of(*messages: Message) -> Body:
    """A body that is made of ASGI messages."""
    rest = iter(messages)

    async def receive() -> Message:
        return next(rest)

    return Body(receive, length_bytes=None, is_chunked=True)


def test_stream_ends_when_it_is_aborted() -> None:
    """A thread that waits for a client is let go, and reads no more."""

    async def scenario() -> tuple[bytes, bytes]:
        threads = Threads()
        stream = BodyStream(Body(never, length_bytes=5, is_chunked=False), "")
        reading = asyncio.ensure_future(threads.run_upload(lambda: stream.read(5)))
        while stream._pending is None:
            await asyncio.sleep(0)
        stream.abort()
        found = await reading, await threads.run_upload(lambda: stream.read(5))
        threads.close()
        return found

    assert asyncio.run(scenario()) == (b"", b"")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_stream_hands_out_pieces_of_any_size(size: int) -> None:
    """Empty messages are passed over, and a piece may be larger than what is asked for."""

    async def scenario() -> bytes:
        threads = Threads()
        body = body_of(
            {"type": "http.request", "body": b"", "more_body": True},
            {"type": "http.request", "body": b"hello ", "more_body": True},
            {"type": "http.request", "body": b"world"},
        )
        file = io.BufferedReader(BodyStream(body, ""), size)
        found = await threads.run_upload(lambda: b"".join(iter(lambda: file.read(size), b"")))
        threads.close()
        return found

    assert asyncio.run(scenario()) == b"hello world"


def test_body_waits_for_the_client_to_go() -> None:
    """What is left of a body does not count as going away."""

    async def scenario() -> bool:
        body = body_of(
            {"type": "http.request", "body": b"rest", "more_body": False},
            {"type": "http.disconnect"},
        )
        await body.wait_disconnected()
        return body.is_disconnected

    assert asyncio.run(scenario())


def test_body_cut_short_is_not_taken_for_a_whole_one() -> None:
    """Nothing is done with the first half of a body."""
    messages: list[Message] = [
        {"type": "http.request", "body": b"<a/>", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    body = Body(receive, length_bytes=8, is_chunked=False)

    with pytest.raises(InvalidContentError, match="ended before"):
        asyncio.run(body.read_all(max_bytes=100))
