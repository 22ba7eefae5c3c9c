"""Turns the text of a blind mark into bits that repair themselves, and back.

A text is padded to one of a few lengths, so that a reader can try them all. Behind it stands a
CRC-32, then Reed-Solomon parity; the bits are mixed with noise, so that no text makes a pattern.
A picture has more places than that: each bit gets several, spread over all of it, and the sum of
what is read there decides. The format is Penstock's own.
"""

import zlib
from collections.abc import Iterator, Sequence
from hashlib import shake_256

from penstock.operations._reed_solomon import protect, protected_length, repair

LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
"""The bytes of text that a code may hold."""

_CRC_BYTES = 4
_NOISE = b"penstock blind text 1"
_STRIDE = 1009  # prime: the places, a power of two, come one by one in another order


def length_for(text: bytes) -> int:
    """The shortest of `LENGTHS` that holds a text."""
    return next(length for length in LENGTHS if len(text) <= length)


def bit_count(length: int) -> int:
    """How many bits the code of a text of this length has."""
    return 8 * protected_length(length + _CRC_BYTES)


def most_length(places: int) -> int:
    """The longest of `LENGTHS` whose code fits into so many places; 0 where none does."""
    return max((length for length in LENGTHS if bit_count(length) <= places), default=0)


def spread(text: bytes, places: int) -> bytes:
    """What each of so many places holds, 0 or 1.

    Args:
        text: At most 1024 bytes, none of them zero.
    """
    padded = text.ljust(length_for(text), b"\0")
    coded = protect(padded + zlib.crc32(padded).to_bytes(_CRC_BYTES, "big"))
    bits = [byte >> shift & 1 for byte in _mixed(coded) for shift in range(8)]
    return bytes(bits[number] for number in _numbers(places, len(bits)))


def gathered(leanings: Sequence[float], length: int) -> bytes | None:
    """The text out of what was read at each place; None where there is none of that length.

    Args:
        leanings: Above 0 for a 1, below for a 0; the further, the surer.
    """
    count = bit_count(length)
    sums = [0.0] * count
    for number, leaning in zip(_numbers(len(leanings), count), leanings, strict=True):
        sums[number] += leaning
    coded = bytes(
        sum((sums[at + shift] > 0) << shift for shift in range(8)) for at in range(0, count, 8)
    )
    data = repair(_mixed(coded), length + _CRC_BYTES)
    if data is None:
        return None
    padded, check = data[:length], data[length:]
    text = padded.rstrip(b"\0")
    if zlib.crc32(padded).to_bytes(_CRC_BYTES, "big") != check or not text:
        return None
    return text


def _mixed(coded: bytes) -> bytes:
    noise = shake_256(_NOISE).digest(len(coded))
    return bytes(a ^ b for a, b in zip(coded, noise, strict=True))


def _numbers(places: int, count: int) -> Iterator[int]:
    """Which bit each place holds."""
    return (place * _STRIDE % places % count for place in range(places))
