"""Texts as blind marks: on a square lattice that does not depend on the picture's size or shape.

Of the lattices that the picture is large enough for, the coarsest is taken that has room for
every bit several times: the coarser, the more it outlives. A reader tries them all.
"""

from collections.abc import Callable

from penstock.domain.errors import InvalidParamsError
from penstock.operations._blind_code import (
    LENGTHS,
    bit_count,
    gathered,
    length_for,
    most_length,
    spread,
)
from penstock.operations._blind_lattice import (
    BLOCK,
    comb_change,
    comb_leanings,
    on_lattice,
    signs_of,
)
from penstock.operations._image_geometry import Size
from penstock.operations._vips import Picture

_SIDES = (64, 128, 256, 512)
_FREQUENCIES = 8
_STEP = 26.0
_WANTED_COPIES = 4
_MOST_SHRUNK = 2.5


def text_change(plane: Picture, text: str, least_side: int) -> Picture:
    """What to add to a luma.

    Args:
        text: At least one character.
        least_side: What its version asks of both sides, in pixels.

    Raises:
        InvalidParamsError: The picture is too small, for the version or for so long a text.
    """
    size, content = Size(plane.width, plane.height), text.encode()
    shape = f"{size.width}x{size.height}"
    if min(size) < least_side:
        message = f"watermark/3: a text of this version needs sides of {least_side}, not {shape}"
        raise InvalidParamsError(message)
    room = most_length(_places(max(side for side in _SIDES if side <= min(size))))
    if len(content) > room:
        message = f"watermark/3: {shape} holds {room} bytes of text, not {len(content)}"
        raise InvalidParamsError(message)
    side = _side_for(content, min(size))
    bits, blocks = spread(content, _places(side)), _blocks(side)
    count = blocks.width * blocks.height
    signs = [signs_of(bits[start : start + count], blocks) for start in range(0, len(bits), count)]
    return comb_change(plane, Size(side, side), signs, _STEP)


def read_text(plane: Picture, checkpoint: Callable[[], None]) -> str:
    """The text that a luma holds; empty where it holds none."""
    for side in _SIDES:
        if side > _MOST_SHRUNK * min(plane.width, plane.height):
            continue
        leanings: list[float] = []
        for found in comb_leanings(on_lattice(plane, Size(side, side)), _FREQUENCIES, _STEP):
            leanings += memoryview(found.cast("float").write_to_memory()).cast("f")
        for length in LENGTHS:
            checkpoint()
            if bit_count(length) <= len(leanings) and (content := gathered(leanings, length)):
                return content.decode(errors="replace")
    return ""


def _side_for(content: bytes, most: int) -> int:
    """The coarsest lattice with enough room; else the finest that the picture allows."""
    count = bit_count(length_for(content))
    fitting = [side for side in _SIDES if side <= most]
    roomy = [side for side in fitting if _places(side) >= _WANTED_COPIES * count]
    return roomy[0] if roomy else fitting[-1]


def _blocks(side: int) -> Size:
    return Size(side // BLOCK, side // BLOCK)


def _places(side: int) -> int:
    return _FREQUENCIES * (side // BLOCK) ** 2
