"""The door to Pillow, for what libvips lacks or does slowly: BMP, writing GIF, a last font.

Pillow is imported when it is first needed: it costs 40 ms, and most pictures never need it.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.domain.errors import BackendError, UnsupportedInputError
from penstock.operations._image_geometry import Size

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_BANDS = {"L": 1, "RGB": 3, "RGBA": 4}
_OPAQUE_FROM = 128
_TRANSPARENT = 255  # the last palette entry
# A noncharacter of Unicode: no font has it, so that its glyph is the one for missing ones.
_MISSING = "\ufdd0"


def bmp_size(path: Path, key: str) -> Size:
    """The size in a BMP's header.

    Raises:
        UnsupportedInputError: The header is broken.
    """
    from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415 - see above

    with path.open("rb") as file, _translated(key):
        return Size(*BmpImageFile(file).size)


def read_bmp(path: Path, key: str) -> tuple[bytes, Size, int]:
    """All pixels of a BMP row by row, its size, and how many bands they have: 1, 3 or 4.

    Raises:
        UnsupportedInputError: The file is broken or cut off.
    """
    # Not Image.open: it would try every other format too.
    from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415 - see above

    with path.open("rb") as file, _translated(key):
        image: PillowImage = BmpImageFile(file)
        if image.mode not in _BANDS:
            image = image.convert("RGB")
        return image.tobytes(), Size(*image.size), _BANDS[image.mode]


def write_bmp(path: Path, pixels: bytes, size: Size, bands: int) -> None:
    """Write 1 or 3 bands as BMP.

    Raises:
        BackendError: The scratch folder takes no more.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    image = Image.frombuffer(_MODES[bands], size, pixels, "raw", _MODES[bands], 0, 1)
    with _writing():
        image.save(path, "BMP")


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


def write_gif(
    path: Path,
    frames: Iterable[bytes],
    size: Size,
    bands: int,
    *,
    delays_ms: Sequence[int],
    loops: int,
) -> None:
    """Write a GIF of one or more frames, each with its own palette.

    Args:
        frames: Pixels of each frame, row by row.
        bands: 1, 3 or 4 for every frame; an alpha band becomes fully opaque or transparent.
        delays_ms: How long each frame stays; one for every frame.
        loops: How often an animation is shown; 0 is for ever.

    Raises:
        BackendError: The scratch folder takes no more.
    """
    from PIL import Image  # noqa: PLC0415 - see above

    images = (_with_palette(Image.frombytes(_MODES[bands], size, pixels)) for pixels in frames)
    options: dict[str, object] = {"disposal": 2} if bands == _BANDS["RGBA"] else {}
    first = next(images)
    if len(delays_ms) > 1:
        options |= {"save_all": True, "append_images": images, "duration": list(delays_ms)}
        if loops != 1:
            options["loop"] = max(0, loops - 1)
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


def _with_palette(image: "PillowImage") -> "PillowImage":
    from PIL.Image import Quantize  # noqa: PLC0415 - see above

    if image.mode == "RGBA":
        clear = image.getchannel("A").point(_is_clear)
        image = image.convert("RGB").quantize(_TRANSPARENT, method=Quantize.MEDIANCUT)
        image.paste(_TRANSPARENT, mask=clear)
        image.info["transparency"] = _TRANSPARENT
    elif image.mode == "RGB":
        image = image.quantize(256, method=Quantize.MEDIANCUT)
    return image


def _is_clear(alpha: int) -> int:
    return 255 if alpha < _OPAQUE_FROM else 0


@contextmanager
def _translated(key: str, what: str = "BMP") -> Iterator[None]:
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
