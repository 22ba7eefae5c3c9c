"""What each verb does to the pixels."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageStat

from tests.operations.image_fixtures import (
    BLUE,
    GREEN,
    QUARTERS,
    RED,
    YELLOW,
    alpha,
    distance,
    looks_like,
    noise,
    pixel,
    quarters,
    rendered,
    with_orientation,
)


def mogr(folder: Path, verbs: str, image: Image.Image | None = None) -> Image.Image:
    """A picture (the quarters by default) after the verbs, as PNG."""
    (image or quarters()).save(folder / "in.png")
    return rendered(folder, "in.png", f"imageMogr2/{verbs}").image


@pytest.mark.parametrize(
    ("verbs", "size", "colours"),
    [
        ("flip/horizontal", (120, 80), (GREEN, RED, YELLOW, BLUE)),
        ("flip/vertical", (120, 80), (BLUE, YELLOW, RED, GREEN)),
        ("rotate/90", (80, 120), (BLUE, RED, YELLOW, GREEN)),
        ("rotate/180", (120, 80), (YELLOW, BLUE, GREEN, RED)),
        ("rotate/270", (80, 120), (GREEN, YELLOW, RED, BLUE)),
        ("rotate/360", (120, 80), QUARTERS),
        ("crop/60x40", (60, 40), (RED,) * 4),
        ("crop/60x40/gravity/southeast", (60, 40), (YELLOW,) * 4),
        ("crop/60x40/gravity/center", (60, 40), QUARTERS),
        ("crop/20x20/gravity/northeast/dx/70/dy/50", (20, 20), (BLUE,) * 4),
        ("cut/30x20x70x5", (30, 20), (GREEN,) * 4),
        ("cut/999x999x70x50", (50, 30), (YELLOW,) * 4),
        ("thumbnail/!200p/crop/60x40/gravity/southwest", (60, 40), (BLUE,) * 4),
    ],
)
def test_geometry_moves_the_right_pixels(
    tmp_path: Path, verbs: str, size: tuple[int, int], colours: tuple[tuple[int, ...], ...]
) -> None:
    """Mirrors, quarter turns and cuts put each colour where it belongs."""
    image = mogr(tmp_path, verbs)

    assert image.size == size
    assert looks_like(image, colours)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("geometry", "size"),
    [
        ("!50p", (60, 40)),
        ("!50px", (60, 80)),
        ("30x", (30, 20)),
        ("30x30!", (30, 30)),
        ("!30x30r", (45, 30)),
        ("500x500>", (120, 80)),
        ("240x500<", (240, 160)),
        ("2400@", (60, 40)),
    ],
)
def test_thumbnail_is_the_same_on_both_paths(
    tmp_path: Path, geometry: str, size: tuple[int, int], *, fast: bool
) -> None:
    """A thumbnail has the same size whether it shrinks while decoding or afterwards."""
    before = "" if fast else "flip/vertical/flip/vertical/"

    image = mogr(tmp_path, f"{before}thumbnail/{geometry}")

    assert image.size == size
    assert looks_like(image, QUARTERS)


def test_free_rotation_grows_the_canvas_and_uncovers_nothing(tmp_path: Path) -> None:
    """Turning by another angle keeps every pixel; the corners are transparent."""
    image = mogr(tmp_path, "rotate/45", Image.new("RGB", (100, 100), RED))

    assert image.size[0] == pytest.approx(141, abs=2)
    assert alpha(image, 2, 2) == 0
    assert distance(pixel(image, 70, 70), RED) < 3
    assert distance(pixel(image, 70, 6), RED) < 3


def test_uncovered_corners_are_white_where_there_is_no_alpha(tmp_path: Path) -> None:
    """A format without transparency gets white corners."""
    Image.new("RGB", (100, 100), RED).save(tmp_path / "in.jpg")

    image = rendered(tmp_path, "in.jpg", "imageMogr2/rotate/45").image

    assert distance(pixel(image, 3, 3), (255, 255, 255)) < 6


def test_pad_centres_on_a_coloured_canvas(tmp_path: Path) -> None:
    """The picture lies in the middle of a canvas of the asked size and colour."""
    colour = urlsafe_b64encode(b"#0080ff").decode().rstrip("=")

    image = mogr(tmp_path, f"thumbnail/60x60/pad/1/color/{colour}")

    assert image.size == (60, 60)
    assert pixel(image, 5, 2) == pixel(image, 55, 57) == (0, 128, 255)
    assert distance(pixel(image, 10, 15), RED) < 6


def test_pad_keeps_gray_pictures_and_alpha(tmp_path: Path) -> None:
    """A grey picture with alpha is padded with an opaque colour."""
    image = mogr(tmp_path, "thumbnail/60x60/pad/1", Image.new("LA", (120, 80), (50, 128)))

    assert image.convert("RGBA").getpixel((2, 2)) == (255, 255, 255, 255)
    assert alpha(image, 30, 30) == 128


def test_inner_circle_is_cut_out(tmp_path: Path) -> None:
    """`iradius` keeps a circle of twice the radius, transparent around it."""
    image = mogr(tmp_path, "iradius/30")

    assert image.size == (60, 60)
    assert alpha(image, 1, 1) == 0
    assert alpha(image, 30, 1) > 200
    assert looks_like(image, QUARTERS)


def test_corners_are_rounded(tmp_path: Path) -> None:
    """`rradius` keeps the size and rounds the corners; too large a radius is held in."""
    image = mogr(tmp_path, "rradius/20")
    round_ended = mogr(tmp_path, "rradius/500")

    assert image.size == round_ended.size == (120, 80)
    assert alpha(image, 1, 1) == 0
    assert alpha(image, 60, 0) == 255
    assert alpha(image, 20, 10) == 255
    assert alpha(round_ended, 10, 5) == 0


def test_rounding_keeps_transparency(tmp_path: Path) -> None:
    """What was half transparent stays so inside the rounded corners."""
    image = mogr(tmp_path, "rradius/20", Image.new("RGBA", (100, 60), (*RED, 100)))

    assert alpha(image, 50, 30) == 100
    assert alpha(image, 0, 0) == 0


def test_blur_softens_and_sharpen_hardens(tmp_path: Path) -> None:
    """Blur lowers the contrast of fine detail, sharpening raises it."""
    plain = ImageStat.Stat(noise()).stddev[1]
    soft = ImageStat.Stat(mogr(tmp_path, "blur/8x4", noise())).stddev[1]
    hard = ImageStat.Stat(mogr(tmp_path, "sharpen/200", noise())).stddev[1]

    assert soft < plain / 3
    assert hard > plain * 1.2


@pytest.mark.parametrize("verbs", ["blur/1x0.3", "blur/50x1000", "blur/5x9999.5"])
def test_blur_takes_its_whole_range(tmp_path: Path, verbs: str) -> None:
    """The smallest and the largest blur both give a picture."""
    assert mogr(tmp_path, verbs).size == (120, 80)


def test_wide_blur_of_a_small_sigma_is_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A radius of many sigmas leaves no edge where the kernel ends, and nothing complains."""
    edge = Image.new("L", (120, 20))
    edge.paste(255, (60, 0, 120, 20))

    blurred = mogr(tmp_path, "blur/50x5", edge)

    assert blurred.getpixel((48, 10)) == pytest.approx(255 * 0.0107, abs=1)  # 2.3 sigmas away
    assert "CRITICAL" not in capfd.readouterr().err


