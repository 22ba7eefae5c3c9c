"""Lays prepared marks over pictures: ffmpeg's graph, and the size that comes out.

Marks are laid in order. A background makes the picture as large as itself, so that the marks
behind it in the list are placed on the larger picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from penstock.domain.errors import InvalidParamsError
from penstock.operations._image_geometry import Size, anchored
from penstock.operations._watermark_params import Slide, during
from penstock.operations._watermark_pictures import PreparedMark


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkGraph:
    """How marks are laid.

    Attributes:
        chains: Of ffmpeg's graph, from the label `[unmarked]` to the label `[marked]`.
        size: Of the picture that comes out.
    """

    chains: Sequence[str]
    size: Size


class _Step(NamedTuple):
    """Labels of the graph: of the pictures before a mark, of the mark, of the pictures after."""

    before: str
    mark: str
    after: str


def mark_graph(
    marks: Sequence[PreparedMark], first_input: int, size: Size, layer: str
) -> MarkGraph:
    """Lay marks over pictures of this size.

    Args:
        marks: At least one.
        first_input: Number of the input that holds the first; the others follow.
        layer: How ffmpeg names the pixels in which marks are laid.

    Raises:
        InvalidParamsError: A background does not surround the video.
    """
    chains: list[str] = []
    before = "unmarked"
    for number, one in enumerate(marks):
        after = "marked" if number == len(marks) - 1 else f"marked{number}"
        step = _Step(before=before, mark=f"{first_input + number}:v", after=after)
        if one.mark.is_background:
            chains += _behind(one, step, size, layer)
            size = one.size
        else:
            chains.append(_over(one, step, size, layer))
        before = after
    return MarkGraph(chains=chains, size=size)


def _over(one: PreparedMark, step: _Step, size: Size, layer: str) -> str:
    slide = one.mark.slide
    x, y = map(str, _corner(one, size)) if slide is None else _sliding(slide)
    laid = f"overlay=format={layer}:x='{x}':y='{y}'{_times(one)}"
    return f"[{step.before}][{step.mark}]{laid}[{step.after}]"


def _behind(one: PreparedMark, step: _Step, size: Size, layer: str) -> Iterator[str]:
    """The video on a larger picture, which is black while the mark is not to be seen."""
    left, top = (-offset for offset in _corner(one, size))
    fits_across = 0 <= left <= one.size.width - size.width
    if not (fits_across and 0 <= top <= one.size.height - size.height):
        message = (
            f"a background of {one.size.width}x{one.size.height} pixels with the video of "
            f"{size.width}x{size.height} at {left},{top} does not surround it"
        )
        raise InvalidParamsError(message)
    left, top = left & ~1, top & ~1  # colours of two pixels are stored together
    name, laid = step.after, f"overlay=format={layer}"
    canvas = f"{one.size.width}:{one.size.height}:{left}:{top}"
    yield f"[{step.before}]pad={canvas}:black,split[{name}a][{name}b]"
    yield f"[{name}a][{step.mark}]{laid}:x=0:y=0{_times(one)}[{name}c]"
    yield f"[{name}b]crop={size.width}:{size.height}:{left}:{top}[{name}d]"
    yield f"[{name}c][{name}d]{laid}:x={left}:y={top}[{name}]"


def _corner(one: PreparedMark, size: Size) -> tuple[int, int]:
    """The top left corner of a mark, counted from that of the picture."""
    dx, dy = one.mark.dx, one.mark.dy
    if one.mark.is_percent:
        dx, dy = dx * size.width / 100, dy * size.height / 100
    return anchored(one.mark.gravity, size, one.size, round(dx), round(dy))


def _sliding(slide: Slide) -> tuple[str, str]:
    """Positions that depend on the time; what has left the picture enters it again."""
    across = f"mod(t*{slide.across}*W/100,W+w)-w" if slide.across else "0"
    down = f"mod(t*{slide.down}*H/100,H+h)-h" if slide.down else "0"
    return across, down


def _times(one: PreparedMark) -> str:
    """When a mark is laid; a moving one never ends by itself."""
    return (":shortest=1" if one.is_moving else "") + during(one.mark.span)
