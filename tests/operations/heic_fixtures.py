"""HEIC files as phones write them, made on the spot: x265 codes, the boxes are written around."""

import subprocess  # noqa: TID251  # test material is made without the code under test
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
from PIL import Image

from penstock.operations._heif_file import (
    COLOUR,
    Item,
    coded,
    colours,
    extent,
    heif_file,
    turned_left,
)

_TO_YUV = "scale=out_color_matrix=bt601:out_range=full,format=yuv420p"
_X265 = "crf=8:info=0:pools=none:frame-threads=1:keyint=1:log-level=none"


def hevc(image: Image.Image) -> bytes:
    """One picture as an HEVC stream; sides must be even and at least 16."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error"]
    command += ["-f", "rawvideo", "-pixel_format", "rgb24"]
    command += ["-video_size", f"{image.width}x{image.height}", "-i", "pipe:0"]
    command += ["-vf", _TO_YUV, "-color_range", "pc", "-c:v", "libx265", "-preset", "fast"]
    command += ["-x265-params", _X265, "-frames:v", "1", "-f", "hevc", "pipe:1"]
    pixels = image.convert("RGB").tobytes()
    made = subprocess.run(command, input=pixels, stdout=subprocess.PIPE, check=True)  # noqa: S603
    return made.stdout


def picture(
    image: Image.Image, *more: bytes, is_hidden: bool = False, profile: bytes = b""
) -> Item:
    """A coded picture as an item; `more` are further properties."""
    content, configuration = coded(hevc(image), COLOUR)
    shown = [colours(), *([colours(profile)] if profile else [])]
    return Item(
        kind=b"hvc1",
        content=content,
        properties=[configuration, extent(*image.size), *shown, *more],
        is_hidden=is_hidden,
    )


def note(kind: bytes, content: bytes, media_type: bytes = b"") -> Item:
    """EXIF or XMP of the first item."""
    return Item(
        kind=kind,
        content=content,
        media_type=media_type,
        refers_to={b"cdsc": [1]},
        is_hidden=True,
    )


def photograph(
    path: Path, image: Image.Image, *, quarters_left: int = 0, profile: bytes = b""
) -> None:
    """A file as a phone writes it: turned by a property, recorded in EXIF as well.

    Args:
        quarters_left: Anticlockwise quarters by which the stored pixels are shown.
    """
    exif = Image.Exif()
    exif[0x010F] = "Acme (phones), Inc"
    exif[0x0112] = {0: 1, 1: 8, 2: 3, 3: 6}[quarters_left]
    stored = image.rotate(-90 * quarters_left, expand=True)
    more = [turned_left(quarters_left)] if quarters_left else []
    items = [
        picture(stored, *more, profile=profile),
        note(b"Exif", bytes(4) + exif.tobytes().removeprefix(b"Exif\0\0")),
        note(b"mime", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"application/rdf+xml"),
    ]
    path.write_bytes(heif_file(items))


def burst(path: Path, images: Sequence[Image.Image], *, primary: int) -> None:
    """Several pictures in one file.

    Args:
        primary: Place of the one that is shown, from 1.
    """
    path.write_bytes(heif_file([picture(image) for image in images], primary=primary))


def tiled(path: Path, image: Image.Image, tile: int) -> None:
    """One picture put together of square tiles, as phones store large ones."""
    columns, rows = -(-image.width // tile), -(-image.height // tile)
    whole = Image.new("RGB", (columns * tile, rows * tile))
    whole.paste(image)
    places = [(x * tile, y * tile) for y in range(rows) for x in range(columns)]
    tiles = [whole.crop((x, y, x + tile, y + tile)) for x, y in places]
    size = image.width.to_bytes(2, "big") + image.height.to_bytes(2, "big")
    grid = Item(
        kind=b"grid",
        content=bytes([0, 0, rows - 1, columns - 1]) + size,
        properties=[extent(*image.size), colours()],
        refers_to={b"dimg": range(2, len(tiles) + 2)},
    )
    items = [grid, *(picture(one, is_hidden=True) for one in tiles)]
    path.write_bytes(heif_file(items))
