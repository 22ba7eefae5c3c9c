"""Writes HEIF files around pictures that are coded already (ISO/IEC 23008-12, 14496-12 and -15).

A file is a list of items: coded pictures, and what belongs to them. Boxes are written in the one
form that every reader knows: item numbers of 16 bits, offsets of 32, one extent an item.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack
from typing import NamedTuple

_START = b"\0\0\1"
_VPS, _SPS, _PPS = 32, 33, 34
_PARAMETER_SETS = (_VPS, _SPS, _PPS)
_ESSENTIAL_KINDS = frozenset({b"hvcC", b"clap", b"irot", b"imir"})
_PROFILE_BYTES = slice(3, 15)
_ALPHA = b"urn:mpeg:hevc:2015:auxid:1\0"


class Sampling(NamedTuple):
    """What a coded picture's configuration says of it.

    Attributes:
        chroma: 0 for grey, 1 for colours at half the width and height.
    """

    chroma: int


COLOUR, GREY = Sampling(1), Sampling(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing in a file; its number is its place in the list, from 1.

    Attributes:
        kind: Its type, such as `hvc1` or `Exif`.
        content: Its bytes.
        properties: Whole boxes that describe it, such as those of `coded`.
        refers_to: Numbers of other items, by how it refers to them, such as `cdsc`.
        media_type: Of items of the kind `mime`.
        is_hidden: Whether it is not a picture of its own.
    """

    kind: bytes
    content: bytes
    properties: Sequence[bytes] = ()
    refers_to: Mapping[bytes, Sequence[int]] = field(default_factory=dict)
    media_type: bytes = b""
    is_hidden: bool = False


def heif_file(items: Sequence[Item], *, primary: int = 1) -> bytes:
    """A whole file.

    Args:
        primary: Number of the item that is shown.
    """
    start = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    content = b"".join(item.content for item in items)
    first = len(start) + len(_meta(items, primary, 0)) + 8
    return start + _meta(items, primary, first) + _box(b"mdat", content)


def coded(stream: bytes, sampling: Sampling) -> tuple[bytes, bytes]:
    """An HEVC stream of one picture, taken apart.

    Returns:
        Its content as an item has it, and its configuration as a property.
    """
    units = list(_units(stream))
    sets = [[unit for unit in units if _type(unit) == kind] for kind in _PARAMETER_SETS]
    slices = [unit for unit in units if _type(unit) < _VPS]
    sequence = sets[1][0].replace(b"\0\0\3", b"\0\0")  # without emulation prevention
    record = (
        b"\1"
        + sequence[_PROFILE_BYTES]
        + b"\xf0\0\xfc"
        + bytes([0xFC | sampling.chroma, 0xF8, 0xF8, 0, 0, 0x0F, len(_PARAMETER_SETS)])
    )
    for kind, found in zip(_PARAMETER_SETS, sets, strict=True):
        record += pack(">BH", 0x80 | kind, len(found)) + b"".join(map(_sized16, found))
    return b"".join(pack(">I", len(unit)) + unit for unit in slices), _box(b"hvcC", record)


def extent(width: int, height: int) -> bytes:
    """The property that says how large a picture is."""
    return _full_box(b"ispe", pack(">II", width, height))


def aperture(width: int, height: int, coded_width: int, coded_height: int) -> bytes:
    """The property that shows only the top left part of what is coded."""
    across, down = width - coded_width, height - coded_height
    return _box(b"clap", pack(">IIIIiIiI", width, 1, height, 1, across, 2, down, 2))


def colours(profile: bytes = b"") -> bytes:
    """The property of an ICC profile, or of sRGB, coded with BT.601 at full range."""
    if profile:
        return _box(b"colr", b"prof" + profile)
    return _box(b"colr", b"nclx" + pack(">HHHB", 1, 13, 6, 0x80))


def alpha_mark() -> bytes:
    """The property that makes a picture the alpha of the one that it belongs to."""
    return _full_box(b"auxC", _ALPHA)


def turned_left(quarters: int) -> bytes:
    """The property that turns a picture anticlockwise, by 0 to 3 quarters."""
    return _box(b"irot", bytes([quarters]))


def _meta(items: Sequence[Item], primary: int, first: int) -> bytes:
    boxes: list[bytes] = []  # properties, each once
    for box in (box for item in items for box in item.properties):
        if box not in boxes:
            boxes.append(box)
    references = b"".join(
        _box(kind, pack(f">HH{len(others)}H", number, len(others), *others))
        for number, item in enumerate(items, 1)
        for kind, others in item.refers_to.items()
    )
    return _full_box(
        b"meta",
        _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
        + _full_box(b"pitm", pack(">H", primary))
        + _full_box(b"iinf", pack(">H", len(items)) + b"".join(_entries(items)))
        + (_full_box(b"iref", references) if references else b"")
        + _box(b"iprp", _box(b"ipco", b"".join(boxes)) + _associations(items, boxes))
        + _locations(items, first),
    )


def _entries(items: Iterable[Item]) -> Iterator[bytes]:
    for number, item in enumerate(items, 1):
        name = item.media_type + b"\0" if item.media_type else b""
        entry = pack(">HH", number, 0) + item.kind + b"\0" + name
        yield _full_box(b"infe", entry, version=2, flags=int(item.is_hidden))


def _associations(items: Sequence[Item], boxes: Sequence[bytes]) -> bytes:
    described = [(n, item.properties) for n, item in enumerate(items, 1) if item.properties]
    content = pack(">I", len(described))
    for number, properties in described:
        content += pack(">HB", number, len(properties))
        for box in properties:
            essential = 0x80 if box[4:8] in _ESSENTIAL_KINDS else 0
            content += bytes([essential | (boxes.index(box) + 1)])
    return _full_box(b"ipma", content)


def _locations(items: Sequence[Item], first: int) -> bytes:
    content = b"\x44\0" + pack(">H", len(items))
    for number, item in enumerate(items, 1):
        content += pack(">HHHII", number, 0, 1, first, len(item.content))
        first += len(item.content)
    return _full_box(b"iloc", content)


def _units(stream: bytes) -> Iterator[bytes]:
    """The parts of an Annex B stream, without what parts them."""
    at = stream.find(_START)
    while at >= 0:
        following = stream.find(_START, at + 3)
        end = len(stream) if following < 0 else following
        yield stream[at + 3 : end].rstrip(b"\0")
        at = following


def _type(unit: bytes) -> int:
    return unit[0] >> 1 & 0x3F


def _sized16(unit: bytes) -> bytes:
    return pack(">H", len(unit)) + unit


def _box(kind: bytes, content: bytes) -> bytes:
    return pack(">I4s", len(content) + 8, kind) + content


def _full_box(kind: bytes, content: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, pack(">I", version << 24 | flags) + content)
