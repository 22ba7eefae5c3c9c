"""Request bodies that can be sent again: a window on a seekable file."""

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from penstock.domain.errors import StoreError

_BLOCK_BYTES = 1 << 20
_SPOOL_BYTES = 4 << 20


class Window(io.RawIOBase):
    """A run of bytes of a file, read as if it were all; the file itself is left open.

    Attributes:
        size_bytes: How many bytes it has.
    """

    def __init__(self, key: str, file: BinaryIO, start: int, size_bytes: int) -> None:
        super().__init__()
        self.size_bytes = size_bytes
        self._key = key
        self._file = file
        self._start = start
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes read so far."""
        return self._at

    def rewind(self) -> None:
        """Begin again."""
        self._at = 0
        self._file.seek(self._start)

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end of the window.

        Raises:
            StoreError: The file ends within the window.
        """
        left = self.size_bytes - self._at
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        block = self._file.read(wanted)
        if not block:
            raise StoreError(self._key, f"what is to be stored ends {left} bytes early")
        self._at += len(block)
        return block

    def sha256(self) -> str:
        """SHA-256 of the window in hexadecimal; rewinds it.

        Raises:
            StoreError: The file ends within the window.
        """
        digest = hashlib.sha256()
        self.rewind()
        while block := self.read(_BLOCK_BYTES):
            digest.update(block)
        self.rewind()
        return digest.hexdigest()


@contextmanager
def spooled(key: str, stream: BinaryIO, size_bytes: int) -> Iterator[Window]:
    """The next `size_bytes` bytes of a stream that cannot be rewound, kept aside.

    Raises:
        StoreError: The stream ends early.
    """
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        left = size_bytes
        while left:
            block = stream.read(min(left, _BLOCK_BYTES))
            if not block:
                raise StoreError(key, f"the stream ended {left} bytes before {size_bytes}")
            spool.write(block)
            left -= len(block)
        window = Window(key, cast("BinaryIO", spool), 0, size_bytes)
        window.rewind()
        yield window
