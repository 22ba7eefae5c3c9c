"""Pictures of every kind of pixels, real photographs among them, against Pillow as judge."""

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, ImageSequence

from penstock.domain.errors import InputLimitError, UnsupportedInputError
from tests.operations.image_fixtures import (
    GREEN,
    QUARTERS,
    RED,
    alpha,
    distance,
    execute,
    looks_like,
    noise,
    pixel,
    quarters,
    rendered,
)
from tests.operations.real_pictures import difference, real_photographs

RULES = ["imageMogr2/format/png", "imageMogr2/thumbnail/60x40!/format/png"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["in.jpg", "in.tiff"])
def test_colours_of_print_are_converted(tmp_path: Path, name: str, rule: str) -> None:
    """A CMYK picture without profile comes out in the colours that it is meant to have."""
    quarters().convert("CMYK").save(tmp_path / name, quality=95)

    made = rendered(tmp_path, name, rule).image

    assert made.mode == "RGB"
    assert looks_like(made, QUARTERS, within=100)  # no two ideas of CMYK are the same
    assert pixel(made, 5, 5)[0] > 1.5 * max(pixel(made, 5, 5)[1:])


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1"])
@pytest.mark.parametrize("rule", RULES)
def test_modes_of_png_keep_their_look(tmp_path: Path, mode: str, rule: str) -> None:
    """Grey, palette, black and white, with alpha or without: a PNG looks as Pillow shows it."""
    source = quarters()
    if mode == "LA":
        source = source.convert("RGBA")
    source.convert(mode).save(tmp_path / "in.png")

    made = rendered(tmp_path, "in.png", rule).image

    with Image.open(tmp_path / "in.png") as judge:
        wanted = judge.convert("RGB").resize(made.size, Image.Resampling.BOX)
    if mode != "1":  # dots smaller than a pixel are no question of taste
        assert difference(made, wanted) < 6
    assert made.size == wanted.size


def test_palette_with_transparency_stays_transparent(tmp_path: Path) -> None:
    """The colour of a palette that is marked as clear is clear in the result."""
    image = Image.new("P", (40, 40), 1)
    image.putpalette([0, 0, 0, *RED])
    image.paste(0, (0, 0, 20, 40))
    image.save(tmp_path / "in.png", transparency=0)

    made = rendered(tmp_path, "in.png", "imageMogr2/thumbnail/20x/format/webp").image

    assert (alpha(made, 3, 10), alpha(made, 16, 10)) == (0, 255)
    assert distance(pixel(made, 16, 10), RED) < 12


