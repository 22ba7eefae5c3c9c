"""The door to libvips: opens pictures within limits, and translates what it raises.

Only loaders named here are ever used, chosen by the first bytes of a file and never by its
name, so that a hostile object cannot reach a loader of PDF, SVG, CSV or ImageMagick. A header
is read, and held against the limits, before a pixel is decoded.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from penstock.domain.errors import BackendError, InputLimitError, UnsupportedInputError
from penstock.operations import _heif, _pillow
from penstock.operations._image_ends import is_cut_off
from penstock.operations._image_geometry import Size
from penstock.operations.base import Limits

MAX_SOURCE_SIDE = 50_000
_ANIMATED_FORMATS = frozenset({"gif", "webp"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_OF_PILLOW = frozenset({"bmp", "psd"})
_METADATA = frozenset({"icc-profile-data", "xmp-data", "iptc-data"})
_ABSOLUTE = frozenset({"scrgb", "lab", "labs"})  # of these every value is a colour
_COLOURS = {"b-w": 1, "grey16": 1, "cmyk": 4}  # channels; of all others 3
_MOST_BYTES_A_PIXEL = 8
_SLACK = 64 << 20  # bytes of previews, other pictures, sound
_DEFAULT_DELAY_MS = 100
_IS_TAG = re.compile(r"exif-ifd[^1]-")
_ADDED_TAGS = {  # which the standard demands, by number
    "Orientation": 0x0112,
    "XResolution": 0x011A,
    "YResolution": 0x011B,
    "ResolutionUnit": 0x0128,
    "YCbCrPositioning": 0x0213,
    "ExifVersion": 0x9000,
    "ComponentsConfiguration": 0x9101,
    "FlashpixVersion": 0xA000,
    "ColorSpace": 0xA001,
    "PixelXDimension": 0xA002,
    "PixelYDimension": 0xA003,
}
_RESOLUTION = frozenset({0x011A, 0x011B, 0x0128})  # made to agree with the rest of the file
_BY_THE_WAY = re.compile(r"^unable to|: bad seek to \d+$")
_LOCAL_PATH = re.compile(r'"?(?<![\w.])(?:/[^\s/"]+){2,}"?')

# pyvips ships no types: a pyvips.Image.
Picture: TypeAlias = Any


def vips(threads: int | None = None) -> Any:  # noqa: ANN401 - the untyped library itself
    """The pyvips module, made ready on first use: no cache, no untrusted loaders.

    Args:
        threads: Threads that one operation may use from now on; None leaves them.
    """
    if threads is not None:
        _use_threads(threads)
    return _ready()


@cache
def _ready() -> Any:  # noqa: ANN401 - the untyped library itself
    import pyvips  # noqa: PLC0415 - 60 ms that only a worker with a picture should pay

    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)  # noqa: FBT003 - its only form
    return pyvips


@cache
def _use_threads(threads: int) -> None:
    _ready().concurrency_set(threads)


class Header(NamedTuple):
    """What the first bytes of a picture say.

    Attributes:
        format: `jpeg`, `png`, `gif`, `webp`, `tiff`, `heif`, `avif`, `bmp` or `psd`.
        size: Of one frame, before any orientation is applied.
        frames: 1 for a still picture.
        orientation: The EXIF orientation, 1 to 8.
        has_profile: Whether a colour profile is embedded.
        is_cmyk: Whether its colours are those of print.
        length_ms: How long all frames of an animation stay together.
    """

    format: str
    size: Size
    frames: int = 1
    orientation: int = 1
    has_profile: bool = False
    is_cmyk: bool = False
    length_ms: int = 0

    @property
    def is_decoded_whole(self) -> bool:
        """Whether another library decodes it, all at once, and never at a smaller size."""
        return self.format in {*_OF_PILLOW, "heif"}

    @property
    def oriented_size(self) -> Size:
        """The size after the orientation is applied."""
        is_turned = self.orientation >= 5  # noqa: PLR2004 - EXIF: 5 to 8 lie on their side
        return Size(self.size.height, self.size.width) if is_turned else self.size


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Turn what libvips raises into errors of ours.

    Raises:
        UnsupportedInputError: The picture cannot be decoded.
        BackendError: The disk is full.
    """
    pyvips = vips()
    try:
        yield
    except pyvips.Error as error:
        if "No space left" in str(error):
            message = "no space left in the scratch folder"
            raise BackendError(message) from error
        raise UnsupportedInputError(key, _plain(str(error))) from error


