"""Tells how good a frame is as a cover, and whether two frames look alike.

A good frame is sharp, colourful and rich in contrast; one that is nearly black, nearly white or
nearly of one colour comes behind all others. Two frames look alike where their brightness rises
and falls at the same places and their mean colours are near.
"""

import math
from typing import NamedTuple

from penstock.operations._image_geometry import Size
from penstock.operations._vips import Picture, vips

_LONG_SIDE = 192
_LAPLACIAN = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
_DARK, _BRIGHT, _FLAT = 20, 240, 6
_FULL_SHARPNESS, _FULL_COLOUR, _FULL_CONTRAST = 50, 100, 64
_COLUMNS, _ROWS = 9, 8
_LIKE_BITS, _LIKE_COLOUR = 8, 12


class Look(NamedTuple):
    """What is kept of a frame.

    Attributes:
        score: Larger is better; below zero for frames that show next to nothing.
        pattern: 64 bits: where brightness rises from left to right, on a coarse grid.
        colour: Mean red, green and blue, 0 to 255.
    """

    score: float
    pattern: int
    colour: tuple[float, ...]

    def is_like(self, other: "Look") -> bool:
        """Whether the two would be taken for the same picture."""
        is_near = math.dist(self.colour, other.colour) < _LIKE_COLOUR
        return is_near and (self.pattern ^ other.pattern).bit_count() <= _LIKE_BITS


def look_size(shown: Size) -> Size:
    """The size at which frames are compared: small, with the ratio of the shown picture."""
    factor = min(_LONG_SIDE / max(shown), 1)
    return Size(max(round(shown.width * factor), 2), max(round(shown.height * factor), 2))


def look_at(picture: Picture) -> Look:
    """Score and describe a small picture in sRGB."""
    grey = picture.colourspace("b-w").copy_memory()
    red, green, blue = picture.copy_memory().bandsplit()
    colour = (red.avg(), green.avg(), blue.avg())
    contrast = grey.deviate()
    mask = vips().Image.new_from_array([list(row) for row in _LAPLACIAN])
    sharpness = grey.cast("float").conv(mask).deviate()
    score = (
        0.5 * min(sharpness / _FULL_SHARPNESS, 1)
        + 0.25 * min(_colourfulness(red, green, blue) / _FULL_COLOUR, 1)
        + 0.25 * min(contrast / _FULL_CONTRAST, 1)
    )
    if not _DARK <= grey.avg() <= _BRIGHT or contrast < _FLAT:
        score -= 1
    return Look(score, _pattern(grey), colour)


def _colourfulness(red: Picture, green: Picture, blue: Picture) -> float:
    """How far colours lie from grey and from each other (Hasler and Süsstrunk, 2003)."""
    across, along = red - green, (red + green) / 2 - blue
    spread = math.hypot(across.deviate(), along.deviate())
    return spread + 0.3 * math.hypot(across.avg(), along.avg())


def _pattern(grey: Picture) -> int:
    small = grey.thumbnail_image(_COLUMNS, height=_ROWS, size="force").cast("uchar")
    levels = bytes(small.write_to_memory())
    pattern = 0
    for row in range(0, _COLUMNS * _ROWS, _COLUMNS):
        for left in range(row, row + _COLUMNS - 1):
            pattern = pattern << 1 | (levels[left] < levels[left + 1])
    return pattern
