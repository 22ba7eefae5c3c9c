"""Hides marks that nobody sees, makes sure that they can be read, and reads them.

How is Penstock's own affair: it reads no marks of the vendor's, nor the vendor these. What each
kind outlives is told, with figures, in the reference of operations.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from penstock.domain.errors import (
    InvalidParamsError,
    OutputRejectedError,
    UnsupportedInputError,
)
from penstock.operations._blind_lattice import luma
from penstock.operations._blind_pictures import (
    full_change,
    read_full,
    read_semi,
    semi_agreement,
    semi_change,
)
from penstock.operations._blind_texts import read_text, text_change
from penstock.operations._image_bench import Bench
from penstock.operations._image_ends import is_animated_png
from penstock.operations._image_geometry import Size
from penstock.operations._image_marks import fetched_still, opened_mark
from penstock.operations._image_result import Rendered, check_result
from penstock.operations._image_steps import BlindKind, BlindMark, Step
from penstock.operations._vips import (
    Header,
    Picture,
    as_stored,
    open_picture,
    read_header,
    translated,
)

_LEAST_AGREEMENT = 0.9
_LEAST_STATUS = 90
_MIDDLE = 127


class Reading(NamedTuple):
    """What was read of a blind mark.

    Attributes:
        path: A picture of the mark, or its text in UTF-8.
        picture: The facts of the picture; None for a text.
        facts: What else the result tells: `WatermarkStatus` or `WatermarkText`.
    """

    path: Path
    picture: Rendered | None
    facts: dict[str, str]


def hidden_mark(step: BlindMark, size: Size, bench: Bench) -> Callable[[Picture], Picture]:
    """What hides the mark in a picture of this size.

    Raises:
        ObjectNotFoundError: The mark does not exist.
        UnsupportedInputError: The mark, or the picture, is of a kind that this is not for.
        InputLimitError: The mark is too large.
        InvalidParamsError: The mark does not fit the picture.
    """
    mark = None if step.kind is BlindKind.TEXT else _dots(step.url, bench)

    def hide(image: Picture) -> Picture:
        _refuse_grey(image, bench.key)
        return _changed(image, _change(step, luma(image), mark, size).copy_memory())

    return hide


def refuse_moving(steps: Sequence[Step], source: Path, header: Header, key: str) -> None:
    """Make sure that no mark is to be hidden in an animation.

    Raises:
        UnsupportedInputError: One is.
    """
    if _mark_of(steps) and (header.frames > 1 or is_animated_png(source)):
        raise UnsupportedInputError(key, "is animated: blind marks are for still pictures")


def check_mark(steps: Sequence[Step], before: Picture, made: Rendered, bench: Bench) -> None:
    """Read the mark back from a finished file.

    Args:
        steps: Those of the rule; nothing is done where none hides a mark.
        before: The picture without its mark.

    Raises:
        OutputRejectedError: The mark cannot be read from it.
    """
    step = _mark_of(steps)
    if step is None:
        return
    bench.checkpoint()
    header = read_header(made.path, "the result", bench.limits)
    image = _stored(made.path, header, "the result")
    plane = luma(image).copy_memory()
    if step.kind is BlindKind.TEXT:
        is_there = read_text(plane, bench.checkpoint) == step.text
    elif step.kind is BlindKind.FULL:
        is_there = read_full(plane, _dots(step.url, bench)).status >= _LEAST_STATUS
    else:
        canvas = read_semi(plane, luma(before), bench.key)
        is_there = semi_agreement(canvas, _dots(step.url, bench)) >= _LEAST_AGREEMENT
    if not is_there:
        message = (
            f"the mark cannot be read back from the result, {made.format} of quality "
            f"{made.quality}: use a higher quality, or a smaller mark"
        )
        raise OutputRejectedError(message)


def read_mark(reading: BlindMark, source: Path, bench: Bench) -> Reading:
    """Read a mark, and write what was found to the bench's folder.

    Raises:
        UnsupportedInputError: The picture is broken, animated or grey, or holds no text.
        InputLimitError: It is too large.
        InvalidParamsError: The unmarked source, or the mark to look for, does not fit it.
        ObjectNotFoundError: That does not exist.
    """
    header = read_header(source, bench.key, bench.limits)
    if header.frames > 1 or is_animated_png(source):
        raise UnsupportedInputError(bench.key, "is animated: blind marks are for still pictures")
    with translated(bench.key):
        plane = luma(_stored(source, header, bench.key)).copy_memory()
        bench.checkpoint()
        if reading.kind is BlindKind.TEXT:
            return _read_text(plane, bench)
        if reading.kind is BlindKind.FULL:
            found = read_full(plane, _dots(reading.url, bench))
            return _written(found.picture, bench, {"WatermarkStatus": str(found.status)})
        path, header, name = fetched_still(reading.url, bench)
        original = luma(_stored(path, header, name)).copy_memory()
        return _written(read_semi(plane, original, bench.key), bench, {})


def _mark_of(steps: Sequence[Step]) -> BlindMark | None:
    return steps[-1] if steps and isinstance(steps[-1], BlindMark) else None


def _change(step: BlindMark, plane: Picture, mark: Picture | None, size: Size) -> Picture:
    match step.kind:
        case BlindKind.SEMI:
            return semi_change(mark, size)
        case BlindKind.FULL:
            return full_change(plane, mark, step.level)
        case BlindKind.TEXT:
            return text_change(plane, step.text, step.least_side)


def _changed(image: Picture, change: Picture) -> Picture:
    colour = (image.extract_band(0, n=3) + change).rint().cast("uchar")
    if image.hasalpha():
        colour = colour.bandjoin(image.extract_band(3))
    return colour.copy(interpretation="srgb")


def _dots(url: str, bench: Bench) -> Picture:
    """A mark in black and white.

    Raises:
        InvalidParamsError: It is of one colour.
    """
    path, header, name = fetched_still(url, bench)
    image = opened_mark(path, header, name, header.size).flatten(background=[0, 0, 0])
    dots = (luma(image) > _MIDDLE).copy_memory()
    if dots.min() == dots.max():
        message = f"the mark {name!r} must have white on black, not one colour"
        raise InvalidParamsError(message)
    return dots


def _stored(path: Path, header: Header, key: str) -> Picture:
    image = as_stored(open_picture(path, header, key, is_streamed=False), is_cmyk=header.is_cmyk)
    _refuse_grey(image, key)
    return image


def _refuse_grey(image: Picture, key: str) -> None:
    if image.interpretation == "b-w":
        raise UnsupportedInputError(key, "is grey: blind marks are for pictures in colour")


def _read_text(plane: Picture, bench: Bench) -> Reading:
    text = read_text(plane, bench.checkpoint)
    if not text:
        raise UnsupportedInputError(bench.key, "holds no blind text that can be read")
    path = bench.folder / "result.txt"
    path.write_text(text, encoding="utf-8")
    return Reading(path, None, {"WatermarkText": text})


def _written(picture: Picture, bench: Bench, facts: dict[str, str]) -> Reading:
    path = bench.folder / "result.png"
    picture.pngsave(str(path))
    made = Rendered(path, "png", Size(picture.width, picture.height), 100)
    check_result(made, [picture], bench)
    return Reading(path, made, facts)
