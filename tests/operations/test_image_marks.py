"""Marks over pictures, of pictures and of text, with fonts and without."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from penstock.domain.errors import InvalidParamsError, ObjectNotFoundError, UnsupportedInputError
from penstock.operations._image_text import missing_letters
from tests.operations.image_fixtures import (
    GREEN,
    RED,
    alpha,
    animation,
    distance,
    execute,
    pixel,
    rendered,
)

WHITE = (255, 255, 255)


def encoded(text: str) -> str:
    """URL-safe base64 without padding."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


MARK = f"watermark/1/image/{encoded('http://bucket.example/marks/m.png?sign=secret')}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket with a white picture of 200x100 and an opaque red mark of 20x10."""
    Image.new("RGB", (200, 100), WHITE).save(tmp_path / "in.png")
    (tmp_path / "marks").mkdir()
    Image.new("RGB", (20, 10), RED).save(tmp_path / "marks" / "m.png")
    return tmp_path


def marked_box(image: Image.Image) -> tuple[int, int, int, int]:
    """The smallest box round everything that is no longer white."""
    blank = Image.new("RGB", image.size, WHITE)
    box = ImageChops.difference(image.convert("RGB"), blank).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    ("options", "box"),
    [
        ("", (180, 90, 200, 100)),
        ("/dx/5/dy/7", (175, 83, 195, 93)),
        ("/gravity/northwest/dx/5/dy/7", (5, 7, 25, 17)),
        ("/gravity/center/dx/5/dy/7", (90, 45, 110, 55)),
        ("/gravity/north/dx/5/dy/7", (90, 7, 110, 17)),
        ("/gravity/east/dx/5/dy/7", (175, 45, 195, 55)),
        ("/scatype/1/spcent/500", (100, 50, 200, 100)),
        ("/scatype/2/spcent/500", (100, 50, 200, 100)),
        ("/scatype/3/spcent/40", (160, 80, 200, 100)),
        ("/degree/90", (190, 80, 200, 100)),
    ],
)
def test_picture_mark_lies_where_asked(
    folder: Path, options: str, box: tuple[int, int, int, int]
) -> None:
    """A mark has the size and the place that its options say."""
    image = rendered(folder, "in.png", f"{MARK}{options}/dissolve/100").image

    assert image.size == (200, 100)
    assert image.mode == "RGB"
    assert marked_box(image) == box
    assert pixel(image, (box[0] + box[2]) // 2, (box[1] + box[3]) // 2) == RED


def test_dissolve_lets_the_picture_through(folder: Path) -> None:
    """An opacity of 50 shows half of the mark and half of the picture; 90 is the default."""
    half = rendered(folder, "in.png", f"{MARK}/dissolve/50").image
    most = rendered(folder, "in.png", MARK).image

    assert distance(pixel(half, 190, 95), (237, 142, 142)) <= 3
    assert distance(pixel(most, 190, 95), (223, 52, 52)) <= 3


@pytest.mark.parametrize(
    ("blogo", "middle", "edge"), [("", GREEN, GREEN), ("/blogo/2", GREEN, GREEN)]
)
def test_large_mark_is_cut(
    folder: Path, blogo: str, middle: tuple[int, ...], edge: tuple[int, ...]
) -> None:
    """A mark larger than the picture is cut, which is what happens by default too."""
    Image.new("RGB", (900, 90), GREEN).save(folder / "marks" / "m.png")

    image = rendered(folder, "in.png", f"{MARK}{blogo}/dissolve/100").image

    assert image.size == (200, 100)
    assert pixel(image, 100, 60) == middle
    assert pixel(image, 0, 60) == edge


def test_large_mark_is_scaled_on_demand(folder: Path) -> None:
    """With `blogo/1` a mark larger than the picture is scaled into it."""
    Image.new("RGB", (800, 80), GREEN).save(folder / "marks" / "m.png")

    image = rendered(folder, "in.png", f"{MARK}/blogo/1/dissolve/100").image

    assert marked_box(image) == (0, 80, 200, 100)


def test_tiles_cover_the_picture(folder: Path) -> None:
    """`batch/1` repeats the mark over the whole picture, offsets apart."""
    image = rendered(folder, "in.png", f"{MARK}/batch/1/dx/20/dy/10/dissolve/100").image

    assert [pixel(image, x, 5) for x in (5, 30, 45, 165)] == [RED, WHITE, RED, RED]
    assert [pixel(image, 5, y) for y in (5, 15, 25, 85)] == [RED, WHITE, RED, RED]


def test_transparency_of_mark_and_picture_is_kept(folder: Path) -> None:
    """A transparent part of a mark hides nothing, and a transparent picture stays so."""
    mark = Image.new("RGBA", (20, 10), (*RED, 255))
    mark.paste((0, 0, 0, 0), (0, 0, 10, 10))
    mark.save(folder / "marks" / "m.png")
    Image.new("RGBA", (200, 100), (0, 0, 255, 0)).save(folder / "in.png")

    image = rendered(folder, "in.png", f"{MARK}/dissolve/100").image

    assert alpha(image, 10, 10) == alpha(image, 185, 95) == 0
    assert alpha(image, 195, 95) == 255


def test_missing_mark_fails_the_object(folder: Path) -> None:
    """A mark that does not exist is named."""
    (folder / "marks" / "m.png").unlink()

    with pytest.raises(ObjectNotFoundError, match=r"marks/m\.png"):
        execute(folder, "in.png", MARK)


def test_broken_mark_is_named_without_its_signature(folder: Path) -> None:
    """A mark that is no picture is named by its key, never with the signature of its URL."""
    (folder / "marks" / "m.png").write_bytes(b"text")

    with pytest.raises(UnsupportedInputError) as caught:
        execute(folder, "in.png", MARK)

    assert "marks/m.png" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_animated_mark_is_refused(folder: Path) -> None:
    """A mark must not move."""
    animation(folder / "marks" / "m.gif")
    (folder / "marks" / "m.gif").rename(folder / "marks" / "m.png")

    with pytest.raises(InvalidParamsError, match="must be a still picture"):
        execute(folder, "in.png", MARK)


def test_text_is_written_in_its_colour_and_size(folder: Path) -> None:
    """A text is about as high as its font size says, and has the colour asked for."""
    rule = f"watermark/2/text/{encoded('HHHH')}/fontsize/40/fill/{encoded('#ff0000')}"

    image = rendered(folder, "in.png", f"{rule}/dissolve/100").image

    left, top, right, bottom = marked_box(image)
    assert 20 <= bottom - top <= 44
    assert 70 <= right - left <= 160
    assert (right, bottom) == (200, 100)
    strongest = image.convert("RGB").getchannel("G").point(lambda green: 255 * (green < 30))
    assert strongest.getbbox()
    assert image.convert("RGB").getchannel("R").getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("heavy", "plain"), [("DejaVu Sans Bold", "DejaVu Sans"), ("ariblk.ttf", "arial.ttf")]
)
def test_heavy_font_is_written_heavily(folder: Path, heavy: str, plain: str) -> None:
    """A style in the name of a font is drawn, also where another family stands in."""
    if missing_letters("H", plain):
        pytest.skip("no font is installed")

    def ink(font: str) -> float:
        rule = f"watermark/2/text/{encoded('HHHH')}/fontsize/40/font/{encoded(font)}"
        image = rendered(folder, "in.png", rule).image
        return 255 - ImageStat.Stat(image.convert("L")).mean[0]

    assert ink(heavy) > 1.2 * ink(plain)


