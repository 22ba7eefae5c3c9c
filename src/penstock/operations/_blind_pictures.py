"""Pictures as blind marks: one that is read with the original, and one that is looked for.

The first kind (`SEMI`) holds one dot of the mark for every 2 x 2 pixels: the signs of sixteen
coefficients of a block of 8 x 8 are sixteen dots, and the difference to the original tells them.
The second (`FULL`) holds one dot a block, six times, on combs that need no original; its lattice
has the shape of the mark, so that it does not matter to which size the picture is scaled.
"""

from typing import NamedTuple

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._blind_lattice import (
    BLOCK,
    ZIGZAG,
    added_change,
    coefficients,
    comb_change,
    comb_leanings,
    noise,
    on_lattice,
)
from penstock.operations._image_geometry import Size
from penstock.operations._vips import Picture, vips

_DOTS = 4  # of a semi-blind mark, along the side of a block
_STRENGTH = 6.0
_FREQUENCIES = 6
_STEPS = (20.0, 25.0, 29.0)  # of the levels 1 to 3
_LEAST_DOTS = 64
_SHAPE_SLACK = 0.02
_WHITE = 255


class Match(NamedTuple):
    """What was found of a mark.

    Attributes:
        picture: The mark as it was read, black and white.
        status: How much of it is the one that was looked for: 100 is every dot, 0 no more than
            chance.
    """

    picture: Picture
    status: int


def semi_change(mark: Picture, size: Size) -> Picture:
    """What to add to a luma of this size; black where the mark does not reach.

    Args:
        mark: One band, 0 or 255.

    Raises:
        InvalidParamsError: The picture is smaller than twice the mark.
    """
    blocks, dots = _blocks(size), _canvas(size)
    times, left, top = _semi_place(Size(mark.width, mark.height), dots)
    if not times:
        message = (
            f"watermark/3: a mark of {mark.width}x{mark.height} needs a picture of twice its "
            f"sides, in whole blocks of {BLOCK} pixels, not {size.width}x{size.height}"
        )
        raise InvalidParamsError(message)
    canvas = mark.zoom(times, times).embed(left, top, *dots).copy_memory()
    signs = []
    for number in range(len(ZIGZAG)):
        row, column = divmod(number, _DOTS)
        dot = canvas.embed(-column, -row, *dots).subsample(_DOTS, _DOTS)
        signs.append(_as_signs(dot) * noise(blocks, number))
    return added_change(signs, _STRENGTH).embed(0, 0, *size)


def read_semi(plane: Picture, original: Picture, key: str) -> Picture:
    """The canvas of a semi-blind mark: black and white, half as large as the original.

    Args:
        plane: The luma that may hold a mark; scaled to the original's size.
        original: The luma without it.
        key: Names the picture in messages.

    Raises:
        InvalidParamsError: The two are not of one shape, or too small to hold anything.
        UnsupportedInputError: They do not differ at all.
    """
    size = Size(original.width, original.height)
    blocks, dots = _blocks(size), _canvas(size)
    stretch = plane.width / plane.height * size.height / size.width
    if not min(blocks) or abs(stretch - 1) > _SHAPE_SLACK:
        message = (
            f"watermark/4: the source must have the shape of the picture, "
            f"{plane.width}x{plane.height}, not {size.width}x{size.height}"
        )
        raise InvalidParamsError(message)
    difference = on_lattice(plane, size) - original
    difference = difference.crop(0, 0, blocks.width * BLOCK, blocks.height * BLOCK).copy_memory()
    if difference.abs().max() == 0:
        raise UnsupportedInputError(key, "does not differ from the source: it holds no mark")
    canvas = vips().Image.black(*dots)
    for number in range(len(ZIGZAG)):
        white = coefficients(difference, number) * noise(blocks, number) > 0
        canvas |= white.zoom(_DOTS, _DOTS) & _only_dot(number).replicate(*blocks)
    return canvas.copy_memory()


