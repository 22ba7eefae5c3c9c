"""The door to Pillow, for what libvips lacks or does slowly: BMP, PSD, writing GIF, a last font.

Pillow is imported when it is first needed: it costs 40 ms, and most pictures never need it.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Rational
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from penstock.domain.errors import BackendError, UnsupportedInputError
from penstock.operations._image_geometry import Size

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

_UNTOLD_MS = 100  # how long a frame stays that does not tell
_ANIMATED = ("GIF", "WEBP", "PNG")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_BANDS = {"L": 1, "RGB": 3, "RGBA": 4}
_READ_BANDS = {**_BANDS, "CMYK": 4}
_OPAQUE_FROM = 128
_PSD_GREY, _PSD_RGB = 1, 3
_PALETTE = 256  # most colours of a GIF
_CAMERA = 0x8769  # the tag of EXIF that leads to those of the camera
# A noncharacter of Unicode: no font has it, so that its glyph is the one for missing ones.
_MISSING = "\ufdd0"


class Showing(NamedTuple):
    """How the frames of an animation are shown.

    Attributes:
        delays_ms: How long each frame stays.
        loops: How often they are shown; 0 is for ever.
    """

    delays_ms: Sequence[int]
    loops: int


def picture_size(path: Path, format_name: str, key: str) -> Size:
    """The size in the header of a BMP or PSD.

    Raises:
        UnsupportedInputError: The header is broken.
    """
    with path.open("rb") as file, _translated(key, format_name.upper()):
        return Size(*_reader(format_name)(file).size)


class Pixels(NamedTuple):
    """A decoded picture, row by row.

    Attributes:
        bands: 1, 3 or 4; the last of 4 is alpha, or black ink.
        profile: The ICC profile of its colours; empty where it has none.
        is_cmyk: Whether its colours are those of print.
    """

    content: bytes
    size: Size
    bands: int
    profile: bytes
    is_cmyk: bool


def read_picture(path: Path, format_name: str, key: str) -> Pixels:
    """All of a BMP or PSD; of a PSD, the picture that its layers make together.

    Raises:
        UnsupportedInputError: The file is broken or cut off.
    """
    with path.open("rb") as file, _translated(key, format_name.upper()):
        image: PillowImage = _reader(format_name)(file)
        profile = bytes(image.info.get("icc_profile") or b"")
        if image.mode not in _READ_BANDS:
            image = image.convert("RGB")
        bands, is_cmyk = _READ_BANDS[image.mode], image.mode == "CMYK"
        return Pixels(image.tobytes(), Size(*image.size), bands, profile, is_cmyk)


def _reader(format_name: str) -> "Callable[[BinaryIO], PillowImage]":
    """What reads this format and no other: `Image.open` would try every one."""
    from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415 - see above
    from PIL.PsdImagePlugin import PsdImageFile  # noqa: PLC0415 - see above

    return {"bmp": BmpImageFile, "psd": PsdImageFile}[format_name]


def write_bmp(path: Path, pixels: bytes, size: Size, bands: int) -> None:
    """Write 1 or 3 bands as BMP.

    Raises:
        BackendError: The scratch folder takes no more.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    image = Image.frombuffer(_MODES[bands], size, pixels, "raw", _MODES[bands], 0, 1)
    with _writing():
        image.save(path, "BMP")


def write_psd(path: Path, pixels: bytes, size: Size, bands: int) -> None:
    """Write 1 or 3 bands as a PSD without layers.

    Raises:
        BackendError: The scratch folder takes no more.
    """
    mode = _PSD_GREY if bands == 1 else _PSD_RGB
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, bands, size.height, size.width, 8, mode)
    with _writing(), path.open("wb") as file:
        file.write(head + bytes(3 * 4 + 2))  # no palette, resources or layers; not compressed
        for band in range(bands):
            file.write(memoryview(pixels)[band::bands].tobytes())


WRITERS: Mapping[str, Callable[[Path, bytes, Size, int], None]] = {
    "bmp": write_bmp,
    "psd": write_psd,
}
"""What writes a format that libvips has not: path, pixels, size, bands."""


def animation_frames(path: Path, key: str) -> Iterator[tuple[Size, int]]:
    """Every frame of a GIF or WebP, decoded one at a time: its size and how long it stays.

    Times are in milliseconds; 0 for a still picture.

    Raises:
        UnsupportedInputError: A frame cannot be decoded.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    with _translated(key, "animation"), Image.open(path, formats=("GIF", "WEBP")) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            yield Size(*image.size), int(image.info.get("duration") or 0)


def decode(path: Path, format_name: str, key: str) -> None:
    """Decode a whole file, every frame of it, and keep nothing.

    Raises:
        UnsupportedInputError: It cannot be decoded.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    formats = (format_name.upper(),)
    with _translated(key, format_name.upper()), Image.open(path, formats=formats) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()


