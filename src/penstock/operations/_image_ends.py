"""Tells where a picture ends in its file, by the structure of its container alone.

Nothing is decoded. A file may go on behind its picture, and what goes on there is what
`ImageInspect` looks at; a file that stops before its picture does is cut off.
"""

import re
import struct
from collections.abc import Callable, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import unpack_from
from typing import NamedTuple, TypeAlias

Content: TypeAlias = bytes | mmap

# A JPEG marker: not a stuffed zero, not one that restarts a scan, not a fill byte.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
_BARE_MARKERS = frozenset({0x01, 0xD8})
_SCAN, _END = 0xDA, 0xD9
_PNG_START = 8
_CHUNK_FRAME = 12  # length, name and checksum
_GIF_START = 13
_BMP_CORE_HEADER = 12
_BMP_UNPACKED = frozenset({0, 3, 6})


class End(NamedTuple):
    """How far a picture goes.

    Attributes:
        at: Offset of the first byte behind it; where the structure breaks off, how far it could
            be understood, which may be not at all.
        is_complete: Whether the picture came to its end.
    """

    at: int
    is_complete: bool


def picture_end(content: Content, format_name: str) -> End:
    """Where the picture ends that a file begins with.

    Args:
        format_name: `jpeg`, `png`, `gif`, `webp` or `bmp`, and what the file begins with.
    """
    try:
        end = _ENDS[format_name](content)
        return end._replace(at=min(end.at, len(content)))
    except (IndexError, struct.error):
        return End(0, is_complete=False)


def is_cut_off(path: Path, format_name: str) -> bool:
    """Whether a file stops before the picture in it does, so far as its structure tells."""
    if not has_end(format_name) or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return not picture_end(content, format_name).is_complete


def is_animated_png(path: Path) -> bool:
    """Whether a file is a PNG that moves, which many readers take for a still."""
    with path.open("rb") as file:
        if file.read(_PNG_START) != b"\x89PNG\r\n\x1a\n":
            return False
        while len(head := file.read(8)) == 8:  # noqa: PLR2004 - length and name of a chunk
            length, name = unpack_from(">I4s", head)
            if name in {b"acTL", b"IDAT"}:
                return bool(name == b"acTL")
            file.seek(length + 4, 1)
    return False


def has_end(format_name: str) -> bool:
    """Whether the end of this format's pictures can be told."""
    return format_name in _ENDS


def _jpeg(content: Content) -> End:
    at = 2
    while found := _MARKER.match(content, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            return End(at, is_complete=True)
        if marker in _BARE_MARKERS:
            continue
        (length,) = unpack_from(">H", content, at)
        at += length
        if at > len(content):
            return End(len(content), is_complete=False)
        if marker == _SCAN:
            behind = _MARKER.search(content, at)
            if behind is None:
                return End(at, is_complete=False)
            at = behind.start()
    return End(at, is_complete=False)


def _png(content: Content) -> End:
    at = _PNG_START
    while at + _CHUNK_FRAME <= len(content):
        length, name = unpack_from(">I4s", content, at)
        if not name.isalpha() or at + _CHUNK_FRAME + length > len(content):
            break
        at += _CHUNK_FRAME + length
        if name == b"IEND":
            return End(at, is_complete=True)
    return End(at, is_complete=False)


def _gif(content: Content) -> End:
    at = _GIF_START + _palette_bytes(content[10])
    while True:
        match content[at : at + 1]:
            case b"\x3b":
                return End(at + 1, is_complete=True)
            case b"\x21":
                at = _behind_blocks(content, at + 2)
            case b"\x2c":
                at = _behind_blocks(content, at + 11 + _palette_bytes(content[at + 9]))
            case b"":
                return End(at, is_complete=at == len(content))  # many lack the last byte
            case _:
                return End(at, is_complete=False)


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_blocks(content: Content, at: int) -> int:
    while length := content[at]:
        at += length + 1
    return at + 1


def _webp(content: Content) -> End:
    (length,) = unpack_from("<I", content, 4)
    end = 8 + length + length % 2
    # Some writers leave the last byte of padding out.
    return End(end, is_complete=8 + length <= len(content))


def _bmp(content: Content) -> End:
    """By the size of its pixels: what the header says of the whole file is often wrong."""
    start, header_bytes = unpack_from("<II", content, 10)
    if header_bytes == _BMP_CORE_HEADER:
        width, height, _, depth = unpack_from("<4H", content, 18)
        packing = stored = 0
    else:
        width, height, _, depth, packing, stored = unpack_from("<iiHHII", content, 18)
    row_bytes = (abs(width) * depth + 31) // 32 * 4
    pixels = row_bytes * abs(height) if packing in _BMP_UNPACKED else stored
    end = start + pixels
    return End(end, is_complete=end <= len(content))


_ENDS: Mapping[str, Callable[[Content], End]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "bmp": _bmp,
}
