"""Reading an object from S3: a download that broke off goes on where it stopped."""

from collections.abc import Callable
from typing import NamedTuple

import urllib3

from penstock.domain.errors import StoreError
from penstock.domain.selection import ObjectInfo
from penstock.storage._s3_http import TRIES

_BLOCK_BYTES = 1 << 20


class Resume(NamedTuple):
    """How a reader gets the rest of its object.

    Attributes:
        reopen: Opens the object anew from a byte on; raises if it is another version.
        pause: Waits before the attempt after the given one.
    """

    reopen: Callable[[int], urllib3.BaseHTTPResponse]
    pause: Callable[[int], None]


class S3Reader:
    """An open object, or a range of one; see `ObjectReader`."""

    def __init__(
        self,
        found: ObjectInfo,
        content_type: str,
        stream: urllib3.BaseHTTPResponse | None,
        *,
        start: int,
        left_bytes: int,
        resume: Resume,
    ) -> None:
        """Read `left_bytes` bytes from byte `start` of the object on."""
        self.found = found
        self.content_type = content_type
        self._stream = stream
        self._at = start
        self._left = left_bytes
        self._resume = resume
        self._failures = 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes (all that is left when negative); empty at the end.

        Raises:
            StoreError: The download broke off too often without getting on, or the object
                was changed meanwhile.
        """
        if size >= 0:
            return self._read_block(min(size, self._left))
        blocks = []
        while self._left:
            blocks.append(self._read_block(min(_BLOCK_BYTES, self._left)))
        return b"".join(blocks)

    def close(self) -> None:
        """Let go of the connection; safe to repeat."""
        stream, self._stream = self._stream, None
        if stream is not None:
            if self._left or stream.length_remaining:
                stream.close()
            stream.release_conn()

    def _read_block(self, wanted: int) -> bytes:
        if not wanted:
            return b""
        while True:
            try:
                block = self._stream.read(wanted) if self._stream else b""
            except (urllib3.exceptions.HTTPError, OSError):
                block = b""
            if block:
                self._at += len(block)
                self._left -= len(block)
                self._failures = 0
                return block
            self._reopen()

    def _reopen(self) -> None:
        self.close()
        self._failures += 1
        if self._failures > TRIES:
            raise StoreError(self.found.key, f"the download broke off {self._failures} times")
        self._resume.pause(self._failures)
        self._stream = self._resume.reopen(self._at)