def read_header(path: Path, key: str, limits: Limits) -> Header:
    """Look at a picture without decoding it.

    Raises:
        UnsupportedInputError: The file is empty, broken, or of a kind that is not read.
        InputLimitError: The picture is larger than the limits allow.
    """
    format_name = sniff(path)
    if not format_name:
        fault = "is empty" if not path.stat().st_size else "is not a picture that can be read"
        raise UnsupportedInputError(key, fault)
    vips(limits.threads)
    if format_name in _OF_PILLOW:
        header = Header(format_name, _pillow.picture_size(path, format_name, key))
    else:
        if format_name == "gif" and is_cut_off(path, format_name):
            raise UnsupportedInputError(key, "ends in the middle of a frame")
        with translated(key):
            image = _load(path, format_name)
        _check_samples(image, key)
        header = _header_of(image, format_name)
    check_pixels(key, header.size, header.frames, limits)
    return header


def _check_samples(image: Picture, key: str) -> None:
    """Refuse what only somebody who knows the file could show right; TIFF may hold anything.

    Raises:
        UnsupportedInputError: Nothing tells which value is white, or what a channel is.
    """
    if image.format not in {"uchar", "ushort"} and image.interpretation not in _ABSOLUTE:
        fault = f"has values of the type {image.format}, and does not tell which of them is white"
        raise UnsupportedInputError(key, fault)
    most = _COLOURS.get(image.interpretation, 3) + 1  # with alpha
    if image.bands > most:
        fault = f"has {image.bands} channels; what those behind the first {most} are is not told"
        raise UnsupportedInputError(key, fault)


def check_pixels(key: str, size: Size, frames: int, limits: Limits) -> None:
    """Hold a size against the limits.

    Raises:
        InputLimitError: A side or the number of pixels is above them.
    """
    shape = f"{size.width}x{size.height}" + (f", {frames} frames" if frames > 1 else "")
    if max(size) > MAX_SOURCE_SIDE:
        message = f"{key}: {shape} exceeds the largest side of {MAX_SOURCE_SIDE} pixels"
        raise InputLimitError(message)
    if size.width * size.height * frames > limits.pixels:
        message = f"{key}: {shape} exceeds the limit of {limits.pixels} pixels"
        raise InputLimitError(message)


def open_picture(path: Path, header: Header, key: str, *, is_streamed: bool) -> Picture:
    """The first frame, decoded while it is read, or whole into memory."""
    if header.format in _OF_PILLOW:
        return _open_by_pillow(path, header, key)
    if header.format == "heif":
        return _open_heif(path, header, key)
    how = {"access": "sequential"} if is_streamed else {"access": "random", "memory": True}
    return _load(path, header.format, fail_on="error", **how)


def _open_by_pillow(path: Path, header: Header, key: str) -> Picture:
    """A BMP or PSD with the profile of its colours."""
    found = _pillow.read_picture(path, header.format, key)
    image = _from_memory(found.content, found.size, found.bands)
    if found.is_cmyk:
        image = image.copy(interpretation="cmyk")
    if found.profile:
        image = image.copy()
        image.set_type(vips().GValue.blob_type, "icc-profile-data", found.profile)
    return image


def _open_heif(path: Path, header: Header, key: str) -> Picture:
    """The primary picture with what the file says of it; no orientation is left to apply."""
    if path.stat().st_size > _MOST_BYTES_A_PIXEL * header.size.width * header.size.height + _SLACK:
        message = f"{key}: a HEIF file far larger than its picture would be uncompressed"
        raise InputLimitError(message)
    found = _heif.read_heif(path, key, header.size)
    image = _from_memory(found.content, found.size, found.bands, is_deep=found.is_deep)
    described = _load(path, header.format)
    copied = [n for n in described.get_fields() if n.startswith("exif-") or n in _METADATA]
    for name in copied:
        image.set_type(described.get_typeof(name), name, described.get(name))
    # The pixels are upright; setting the EXIF block has brought its record of the turn back.
    for name in ("orientation", "exif-ifd0-Orientation"):
        image.remove(name)
    return image


def _from_memory(content: bytes, size: Size, bands: int, *, is_deep: bool = False) -> Picture:
    image = vips().Image.new_from_memory(
        content, size.width, size.height, bands, "ushort" if is_deep else "uchar"
    )
    is_grey = bands <= 2  # noqa: PLR2004 - grey, perhaps with alpha
    if is_deep:
        return image.copy(interpretation="grey16" if is_grey else "rgb16")
    return image.copy(interpretation="b-w" if is_grey else "srgb")


def open_shrunk(path: Path, header: Header, size: Size, *, is_oriented: bool) -> Picture:
    """The first frame at exactly this size, by decoding no more than that needs.

    Args:
        is_oriented: Whether the EXIF orientation is applied; the size is then that of the
            oriented picture.
    """
    options: dict[str, Any] = {}
    if header.has_profile or header.is_cmyk:
        fallback = "cmyk" if header.is_cmyk else "srgb"
        options = {"output_profile": "srgb", "input_profile": fallback}
    return vips().Image.thumbnail(
        str(path),
        size.width,
        height=size.height,
        size="force",
        no_rotate=not is_oriented,
        fail_on="error",
        **options,
    )


