"""HEIC in and out: what phones store is read, and what is written others can read."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from penstock.domain.errors import InputLimitError, InvalidParamsError, UnsupportedInputError
from penstock.operations._image_bench import Bench
from penstock.operations._image_rendering import render
from penstock.operations._image_rules import parse_rule
from penstock.operations.base import Limits
from tests.operations.heic_fixtures import burst, photograph, tiled
from tests.operations.image_fixtures import (
    QUARTERS,
    RED,
    alpha,
    corners,
    distance,
    execute,
    looks_like,
    noise,
    quarters,
    rendered,
    with_orientation,
    with_preview,
)
from tests.operations.real_pictures import difference

pi_heif: Any = pytest.importorskip("pi_heif")


def opened(path: Path) -> Image.Image:
    """A HEIF file as pi-heif shows it, which had no part in writing it."""
    shown = pi_heif.open_heif(path).to_pillow()
    assert isinstance(shown, Image.Image)
    return shown


@pytest.mark.parametrize("target", ["jpg", "png", "webp", "avif", "tiff", "gif", "bmp", "psd"])
def test_heic_turns_into_every_format(tmp_path: Path, target: str) -> None:
    """A phone's picture becomes any format, with its colours and its size."""
    photograph(tmp_path / "in.heic", quarters())

    made = rendered(tmp_path, "in.heic", f"imageMogr2/thumbnail/60x/format/{target}")

    assert made.image.size == (60, 40)
    assert looks_like(made.image, QUARTERS, within=24)


@pytest.mark.parametrize("quarters_left", range(4))
@pytest.mark.parametrize("verbs", ["strip", "auto-orient", "auto-orient/thumbnail/120x80!"])
def test_turned_heic_comes_out_upright_once(
    tmp_path: Path, quarters_left: int, verbs: str
) -> None:
    """A picture that its file turns is turned once, with and without `auto-orient`."""
    photograph(tmp_path / "in.heic", quarters(), quarters_left=quarters_left)

    made = rendered(tmp_path, "in.heic", f"imageMogr2/{verbs}/format/jpg")

    assert made.image.size == (120, 80)
    assert looks_like(made.image, QUARTERS, within=24)
    assert made.image.getexif().get(0x0112, 1) == 1