def test_blur_does_not_bleed_hidden_colour(tmp_path: Path) -> None:
    """The colour of fully transparent pixels does not reach visible ones."""
    image = Image.new("RGBA", (60, 60), (0, 255, 0, 0))
    image.paste((*RED, 255), (20, 20, 40, 40))

    blurred = mogr(tmp_path, "blur/5x2", image)

    assert distance(pixel(blurred, 20, 30), RED) < 8
    assert 60 < alpha(blurred, 20, 30) < 200


@pytest.mark.parametrize(
    ("verbs", "expected"),
    [
        ("bright/0", (100, 150, 200)),
        ("bright/20", (151, 201, 251)),
        ("bright/100", (255, 255, 255)),
        ("bright/-100", (0, 0, 0)),
        ("contrast/0", (100, 150, 200)),
        ("contrast/-100", (127, 127, 127)),
        ("contrast/100", (0, 255, 255)),
        ("grayscale/1", (143, 143, 143)),
    ],
)
def test_tones_move_as_asked(tmp_path: Path, verbs: str, expected: tuple[int, ...]) -> None:
    """Brightness, contrast and grey work on colours and leave transparency alone."""
    image = mogr(tmp_path, verbs, Image.new("RGBA", (20, 20), (100, 150, 200, 77)))

    assert distance(pixel(image, 9, 9), expected) <= 4
    assert alpha(image, 9, 9) == 77


