"""Writes HEIF with HEVC inside: libvips hands the pixels over, ffmpeg codes them.

libvips as it is installed here has no HEVC encoder. Alpha is a second, grey picture. Sides are
made even for the coder by repeating the last row or column, which the file then hides again.
"""

from collections.abc import Sequence
from pathlib import Path
from struct import unpack_from

from penstock.domain.errors import InvalidParamsError
from penstock.operations._heif_file import (
    COLOUR,
    GREY,
    Item,
    alpha_mark,
    aperture,
    coded,
    colours,
    extent,
    heif_file,
)
from penstock.operations._image_bench import Bench
from penstock.operations._image_geometry import Size
from penstock.operations._vips import Picture, vips

_LEAST_SIDE = 16  # of what x265 takes
_PREVIEW = "jpeg-thumbnail-data"
_PNG_START, _CHUNK_FRAME = 8, 12
_TO_YUV = "scale=out_color_matrix=bt601:out_range=full:flags=accurate_rnd,format=yuv420p"
_ENCODER = "info=0:keyint=1:hash=0:pools=none:frame-threads=1:log-level=error:crf="


def save_heif(
    image: Picture, path: Path, quality: int, bench: Bench, *, is_described: bool
) -> None:
    """Write a picture of 8 bits, grey or sRGB, with or without alpha.

    Args:
        quality: 1 to 100.
        is_described: Whether its EXIF, XMP and colour profile are written.

    Raises:
        InvalidParamsError: There is no ffmpeg here, or it has no HEVC encoder.
        OperationTimeoutError: The time limit passed.
        AttemptCancelledError: The attempt was cancelled.
    """
    size = Size(image.width, image.height)
    image = image.colourspace("srgb")
    items = []
    if image.hasalpha():
        image = image.copy_memory()
        alpha = _coded(image.extract_band(image.bands - 1), size, quality, bench)
        mark = (*alpha.properties, alpha_mark())
        items = [
            Item(
                kind=alpha.kind,
                content=alpha.content,
                properties=mark,
                refers_to={b"auxl": [1]},
                is_hidden=True,
            )
        ]
    main = _coded(image.extract_band(0, n=3), size, quality, bench)
    profile = _blob(image, "icc-profile-data") if is_described else b""
    shown = [*main.properties, colours(), *([colours(profile)] if profile else [])]
    items.insert(0, Item(kind=main.kind, content=main.content, properties=shown))
    items += _described(image) if is_described else []
    path.write_bytes(heif_file(items))


def _coded(image: Picture, size: Size, quality: int, bench: Bench) -> Item:
    if bench.run_ffmpeg is None:
        message = "format/heif: pictures cannot be coded as HEVC here; use format/avif"
        raise InvalidParamsError(message)
    width, height = (max(side + side % 2, _LEAST_SIDE) for side in size)
    raw, made = bench.folder / "heif.raw", bench.folder / "heif.hevc"
    image.embed(0, 0, width, height, extend="copy").rawsave(str(raw))
    is_grey = image.bands == 1
    bench.run_ffmpeg(
        raw,
        _raw_options(Size(width, height), "gray" if is_grey else "rgb24"),
        [
            *(() if is_grey else ("-vf", _TO_YUV)),
            *("-color_range", "pc", "-pix_fmt", "gray" if is_grey else "yuv420p"),
            *("-frames:v", "1", "-c:v", "libx265", "-preset", "fast"),
            *("-x265-params", f"{_ENCODER}{(100 - quality) / 2:g}"),
            *("-f", "hevc", f"file:{made}"),
        ],
    )
    raw.unlink()
    content, configuration = coded(made.read_bytes(), GREY if is_grey else COLOUR)
    made.unlink()
    properties = [configuration, extent(width, height)]
    if (width, height) != size:
        properties.append(aperture(*size, width, height))
    return Item(kind=b"hvc1", content=content, properties=properties)


def _raw_options(size: Size, pixels: str) -> Sequence[str]:
    shape = f"{size.width}x{size.height}"
    return ("-f", "rawvideo", "-pixel_format", pixels, "-video_size", shape)


def _described(image: Picture) -> list[Item]:
    """EXIF and XMP as items of their own."""
    items = []
    if exif := _exif(image):
        items.append(_note(b"Exif", bytes(4) + exif))
    if xmp := _blob(image, "xmp-data"):
        items.append(_note(b"mime", xmp, b"application/rdf+xml"))
    return items


def _note(kind: bytes, content: bytes, media_type: bytes = b"") -> Item:
    return Item(
        kind=kind,
        content=content,
        media_type=media_type,
        refers_to={b"cdsc": [1]},
        is_hidden=True,
    )


def _exif(image: Picture) -> bytes:
    """The EXIF block as libvips would write it now; read out of a black PNG of the same size.

    It drops the preview, which shows the picture as it was, where its field has been removed.
    """
    black = vips().Image.black(image.width, image.height).copy(xres=image.xres, yres=image.yres)
    for name in image.get_fields():
        if name.startswith("exif-") or name in {"orientation", _PREVIEW}:
            black.set_type(image.get_typeof(name), name, image.get(name))
    if _PREVIEW in black.get_fields():
        black.remove(_PREVIEW)
    content = bytes(black.pngsave_buffer(keep="exif", bitdepth=1, compression=1))
    at = _PNG_START
    while at < len(content):
        length, name = unpack_from(">I4s", content, at)
        if name == b"eXIf":
            return content[at + 8 : at + 8 + length]
        at += length + _CHUNK_FRAME
    return b""


def _blob(image: Picture, name: str) -> bytes:
    return bytes(image.get(name)) if name in image.get_fields() else b""
