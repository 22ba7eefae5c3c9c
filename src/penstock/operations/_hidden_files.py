"""Looks for a file of another kind among bytes: MPEG-TS, ZIP, RAR, 7z, MP4, gzip.

A kind is told by more than four bytes, since in a few megabytes of noise any four turn up by
chance: a transport stream by several packets in a row, an archive by what follows.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from struct import unpack_from
from typing import NamedTuple

from penstock.operations._image_ends import Content

MPEG_TS = "MPEG-TS"
_PACKET_BYTES = 188
_PACKETS = 5
_BLOCK_BYTES = 1 << 20
_SYNC = ord("G")
_SYNCS = bytes([_SYNC]) * _PACKETS
_FAULT_BIT, _CONTENT_BITS = 0x80, 0x30
_ZIP = re.compile(rb"PK\x03\x04[\x0a-\x3f]\x00")
_RAR = re.compile(rb"Rar!\x1a\x07(?:\x00|\x01\x00)")
_SEVEN_ZIP = re.compile(rb"7z\xbc\xaf\x27\x1c\x00")
_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
_MP4 = re.compile(rb"ftyp[ -~]{4}")
_MP4_LEAST, _MP4_MOST = 16, 1 << 10
_SAMPLE_BYTES = 1 << 12
_ZIP_METHODS = frozenset({0, 8, 9, 12, 14, 93, 95, 98, 99})


class HiddenFile(NamedTuple):
    """A file found inside of another; offsets are from 0, both inclusive.

    Attributes:
        kind: `MPEG-TS`, `ZIP`, `RAR`, `7Z`, `MP4` or `GZIP`.
    """

    kind: str
    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return self.last - self.first + 1


def find_hidden(content: Content, start: int, checkpoint: Callable[[], None]) -> HiddenFile | None:
    """The first file of another kind from an offset on; it goes to the end of the bytes.

    Args:
        checkpoint: Called now and then; raises to stop.
    """
    places = [
        (place, kind)
        for kind, find in _FINDERS.items()
        if (place := next(find(content, start), None)) is not None
    ]
    stream = _transport_stream(content, start, checkpoint)
    if stream is not None:
        places.append((stream, MPEG_TS))
    if not places:
        return None
    first, kind = min(places)
    return HiddenFile(kind, first, len(content) - 1)


def _zip(content: Content, start: int) -> Iterator[int]:
    for found in _ZIP.finditer(content, start):
        at = found.start()
        if at + 30 <= len(content) and unpack_from("<H", content, at + 8)[0] in _ZIP_METHODS:
            yield at


def _rar(content: Content, start: int) -> Iterator[int]:
    return (found.start() for found in _RAR.finditer(content, start))


def _seven_zip(content: Content, start: int) -> Iterator[int]:
    return (found.start() for found in _SEVEN_ZIP.finditer(content, start))


def _mp4(content: Content, start: int) -> Iterator[int]:
    for found in _MP4.finditer(content, start + 4):
        at = found.start() - 4
        (length,) = unpack_from(">I", content, at)
        if _MP4_LEAST <= length <= _MP4_MOST and at + length <= len(content):
            yield at


def _gzip(content: Content, start: int) -> Iterator[int]:
    for found in _GZIP.finditer(content, start):
        at = found.start()
        try:
            sample = content[at : at + _SAMPLE_BYTES]
            unpacked = zlib.decompressobj(wbits=31).decompress(sample, _SAMPLE_BYTES)
        except zlib.error:
            continue
        if unpacked:
            yield at


def _transport_stream(content: Content, start: int, checkpoint: Callable[[], None]) -> int | None:
    reach = _PACKET_BYTES * _PACKETS
    for first in range(start, len(content), _BLOCK_BYTES):
        checkpoint()
        block = content[first : first + _BLOCK_BYTES + reach]
        places = [place for phase in range(_PACKET_BYTES) for place in _streams(block, phase)]
        if places:
            return first + min(places)
    return None


def _streams(block: bytes, phase: int) -> Iterator[int]:
    """Where packets of a transport stream begin, one such place a phase at most."""
    every = block[phase::_PACKET_BYTES]
    number = every.find(_SYNCS)
    while number >= 0:
        at = phase + number * _PACKET_BYTES
        if all(_is_packet(block, at + packet * _PACKET_BYTES) for packet in range(_PACKETS)):
            yield at
            return
        number = every.find(_SYNCS, number + 1)


def _is_packet(block: bytes, at: int) -> bool:
    header = block[at : at + 4]
    is_whole = len(header) == 4  # noqa: PLR2004 - the bytes of a packet's header
    return is_whole and not header[1] & _FAULT_BIT and bool(header[3] & _CONTENT_BITS)


_FINDERS: Mapping[str, Callable[[Content, int], Iterator[int]]] = {
    "ZIP": _zip,
    "RAR": _rar,
    "7Z": _seven_zip,
    "MP4": _mp4,
    "GZIP": _gzip,
}
