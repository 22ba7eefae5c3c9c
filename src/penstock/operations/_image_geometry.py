"""Sizes and rectangles of the picture verbs, computed with whole numbers only.

Rounding is to the nearest pixel, never below one. A result that grows is held to `MAX_SIDE` on
both sides, in proportion; one that does not grow keeps whatever size it has.
"""

from math import isqrt
from typing import NamedTuple

from penstock.domain.errors import InvalidParamsError
from penstock.operations._image_steps import (
    MAX_SIDE,
    Crop,
    Cut,
    Fit,
    Gravity,
    PictureMark,
    Resize,
    ScaleBy,
)


class Size(NamedTuple):
    """Width and height in pixels, both at least 1."""

    width: int
    height: int


class Box(NamedTuple):
    """A rectangle by its top left corner, in pixels."""

    left: int
    top: int
    width: int
    height: int


def resized(step: Resize, source: Size) -> Size:
    """The size that a `Resize` gives a picture of this size."""
    match step.fit:
        case Fit.PERCENT:
            wanted = Size(
                _scaled(source.width, step.width or 100, 100),
                _scaled(source.height, step.height or 100, 100),
            )
        case Fit.EXACT:
            wanted = Size(step.width or source.width, step.height or source.height)
        case Fit.AREA:
            wanted = _of_area(source, step.width)
        case _:
            wanted = _in_proportion(step, source)
    return _bounded(wanted, source)


def cropped(step: Crop, source: Size) -> Box:
    """The rectangle that a `Crop` takes out; always inside the picture."""
    width, height = step.width, step.height
    if step.to_edges and source.height > source.width:
        width, height = height, width
    width = min(width or source.width, source.width)
    height = min(height or source.height, source.height)
    left, top = anchored(step.gravity, source, Size(width, height), step.dx, step.dy)
    return Box(
        min(max(left, 0), source.width - width),
        min(max(top, 0), source.height - height),
        width,
        height,
    )


def cut(step: Cut, source: Size) -> Box:
    """The part of a `Cut` that lies inside the picture.

    Raises:
        InvalidParamsError: The rectangle begins outside the picture.
    """
    if step.left >= source.width or step.top >= source.height:
        message = (
            f"cut must begin inside the picture of {source.width}x{source.height}, "
            f"not at {step.left},{step.top}"
        )
        raise InvalidParamsError(message)
    return Box(
        step.left,
        step.top,
        min(step.width, source.width - step.left),
        min(step.height, source.height - step.top),
    )


def anchored(gravity: Gravity, outer: Size, inner: Size, dx: int, dy: int) -> tuple[int, int]:
    """The top left corner of `inner` when both share an anchor; offsets go inwards.

    The centre line takes no offset along itself: `center` ignores both, `north` and `south`
    ignore dx, `west` and `east` ignore dy.
    """
    word = gravity.value
    if "west" in word:
        left = dx
    elif "east" in word:
        left = outer.width - inner.width - dx
    else:
        left = (outer.width - inner.width) // 2
    if "north" in word:
        top = dy
    elif "south" in word:
        top = outer.height - inner.height - dy
    else:
        top = (outer.height - inner.height) // 2
    return left, top


def padded(width: int, height: int, source: Size) -> Size:
    """The canvas of a `Pad`: as asked for, but never smaller than the picture."""
    return Size(max(width, source.width), max(height, source.height))


def mark_size(step: PictureMark, picture: Size, mark: Size) -> Size:
    """The size of a mark whose step says what share of the picture it takes."""
    if step.scale_by is None:
        return mark
    if step.scale_by is ScaleBy.AREA:
        area = max(1, picture.width * picture.height * step.permille // 1000)
        wide = isqrt(area * mark.width // mark.height)
        high = isqrt(area * mark.height // mark.width)
        wanted = Size(max(1, wide), max(1, high))
    elif step.scale_by is ScaleBy.WIDTH:
        width = _scaled(picture.width, step.permille, 1000)
        wanted = Size(width, _scaled(mark.height, width, mark.width))
    else:
        height = _scaled(picture.height, step.permille, 1000)
        wanted = Size(_scaled(mark.width, height, mark.height), height)
    return _bounded(wanted, mark)


def inside(outer: Size, inner: Size) -> Size:
    """The largest size in `inner`'s proportions that does not exceed `outer`, nor `inner`."""
    return resized(
        Resize(fit=Fit.INSIDE_SHRINK, width=outer.width, height=outer.height),
        inner,
    )


def _scaled(side: int, numerator: int, denominator: int) -> int:
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _of_area(source: Size, area: int) -> Size:
    if source.width * source.height <= area:
        return source
    width = min(area, max(1, isqrt(area * source.width // source.height)))
    height = max(1, isqrt(area * source.height // source.width))
    return Size(width, min(height, area // width))


def _in_proportion(step: Resize, source: Size) -> Size:
    width, height = step.width, step.height
    if step.fit is Fit.EDGES and source.height > source.width:
        width, height = height, width
    by_width = Size(width, _scaled(source.height, width, source.width)) if width else None
    by_height = Size(_scaled(source.width, height, source.height), height) if height else None
    if by_width is None or by_height is None:
        wanted = by_width or by_height or source
    else:
        width_is_tighter = width * source.height <= height * source.width
        covers = step.fit in {Fit.COVER, Fit.EDGES}
        wanted = by_width if width_is_tighter is not covers else by_height
    grows = wanted.width > source.width or wanted.height > source.height
    shrinks = wanted.width < source.width or wanted.height < source.height
    if (step.fit is Fit.INSIDE_SHRINK and grows) or (step.fit is Fit.INSIDE_ENLARGE and shrinks):
        return source
    return wanted


def _bounded(wanted: Size, source: Size) -> Size:
    grows = wanted.width > source.width or wanted.height > source.height
    longest = max(wanted)
    if not grows or longest <= MAX_SIDE:
        return wanted
    return Size(
        _scaled(wanted.width, MAX_SIDE, longest),
        _scaled(wanted.height, MAX_SIDE, longest),
    )
