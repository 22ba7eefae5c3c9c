"""What the information rules answer, and the vendor's `PicProcessResult`."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.domain.executions import OutputObject
from penstock.operations import _pillow
from penstock.operations._image_bench import Bench
from penstock.operations._image_ends import is_animated_png
from penstock.operations._image_geometry import Size, inside
from penstock.operations._image_quality import jpeg_quality
from penstock.operations._image_rendering import plainly_named
from penstock.operations._image_result import Rendered
from penstock.operations._vips import (
    Header,
    as_srgb,
    open_picture,
    open_shrunk,
    read_header,
    read_tags,
    translated,
)

# Large enough for a true average, small enough to be decoded in passing.
_AVERAGED = Size(128, 128)
_FULL_QUALITY = "100"
_TAG = re.compile(r"(.*), [^,]+, \d+ components, \d+ bytes\)", re.DOTALL)


def information(name: str, source: Path, bench: Bench) -> dict[str, Any]:
    """The answer of `imageInfo`, `exif` or `imageAve`; every value is text.

    Raises:
        UnsupportedInputError: The picture is broken or of a kind that is not read.
        InputLimitError: It is too large.
    """
    source = plainly_named(source, bench.folder)
    header = read_header(source, bench.key, bench.limits)
    if name == "imageAve":
        return {"RGB": average_colour(source, header, bench.key)}
    if name == "exif":
        return _exif(source, header, bench.key)
    moves = header.format == "png" and is_animated_png(source)
    frames = _pillow.count_frames(source, bench.key) if moves else header.frames
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, _md5).hexdigest()
    return {
        "format": header.format,
        "width": str(header.size.width),
        "height": str(header.size.height),
        "size": str(source.stat().st_size),
        "md5": digest,
        "photo_rgb": average_colour(source, header, bench.key),
        "frame_count": str(frames),
    }


def source_facts(source: Path, bench: Bench) -> dict[str, str]:
    """The `ImageInfo` of a picture."""
    source = plainly_named(source, bench.folder)
    header = read_header(source, bench.key, bench.limits)
    return {
        "Format": format_word(header.format),
        "Width": str(header.size.width),
        "Height": str(header.size.height),
        "Quality": str(jpeg_quality(source)) if header.format == "jpeg" else _FULL_QUALITY,
        "Ave": average_colour(source, header, bench.key),
        "Orientation": str(header.orientation),
    }


def drawing_facts(made: Rendered) -> dict[str, str]:
    """The `ImageInfo` of a drawing, which stays as it is when it is made smaller."""
    return {
        "Format": made.format,
        "Width": str(made.size.width),
        "Height": str(made.size.height),
        "Quality": _FULL_QUALITY,
    }


def average_colour(source: Path, header: Header, key: str) -> str:
    """The mean colour of the first frame over white, as `0xRRGGBB`."""
    with translated(key):
        if header.is_decoded_whole:
            image = as_srgb(open_picture(source, header, key, is_streamed=False))
        else:
            image = open_shrunk(source, header, inside(_AVERAGED, header.size), is_oriented=False)
        image = image.colourspace("srgb").copy_memory()
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        means = [round(image.extract_band(band).avg()) for band in range(3)]
    return "0x" + "".join(f"{mean:02x}" for mean in means)


def format_word(format_name: str) -> str:
    """The vendor's spelling: upper case for JPEG, lower for the others."""
    return "JPEG" if format_name == "jpeg" else format_name


def result_facts(
    output: OutputObject,
    made: Rendered | None,
    original: Mapping[str, Any],
    found: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`PicProcessResult` in all three shapes that clients read.

    Args:
        made: None when the output is not a picture but an answer in JSON, or a text.
        original: The children of `OriginalInfo`.
        found: What was found out, beside what the output is; None for nothing.
    """
    etag = f'"{output.etag}"'
    shape = {"Format": "txt" if found else "json"}
    if made:
        shape = {
            "Format": format_word(made.format),
            "Width": str(made.size.width),
            "Height": str(made.size.height),
            "Quality": str(made.quality),
        }
    result = {**shape, "Size": str(output.size_bytes), "Etag": etag, **(found or {})}
    objects = {"Object": {"Key": output.key, **result}}
    return {
        "PicProcessResult": {
            "ObjectName": output.key,
            "OriginalInfo": original,
            "ProcessResult": result,
            "ProcessResults": objects,
            "UploadResult": {"OriginalInfo": original, "ProcessResults": objects},
        }
    }


def _exif(source: Path, header: Header, key: str) -> dict[str, Any]:
    tags = read_tags(source, header, key)
    if not tags:
        return {"error": "no exif data"}
    return {name: {"val": _shown(value)} for name, value in tags.items()}


def _shown(value: str) -> str:
    """The better half of libvips's `raw (readable, Type, n components, m bytes)`."""
    found = _TAG.fullmatch(value)
    if not found:
        return value
    halves = found[1]
    middle = (len(halves) - len(" (")) // 2
    if halves[:middle] == halves[middle + len(" (") :]:
        return halves[:middle]
    raw, _, readable = halves.partition(" (")
    return raw if not readable or readable.startswith("Internal error") else readable


def _md5() -> Any:  # noqa: ANN401 - hashlib names no public type for it
    return hashlib.md5(usedforsecurity=False)
