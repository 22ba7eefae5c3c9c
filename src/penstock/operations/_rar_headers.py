"""Reads the headers of rar archives of both generations: what each member ought to come to.

Nothing is unpacked here. Whoever unpacks compares sizes and checksums with what is found.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from penstock.domain.errors import UnsupportedInputError

_OLD_MARK = b"Rar!\x1a\x07\x00"
_NEW_MARK = b"Rar!\x1a\x07\x01\x00"
_MOST_HEADER_BYTES = 2 << 20
_OLD_HEAD_BYTES = 7
_NEW_MAIN, _NEW_FILE, _NEW_LOCK, _NEW_END = 1, 2, 4, 5
_OLD_MAIN, _OLD_FILE, _OLD_END = 0x73, 0x74, 0x7B
_OLD_FOLDER = 0xE0
_MOST_SHIFT = 63


class RarHeader(NamedTuple):
    """What the header of one member tells.

    Attributes:
        is_folder: Whether it is no file.
        size_bytes: Unpacked.
        crc32: Of the unpacked bytes; None where it has none.
    """

    is_folder: bool
    size_bytes: int
    crc32: int | None


def read_headers(path: Path, key: str) -> Iterator[RarHeader]:
    """The headers of all members, in order.

    Raises:
        UnsupportedInputError: A header is broken, or the archive is one of several volumes, or
            its headers are encrypted.
    """
    with path.open("rb") as file:
        mark = file.read(len(_NEW_MARK))
        if mark == _NEW_MARK:
            yield from _read_new(file, key)
        else:
            file.seek(len(_OLD_MARK))
            yield from _read_old(file, key)


def _read_new(file: BinaryIO, key: str) -> Iterator[RarHeader]:
    while True:
        file.seek(4, 1)  # the header's own checksum
        body = _Numbers(file.read(_number_of(file, key)), key)
        kind, flags = body.number(), body.number()
        if flags & 0x1:
            body.number()  # the size of the extra area
        packed_bytes = body.number() if flags & 0x2 else 0
        if kind == _NEW_END:
            return
        if kind == _NEW_LOCK:
            raise _locked(key)
        if kind == _NEW_MAIN and body.number() & 0x1:
            raise _volume(key)
        if kind == _NEW_FILE:
            yield _new_member(body)
        file.seek(packed_bytes, 1)


def _new_member(body: "_Numbers") -> RarHeader:
    flags, size_bytes, _mode = body.number(), body.number(), body.number()
    if flags & 0x2:
        body.fixed(4)  # the time
    crc32 = body.fixed(4) if flags & 0x4 else None
    return RarHeader(bool(flags & 0x1), size_bytes, crc32)


def _number_of(file: BinaryIO, key: str) -> int:
    """The size of the next header."""
    value = shift = 0
    while shift <= _MOST_SHIFT:
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80 and value <= _MOST_HEADER_BYTES:
            return value
    raise _broken(key)


def _read_old(file: BinaryIO, key: str) -> Iterator[RarHeader]:
    while True:
        head = _Numbers(file.read(_OLD_HEAD_BYTES), key)
        head.fixed(2)  # the header's own checksum
        kind, flags, size = head.fixed(1), head.fixed(2), head.fixed(2)
        if kind == _OLD_END:
            return
        if size < _OLD_HEAD_BYTES:
            raise _broken(key)
        body = _Numbers(file.read(size - _OLD_HEAD_BYTES), key)
        if kind == _OLD_MAIN and flags & 0x81:
            raise _volume(key) if flags & 0x1 else _locked(key)
        packed_bytes = 0
        if kind == _OLD_FILE:
            packed_bytes, member = _old_member(body, flags)
            yield member
        elif flags & 0x8000:
            packed_bytes = body.fixed(4)
        file.seek(packed_bytes, 1)


def _old_member(body: "_Numbers", flags: int) -> tuple[int, RarHeader]:
    """How many bytes follow the header, and what it tells."""
    packed_bytes, size_bytes, _system, crc32 = (body.fixed(size) for size in (4, 4, 1, 4))
    body.fixed(12)  # time, version, method, length of the name, mode
    if flags & 0x100:
        packed_bytes += body.fixed(4) << 32
        size_bytes += body.fixed(4) << 32
    is_folder = flags & _OLD_FOLDER == _OLD_FOLDER
    return packed_bytes, RarHeader(is_folder, size_bytes, crc32)


class _Numbers:
    """Takes numbers from the beginning of some bytes."""

    def __init__(self, body: bytes, key: str) -> None:
        self._body = body
        self._key = key
        self._place = 0

    def fixed(self, size: int) -> int:
        """A number of so many bytes."""
        found = self._body[self._place : self._place + size]
        if len(found) < size:
            raise _broken(self._key)
        self._place += size
        return int.from_bytes(found, "little")

    def number(self) -> int:
        """A number of seven bits a byte."""
        value = shift = 0
        while shift <= _MOST_SHIFT:
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
        raise _broken(self._key)


def _broken(key: str) -> UnsupportedInputError:
    return UnsupportedInputError(key, "the rar archive is broken or cut short")


def _volume(key: str) -> UnsupportedInputError:
    return UnsupportedInputError(key, "the rar archive is one of several volumes")


def _locked(key: str) -> UnsupportedInputError:
    return UnsupportedInputError(key, "the rar archive is encrypted, and such are not read")