def semi_agreement(canvas: Picture, mark: Picture) -> float:
    """How many of the mark's dots are right in a canvas, in the worse of its two colours."""
    times, left, top = _semi_place(
        Size(mark.width, mark.height), Size(canvas.width, canvas.height)
    )
    found = canvas.crop(left, top, mark.width * times, mark.height * times)
    found = found.cast("float").shrink(times, times) > _WHITE / 2
    return min(_right_shares(found, mark))


def full_change(plane: Picture, mark: Picture, level: int) -> Picture:
    """What to add to a luma.

    Args:
        mark: One band, 0 or 255.
        level: 1 to 3.

    Raises:
        InvalidParamsError: The picture is smaller than eight times the mark, or the mark has too
            few dots to be told from chance.
    """
    size, blocks = Size(plane.width, plane.height), Size(mark.width, mark.height)
    if blocks.width * blocks.height < _LEAST_DOTS:
        message = f"watermark/3: a mark has at least {_LEAST_DOTS} pixels, such as 8x8"
        raise InvalidParamsError(message)
    lattice = _full_lattice(mark)
    if lattice.width > size.width or lattice.height > size.height:
        message = (
            f"watermark/3: a mark of {blocks.width}x{blocks.height} needs a picture of at least "
            f"{lattice.width}x{lattice.height}, not {size.width}x{size.height}"
        )
        raise InvalidParamsError(message)
    signs = _as_signs(mark)
    planes = [signs * noise(blocks, number) for number in range(_FREQUENCIES)]
    return comb_change(plane, lattice, planes, _STEPS[level - 1])


def read_full(plane: Picture, mark: Picture) -> Match:
    """Look for a mark, hidden at any level."""
    cells = on_lattice(plane, _full_lattice(mark))
    return max((_match(cells, mark, step) for step in _STEPS), key=lambda match: match.status)


def _match(cells: Picture, mark: Picture, step: float) -> Match:
    blocks = Size(mark.width, mark.height)
    leanings = comb_leanings(cells, _FREQUENCIES, step)
    votes = [leaning * noise(blocks, number) for number, leaning in enumerate(leanings)]
    found = (vips().Image.sum(votes) > 0).copy_memory()
    share = found.relational(mark, "equal").avg() / _WHITE
    # Marks that are black for the most part agree in much; their white dots tell them apart.
    beyond_chance = min(2 * share - 1, sum(_right_shares(found, mark)) - 1)
    return Match(found, max(0, round(100 * beyond_chance)))


def _right_shares(found: Picture, mark: Picture) -> tuple[float, float]:
    """How many of a mark's white dots, and of its black ones, were found as such."""
    is_right, white = found.relational(mark, "equal"), mark.avg()
    right_white = (is_right & mark).avg()
    return right_white / white, (is_right.avg() - right_white) / (_WHITE - white)


def _full_lattice(mark: Picture) -> Size:
    return Size(mark.width * BLOCK, mark.height * BLOCK)


def _as_signs(mark: Picture) -> Picture:
    return mark.linear(2 / _WHITE, -1)


def _blocks(size: Size) -> Size:
    return Size(size.width // BLOCK, size.height // BLOCK)


def _canvas(size: Size) -> Size:
    blocks = _blocks(size)
    return Size(blocks.width * _DOTS, blocks.height * _DOTS)


def _semi_place(mark: Size, dots: Size) -> tuple[int, int, int]:
    """How many times a mark is enlarged on a canvas, and where its left and top are."""
    times = min(dots.width // mark.width, dots.height // mark.height)
    return (
        times,
        (dots.width - times * mark.width) // 2,
        (dots.height - times * mark.height) // 2,
    )


def _only_dot(number: int) -> Picture:
    """A block of dots of which one is white."""
    dots = [_WHITE * (at == number) for at in range(_DOTS**2)]
    rows = [dots[at : at + _DOTS] for at in range(0, _DOTS**2, _DOTS)]
    return vips().Image.new_from_array(rows).cast("uchar")
