"""The way out: common headers, and objects streamed without holding them in memory."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from penstock.api.requests import Call, Message
from penstock.api.responses import Reader, Response, encode_headers, printable
from penstock.api.threads import Threads
from penstock.domain.errors import PenstockError
from penstock.wire.signature import Pairs
from penstock.wire.times import http_date

Send = Callable[[Message], Awaitable[None]]

_READ_BYTES = 256 * 1024
_WITHOUT_BODY = frozenset({204, 304})


async def send_response(
    call: Call, response: Response, send: Send, threads: Threads, now_seconds: float
) -> None:
    """Send an answer with the headers that all answers share (`wire.md` 1.6)."""
    headers = encode_headers(_complete(call, response, now_seconds))
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.reader is None:
            await send({"type": "http.response.body", "body": response.body})
        else:
            await _send_object(call, response.reader, response.length_bytes, send, threads)
    finally:
        if response.reader is not None:
            await threads.run(response.reader.close)


def _complete(call: Call, response: Response, now_seconds: float) -> Pairs:
    length = response.length_bytes if response.reader else len(response.body)
    has_length = any(name == "Content-Length" for name, _ in response.headers)
    is_counted = not has_length and response.status not in _WITHOUT_BODY
    return (
        *response.headers,
        *([("Content-Length", str(length))] if is_counted else []),
        ("Date", http_date(int(now_seconds * 1000))),
        ("Server", "tencent-ci"),
        ("x-ci-request-id", call.request_id),
        ("x-cos-request-id", call.request_id),
    )


async def _send_object(
    call: Call, reader: Reader, length_bytes: int, send: Send, threads: Threads
) -> None:
    """Stream an object; if it fails half-way, the server cuts the connection."""
    gone = asyncio.ensure_future(call.body.wait_disconnected())
    left = length_bytes
    try:
        while not gone.done():
            piece = await threads.run(_reading(reader, min(left, _READ_BYTES)))
            if left and not piece:
                break
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            if not left:
                return
        _log(call, "download_cut", left_bytes=left)
    except PenstockError as error:
        _log(call, "download_failed", left_bytes=left, cause=printable(str(error)))
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


def _reading(reader: Reader, size: int) -> Callable[[], bytes]:
    return lambda: reader.read(size)


def _log(call: Call, event: str, **facts: object) -> None:
    structlog.get_logger().warning(event, request_id=call.request_id, **facts)
