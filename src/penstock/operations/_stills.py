"""Turns decoded frames into pictures, upright and with square pixels, and pictures into sheets."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.domain.errors import InputLimitError
from penstock.operations._image_geometry import Size
from penstock.operations._probe import VideoFacts
from penstock.operations._snapshot_params import BlackCheck, Fit, Sprite
from penstock.operations._tone_mapping import is_high_range, to_standard_range
from penstock.operations._vips import Picture, translated, vips
from penstock.operations.base import Workspace

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_QUALITY = 90
_MAX_JPEG_SIDE = 65_500
_BANDS = 3
_MATRICES = {"bt709": "ITU709"}  # by ffmpeg's names, as PyAV calls them


def shown_size(video: VideoFacts) -> Size:
    """The size of a frame as it is shown: upright, with square pixels."""
    return Size(max(round(video.width * video.aspect), 1), video.height)


def scaled(size: Size, width: int | None, height: int | None) -> Size:
    """A size with one or both sides replaced; one alone keeps the ratio."""
    if width is None and height is None:
        return size
    ratio = Fraction(size.width, size.height)
    return Size(
        width or max(round((height or 0) * ratio), 1),
        height or max(round((width or 0) / ratio), 1),
    )


def still_of(frame: "VideoFrame", video: VideoFacts, size: Size, workspace: Workspace) -> Picture:
    """A frame as an upright picture of exactly this size, in 8-bit sRGB.

    Raises:
        InputLimitError: The frame, or the picture, has too many pixels.
    """
    check_pixels(Size(frame.width, frame.height), workspace)
    check_pixels(size, workspace)
    stored = Size(size.height, size.width) if video.turn.is_sideways else size
    image = _stored_pixels(frame, video, stored, workspace)
    image = image.rot(f"d{video.turn.degrees}")
    return image.fliphor() if video.turn.is_mirrored else image


def _stored_pixels(
    frame: "VideoFrame", video: VideoFacts, stored: Size, workspace: Workspace
) -> Picture:
    """A frame in sRGB, of this size, as it is stored."""
    is_deep = is_high_range(frame.color_trc)
    height = frame.height if frame.interlaced_frame else stored.height
    pixels = frame.reformat(
        width=stored.width,
        height=height,
        format="rgb48le" if is_deep else "rgb24",
        src_colorspace=_MATRICES.get(video.assumed_matrix),
        interpolation="AREA" if stored.width * 2 <= frame.width else "BICUBIC",
        threads=workspace.limits.threads,
    )
    plane = pixels.planes[0]
    pyvips = vips(workspace.limits.threads)
    sample, sample_bytes = ("ushort", 2) if is_deep else ("uchar", 1)
    samples = plane.line_size // sample_bytes
    padded = pyvips.Image.new_from_memory(bytes(plane), samples, height, 1, sample)
    image = padded.crop(0, 0, stored.width * _BANDS, height).bandfold(factor=_BANDS)
    image = image.copy(interpretation="rgb16" if is_deep else "srgb")
    if is_deep:
        image = to_standard_range(image, frame.color_trc)
    if frame.interlaced_frame:  # the other lines are of another moment
        image = image.subsample(1, 2)
        image = image.thumbnail_image(stored.width, height=stored.height, size="force")
    return image


def is_black(frame: "VideoFrame", check: BlackCheck) -> bool:
    """Whether a frame has as many dark pixels as the check asks for, as ffmpeg's `blackframe`."""
    grey = frame.reformat(format="yuv420p")
    plane = grey.planes[0]
    luma = bytes(plane)
    dark = bytes(range(check.threshold))
    dark_pixels = sum(
        grey.width - len(luma[start : start + grey.width].translate(None, dark))
        for start in range(0, plane.line_size * grey.height, plane.line_size)
    )
    return dark_pixels * 100 >= check.percent * grey.width * grey.height


def cell_size(sprite: Sprite, snapshot: Size) -> tuple[Size, Size]:
    """The size of a sheet's cell, and that of the picture in it."""
    cell = scaled(snapshot, sprite.cell_width, sprite.cell_height)
    if sprite.fit is Fit.STRETCH or not (sprite.cell_width and sprite.cell_height):
        return cell, cell
    factor = min(Fraction(cell.width, snapshot.width), Fraction(cell.height, snapshot.height))
    inner = Size(max(round(snapshot.width * factor), 1), max(round(snapshot.height * factor), 1))
    return (cell if sprite.fit is Fit.PAD else inner), inner


def sheet_of(
    pictures: Sequence[Picture], sprite: Sprite, cell: Size, workspace: Workspace
) -> Picture:
    """Up to `sprite.cells` pictures on one sheet, row by row; missing ones leave it empty.

    Raises:
        InputLimitError: The sheet has too many pixels, or a side too long for JPEG.
    """
    size = _sheet_size(sprite, cell)
    check_pixels(size, workspace)
    if max(size) > _MAX_JPEG_SIDE:
        message = f"a sheet of {size.width}x{size.height} has a side above {_MAX_JPEG_SIDE} pixels"
        raise InputLimitError(message)
    colour = list(sprite.colour)
    pyvips = vips(workspace.limits.threads)
    joined = pyvips.Image.arrayjoin(
        [_centred(picture, cell, colour) for picture in pictures],
        across=min(sprite.columns, len(pictures)),
        shim=sprite.padding,
        background=colour,
    )
    return joined.embed(
        sprite.margin, sprite.margin, *size, extend="background", background=colour
    )


def save_jpeg(picture: Picture, path: Path, key: str) -> None:
    """Write a picture as JPEG.

    Raises:
        BackendError: The disk is full.
    """
    with translated(key):
        picture.jpegsave(str(path), Q=_QUALITY)


def save_png(picture: Picture, path: Path, key: str) -> None:
    """Write a picture as PNG, quickly rather than small.

    Raises:
        BackendError: The disk is full.
    """
    with translated(key):
        picture.pngsave(str(path), compression=1)


def save_webp(picture: Picture, path: Path, key: str) -> None:
    """Write a picture as WebP.

    Raises:
        BackendError: The disk is full.
    """
    with translated(key):
        picture.webpsave(str(path), Q=_QUALITY)


def check_pixels(size: Size, workspace: Workspace) -> None:
    """Hold a size against the limit on pixels.

    Raises:
        InputLimitError: It is above it.
    """
    if size.width * size.height > workspace.limits.pixels:
        message = (
            f"{workspace.key}: a picture of {size.width}x{size.height} is above the limit of "
            f"{workspace.limits.pixels} pixels"
        )
        raise InputLimitError(message)


def _sheet_size(sprite: Sprite, cell: Size) -> Size:
    return Size(
        sprite.columns * cell.width + (sprite.columns - 1) * sprite.padding + 2 * sprite.margin,
        sprite.lines * cell.height + (sprite.lines - 1) * sprite.padding + 2 * sprite.margin,
    )


def _centred(picture: Picture, cell: Size, colour: list[int]) -> Picture:
    if (picture.width, picture.height) == cell:
        return picture
    return picture.gravity("centre", *cell, extend="background", background=colour)
