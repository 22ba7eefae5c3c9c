"""Small pictures made on the spot, and a way to put one through a rule."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from penstock.operations.base import Limits, Result
from penstock.operations.pic_process import OPERATION
from tests.operations.workspace import FolderWorkspace

Pixel = tuple[int, ...]

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 180, 30), (30, 30, 220), (230, 220, 30)
QUARTERS = (RED, GREEN, BLUE, YELLOW)

# How a camera held so would have stored an upright picture: what undoes each EXIF orientation.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class Made(NamedTuple):
    """What a rule made of a picture: the published file, opened, and the whole result."""

    image: Image.Image
    path: Path
    result: Result


def quarters(width: int = 120, height: int = 80) -> Image.Image:
    """Red and green above blue and yellow."""
    image = Image.new("RGB", (width, height))
    for index, colour in enumerate(QUARTERS):
        left, top = (index % 2) * width // 2, (index // 2) * height // 2
        image.paste(colour, (left, top, left + width // 2 + 1, top + height // 2 + 1))
    return image


def noise(width: int = 160, height: int = 120) -> Image.Image:
    """Grey noise over a gradient: something that does not compress to nothing."""
    gradient = Image.linear_gradient("L").resize((width, height))
    grain = Image.effect_noise((width, height), 60)
    return Image.merge("RGB", (gradient, grain, Image.blend(gradient, grain, 0.5)))


def with_orientation(upright: Image.Image, orientation: int, path: Path) -> None:
    """Save a picture the way a camera does that leaves the turning to the EXIF tag."""
    transpose = STORED_AS[orientation]
    stored = upright if transpose is None else upright.transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Acme (cameras), Inc"
    stored.save(path, quality=95, subsampling=0, exif=exif)


def with_preview(image: Image.Image, path: Path) -> bytes:
    """Save a JPEG that has a small copy of itself in its EXIF, as cameras do; the copy."""
    file = BytesIO()
    image.resize((160, 120)).save(file, "JPEG")
    copy = file.getvalue()
    maker = struct.pack("<HHHI4s", 1, 0x010F, 2, 4, b"Cam\0")
    second = 8 + len(maker) + 4
    entries = ((0x0103, 3, 6), (0x0201, 4, second + 2 + 3 * 12 + 4), (0x0202, 4, len(copy)))
    preview = struct.pack("<H", 3) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    block = b"II*\0" + struct.pack("<I", 8) + maker + struct.pack("<I", second)
    exif = b"Exif\0\0" + block + preview + bytes(4) + copy
    image.save(path, "JPEG", quality=95, exif=exif)
    return copy


def animation(path: Path, delays: Sequence[int] = (50, 70, 90, 110)) -> None:
    """A red square that wanders to the right over transparency."""
    frames = []
    for index in range(len(delays)):
        frame = Image.new("RGBA", (80, 60))
        frame.paste((*RED, 255), (index * 15, 10, index * 15 + 20, 40))
        frames.append(frame)
    options: dict[str, Any] = {"disposal": 2} if path.suffix == ".gif" else {"lossless": True}
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=list(delays), loop=0, **options
    )


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds next to nothing."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999)))


def execute(
    folder: Path, key: str, rule: str, *, limits: Limits | None = None, **params: str
) -> tuple[Path, Result]:
    """Run the operation as an engine does; the published file and the result."""
    workspace = FolderWorkspace(folder, key, outputs={"Object": "out.${Ext}"}, limits=limits)
    tree = {"PicProcess": {"ProcessRule": rule, **params}}
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    return workspace.published_paths[-1], result


def rendered(
    folder: Path, key: str, rule: str, *, limits: Limits | None = None, **params: str
) -> Made:
    """As `execute`, with the result opened and decoded."""
    path, result = execute(folder, key, rule, limits=limits, **params)
    image = Image.open(BytesIO(path.read_bytes()))
    image.load()
    return Made(image, path, result)


def distance(first: Pixel, second: Pixel) -> int:
    """The largest difference of any band of two pixels."""
    assert len(first) == len(second)
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def pixel(image: Image.Image, x: int, y: int) -> Pixel:
    """One pixel as red, green, blue."""
    value = image.convert("RGB").getpixel((x, y))
    assert isinstance(value, tuple)
    return tuple(int(band) for band in value)


def alpha(image: Image.Image, x: int, y: int) -> int:
    """How opaque one pixel is, 0 to 255."""
    value = image.convert("RGBA").getpixel((x, y))
    assert isinstance(value, tuple)
    return int(value[3])


def corners(image: Image.Image) -> tuple[Pixel, ...]:
    """The middle of each quarter: top left, top right, bottom left, bottom right."""
    width, height = image.size
    xs, ys = (width // 4, width * 3 // 4), (height // 4, height * 3 // 4)
    return tuple(pixel(image, x, y) for y in ys for x in xs)


def looks_like(image: Image.Image, colours: Sequence[Pixel], *, within: int = 16) -> bool:
    """Whether the quarters of a picture have these colours."""
    pairs = zip(corners(image), colours, strict=True)
    return all(distance(found, wanted) <= within for found, wanted in pairs)
