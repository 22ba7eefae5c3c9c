"""Rendering without a workspace, and the checks on what was made."""

from pathlib import Path

import pytest
from PIL import Image, ImageCms

from penstock.domain.errors import BackendError, ObjectNotFoundError
from penstock.operations import _pillow
from penstock.operations._image_bench import Bench
from penstock.operations._image_geometry import Size
from penstock.operations._image_rendering import apply_rule_to_file, render
from penstock.operations._image_rules import parse_rule
from penstock.operations._vips import translated, vips
from penstock.operations.base import Limits
from tests.operations.image_fixtures import QUARTERS, looks_like, quarters

FULL_DISK = Path("/dev/full")


def nothing_else(key: str) -> Path:
    """A bucket with no other object."""
    raise ObjectNotFoundError(key)


def bench_in(folder: Path) -> Bench:
    """A bench over a folder."""
    return Bench(key="in.png", folder=folder, limits=Limits(), fetch_other=nothing_else)


def test_rule_applies_to_a_plain_file(tmp_path: Path) -> None:
    """Another operation can put a picture of its own through a rule."""
    quarters().save(tmp_path / "frame.png")
    target = tmp_path / "made"
    target.mkdir()

    path = apply_rule_to_file(
        parse_rule("imageMogr2/thumbnail/!50p/format/webp"),
        tmp_path / "frame.png",
        target,
        limits=Limits(),
        fetch_other=nothing_else,
    )

    assert path.parent == target
    with Image.open(path) as image:
        assert image.format == "WEBP"
        assert looks_like(image, QUARTERS, within=24)


def test_rendering_twice_gives_the_same(tmp_path: Path) -> None:
    """A second attempt in the same folder gives the same bytes."""
    quarters().save(tmp_path / "in[1].png")
    rule = parse_rule("imageMogr2/rotate/30/format/webp")

    first = render(rule, tmp_path / "in[1].png", bench_in(tmp_path)).path.read_bytes()
    second = render(rule, tmp_path / "in[1].png", bench_in(tmp_path)).path.read_bytes()

    assert first == second


@pytest.mark.parametrize("verbs", ["thumbnail/40x", "flip/vertical"])
def test_profile_of_other_colours_is_passed_over(tmp_path: Path, verbs: str) -> None:
    """A grey picture with a profile for colours is still read."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("L", (80, 60), 99).save(tmp_path / "in.png", icc_profile=profile)

    made = render(parse_rule(f"imageMogr2/{verbs}"), tmp_path / "in.png", bench_in(tmp_path))

    with Image.open(made.path) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (99, 99, 99)


@pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no full device")
def test_full_disk_can_be_tried_again() -> None:
    """A full scratch folder is the machine's fault, not the picture's."""
    with pytest.raises(BackendError, match="cannot write"):
        _pillow.write_bmp(FULL_DISK, bytes(300_000), Size(1000, 100), 3)
    with pytest.raises(BackendError, match="no space left"), translated("in.png"):
        vips().Image.black(900, 900, bands=3).tiffsave(str(FULL_DISK))


def test_last_font_has_english_only() -> None:
    """The font of last resort draws English and owns up to what it lacks."""
    drawn = _pillow.draw_text("two\nlines", 20)

    assert drawn is not None
    mask, size = drawn
    assert len(mask) == size.width * size.height
    assert size.height > 30
    assert max(mask) == 255
    assert _pillow.draw_text("数", 20) is None