def test_grayscale_leaves_one_channel(tmp_path: Path) -> None:
    """A grey JPEG has one component, and does not claim a profile of colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    quarters().save(tmp_path / "in.jpg", icc_profile=profile)

    image = rendered(tmp_path, "in.jpg", "imageMogr2/grayscale/1").image

    assert image.mode == "L"
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("rule", ["thumbnail/40x", "flip/vertical", "thumbnail/40x/format/webp"])
def test_print_colours_become_screen_colours(tmp_path: Path, rule: str) -> None:
    """A CMYK JPEG comes out in sRGB with about the colours it shows on a screen."""
    Image.new("CMYK", (80, 60), (0, 240, 240, 0)).save(tmp_path / "in.jpg", quality=95)

    image = rendered(tmp_path, "in.jpg", f"imageMogr2/{rule}").image

    assert image.mode == "RGB"
    assert distance(pixel(image, 20, 20), (237, 32, 36)) < 40


@pytest.mark.parametrize("verbs", ["thumbnail/40x", "crop/40x", "thumbnail/40x/strip"])
def test_wide_colours_become_srgb(tmp_path: Path, verbs: str) -> None:
    """A picture with a profile of its own shows the same colours in sRGB."""
    pyvips = pytest.importorskip("pyvips")
    plain = pyvips.Image.black(80, 60).new_from_image([200, 90, 60]).cast("uchar")
    wide = plain.copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
    wide.pngsave(str(tmp_path / "in.png"))
    assert distance(pixel(Image.open(tmp_path / "in.png"), 9, 9), (200, 90, 60)) > 5

    image = rendered(tmp_path, "in.png", f"imageMogr2/{verbs}").image

    assert distance(pixel(image, 9, 9), (200, 90, 60)) <= 2
    assert ("icc_profile" in image.info) is ("strip" not in verbs)


@pytest.mark.parametrize("verbs", ["thumbnail/40x", "flip/vertical"])
def test_broken_profile_is_passed_over(tmp_path: Path, verbs: str) -> None:
    """A profile that cannot be read does not fail a picture that can."""
    quarters().save(tmp_path / "in.jpg", quality=95, icc_profile=b"no profile" * 30)

    image = rendered(tmp_path, "in.jpg", f"imageMogr2/{verbs}").image

    assert image.mode == "RGB"


@pytest.mark.parametrize("verbs", ["thumbnail/40x", "flip/vertical"])
def test_deep_colours_become_8_bit(tmp_path: Path, verbs: str) -> None:
    """A PNG of 16 bits a channel comes out with its tones in 8."""
    Image.new("I;16", (80, 60), 0x8000).save(tmp_path / "in.png")

    image = rendered(tmp_path, "in.png", f"imageMogr2/{verbs}/format/jpg").image

    assert distance(pixel(image, 9, 9), (128, 128, 128)) <= 2


def test_palettes_and_transparency_survive(tmp_path: Path) -> None:
    """A palette picture with a transparent colour keeps it through a resize."""
    image = Image.new("RGBA", (80, 60))
    image.paste((*BLUE, 255), (40, 0, 80, 60))
    image.quantize(4).save(tmp_path / "in.png")

    made = rendered(tmp_path, "in.png", "imageMogr2/thumbnail/40x/format/gif").image

    assert alpha(made, 5, 15) == 0
    assert distance(pixel(made, 35, 15), BLUE) < 4


def test_metadata_is_kept_or_stripped(tmp_path: Path) -> None:
    """EXIF is kept by default, and `strip` leaves neither it nor a profile."""
    with_orientation(quarters(), 1, tmp_path / "in.jpg")

    kept = rendered(tmp_path, "in.jpg", "imageMogr2/thumbnail/60x").image
    bare = rendered(tmp_path, "in.jpg", "imageMogr2/thumbnail/60x/strip").image

    assert kept.getexif()[0x010F] == "Acme (cameras), Inc"
    assert not bare.getexif()
    assert "icc_profile" not in bare.info
