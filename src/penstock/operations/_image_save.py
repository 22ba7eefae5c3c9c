"""Writes the result: format, quality, metadata, a bound on its size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.domain.errors import InputLimitError, InvalidParamsError, OutputRejectedError
from penstock.operations import _pillow
from penstock.operations._image_geometry import Size
from penstock.operations._image_quality import jpeg_quality
from penstock.operations._image_steps import QualityMode, Saving
from penstock.operations._vips import Header, Picture, vips

_FORMATS = {"jpg": "jpeg", "yjpeg": "jpeg", "tif": "tiff"}
_WITHOUT_ALPHA = frozenset({"jpeg", "bmp"})
_DEFAULT_QUALITY = {"jpeg": 85, "webp": 75, "avif": 50, "heif": 50}
_MAX_SIDES = {"webp": 16_383, "avif": 16_384, "heif": 16_384, "jpeg": 65_500}
_BEST = 100
_WHITE = [255, 255, 255]
_DEFAULT_DELAY_MS = 100


def output_format(saving: Saving, header: Header) -> str:
    """The format that a result is written in, by the names of `Header.format`."""
    return _FORMATS.get(saving.format, saving.format) or header.format


def quality_for(saving: Saving, format_name: str, header: Header, source: Path) -> int:
    """The quality to encode with, 1 to 100; 100 for formats that have none."""
    if format_name not in _DEFAULT_QUALITY:
        return _BEST
    is_jpeg = header.format == "jpeg"
    wanted = saving.quality
    if wanted is None:
        if format_name == "jpeg" and is_jpeg:
            return jpeg_quality(source)
        return _DEFAULT_QUALITY[format_name]
    before = jpeg_quality(source) if is_jpeg else _BEST
    value = {
        QualityMode.FORCED: wanted.value,
        QualityMode.AT_MOST: min(before, wanted.value),
        QualityMode.AT_LEAST: max(before, wanted.value),
        QualityMode.RELATIVE: round(before * wanted.value / 100),
    }[wanted.mode]
    return max(1, value)


def save(
    frames: Sequence[Picture], path: Path, format_name: str, saving: Saving, quality: int
) -> int:
    """Write the frames, one or more, as one file.

    Returns:
        The quality it was written with, which a limit on the size may have lowered.

    Raises:
        InputLimitError: The format cannot hold a picture of this size.
        InvalidParamsError: This libvips cannot write the format.
        OutputRejectedError: No quality makes the file as small as it has to be.
    """
    size = Size(frames[0].width, frames[0].height)
    if max(size) > _MAX_SIDES.get(format_name, max(size)):
        most = _MAX_SIDES[format_name]
        message = f"{format_name} holds {most} pixels a side, not {size.width}x{size.height}"
        raise InputLimitError(message)
    if format_name in _WITHOUT_ALPHA:
        frames = [_flattened(frame) for frame in frames]
    if format_name == "gif":
        _save_gif(frames, path, size)
    elif format_name == "bmp":
        image = frames[0]
        _pillow.write_bmp(path, image.write_to_memory(), size, image.bands)
    elif format_name == "jpeg" and saving.limit_bytes:
        return _save_within(frames[0], path, saving, quality)
    else:
        _encode(_joined(frames), path, format_name, saving, quality)
    return quality


def _encode(image: Picture, path: Path, format_name: str, saving: Saving, quality: int) -> None:
    keep = {"keep": "none" if saving.is_stripped else "all"}
    name = str(path)
    match format_name:
        case "jpeg":
            image.jpegsave(name, **keep, **_jpeg_options(saving, quality))
        case "png":
            image.pngsave(name, **keep)
        case "webp":
            image.webpsave(name, Q=quality, **keep)
        case "tiff":
            image.tiffsave(name, compression="deflate", predictor="horizontal", **keep)
        case "avif":
            image.heifsave(name, compression="av1", Q=quality, effort=2, **keep)
        case _:
            _save_heif(image, name, quality, keep)


def _jpeg_options(saving: Saving, quality: int) -> dict[str, Any]:
    is_optimised = saving.format == "yjpeg"
    return {
        "Q": quality,
        "interlace": saving.is_interlaced,
        "optimize_coding": is_optimised,
        "trellis_quant": is_optimised,
        "overshoot_deringing": is_optimised,
    }


def _save_heif(image: Picture, name: str, quality: int, keep: dict[str, Any]) -> None:
    pyvips = vips()
    try:
        image.heifsave(name, compression="hevc", Q=quality, **keep)
    except pyvips.Error as error:
        if "Unsupported compression" not in str(error):
            raise
        message = "this libvips cannot write heif (it has no HEVC encoder); add format/avif"
        raise InvalidParamsError(message) from error


def _save_within(image: Picture, path: Path, saving: Saving, quality: int) -> int:
    """Search for the best quality, from the wanted one down, whose file is within the limit."""
    image = image.copy_memory()
    low, high, wanted = 1, quality, quality
    written = 0
    while low <= high:
        _encode(image, path, "jpeg", saving, wanted)
        written = wanted
        if path.stat().st_size <= saving.limit_bytes:
            low = wanted + 1
        else:
            high = wanted - 1
        wanted = (low + high) // 2
    if not high:
        message = f"no quality makes the result smaller than {saving.limit_bytes} bytes"
        raise OutputRejectedError(message)
    if written != high:
        _encode(image, path, "jpeg", saving, high)
    return high


def _save_gif(frames: Sequence[Picture], path: Path, size: Size) -> None:
    is_gray = frames[0].interpretation == "b-w" and not frames[0].hasalpha()
    bands = 1 if is_gray else 4 if frames[0].hasalpha() else 3
    fields = frames[0].get_fields()
    delays = frames[0].get("delay") if "delay" in fields else []
    pixels = (
        (frame if is_gray else frame.colourspace("srgb")).write_to_memory() for frame in frames
    )
    _pillow.write_gif(
        path,
        pixels,
        size,
        bands,
        delays_ms=[
            delays[i] if i < len(delays) else _DEFAULT_DELAY_MS for i in range(len(frames))
        ],
        loops=frames[0].get("loop") if "loop" in fields else 0,
    )


def _joined(frames: Sequence[Picture]) -> Picture:
    """The frames below one another, as libvips has animations; without a stale preview."""
    image = vips().Image.arrayjoin(list(frames), across=1) if len(frames) > 1 else frames[0]
    image = image.copy()
    for field in ("jpeg-thumbnail-data", "page-height", "n-pages"):
        if field in image.get_fields():
            image.remove(field)
    if len(frames) > 1:
        image.set_type(vips().GValue.gint_type, "page-height", frames[0].height)
        image.set_type(vips().GValue.gint_type, "n-pages", len(frames))
    return image


def _flattened(image: Picture) -> Picture:
    return image.flatten(background=_WHITE[: image.bands - 1]) if image.hasalpha() else image
