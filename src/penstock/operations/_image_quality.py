"""The quality that a JPEG was saved with, told from its quantisation tables.

The Independent JPEG Group's encoder, and all that follow it, scale two standard tables by a
factor that the quality gives, and clip them to 1 to 255. The quality is the one whose scaled
luminance table has the sum nearest to that of the table in the file.
"""

from functools import cache
from pathlib import Path
from struct import unpack
from typing import BinaryIO

# The standard luminance table (ITU-T T.81, table K.1).
_STANDARD = bytes.fromhex(
    "10 0b 0a 10 18 28 33 3d 0c 0c 0e 13 1a 3a 3c 37 "
    "0e 0d 10 18 28 39 45 38 0e 11 16 1d 33 57 50 3e "
    "12 16 25 38 44 6d 67 4d 18 23 37 40 51 68 71 5c "
    "31 40 4e 57 67 79 78 65 48 5c 5f 62 70 64 67 63 "
)
_TABLE_ENTRIES = 64
_STAND_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_QUANTISATION = 0xDB
_SCAN = 0xDA
_END = 0xD9
_FULL = 100


def jpeg_quality(path: Path) -> int:
    """The quality from 1 to 100; 100 where the file has no table that can be read."""
    with path.open("rb") as file:
        total = _luminance_sum(file)
    if total is None:
        return _FULL
    return min(range(_FULL, 0, -1), key=lambda quality: abs(_scaled_sum(quality) - total))


@cache
def _scaled_sum(quality: int) -> int:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality  # noqa: PLR2004 - IJG's
    return sum(min(255, max(1, (entry * percent + 50) // 100)) for entry in _STANDARD)


def _luminance_sum(file: BinaryIO) -> int | None:
    file.seek(2)
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in {_SCAN, _END}:  # noqa: PLR2004
            return None
        if marker[1] in _STAND_ALONE:
            continue
        if marker[1] == 0xFF:  # noqa: PLR2004 - a fill byte before the marker proper
            file.seek(-1, 1)
            continue
        length = int.from_bytes(file.read(2), "big") - 2
        if length < 0:
            return None
        if marker[1] == _QUANTISATION:
            found = _table_zero(file.read(length))
            if found is not None:
                return found
        else:
            file.seek(length, 1)


def _table_zero(segment: bytes) -> int | None:
    at = 0
    while at < len(segment):
        precision, identifier = divmod(segment[at], 16)
        size = _TABLE_ENTRIES * (2 if precision else 1)
        entries = segment[at + 1 : at + 1 + size]
        if len(entries) < size:
            return None
        if identifier == 0:
            numbers: tuple[int, ...] = unpack(
                f">{_TABLE_ENTRIES}{'H' if precision else 'B'}", entries
            )
            return sum(numbers)
        at += 1 + size
    return None
