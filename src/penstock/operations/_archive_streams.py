"""Streams out of archives into scratch space, bounded in memory, size and time."""

import io
import lzma
import os
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

from penstock.domain.errors import InputLimitError, PenstockError, UnsupportedInputError
from penstock.operations.base import Workspace

BLOCK_BYTES = 1 << 20
MOST_HEADER_BYTES = 16 << 20


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""


@contextmanager
def reading(key: str, what: str) -> Iterator[None]:
    """Translate what the readers of formats raise on broken archives.

    Args:
        what: What is read, such as `the zip archive`.

    Raises:
        UnsupportedInputError: The archive is broken, cut short, or uses what cannot be read.
    """
    try:
        yield
    except PenstockError:
        raise
    except OSError as error:
        if error.errno is not None:  # the disk, not the archive
            raise
        raise UnsupportedInputError(key, f"{what} is broken: {error}") from error
    except NotImplementedError as error:
        raise UnsupportedInputError(key, f"{what} cannot be read: {error}") from error
    except (
        BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        ArithmeticError,
        LookupError,
        RuntimeError,
        ValueError,
    ) as error:
        raise UnsupportedInputError(key, f"{what} is broken or cut short: {error}") from error


def spool(source: Readable, target: Path, workspace: Workspace, *, most_bytes: int) -> int:
    """Write a stream into a file, a block at a time; how many bytes there were.

    Raises:
        InputLimitError: There are more than `most_bytes`, or than a file may have.
        AttemptCancelledError: The attempt was cancelled between two blocks.
    """
    bound = min(most_bytes, workspace.limits.output_bytes)
    done = 0
    with target.open("wb") as file:
        while block := source.read(BLOCK_BYTES):
            done += len(block)
            if done > bound:
                message = f"{workspace.key}: a member is larger than {bound} bytes"
                raise InputLimitError(message)
            file.write(block)
            workspace.checkpoint()
    return done


class _Seekable(Readable, Protocol):
    """A file, or what gzip makes of one."""

    def seek(self, offset: int, /) -> int:
        """Go to a place counted from the beginning."""


class GuardedFile(io.FileIO):
    """A file that a parser of foreign files may read from: anywhere, but never much at once."""

    def __init__(self, path: Path, key: str) -> None:
        """Open a file.

        Args:
            key: The object that it is, for messages.
        """
        super().__init__(path)
        self._key = key

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes.

        Raises:
            InputLimitError: Too much is asked for.
        """
        wanted = self._left() if size is None or size < 0 else size
        if wanted > MOST_HEADER_BYTES:
            raise _header_error(self._key)
        return super().read(wanted) or b""

    def _left(self) -> int:
        return max(os.fstat(self.fileno()).st_size - self.tell(), 0)


class GuardedStream(io.RawIOBase):
    """A stream that a parser of foreign files may read from: forward, and never much at once.

    Lengths in headers are the archive's word. A read that nothing honest asks for is refused
    before memory is set aside for it, and so is a run of reads while a header is parsed.
    """

    def __init__(
        self, source: _Seekable, workspace: Workspace, *, most_bytes: int, can_seek: bool = False
    ) -> None:
        """Guard a stream.

        Args:
            most_bytes: How much may be read in all.
            can_seek: Whether skipping is free; else what is skipped is read.
        """
        super().__init__()
        self._source = source
        self._workspace = workspace
        self._most_bytes = most_bytes
        self._can_seek = can_seek
        self._place = 0
        self._header_bytes = 0
        self.last = b""

    def begin_header(self) -> None:
        """Say that a header is read from here on."""
        self._header_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            InputLimitError: Too much is asked for.
        """
        self._header_bytes += max(size, 0)
        if size < 0 or self._header_bytes > MOST_HEADER_BYTES:
            raise _header_error(self._workspace.key)
        return self._read(size)

    def read_content(self, size: int) -> bytes:
        """Up to a megabyte of a member."""
        return self._read(min(size, BLOCK_BYTES))

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go forward to a place counted from the beginning."""
        if whence != io.SEEK_SET or place < self._place:
            raise io.UnsupportedOperation
        if self._can_seek:
            self._place = self._source.seek(place)
        while self._place < place:
            if not self._read(min(place - self._place, BLOCK_BYTES)):
                break
        return self._place

    def tell(self) -> int:
        """How far it has been read."""
        return self._place

    def drain(self) -> None:
        """Read what is left, so that the stream's own checksum is compared."""
        while self._read(BLOCK_BYTES):
            pass

    def _read(self, size: int) -> bytes:
        self._workspace.checkpoint()
        self.last = self._source.read(size)
        self._place += len(self.last)
        if self._place > self._most_bytes and self.last:
            message = (
                f"{self._workspace.key}: the archive unpacks to more than {self._most_bytes} "
                "bytes: more than an honest archive does"
            )
            raise InputLimitError(message)
        return self.last


def _header_error(key: str) -> InputLimitError:
    return InputLimitError(f"{key}: the archive has a header of over {MOST_HEADER_BYTES} bytes")
