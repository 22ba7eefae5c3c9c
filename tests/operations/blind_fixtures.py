"""Pictures like photographs and marks for them, made on the spot, and how they are judged."""

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from tests.operations.image_fixtures import execute


def encoded(text: str) -> str:
    """URL-safe base64 without padding."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def photograph(width: int = 640, height: int = 512, seed: int = 1) -> Image.Image:
    """Colours with the spectrum that photographs have: large shapes, some detail, some grain."""
    random = np.random.default_rng(seed)
    down = np.fft.fftfreq(height)[:, None]
    across = np.fft.rfftfreq(width)[None, :]
    slope = 1 / np.maximum(np.hypot(down, across), 1 / max(width, height)) ** 1.3
    shared = _shape(random, slope, (height, width))
    bands = [0.8 * shared + 0.35 * _shape(random, slope, (height, width)) for _ in range(3)]
    levels = 120 + 55 * np.stack(bands, axis=-1) + random.normal(0, 2, (height, width, 3))
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _shape(
    random: np.random.Generator, slope: npt.NDArray[np.float64], size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    plane = np.fft.irfft2(np.fft.rfft2(random.normal(size=size)) * slope, s=size)
    return np.asarray(plane / plane.std())


def mark_picture(width: int = 40, height: int = 32, text: str = "P") -> Image.Image:
    """White on black: a frame, a letter, a disc."""
    mark = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mark)
    draw.rectangle((0, 0, width - 1, height - 1), outline=255)
    draw.text((width // 5, 0), text, fill=255, font_size=height * 3 // 4)
    draw.ellipse((width // 2, height // 2, width - 2, height - 2), fill=255)
    return mark.point(lambda level: 255 * (level > 127))


def psnr(one: Image.Image, other: Image.Image) -> float:
    """How far the difference of two pictures lies below full scale, in decibels."""
    a, b = (np.asarray(image.convert("RGB"), np.float64) for image in (one, other))
    return float(10 * np.log10(255**2 / max(((a - b) ** 2).mean(), 1e-9)))


def opened(path: Path) -> Image.Image:
    """A picture, decoded."""
    with Image.open(path) as image:
        image.load()
        return image.copy()


def hidden(folder: Path, key: str, rule: str) -> Path:
    """Hide a mark by `watermark/3/type/…`, and settings of the file behind it."""
    return execute(folder, key, f"watermark/3/type/{rule}")[0]


def found(folder: Path, image: Image.Image, rule: str, **saving: Any) -> dict[str, Any]:  # noqa: ANN401  # Pillow's
    """Read a mark by `watermark/4/type/…` off a picture that is saved again before."""
    saving = {"format": "PNG"} | saving
    image.save(folder / "again", **saving)
    _, result = execute(folder, "again", f"watermark/4/type/{rule}")
    facts: dict[str, Any] = result.facts["PicProcessResult"]["ProcessResult"]
    return facts
