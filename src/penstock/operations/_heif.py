"""The door to pi-heif: reads the HEVC pictures of phones, which libvips here cannot decode.

Pixels come turned and mirrored as the file says. Of a file with several pictures, such as a
burst, the primary one is read; thumbnails, depth maps and gain maps are passed over.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._image_geometry import Size

_BANDS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_IS_DEEP = re.compile(r"^(L|I);(10|12|16)L?$")


class HeifPixels(NamedTuple):
    """A decoded picture, row by row.

    Attributes:
        bands: 1 to 4; an even number has alpha last, not premultiplied.
        is_deep: Whether a band has 16 bits, of the machine's byte order, and not 8.
    """

    content: bytes
    size: Size
    bands: int
    is_deep: bool


def read_heif(path: Path, key: str, size: Size) -> HeifPixels:
    """Decode the primary picture.

    Args:
        size: The size that its header promised; one that turns out otherwise is refused.

    Raises:
        UnsupportedInputError: The file is broken or cut off.
    """
    with _translated(key):
        image = _primary(path)
        content = bytes(image.data)
        mode = image.mode
        if image.size != size:
            fault = f"decodes to {image.size[0]}x{image.size[1]}, not {size.width}x{size.height}"
            raise UnsupportedInputError(key, fault)
        if mode in {"RGBa", "La"}:
            content, mode = _straight(content, size, mode)
        is_deep = bool(_IS_DEEP.match(mode))
        bands = 1 if is_deep else _BANDS[mode]
        return HeifPixels(content, size, bands, is_deep)


def _straight(content: bytes, size: Size, mode: str) -> tuple[bytes, str]:
    """Pixels whose colours are no longer multiplied by their alpha."""
    from PIL import Image  # noqa: PLC0415 - such files are rare

    straight = mode.upper()
    return Image.frombytes(mode, size, content).convert(straight).tobytes(), straight


def _primary(path: Path) -> Any:  # noqa: ANN401 - pi-heif ships no types
    found = _library().open_heif(path)
    return found[found.primary_index]


@cache
def _library() -> Any:  # noqa: ANN401 - the untyped library itself
    import pi_heif  # noqa: PLC0415 - 60 ms that only a worker with such a picture should pay

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False
    return pi_heif


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    # What pi-heif raises on a broken file; SyntaxError means "not supported" to it.
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, LookupError) as error:
        fault = str(error).splitlines()[0] if str(error) else "no picture in it"
        raise UnsupportedInputError(key, f"is a broken or unsupported HEIF ({fault})") from error