@pytest.mark.parametrize("target", ["jpg", "png", "webp", "tiff", "avif"])
def test_sixteen_bits_become_eight(tmp_path: Path, target: str) -> None:
    """A picture of 16 bits a band keeps its brightness in formats of 8."""
    levels = [int(x / 63 * 65535) for _ in range(64) for x in range(64)]
    deep = Image.new("I;16", (64, 64))
    deep.putdata(levels)
    deep.save(tmp_path / "in.png")

    made = rendered(tmp_path, "in.png", f"imageMogr2/bright/0/format/{target}").image

    grey = made.convert("RGB")
    for x in (4, 32, 60):
        assert abs(pixel(grey, x, 30)[0] - x * 255 // 63) < 6


@pytest.mark.parametrize("word", ["1", "L"])
def test_tiff_of_fax_machines_is_read(tmp_path: Path, word: str) -> None:
    """TIFFs of one bit and of eight are read."""
    image = Image.new(word, (64, 64), 0)
    image.paste(255, (32, 0, 64, 64))
    image.save(tmp_path / "in.tiff", compression="group4" if word == "1" else None)

    made = rendered(tmp_path, "in.tiff", "imageMogr2/format/png").image

    assert distance(pixel(made, 8, 8), (0, 0, 0)) < 3
    assert distance(pixel(made, 56, 8), (255, 255, 255)) < 3


@pytest.mark.parametrize("target", ["jpg", "webp", "png"])
@pytest.mark.parametrize("verbs", ["", "/thumbnail/64x64!"])
def test_profile_is_applied(tmp_path: Path, target: str, verbs: str) -> None:
    """A picture with a profile of its own is shown as that profile means it."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = lab.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    Image.new("RGB", (64, 64), (200, 120, 60)).save(tmp_path / "in.jpg", icc_profile=swapped)

    made = rendered(tmp_path, "in.jpg", f"imageMogr2{verbs or '/bright/0'}/format/{target}")

    assert distance(pixel(made.image, 30, 30), (60, 120, 200)) < 12


@pytest.mark.parametrize("disposal", [0, 1, 2, [1, 3, 3, 3]], ids=str)
@pytest.mark.parametrize("target", ["gif", "webp"])
def test_frames_are_drawn_over_one_another(
    tmp_path: Path, disposal: int | list[int], target: str
) -> None:
    """Every frame comes out as a viewer shows it, whatever is done with the one before."""
    base = Image.new("RGB", (60, 40), GREEN)
    patches = [base, *(base.copy() for _ in range(3))]
    for number, frame in enumerate(patches[1:], 1):
        frame.paste(RED, (number * 10, 5, number * 10 + 12, 25))
    patches[0].save(
        tmp_path / "in.gif",
        save_all=True,
        append_images=patches[1:],
        disposal=disposal,
        duration=50,
    )

    made = rendered(tmp_path, "in.gif", f"imageMogr2/flip/horizontal/format/{target}").image

    with Image.open(tmp_path / "in.gif") as judge:
        shown = [frame.convert("RGB").copy() for frame in ImageSequence.Iterator(judge)]
    found = [frame.convert("RGB").copy() for frame in ImageSequence.Iterator(made)]
    assert len(found) == len(shown) == 4
    for one, other in zip(found, shown, strict=True):
        assert difference(one, ImageOps.mirror(other)) < 12


@pytest.mark.parametrize("name", ["in.gif", "in.webp"])
@pytest.mark.parametrize("rule", ["imageMogr2/thumbnail/40x", "imageMogr2/format/png"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_animation_is_refused(
    tmp_path: Path, name: str, rule: str, share: float
) -> None:
    """An animation that ends early is refused, never published with fewer or grey frames."""
    frames = [noise(80, 60).rotate(n * 90) for n in range(4)]
    frames[0].save(
        tmp_path / "whole",
        name.rpartition(".")[2],
        save_all=True,
        append_images=frames[1:],
        duration=60,
    )
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])

    with pytest.raises(UnsupportedInputError):
        execute(tmp_path, name, rule)


@pytest.mark.parametrize("rule", ["imageMogr2/strip", "imageInfo", "imageMogr2/thumbnail/9x"])
def test_enormous_canvas_of_a_gif_is_refused(tmp_path: Path, rule: str) -> None:
    """A GIF of a few bytes that would paint gigapixels is refused by its header."""
    size = struct.pack("<HH", 60_000, 60_000)
    frame = b"\x2c" + bytes(4) + size + b"\0" + b"\x02\x02\x44\x01\0"
    palette = bytes([0, 0, 0, 255, 255, 255])
    (tmp_path / "in.gif").write_bytes(b"GIF89a" + size + b"\x80\0\0" + palette + frame + b"\x3b")

    with pytest.raises(InputLimitError, match="60000x60000 exceeds"):
        execute(tmp_path, "in.gif", rule)


@pytest.mark.parametrize("missing", [1, 20, 200])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp", "in.gif"])
def test_picture_that_lacks_its_last_bytes_is_refused(
    tmp_path: Path, name: str, rule: str, missing: int
) -> None:
    """A picture that is whole but for a few bytes is refused, or lacks nothing that is seen."""
    noise().save(tmp_path / name)
    whole = rendered(tmp_path, name, rule).image
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-missing])

    try:
        found = rendered(tmp_path, name, rule).image
    except UnsupportedInputError:
        return

    assert missing == 1
    assert difference(found, whole) == 0


def shown(path: Path) -> Image.Image:
    """A photograph as a colour-managed viewer shows it."""
    with Image.open(path) as image:
        profile = image.info.get("icc_profile")
        if not profile:
            return image.convert("RGB")
        meant = ImageCms.ImageCmsProfile(BytesIO(profile))
        seen = ImageCms.profileToProfile(
            image.convert("RGB"), meant, ImageCms.createProfile("sRGB")
        )
        assert seen is not None
        return seen


Judge = Callable[[Image.Image], Image.Image]
LANCZOS = Image.Resampling.LANCZOS
JUDGED: dict[str, tuple[str, Judge]] = {
    "shrunk": (
        "thumbnail/200x",
        lambda p: p.resize((200, round(p.height * 200 / p.width)), LANCZOS),
    ),
    "half": ("thumbnail/!50p", lambda p: p.resize((-(-p.width // 2), -(-p.height // 2)), LANCZOS)),
    "forced": ("thumbnail/150x90!", lambda p: p.resize((150, 90), LANCZOS)),
    "cut": ("cut/200x150x30x40", lambda p: p.crop((30, 40, 230, 190))),
    "turned": ("rotate/90", lambda p: p.transpose(Image.Transpose.ROTATE_270)),
    "mirrored": ("flip/horizontal", ImageOps.mirror),
    "grey": ("grayscale/1", lambda p: p.convert("L").convert("RGB")),
    "padded": (
        "thumbnail/100x100/pad/1",
        lambda p: ImageOps.pad(p, (100, 100), LANCZOS, color="white"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", JUDGED)
@pytest.mark.parametrize("target", ["png", "jpg", "webp", "avif"])
def test_photographs_come_out_as_pillow_makes_them(tmp_path: Path, what: str, target: str) -> None:
    """Real photographs, changed by a rule, differ from Pillow's work by less than the eye sees."""
    verbs, judge = JUDGED[what]
    for source in real_photographs(tmp_path):
        key = source.relative_to(tmp_path).as_posix()

        made = rendered(tmp_path, key, f"imageMogr2/{verbs}/format/{target}/quality/95!").image

        wanted = judge(shown(source))
        assert distance(made.size, wanted.size) <= 1
        assert difference(made.resize(wanted.size), wanted) < 8, key


@pytest.mark.slow
def test_photographs_get_slimmer(tmp_path: Path) -> None:
    """Real photographs lose bytes by `imageSlim`, and nothing that the eye sees."""
    for source in real_photographs(tmp_path):
        key = source.relative_to(tmp_path).as_posix()

        made = rendered(tmp_path, key, "imageSlim")

        made.image.save(tmp_path / "shown.png", icc_profile=made.image.info.get("icc_profile"))
        assert difference(shown(tmp_path / "shown.png"), shown(source)) < 6
        assert made.path.stat().st_size < 0.9 * source.stat().st_size


@pytest.mark.slow
def test_photographs_survive_heif(tmp_path: Path) -> None:
    """Real photographs pass through HEIF and back, and look as before."""
    heif: Any = pytest.importorskip("pi_heif")
    for source in real_photographs(tmp_path):
        key = source.relative_to(tmp_path).as_posix()
        path, _ = execute(tmp_path, key, "imageMogr2/format/heif/quality/90!")
        judged = heif.open_heif(path).to_pillow()
        (tmp_path / "back.heic").write_bytes(path.read_bytes())

        made = rendered(tmp_path, "back.heic", "imageMogr2/format/png").image

        assert difference(made, judged) < 1
        assert difference(made, shown(source)) < 6