def test_markup_is_only_text(folder: Path) -> None:
    """Characters that Pango would read as markup are written as they are."""
    for text in ("<b>", "a & b", "</span>", "&lt;"):
        image = rendered(folder, "in.png", f"watermark/2/text/{encoded(text)}").image
        assert marked_box(image)


def test_shadow_is_darker_and_beside(folder: Path) -> None:
    """A shadow adds dark pixels to the lower right of a light text."""
    rule = f"watermark/2/text/{encoded('HH')}/fontsize/40/fill/{encoded('#ffffff')}"

    image = rendered(folder, "in.png", f"{rule}/shadow/100/dissolve/100").image

    darkest, _ = image.convert("L").getextrema()
    assert isinstance(darkest, int)
    assert darkest < 90


def test_tiled_and_turned_text_covers_the_picture(folder: Path) -> None:
    """A tiled, turned text reaches every part of the picture."""
    rule = f"watermark/2/text/{encoded('HH')}/fontsize/30/batch/1/degree/45"

    left, top, right, bottom = marked_box(rendered(folder, "in.png", rule).image)

    assert left < 30
    assert top < 30
    assert right > 170
    assert bottom > 70


@pytest.mark.parametrize("text", [" ", "\n", "\u200b"])
def test_invisible_text_is_refused(folder: Path, text: str) -> None:
    """A text without a visible letter is refused."""
    with pytest.raises(InvalidParamsError, match="visible letter"):
        execute(folder, "in.png", f"watermark/2/text/{encoded(text)}")


def test_letters_that_no_font_has_are_refused(folder: Path) -> None:
    """A letter that no font has is named, not drawn as a box."""
    with pytest.raises(InvalidParamsError, match="no installed font has"):
        execute(folder, "in.png", f"watermark/2/text/{encoded('ok ' + chr(0xFDD0))}")


@pytest.mark.parametrize(("text", "is_drawn"), [("Penstock", True), ("数据", False)])
def test_machine_without_fonts_writes_english_only(
    folder: Path, text: str, *, is_drawn: bool
) -> None:
    """Without any font installed, English is still written; other letters are refused."""
    (folder / "fonts.conf").write_text("<fontconfig></fontconfig>")
    program = (
        "import sys; from pathlib import Path; "
        "from tests.operations.image_fixtures import execute; "
        "execute(Path(sys.argv[1]), 'in.png', sys.argv[2])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, str(folder), f"watermark/2/text/{encoded(text)}"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"FONTCONFIG_FILE": str(folder / "fonts.conf")},
        capture_output=True,
        check=False,
        text=True,
    )

    if is_drawn:
        assert ended.returncode == 0, ended.stderr
        assert marked_box(Image.open(folder / "published" / "out.png"))
    else:
        assert "no installed font has" in ended.stderr