def count_frames(path: Path, key: str) -> int:
    """How many frames a GIF, WebP or PNG has; 1 for every other picture.

    Raises:
        UnsupportedInputError: The file is broken.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - see above

    try:
        with _translated(key, "animation"), Image.open(path, formats=_ANIMATED) as image:
            return int(getattr(image, "n_frames", 1))
    except UnsupportedInputError as error:
        if isinstance(error.__cause__, UnidentifiedImageError):
            return 1
        raise


def exif_values(block: bytes) -> Mapping[int, str]:
    """What an EXIF block holds of the picture and the camera, by number; nothing if broken."""
    from PIL import Image  # noqa: PLC0415 - see above

    found = Image.Exif()
    try:
        found.load(block)
        values = {**found, **found.get_ifd(_CAMERA)}
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error):
        return {}
    return {tag: _told(value) for tag, value in values.items()}


def resize_animation(
    source: Path,
    key: str,
    target: Path,
    size: Size,
    *,
    opacity: int,
    checkpoint: Callable[[], None],
) -> None:
    """Write an animation anew as PNG, every frame whole, at one size and opacity.

    Args:
        opacity: In percent; 100 leaves it as it is.
        checkpoint: Called before each frame; whatever it raises ends the work.

    Raises:
        UnsupportedInputError: A frame cannot be decoded.
        BackendError: The scratch folder takes no more.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    frames: list[PillowImage] = []
    delays_ms: list[int] = []
    with _translated(key, "animation"), Image.open(source, formats=_ANIMATED) as image:
        for number in range(getattr(image, "n_frames", 1)):
            checkpoint()
            image.seek(number)
            frame = image.convert("RGBA").resize((size.width, size.height))
            frame.putalpha(
                frame.getchannel("A").point([round(one * opacity / 100) for one in range(256)])
            )
            frames.append(frame)
            delays_ms.append(int(image.info.get("duration") or 0) or _UNTOLD_MS)
    with _writing():
        frames[0].save(
            target,
            "PNG",
            save_all=True,
            append_images=frames[1:],
            duration=delays_ms,
            loop=0,
            disposal=0,
            blend=0,
        )


def write_gif(
    path: Path,
    frames: Iterable[bytes],
    size: Size,
    bands: int,
    showing: Showing,
    *,
    colours: int = _PALETTE,
) -> None:
    """Write a GIF of one or more frames, each with its own palette.

    Args:
        frames: Pixels of each frame, row by row.
        bands: 1, 3 or 4 for every frame; an alpha band becomes fully opaque or transparent.
        showing: With a time for every frame.
        colours: Most colours of a frame, 2 to 256.

    Raises:
        BackendError: The scratch folder takes no more.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    images = (
        _with_palette(Image.frombytes(_MODES[bands], size, pixels), colours) for pixels in frames
    )
    options: dict[str, object] = {"disposal": 2} if bands == _BANDS["RGBA"] else {}
    first = next(images)
    if len(showing.delays_ms) > 1:
        options |= {"save_all": True, "append_images": images}
        options["duration"] = list(showing.delays_ms)
        if showing.loops != 1:
            options["loop"] = max(0, showing.loops - 1)
    with _writing():
        first.save(path, "GIF", **options)


def draw_text(text: str, pixels: int) -> tuple[bytes, Size] | None:
    """A text in the one font that Pillow brings, as a mask of one band.

    Returns:
        The mask row by row and its size; None when the font lacks a letter of the text.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - see above

    font = ImageFont.load_default(pixels)
    missing = bytes(font.getmask(_MISSING))
    if any(bytes(font.getmask(letter)) == missing for letter in set(text) if letter.strip()):
        return None
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = (int(edge) for edge in draw.multiline_textbbox((0, 0), text, font))
    mask = Image.new("L", (max(1, right - left + 1), max(1, bottom - top + 1)))
    ImageDraw.Draw(mask).multiline_text((-left, -top), text, 255, font)
    return mask.tobytes(), Size(*mask.size)


def _with_palette(image: "PillowImage", colours: int) -> "PillowImage":
    from PIL.Image import Quantize  # noqa: PLC0415 - see above

    if image.mode == "RGBA":
        clear = image.getchannel("A").point(_is_clear)
        last = colours - 1
        image = image.convert("RGB").quantize(last, method=Quantize.MEDIANCUT)
        image.paste(last, mask=clear)
        image.info["transparency"] = last
    elif image.mode == "RGB" or colours < _PALETTE:
        image = image.quantize(colours, method=Quantize.MEDIANCUT)
    return image


def _told(value: object) -> str:
    return f"{float(value):g}" if isinstance(value, Rational) else str(value)


def _is_clear(alpha: int) -> int:
    return 255 if alpha < _OPAQUE_FROM else 0


@contextmanager
def _translated(key: str, what: str) -> Iterator[None]:
    try:
        yield
    # What Pillow raises on a broken file; SyntaxError means "not this format" to it.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
        raise UnsupportedInputError(key, f"is a broken {what} ({error})") from error


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"cannot write to the scratch folder: {error.strerror}"
        raise BackendError(message) from error
