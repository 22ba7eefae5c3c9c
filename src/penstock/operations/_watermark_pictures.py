"""Makes marks ready for ffmpeg: PNG files in scratch space of exactly the size they are shown at.

A text becomes a picture too, drawn with the fonts of the machine; its opacity, like that of a
picture, is put into the alpha channel. Whatever a mark was, ffmpeg reads nothing but PNG that
was written here.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from penstock.domain.errors import InvalidParamsError
from penstock.operations import _pillow
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._image_geometry import Size
from penstock.operations._image_marks import inked, opened_mark
from penstock.operations._image_text import text_mask
from penstock.operations._vips import Picture, check_pixels, read_header, translated
from penstock.operations._watermark_params import (
    MAX_SIDE,
    PictureContent,
    Sizing,
    TextContent,
    Watermark,
)
from penstock.operations.base import Workspace

_ANIMATED_FORMATS = frozenset({"gif", "webp", "png"})
_NEARLY_SQUARE = 0.02
_STILL = ("-f", "png_pipe")
_MOVING = ("-f", "apng", "-ignore_loop", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMark:
    """A mark as ffmpeg gets it.

    Attributes:
        mark: What was asked for.
        path: A PNG in scratch space.
        size: Of the PNG.
        is_moving: Whether it is an animation, which never ends.
    """

    mark: Watermark
    path: Path
    size: Size
    is_moving: bool

    @property
    def media_input(self) -> MediaInput:
        """How ffmpeg reads it."""
        return MediaInput(path=self.path, options=_MOVING if self.is_moving else _STILL)


class Canvas(NamedTuple):
    """What a mark is laid over.

    Attributes:
        size: In stored pixels.
        aspect: Width of a pixel over its height.
    """

    size: Size
    aspect: Fraction = Fraction(1)

    @property
    def squeeze(self) -> float:
        """What the width of a mark is divided by, so that it is shown undistorted."""
        return float(self.aspect) if abs(self.aspect - 1) > _NEARLY_SQUARE else 1.0


def prepare_mark(
    mark: Watermark, number: int, canvas: Canvas, workspace: Workspace
) -> PreparedMark:
    """Write one mark for a video of this size and shape.

    Args:
        number: Which one it is, from 0.

    Raises:
        ObjectNotFoundError: The picture does not exist.
        UnsupportedInputError: It is not a picture that can be read.
        InputLimitError: It is too large.
        InvalidParamsError: It would be larger than a mark may be, or no font has the letters.
    """
    path = workspace.scratch / f"mark_{number}.png"
    content = mark.content
    if isinstance(content, TextContent):
        mask = text_mask(content.text, content.font, content.pixels)
        if canvas.squeeze != 1:
            width = max(round(mask.width / canvas.squeeze), 1)
            mask = mask.thumbnail_image(width, height=mask.height, size="force")
        _write(inked(mask, list(content.colour)), mark.opacity, path)
        size = Size(mask.width, mask.height)
        return PreparedMark(mark=mark, path=path, size=size, is_moving=False)
    source = workspace.fetch_other(content.url)
    name = urlsplit(content.url).path.lstrip("/")  # a query may hold a signature
    header = read_header(source, name, workspace.limits)
    frames = 1
    if header.format in _ANIMATED_FORMATS:
        frames = _pillow.count_frames(source, name)
    size = shown_size(content, header.size, canvas)
    for one in (header.size, size):
        check_pixels(name, one, frames, workspace.limits)
    if frames > 1:
        _pillow.resize_animation(
            source, name, path, size, opacity=mark.opacity, checkpoint=workspace.checkpoint
        )
    else:
        _write(opened_mark(source, header, name, size), mark.opacity, path)
    return PreparedMark(mark=mark, path=path, size=size, is_moving=frames > 1)


def shown_size(content: PictureContent, picture: Size, canvas: Canvas) -> Size:
    """How large a picture is shown; a background has even sides.

    Raises:
        InvalidParamsError: A side would be larger than a mark may be.
    """
    sides: list[float | None] = [content.width, content.height]
    if content.sizing is Sizing.ORIGINAL:
        sides = [picture.width / canvas.squeeze, float(picture.height)]
    elif content.sizing is Sizing.PROPORTION:
        sides = [
            None if side is None else whole * side / 100
            for side, whole in zip(sides, canvas.size, strict=True)
        ]
    width, height = sides
    if width is None:
        width = (height or 1) * picture.width / picture.height / canvas.squeeze
    if height is None:
        height = width * canvas.squeeze * picture.height / picture.width
    grain = 2 if content.is_background else 1
    size = Size(*(max(round(side / grain), 1) * grain for side in (width, height)))
    if max(size) > MAX_SIDE:
        message = (
            f"a watermark of {size.width}x{size.height} pixels is larger than {MAX_SIDE} on a side"
        )
        raise InvalidParamsError(message)
    return size


def _write(picture: Picture, opacity: int, path: Path) -> None:
    faint = (picture * [1, 1, 1, opacity / 100]).cast("uchar").copy(interpretation="srgb")
    with translated(path.name):
        faint.pngsave(str(path), compression=1)
