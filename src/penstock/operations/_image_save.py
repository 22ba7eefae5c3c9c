"""Writes the result: format, quality, metadata, a bound on its size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.domain.errors import InputLimitError, InvalidParamsError, OutputRejectedError
from penstock.operations import _pillow
from penstock.operations._heif_save import save_heif
from penstock.operations._image_bench import Bench
from penstock.operations._image_geometry import Size
from penstock.operations._image_label import labelled
from penstock.operations._image_quality import jpeg_quality
from penstock.operations._image_steps import Quality, QualityMode, Saving
from penstock.operations._vips import Header, Picture, frame_times, vips

_FORMATS = {"jpg": "jpeg", "yjpeg": "jpeg", "tif": "tiff"}
_WITHOUT_ALPHA = frozenset({"jpeg", "bmp", "psd"})
_LABELLED = ("jpeg", "png", "webp", "tiff", "avif", "heif")
_SLIM_FORMATS = ("jpeg", "png", "gif")
_SLIM_QUALITY, _SLIM_COLOURS, _ALL_COLOURS = 75, 128, 256
_SLIM_PNG = {"palette": True, "Q": 90, "compression": 9}
_DEFAULT_QUALITY = {"jpeg": 85, "webp": 75, "avif": 50, "heif": 50}
_MAX_SIDES = {"webp": 16_383, "avif": 16_384, "heif": 16_384, "jpeg": 65_500, "psd": 30_000}
_BEST = 100
_FULL_BITS = 8
_WHITE = [255, 255, 255]


def output_format(saving: Saving, header: Header) -> str:
    """The format that a result is written in, by the names of `Header.format`.

    Raises:
        InvalidParamsError: It is not one that `imageSlim` makes smaller.
    """
    found = _FORMATS.get(saving.format, saving.format) or header.format
    if saving.is_slim and found not in _SLIM_FORMATS:
        message = f"imageSlim makes {', '.join(_SLIM_FORMATS)} smaller, not {found}"
        raise InvalidParamsError(message)
    return found


def quality_for(saving: Saving, format_name: str, header: Header, source: Path) -> int:
    """The quality to encode with, 1 to 100; 100 for formats that have none."""
    if format_name not in _DEFAULT_QUALITY:
        return _BEST
    is_jpeg = header.format == "jpeg"
    wanted = saving.quality
    if wanted is None and saving.is_slim:
        wanted = Quality(value=_SLIM_QUALITY, mode=QualityMode.AT_MOST)
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
    frames: Sequence[Picture], format_name: str, saving: Saving, quality: int, bench: Bench
) -> int:
    """Write the frames, one or more, as one file: `result_path`.

    Returns:
        The quality it was written with, which a limit on the size may have lowered.

    Raises:
        InputLimitError: The format cannot hold a picture of this size.
        InvalidParamsError: The format cannot be written here, or cannot hold a label.
        OutputRejectedError: No quality makes the file as small as it has to be.
    """
    size = Size(frames[0].width, frames[0].height)
    if max(size) > _MAX_SIDES.get(format_name, max(size)):
        most = _MAX_SIDES[format_name]
        message = f"{format_name} holds {most} pixels a side, not {size.width}x{size.height}"
        raise InputLimitError(message)
    if format_name in _WITHOUT_ALPHA:
        frames = [_flattened(frame) for frame in frames]
    if saving.label:
        frames = [_labelled(frames[0], format_name, saving), *frames[1:]]
    path = result_path(format_name, bench)
    if format_name == "gif":
        _save_gif(frames, path, size, saving)
    elif format_name in _pillow.WRITERS:
        image = frames[0]
        _pillow.WRITERS[format_name](path, image.write_to_memory(), size, image.bands)
    elif format_name == "heif":
        save_heif(frames[0], path, quality, bench, is_described=_keeps(saving) != "none")
    elif format_name == "jpeg" and saving.limit_bytes:
        return _save_within(_joined(frames), path, saving, quality)
    else:
        _encode(_joined(frames), path, format_name, saving, quality)
    return quality


def result_path(format_name: str, bench: Bench) -> Path:
    """Where `save` writes."""
    return bench.folder / f"result.{format_name}"


def _keeps(saving: Saving) -> str:
    """What libvips writes of the picture's metadata."""
    if not saving.is_stripped:
        return "all"
    return "xmp" if saving.label else "none"


def _labelled(image: Picture, format_name: str, saving: Saving) -> Picture:
    if format_name not in _LABELLED:
        message = f"AIGCMetadata: {format_name} holds no label; use {', '.join(_LABELLED)}"
        raise InvalidParamsError(message)
    if saving.is_stripped:
        image = image.copy()
        for name in image.get_fields():
            if name in {"xmp-data", "icc-profile-data"} or name.startswith("exif-"):
                image.remove(name)
    return labelled(image, saving.label)


def _encode(image: Picture, path: Path, format_name: str, saving: Saving, quality: int) -> None:
    keep = {"keep": _keeps(saving)}
    name = str(path)
    match format_name:
        case "jpeg":
            image.jpegsave(name, **keep, **_jpeg_options(saving, quality))
        case "png":
            image.pngsave(name, **keep, **(_SLIM_PNG if saving.is_slim else _png_options(image)))
        case "webp":
            image.webpsave(name, Q=quality, **keep)
        case "tiff":
            image.tiffsave(name, compression="deflate", predictor="horizontal", **keep)
        case _:
            image.heifsave(name, compression="av1", Q=quality, effort=2, **keep)


def _png_options(image: Picture) -> dict[str, Any]:
    """What makes photographs smaller by a third, and drawings of few colours larger."""
    fields = image.get_fields()
    is_drawing = "palette" in fields or (
        "bits-per-sample" in fields and image.get("bits-per-sample") < _FULL_BITS
    )
    return {} if is_drawing else {"filter": "all"}


def _jpeg_options(saving: Saving, quality: int) -> dict[str, Any]:
    is_optimised = saving.format == "yjpeg" or saving.is_slim
    return {
        "Q": quality,
        "interlace": saving.is_interlaced,
        "optimize_coding": is_optimised,
        "trellis_quant": is_optimised,
        "overshoot_deringing": is_optimised,
    }


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


def _save_gif(frames: Sequence[Picture], path: Path, size: Size, saving: Saving) -> None:
    is_gray = frames[0].interpretation == "b-w" and not frames[0].hasalpha()
    bands = 1 if is_gray else 4 if frames[0].hasalpha() else 3
    fields = frames[0].get_fields()
    pixels = (
        (frame if is_gray else frame.colourspace("srgb")).write_to_memory() for frame in frames
    )
    _pillow.write_gif(
        path,
        pixels,
        size,
        bands,
        _pillow.Showing(
            frame_times(frames[0], len(frames)),
            frames[0].get("loop") if "loop" in fields else 0,
        ),
        colours=_SLIM_COLOURS if saving.is_slim else _ALL_COLOURS,
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
