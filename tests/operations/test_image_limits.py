"""Hostile and broken files: every one ends in an error that says what is wrong with it."""

from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import InputLimitError, UnsupportedInputError
from penstock.operations._vips import vips
from penstock.operations.base import Limits
from tests.operations.image_fixtures import (
    animation,
    execute,
    noise,
    png_header,
    quarters,
    rendered,
)

RULES = ["imageMogr2/thumbnail/40x/format/png", "imageMogr2/rotate/90", "imageMogr2/strip"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp", "in.tiff", "in.bmp", "in.avif"])
def test_truncated_picture_is_refused(tmp_path: Path, name: str, rule: str) -> None:
    """A picture that ends early is refused, never published half grey."""
    noise().save(tmp_path / "whole", Image.registered_extensions()[Path(name).suffix])
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])

    with pytest.raises(UnsupportedInputError) as caught:
        execute(tmp_path, name, rule)

    assert str(caught.value).startswith(f"{name}: ")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"just some text", "is not a picture"),
        (b"%PDF-1.7\n", "is not a picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "is not a picture"),
        (b"P3 1 1 255 0 0 0", "is not a picture"),
        (b"\xff\xd8\xff\xe0", ""),
        (b"\x89PNG\r\n\x1a\n", ""),
        (b"GIF89a", ""),
        (b"RIFF\0\0\0\0WEBP", ""),
        (b"II*\0\x08\0\0\0", ""),
        (b"BM", ""),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", ""),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ""),
    ],
)
@pytest.mark.parametrize("rule", [*RULES, "imageInfo", "imageAve", "exif"])
def test_what_is_no_picture_is_refused(
    tmp_path: Path, content: bytes, fault: str, rule: str
) -> None:
    """Neither a name nor a magic number makes a picture of a file that holds none."""
    (tmp_path / "in.jpg").write_bytes(content)

    with pytest.raises(UnsupportedInputError) as caught:
        execute(tmp_path, "in.jpg", rule)

    assert fault in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("mode", ["F", "I"])
@pytest.mark.parametrize("rule", [*RULES, "imageInfo", "imageAve"])
def test_measured_values_are_no_picture(tmp_path: Path, rule: str, mode: str) -> None:
    """A TIFF whose values do not say which is white is refused, never published black."""
    Image.linear_gradient("L").convert(mode).save(tmp_path / "in.tiff")

    with pytest.raises(UnsupportedInputError, match="which of them is white"):
        execute(tmp_path, "in.tiff", rule)


@pytest.mark.parametrize("rule", [*RULES, "imageInfo", "imageAve"])
def test_channels_that_nothing_explains_are_refused(tmp_path: Path, rule: str) -> None:
    """More than colours and one channel of transparency cannot be shown."""
    image = vips().Image.black(40, 30, bands=6).copy(interpretation="srgb")
    image.tiffsave(str(tmp_path / "in.tiff"))

    with pytest.raises(UnsupportedInputError, match="has 6 channels"):
        execute(tmp_path, "in.tiff", rule)


@pytest.mark.parametrize("rule", [*RULES, "imageInfo", "imageAve"])
@pytest.mark.parametrize("sides", [(40_000, 40_000), (60_000, 10)])
def test_bomb_is_refused_by_its_header(tmp_path: Path, rule: str, sides: tuple[int, int]) -> None:
    """A small file that would decode to a gigapixel is refused before it is decoded."""
    (tmp_path / "in.png").write_bytes(png_header(*sides))

    with pytest.raises(InputLimitError, match=f"{sides[0]}x{sides[1]} exceeds"):
        execute(tmp_path, "in.png", rule)


def test_limits_are_those_of_the_workspace(tmp_path: Path) -> None:
    """The number of pixels is held against the configured limit, frames counted."""
    quarters(100, 100).save(tmp_path / "in.jpg")
    animation(tmp_path / "in.gif")
    few = Limits(pixels=9_999)

    with pytest.raises(InputLimitError, match="limit of 9999 pixels"):
        execute(tmp_path, "in.jpg", "imageMogr2/strip", limits=few)
    with pytest.raises(InputLimitError, match="80x60, 4 frames exceeds"):
        execute(tmp_path, "in.gif", "imageMogr2/strip", limits=few)


@pytest.mark.parametrize(
    "rule", ["imageMogr2/thumbnail/3000x", "imageMogr2/flip/vertical/thumbnail/3000x"]
)
def test_enlarging_is_held_to_the_limits_too(tmp_path: Path, rule: str) -> None:
    """What a rule would make of a picture is held against the same limit."""
    quarters(100, 100).save(tmp_path / "in.jpg")

    with pytest.raises(InputLimitError, match="3000x3000 exceeds"):
        execute(tmp_path, "in.jpg", rule, limits=Limits(pixels=1_000_000))


def test_too_large_result_can_leave_the_source(tmp_path: Path) -> None:
    """With `ignore-error/1` a rule that asks for too much publishes the source."""
    quarters(100, 100).save(tmp_path / "in.jpg")
    rule = "imageMogr2/thumbnail/3000x/ignore-error/1"

    made = rendered(tmp_path, "in.jpg", rule, limits=Limits(pixels=1_000_000))

    assert made.path.read_bytes() == (tmp_path / "in.jpg").read_bytes()


def test_result_that_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    """A side beyond what WebP can hold is refused by name."""
    Image.new("RGB", (17_000, 2)).save(tmp_path / "in.png")

    with pytest.raises(InputLimitError, match="webp holds 16383 pixels a side"):
        execute(tmp_path, "in.png", "imageMogr2/format/webp")