def open_frames(path: Path, header: Header) -> list[Picture]:
    """Every frame of an animation, in memory."""
    whole = _load(path, header.format, n=-1, fail_on="error").copy_memory()
    height = header.size.height
    return [whole.crop(0, top, whole.width, height) for top in range(0, whole.height, height)]


def frame_times(image: Picture, count: int) -> list[int]:
    """How long each of so many frames stays, in milliseconds; 100 where nothing says."""
    found = list(image.get("delay")) if "delay" in image.get_fields() else []
    return [*found, *[_DEFAULT_DELAY_MS] * count][:count]


def upright(image: Picture) -> Picture:
    """The picture turned as its orientation says; the orientation is then 1."""
    if "orientation" not in image.get_fields() or image.get("orientation") == 1:
        return image
    return image.copy_memory().autorot()


def as_srgb(image: Picture, *, is_cmyk: bool = False) -> Picture:
    """The same picture in 8-bit sRGB or grey, by its embedded profile where it has one."""
    pyvips = vips()
    is_cmyk = is_cmyk or image.interpretation == "cmyk"
    if "icc-profile-data" in image.get_fields() or is_cmyk:
        fallback = "cmyk" if is_cmyk else "srgb"
        try:
            return image.icc_transform("srgb", embedded=True, input_profile=fallback)
        except pyvips.Error:  # a profile that is broken, or of other colours than the picture
            image = image.copy()
            image.remove("icc-profile-data")
    if image.interpretation in {"grey16", "b-w"}:
        return image.colourspace("b-w")
    return image.colourspace("srgb")


def as_stored(image: Picture, *, is_cmyk: bool = False) -> Picture:
    """The same picture in 8-bit RGB of its own profile where it is that; else as `as_srgb`."""
    if image.interpretation == "srgb" and image.format == "uchar":
        return image
    return as_srgb(image, is_cmyk=is_cmyk)


def turned(image: Picture, degrees: int) -> Picture:
    """The picture turned clockwise on a canvas that grows; new corners are transparent."""
    quarters, rest = divmod(degrees % 360, 90)
    if not rest:
        return image.rot(f"d{90 * quarters}") if quarters else image
    if not image.hasalpha():
        image = image.addalpha()
    return image.rotate(degrees, interpolate=vips().Interpolate.new("bicubic"))


def read_tags(path: Path, header: Header, key: str) -> dict[str, str]:
    """EXIF tags by name, each as libvips shows it: `raw (readable, Type, …)`.

    Those of the preview are left out, and so is what libvips has put in or changed. BMP, PSD and
    TIFF count as having none.

    Raises:
        UnsupportedInputError: The picture cannot be read.
    """
    if header.format in _OF_PILLOW:
        return {}
    with translated(key):
        image = _load(path, header.format)
        fields = [name for name in image.get_fields() if _IS_TAG.match(name)]
        tags = {name.split("-", 2)[2]: image.get(name) for name in fields}
        own = _pillow.exif_values(bytes(image.get("exif-data"))) if fields else {}
    for name, number in _ADDED_TAGS.items():
        if name in tags and own and number not in own:
            del tags[name]
        elif name in tags and number in _RESOLUTION:
            tags[name] = own.get(number, tags[name])
    return tags


def sniff(path: Path) -> str:
    """The format that a file's first bytes name; empty for any that is not read."""
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in range(8, 64, 4)}
        return "avif" if brands & _AVIF_BRANDS else "heif" if brands & _HEIF_BRANDS else ""
    if head[:4] == b"RIFF":
        return "webp" if head[8:12] == b"WEBP" else ""
    for magic, name in (
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"II+\0", "tiff"),
        (b"MM\0+", "tiff"),
        (b"BM", "bmp"),
        (b"8BPS\0\1", "psd"),
    ):
        if head.startswith(magic):
            return name
    return ""


def _load(path: Path, format_name: str, **options: object) -> Picture:
    name = "heif" if format_name == "avif" else format_name
    options.setdefault("access", "sequential")
    return getattr(vips().Image, f"{name}load")(str(path), **options)


def _header_of(image: Picture, format_name: str) -> Header:
    fields = set(image.get_fields())
    is_animated = format_name in _ANIMATED_FORMATS and "n-pages" in fields
    frames = image.get("n-pages") if is_animated else 1
    return Header(
        format=format_name,
        size=Size(image.width, image.height),
        frames=frames,
        orientation=image.get("orientation") if "orientation" in fields else 1,
        has_profile="icc-profile-data" in fields,
        is_cmyk=image.interpretation == "cmyk",
        length_ms=sum(frame_times(image, frames)) if frames > 1 else 0,
    )


def _plain(message: str) -> str:
    """What libvips met first, without what it failed to do then, or paths of this machine."""
    lines = (line.strip() for line in message.splitlines())
    causes = (line for line in lines if line and not _BY_THE_WAY.search(line))
    return _LOCAL_PATH.sub("the file", next(causes, "cannot be decoded"))
