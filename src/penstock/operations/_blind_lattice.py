"""Hides signs in a picture and reads them: the transform below the blind marks.

The luma is reduced to a lattice of square blocks of 8 cells (each cell the mean of the pixels that
it covers, which is the low band of a Haar wavelet where the picture is a power of two larger), and
each block goes through a discrete cosine transform. A sign is hidden in one coefficient of one
block, in one of two ways: by rounding the coefficient to the next of two combs that lie half a
step apart, which is read without the original; or by adding to it, which needs the original.

What is added to the luma is added to red, green and blue alike, so that colours stay. All of it is
libvips on planes; nothing here loops over pixels.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import shake_256
from math import cos, pi, sqrt

from penstock.operations._image_geometry import Size
from penstock.operations._vips import Picture, vips

BLOCK = 8
_LUMA = (0.299, 0.587, 0.114)
_TILE = 256
_NOISE = b"penstock blind noise 1"
_FULL_TURN = 360
_ROUNDS = 2

# By growing frequency, as JPEG has them: the first of them outlive the most.
ZIGZAG = (
    (0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2),
    (2, 1), (3, 0), (4, 0), (3, 1), (2, 2), (1, 3), (0, 4), (0, 5),
)  # fmt: skip
"""Row and column of the frequencies that carry signs."""


def luma(image: Picture) -> Picture:
    """The luma of an sRGB picture as one plane of numbers from 0 to 255."""
    return image.extract_band(0, n=3).recomb(vips().Image.new_from_array([list(_LUMA)]))


def on_lattice(plane: Picture, lattice: Size) -> Picture:
    """A plane as a lattice has it: so many cells."""
    return _resized(plane, lattice).copy_memory()


def comb_change(plane: Picture, lattice: Size, signs: Sequence[Picture], step: float) -> Picture:
    """What to add to a luma so that its coefficients lie on the combs of their signs.

    Args:
        lattice: Cells, multiples of 8.
        signs: For each frequency from the second on a plane of -1 and 1, a pixel a block.
        step: Distance of the teeth of a comb; half of it is the most that is changed.

    Returns:
        A plane of the luma's size.
    """
    size = Size(plane.width, plane.height)
    start = cells = on_lattice(plane, lattice)
    change = start * 0
    # What grows to the picture's size and shrinks again comes back almost, not quite.
    for _ in range(1 if size == lattice else _ROUNDS):
        change = (change + _comb_round(cells, signs, step)).copy_memory()
        cells = (start + _resized(_resized(change, size), lattice)).copy_memory()
    return _resized(change, size)


def comb_leanings(cells: Picture, count: int, step: float) -> list[Picture]:
    """Towards which comb the coefficients lean: for each frequency a plane from -1 to 1."""
    return [
        (coefficients(cells, number) * (_FULL_TURN / step)).sin() for number in range(1, count + 1)
    ]


def added_change(signs: Sequence[Picture], strength: float) -> Picture:
    """What to add to a luma so that its coefficients grow or shrink by a strength.

    Args:
        signs: For each frequency from the first on a plane of -1 and 1, a pixel a block.

    Returns:
        A plane of 8 x 8 pixels for each block.
    """
    return _spatial([plane * strength for plane in signs], 0)


def coefficients(cells: Picture, number: int) -> Picture:
    """One coefficient of each block, a pixel a block."""
    wave = _wave(number).replicate(cells.width // BLOCK, cells.height // BLOCK)
    return (cells * wave).shrink(BLOCK, BLOCK) * BLOCK**2


def noise(size: Size, number: int) -> Picture:
    """Signs of noise, -1 and 1, that are the same every time; another plane for each number."""
    left, top = number * 97 % _TILE, number * 61 % _TILE
    across, down = -(-(size.width + left) // _TILE), -(-(size.height + top) // _TILE)
    return _noise_tile().replicate(across, down).crop(left, top, *size)


def signs_of(bits: bytes, size: Size) -> Picture:
    """A plane of -1 for 0 and 1 for 1, row by row."""
    plane = vips().Image.new_from_memory(bits, *size, 1, "uchar")
    return plane.linear(2, -1)


def _comb_round(cells: Picture, signs: Sequence[Picture], step: float) -> Picture:
    changes = []
    for number, sign in enumerate(signs, start=1):
        found = coefficients(cells, number)
        offset = sign * (step / 4)
        changes.append((((found - offset) / step).rint() * step + offset - found).copy_memory())
    return _spatial(changes, 1)


def _spatial(planes: Sequence[Picture], first: int) -> Picture:
    """The sum of the waves of these coefficients."""
    waves = [
        plane.cast("float").zoom(BLOCK, BLOCK) * _wave(number).replicate(plane.width, plane.height)
        for number, plane in enumerate(planes, start=first)
    ]
    return vips().Image.sum(waves)


def _resized(plane: Picture, size: Size) -> Picture:
    if (plane.width, plane.height) == size:
        return plane
    return plane.resize(size.width / plane.width, vscale=size.height / plane.height)


def _wave(number: int) -> Picture:
    """One function of the orthonormal transform over a block."""
    row, column = ZIGZAG[number]
    down, across = _axis(row), _axis(column)
    return vips().Image.new_from_array([[y * x for x in across] for y in down]).cast("float")


def _axis(frequency: int) -> list[float]:
    size = sqrt((1 if frequency == 0 else 2) / BLOCK)
    return [size * cos((2 * at + 1) * frequency * pi / (2 * BLOCK)) for at in range(BLOCK)]


@cache
def _noise_tile() -> Picture:
    bits = bytes(byte & 1 for byte in shake_256(_NOISE).digest(_TILE * _TILE))
    return signs_of(bits, Size(_TILE, _TILE)).copy_memory()
