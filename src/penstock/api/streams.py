"""The bridge from a request's asynchronous body to the file that a store reads in a thread."""

import asyncio
import hashlib
import hmac
import io
from concurrent.futures import CancelledError, Future
from typing import BinaryIO

from penstock.api.requests import Body, Call, read_md5
from penstock.domain.refusals import InvalidDigestError

_BUFFER_BYTES = 256 * 1024


class BodyStream(io.RawIOBase):
    """A request's body as a file, to be read by one thread while the event loop runs on.

    It ends early when the client goes away, which stores refuse. A body with a wrong
    Content-MD5 fails before its last byte is handed out, so that nothing is published.
    """

    def __init__(self, body: Body, md5: str) -> None:
        """Must be made in the event loop.

        Args:
            md5: The Content-MD5 header; empty checks nothing.

        Raises:
            InvalidDigestError: `md5` is malformed, or not the one of an empty body.
        """
        super().__init__()
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._pending: Future[bytes] | None = None
        self._is_aborted = False
        self._rest = memoryview(b"")
        self._left = body.length_bytes
        self._md5 = md5
        self._expected = read_md5(md5)
        self._digest = hashlib.md5(usedforsecurity=False)
        self._check_at_end(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # what io gives
        """Wait for bytes and hand them out.

        Raises:
            InvalidDigestError: The body is complete, and its MD5 is another.
        """
        if not self._rest:
            self._rest = memoryview(self._next_piece())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def abort(self) -> None:
        """End the stream now, whoever waits for it; to be called in the event loop."""
        self._is_aborted = True
        if self._pending is not None:
            self._pending.cancel()

    def _next_piece(self) -> bytes:
        if self._is_aborted:
            return b""
        self._pending = asyncio.run_coroutine_threadsafe(self._body.read_piece(), self._loop)
        try:
            piece = self._pending.result()
        except CancelledError:
            return b""
        if self._expected and not self._body.is_disconnected:
            self._check_at_end(piece)
        return piece

    def _check_at_end(self, piece: bytes) -> None:
        self._digest.update(piece)
        if self._left is not None:
            self._left -= len(piece)
        is_end = self._left == 0 if self._left is not None else self._pending and not piece
        if not self._expected or not is_end:
            return
        if not hmac.compare_digest(self._digest.digest(), self._expected):
            raise InvalidDigestError(expected=self._md5)


def open_body(call: Call) -> tuple[BodyStream, BinaryIO]:
    """The stream of a call's body, and the buffered file over it for a store to read."""
    stream = BodyStream(call.body, call.header("content-md5"))
    return stream, io.BufferedReader(stream, _BUFFER_BYTES)
