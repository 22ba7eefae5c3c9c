"""Lays marks over a picture: another picture, or a text."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from penstock.domain.errors import InvalidParamsError
from penstock.operations._image_bench import Bench
from penstock.operations._image_geometry import Size, anchored, inside, mark_size
from penstock.operations._image_steps import Oversize, PictureMark, Placement, TextMark
from penstock.operations._image_text import text_mask
from penstock.operations._vips import (
    Header,
    Picture,
    as_srgb,
    check_pixels,
    open_picture,
    read_header,
    translated,
    turned,
)


def picture_mark(step: PictureMark, size: Size, bench: Bench) -> Callable[[Picture], Picture]:
    """What lays the mark over each frame of this size.

    Raises:
        ObjectNotFoundError: The mark does not exist.
        UnsupportedInputError: The mark is not a picture that can be read.
        InputLimitError: It is too large.
        InvalidParamsError: The mark is animated.
    """
    path, header, name = fetched_still(step.url, bench)
    wanted = mark_size(step, size, header.size)
    if step.oversize is Oversize.SCALE:
        wanted = inside(size, wanted)
    check_pixels(name, wanted, 1, bench.limits)
    return _laid(opened_mark(path, header, name, wanted), step.placement, size)


def fetched_still(url: str, bench: Bench) -> tuple[Path, Header, str]:
    """Another picture of the bucket: its file, its header, and its key for messages.

    Raises:
        ObjectNotFoundError: It does not exist.
        UnsupportedInputError: It is not a picture that can be read.
        InputLimitError: It is too large.
        InvalidParamsError: It is animated.
    """
    path = bench.fetch_other(url)
    name = urlsplit(url).path.lstrip("/")  # a query may hold a signature
    header = read_header(path, name, bench.limits)
    if header.frames > 1:
        message = f"{name!r} must be a still picture, not an animation"
        raise InvalidParamsError(message)
    return path, header, name


def opened_mark(path: Path, header: Header, name: str, wanted: Size) -> Picture:
    """A still picture in memory at exactly this size: sRGB or grey turned into it, with alpha.

    Raises:
        UnsupportedInputError: It cannot be decoded.
    """
    with translated(name):
        opened = open_picture(path, header, name, is_streamed=True)
        mark = as_srgb(opened, is_cmyk=header.is_cmyk).colourspace("srgb")
        if not mark.hasalpha():
            mark = mark.addalpha()
        if wanted != header.size:
            mark = mark.thumbnail_image(
                wanted.width, height=wanted.height, size="force", no_rotate=True
            )
        return mark.copy_memory()


def text_mark(step: TextMark, size: Size, _bench: Bench) -> Callable[[Picture], Picture]:
    """What writes the text over each frame of this size.

    Raises:
        InvalidParamsError: No font at hand has the letters.
    """
    mask = text_mask(step.text, step.font, step.points)
    text = inked(mask, list(step.colour))
    if step.shadow:
        offset = max(1, step.points // 15)
        width, height = mask.width + offset, mask.height + offset
        faint = mask.embed(offset, offset, width, height).linear(step.shadow / 100, 0, uchar=True)
        text = inked(faint, [0, 0, 0]).composite2(text, "over")
        text = text.cast("uchar").copy(interpretation="srgb")
    return _laid(text.copy_memory(), step.placement, size)


def inked(mask: Picture, colour: list[int]) -> Picture:
    """A picture of one colour that is as opaque as the mask."""
    return mask.new_from_image(colour).bandjoin(mask).copy(interpretation="srgb")


def _laid(mark: Picture, placement: Placement, size: Size) -> Callable[[Picture], Picture]:
    mark = turned(mark, placement.degrees) * [1, 1, 1, placement.opacity / 100]
    mark = mark.cast("uchar").copy(interpretation="srgb")
    if placement.is_tiled:
        mark = _tiled(mark, placement, size)
        placement = replace(placement, dx=0, dy=0)
    left, top = anchored(
        placement.gravity, size, Size(mark.width, mark.height), placement.dx, placement.dy
    )
    mark = mark.copy_memory()

    def lay(image: Picture) -> Picture:
        image = image.colourspace("srgb")
        laid = image.composite2(mark, "over", x=left, y=top).cast("uchar")
        if not image.hasalpha():
            laid = laid.extract_band(0, n=image.bands)
        return laid.copy(interpretation="srgb")

    return lay


def _tiled(mark: Picture, placement: Placement, size: Size) -> Picture:
    width, height = mark.width + placement.dx, mark.height + placement.dy
    tile = mark.embed(0, 0, width, height, extend="background", background=[0, 0, 0, 0])
    across, down = -(-size.width // width), -(-size.height // height)
    return tile.replicate(across, down).crop(0, 0, *size)