def test_metadata_of_heic_is_kept_or_stripped(tmp_path: Path) -> None:
    """EXIF, XMP and the colour profile pass into the result, and `strip` leaves them out."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photograph(tmp_path / "in.heic", quarters(), quarters_left=1, profile=profile)

    kept = rendered(tmp_path, "in.heic", "imageMogr2/format/jpg").image
    stripped = rendered(tmp_path, "in.heic", "imageMogr2/strip/format/jpg").image

    assert kept.getexif()[0x010F] == "Acme (phones), Inc"
    assert kept.getexif()[0x0112] == 1
    assert "icc_profile" in kept.info
    assert b"xmpmeta" in kept.info["xmp"]
    assert not {"exif", "icc_profile", "xmp"} & stripped.info.keys()


def test_wide_colours_of_heic_are_converted(tmp_path: Path) -> None:
    """Pixels are brought to sRGB by the profile in the file, as a colour-managed viewer does."""
    lab = ImageCms.createProfile("sRGB", 0)
    pixels = Image.new("RGB", (64, 64), (200, 120, 60))
    swapped = _swapped_profile(ImageCms.ImageCmsProfile(lab).tobytes())
    photograph(tmp_path / "in.heic", pixels, profile=swapped)

    found = corners(rendered(tmp_path, "in.heic", "imageMogr2/format/png").image)[0]

    assert distance(found, (60, 120, 200)) < 12


def _swapped_profile(profile: bytes) -> bytes:
    """A profile whose red and blue primaries have changed places."""
    at_red, at_blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    red, blue = profile[at_red + 4 : at_red + 12], profile[at_blue + 4 : at_blue + 12]
    content = bytearray(profile)
    content[at_red + 4 : at_red + 12], content[at_blue + 4 : at_blue + 12] = blue, red
    return bytes(content)


@pytest.mark.parametrize("primary", [1, 2, 3])
def test_primary_picture_of_a_burst_is_taken(tmp_path: Path, primary: int) -> None:
    """Of a file with several pictures the one that it shows first is read."""
    shots = [Image.new("RGB", (64, 48 + 16 * n), QUARTERS[n]) for n in range(3)]
    burst(tmp_path / "in.heic", shots, primary=primary)

    made = rendered(tmp_path, "in.heic", "imageMogr2/format/png").image
    told = json.loads(execute(tmp_path, "in.heic", "imageInfo")[0].read_text())

    assert made.size == shots[primary - 1].size
    assert distance(corners(made)[0], QUARTERS[primary - 1]) < 8
    assert (told["format"], told["height"], told["frame_count"]) == (
        "heif",
        str(32 + 16 * primary),
        "1",
    )


def test_tiles_are_put_together(tmp_path: Path) -> None:
    """A picture of tiles, as phones store theirs, is read as the one that it is."""
    tiled(tmp_path / "in.heic", quarters(200, 140), 64)

    made = rendered(tmp_path, "in.heic", "imageMogr2/thumbnail/100x70!/format/png").image

    assert made.size == (100, 70)
    assert looks_like(made, QUARTERS, within=12)


def test_heic_is_told_apart_by_its_content(tmp_path: Path) -> None:
    """A HEIC picture under the name of a JPEG is read all the same."""
    photograph(tmp_path / "really-heic.jpg", quarters())

    made = rendered(tmp_path, "really-heic.jpg", "imageMogr2/format/png")

    assert looks_like(made.image, QUARTERS, within=16)


def test_facts_of_heic_are_told(tmp_path: Path) -> None:
    """`imageInfo`, `exif` and `imageAve` work on HEIC as on every other format."""
    photograph(tmp_path / "in.heic", Image.new("RGB", (64, 64), RED), quarters_left=3)

    info, exif, average = (
        json.loads(execute(tmp_path, "in.heic", rule)[0].read_text())
        for rule in ("imageInfo", "exif", "imageAve")
    )

    assert (info["format"], info["width"], info["height"]) == ("heif", "64", "64")
    assert exif["Make"] == {"val": "Acme (phones), Inc"}
    value = int(average["RGB"], 16)
    assert distance((value >> 16, value >> 8 & 255, value & 255), RED) < 8


def test_heic_serves_as_a_mark(tmp_path: Path) -> None:
    """A HEIC picture can be laid over another one."""
    photograph(tmp_path / "mark.heic", Image.new("RGB", (32, 32), RED))
    quarters().save(tmp_path / "in.png")
    url = urlsafe_b64encode(b"http://b.example/mark.heic").decode()

    made = rendered(tmp_path, "in.png", f"watermark/1/image/{url}/dissolve/100/dx/9/dy/9")

    assert distance(corners(made.image)[3], RED) < 12


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("rule", ["imageMogr2/thumbnail/40x/format/png", "imageMogr2/format/jpg"])
def test_truncated_heic_is_refused(tmp_path: Path, share: float, rule: str) -> None:
    """A HEIC that ends early is refused, never published half grey."""
    photograph(tmp_path / "whole.heic", noise())
    content = (tmp_path / "whole.heic").read_bytes()
    (tmp_path / "in.heic").write_bytes(content[: int(len(content) * share)])

    with pytest.raises(UnsupportedInputError) as caught:
        execute(tmp_path, "in.heic", rule)

    assert str(caught.value).startswith("in.heic: ")
    assert str(tmp_path) not in str(caught.value)


def test_broken_hevc_inside_heic_is_refused(tmp_path: Path) -> None:
    """A file whose boxes are right but whose picture is not is refused."""
    photograph(tmp_path / "in.heic", noise())
    content = bytearray((tmp_path / "in.heic").read_bytes())
    at = content.index(b"mdat") + 4
    content[at : at + 400] = bytes(400)
    (tmp_path / "in.heic").write_bytes(content)

    with pytest.raises(UnsupportedInputError, match=r"^in\.heic: "):
        execute(tmp_path, "in.heic", "imageMogr2/format/png")


def test_heic_is_held_to_the_limits(tmp_path: Path) -> None:
    """The promised size is held against the limit on pixels before anything is decoded."""
    photograph(tmp_path / "in.heic", quarters())

    with pytest.raises(InputLimitError, match="120x80 exceeds the limit of 9599 pixels"):
        execute(tmp_path, "in.heic", "imageMogr2/strip", limits=Limits(pixels=9_599))


def test_heic_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """A header that promises another size than is coded does not come through."""
    photograph(tmp_path / "in.heic", quarters())
    content = (tmp_path / "in.heic").read_bytes()
    at = content.index(b"ispe") + 8
    lie = (16).to_bytes(4, "big") * 2
    (tmp_path / "in.heic").write_bytes(content[:at] + lie + content[at + 8 :])

    with pytest.raises(UnsupportedInputError):
        execute(tmp_path, "in.heic", "imageMogr2/format/png")


@pytest.mark.parametrize("size", [(120, 80), (121, 80), (120, 81), (33, 17), (5, 3)])
def test_heif_is_written_for_others_to_read(tmp_path: Path, size: tuple[int, int]) -> None:
    """`format/heif` makes a HEVC picture of exactly the size, odd and tiny ones too."""
    quarters(*size).save(tmp_path / "in.png")

    path, result = execute(tmp_path, "in.png", "imageMogr2/format/heif/quality/90!")
    found = opened(path)

    assert path.name == "out.heif"
    assert found.size == size
    assert difference(found, quarters(*size)) < 16
    facts = result.facts["PicProcessResult"]["ProcessResult"]
    assert (facts["Format"], facts["Width"], facts["Quality"]) == ("heif", str(size[0]), "90")


def test_heif_keeps_alpha_and_metadata(tmp_path: Path) -> None:
    """What is transparent stays so, and EXIF comes along unless stripped."""
    image = quarters(64, 48).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = Image.Exif()
    exif[0x010F] = "Acme"
    image.save(tmp_path / "in.png", exif=exif)

    kept = opened(execute(tmp_path, "in.png", "imageMogr2/format/heif")[0])
    stripped = opened(execute(tmp_path, "in.png", "imageMogr2/format/heif/strip")[0])

    assert kept.mode == "RGBA"
    assert [alpha(kept, 30, y) for y in (2, 45)] == pytest.approx([12, 241], abs=8)
    assert kept.getexif()[0x010F] == "Acme"
    assert not stripped.getexif()


def test_exif_of_heif_is_about_the_result(tmp_path: Path) -> None:
    """Size and resolution in the EXIF are those of the result, and the old preview is gone."""
    exif = Image.Exif()
    exif[0x011A] = exif[0x011B] = 300.0
    exif[0x0128] = 2
    exif.get_ifd(0x8769)[0xA002] = 120
    quarters().save(tmp_path / "in.jpg", exif=exif, dpi=(300, 300))
    preview = with_preview(noise(320, 240), tmp_path / "camera.jpg")

    found = opened(execute(tmp_path, "in.jpg", "imageMogr2/thumbnail/60x/format/heif")[0])
    told = found.getexif()
    camera, _ = execute(tmp_path, "camera.jpg", "imageMogr2/crop/50x50/format/heif")

    assert (told[0x011A], told[0x011B]) == (300, 300)
    assert (told.get_ifd(0x8769)[0xA002], told.get_ifd(0x8769)[0xA003]) == (60, 40)
    assert preview[:200] not in camera.read_bytes()


@pytest.mark.parametrize("word", ["heif", "avif", "gif", "bmp", "psd"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_formats_without_a_tag_are_written_upright(
    tmp_path: Path, orientation: int, word: str
) -> None:
    """What a tag turned before is stored upright where viewers look at no tag."""
    with_orientation(quarters(), orientation, tmp_path / "in.jpg")

    rule = f"imageMogr2/format/{word}"
    if word == "heif":
        found = opened(execute(tmp_path, "in.jpg", rule)[0])
    else:
        found = rendered(tmp_path, "in.jpg", rule).image

    assert found.size == (120, 80)
    assert looks_like(found, QUARTERS, within=24)
    assert found.getexif().get(0x0112, 1) == 1


def test_quality_of_heif_changes_its_size(tmp_path: Path) -> None:
    """A higher quality gives a larger file that is nearer to the source."""
    noise(320, 240).save(tmp_path / "in.png")

    small, _ = execute(tmp_path, "in.png", "imageMogr2/format/heif/quality/20")
    small_bytes, small_found = small.stat().st_size, opened(small)
    large, _ = execute(tmp_path, "in.png", "imageMogr2/format/heif/quality/90")

    assert large.stat().st_size > 2 * small_bytes
    assert difference(opened(large), noise_of(tmp_path)) < difference(
        small_found, noise_of(tmp_path)
    )


def noise_of(folder: Path) -> Image.Image:
    """The source of the test."""
    return Image.open(folder / "in.png")


def test_heif_without_ffmpeg_is_refused(tmp_path: Path) -> None:
    """Where there is nothing that codes HEVC, the refusal names a way out."""
    quarters().save(tmp_path / "in.png")
    nothing: Callable[[str], Path] = Path
    bench = Bench(key="in.png", folder=tmp_path, limits=Limits(), fetch_other=nothing)

    with pytest.raises(InvalidParamsError, match="format/avif"):
        render(parse_rule("imageMogr2/format/heif"), tmp_path / "in.png", bench)
