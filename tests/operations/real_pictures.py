"""Real photographs, from the package that the demonstration takes them from too."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

_MODULE = Path(__file__).parents[2] / "examples/demo_media.py"
_NAMES = ("astronaut.png", "coffee.png", "rocket.jpg")


def real_photographs(folder: Path) -> list[Path]:
    """Put three photographs into a folder; skips the test where they cannot be had."""
    module = _demo_media()
    try:
        module.fetch_real_media(folder)
    except module.MediaError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("the package index cannot be reached")
    return [folder / "photos" / name for name in _NAMES]


def difference(first: Image.Image, second: Image.Image) -> float:
    """How far two pictures of one size are apart to the eye: 0 is alike, 255 opposite.

    The root mean square of the difference of both, seen from a little way off.
    """
    assert first.size == second.size
    seen = [image.convert("RGB").filter(ImageFilter.GaussianBlur(1)) for image in (first, second)]
    return max(ImageStat.Stat(ImageChops.difference(*seen)).rms)


@cache
def _demo_media() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_media", _MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
