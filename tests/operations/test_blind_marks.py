"""Blind marks: not seen, read back, alive behind JPEG and scaling, not found where none is."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    InvalidParamsError,
    ObjectNotFoundError,
    OutputRejectedError,
    PenstockError,
    UnsupportedInputError,
)
from penstock.operations.pic_process import OPERATION
from tests.operations.blind_fixtures import (
    encoded,
    found,
    hidden,
    mark_picture,
    opened,
    photograph,
    psnr,
)
from tests.operations.image_fixtures import animation, execute
from tests.operations.real_pictures import real_photographs
from tests.operations.workspace import FolderWorkspace

MARK = encoded("http://bucket.example/marks/m.png?sign=secret")
SOURCE = encoded("in.png")
TEXT = f"3/text/{encoded('penstock2026')}"
LEAST_PSNR = 38.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket with a picture of 640x512 and a mark of 40x32."""
    photograph().save(tmp_path / "in.png")
    (tmp_path / "marks").mkdir()
    mark_picture().save(tmp_path / "marks" / "m.png")
    return tmp_path


def scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Another size of a picture, as any viewer makes it."""
    return lambda image: image.resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC
    )


# --- not seen ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        f"1/image/{MARK}",
        f"2/image/{MARK}",
        f"2/image/{MARK}/level/2",
        f"2/image/{MARK}/level/3",
        TEXT,
        f"3/text/{encoded('数' * 250)}/version/2.0",
    ],
)
@pytest.mark.parametrize("name", ["photograph", "dark", "light", "flat", "noise"])
def test_mark_is_not_seen(folder: Path, rule: str, name: str) -> None:
    """A marked picture is at least 38 dB away from what it was, whatever it shows."""
    levels = np.asarray(photograph(), np.float64)
    made = {
        "photograph": levels,
        "dark": levels / 4,
        "light": 255 - levels / 4,
        "flat": np.full_like(levels, (90, 140, 200)),
        "noise": np.random.default_rng(3).uniform(0, 255, levels.shape),
    }[name]
    source = Image.fromarray(made.astype(np.uint8))
    source.save(folder / "in.png")

    marked = opened(hidden(folder, "in.png", rule))

    assert marked.size == source.size
    assert marked.mode == "RGB"
    assert LEAST_PSNR <= psnr(source, marked) < 60
    chroma = [
        np.asarray(image.convert("YCbCr"), np.float64)[..., 1:] for image in (source, marked)
    ]
    assert abs(chroma[0] - chroma[1]).mean() < 1


@pytest.mark.parametrize("size", [(513, 777), (100, 1000), (65, 64), (900, 129), (261, 255)])
def test_mark_is_not_seen_at_odd_sizes(folder: Path, size: tuple[int, int]) -> None:
    """The promise holds where the lattice and the picture are almost of one size."""
    source = photograph(*size, seed=7)
    source.save(folder / "in.png")
    mark_picture(size[0] // 8, size[1] // 8).save(folder / "marks" / "m.png")

    for rule in (f"3/text/{encoded('x' * 20)}", f"2/image/{MARK}/level/3"):
        assert psnr(source, opened(hidden(folder, "in.png", rule))) >= LEAST_PSNR


# --- a text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("again", "saving"),
    [
        (scaled(1), {}),
        *[(scaled(1), {"format": "JPEG", "quality": quality}) for quality in (90, 75, 50, 30)],
        (scaled(1), {"format": "WEBP", "quality": 75}),
        *[(scaled(factor), {"format": "JPEG", "quality": 75}) for factor in (0.5, 0.75, 0.9, 1.5)],
    ],
)
def test_short_text_outlives(
    folder: Path, again: Callable[[Image.Image], Image.Image], saving: dict[str, object]
) -> None:
    """Twelve letters are read behind JPEG of quality 30, and of 75 at half the size."""
    marked = opened(hidden(folder, "in.png", TEXT))

    facts = found(folder, again(marked), "3", **saving)

    assert facts["WatermarkText"] == "penstock2026"
    assert facts["Format"] == "txt"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("x", (64, 64)),
        ("abcDEF0123456789" * 2, (128, 130)),
        ("ключ: 数据万象 🙂 " * 8, (256, 300)),
        ("数" * 256, (512, 512)),
        ("🙂" * 256, (700, 512)),
    ],
)
def test_text_as_long_as_it_may_be_outlives_jpeg(
    folder: Path, text: str, size: tuple[int, int]
) -> None:
    """The longest texts that a picture holds are read behind JPEG of quality 75."""
    photograph(*size, seed=5).save(folder / "in.png")
    version = "1.0" if text.isascii() else "3.0"

    marked = opened(hidden(folder, "in.png", f"3/text/{encoded(text)}/version/{version}"))

    assert found(folder, marked, "3", format="JPEG", quality=75)["WatermarkText"] == text


def test_text_is_a_file_and_a_fact(folder: Path) -> None:
    """What is read is published as UTF-8, and told in every shape of the result."""
    path = hidden(folder, "in.png", f"3/text/{encoded('数据 ok')}/version/2.0")
    (folder / "marked.png").write_bytes(path.read_bytes())

    published, result = execute(folder, "marked.png", "watermark/4/type/3/text/xxx")

    assert published.suffix == ".txt"
    assert published.read_text(encoding="utf-8") == "数据 ok"
    told = result.facts["PicProcessResult"]
    assert told["ProcessResult"]["WatermarkText"] == "数据 ok"
    assert told["UploadResult"]["ProcessResults"]["Object"]["WatermarkText"] == "数据 ok"


@pytest.mark.parametrize(
    ("size", "text", "version", "fault"),
    [
        ((511, 800), "ok", "2.0", "sides of 512, not 511x800"),
        ((63, 800), "ok", "1.0", "sides of 64, not 63x800"),
        ((64, 64), "x" * 33, "1.0", "64x64 holds 32 bytes of text, not 33"),
        ((300, 500), "数" * 171, "3.0", "300x500 holds 512 bytes of text, not 513"),
    ],
)
def test_text_that_does_not_fit_is_refused(
    folder: Path, size: tuple[int, int], text: str, version: str, fault: str
) -> None:
    """A picture that is too small for a version or a text fails, with what it would hold."""
    photograph(*size).save(folder / "in.png")

    with pytest.raises(InvalidParamsError, match=fault):
        hidden(folder, "in.png", f"3/text/{encoded(text)}/version/{version}")


# --- a picture that is looked for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "quality", "least"), [(1, 75, 95), (1, 50, 85), (2, 40, 85), (3, 30, 90)]
)
def test_full_mark_outlives_jpeg(folder: Path, level: int, quality: int, least: int) -> None:
    """The higher the level, the more of a mark is found behind a JPEG; 75 is enough to be sure."""
    marked = opened(hidden(folder, "in.png", f"2/image/{MARK}/level/{level}"))

    facts = found(folder, marked, f"2/image/{MARK}", format="JPEG", quality=quality)

    assert int(facts["WatermarkStatus"]) >= least


@pytest.mark.parametrize("factor", [0.75, 0.9, 1.5])
def test_full_mark_outlives_scaling(folder: Path, factor: float) -> None:
    """A mark is found in another size of the picture, saved as JPEG of quality 75."""
    marked = opened(hidden(folder, "in.png", f"2/image/{MARK}/version/2.0"))

    facts = found(folder, scaled(factor)(marked), f"2/image/{MARK}", format="JPEG", quality=75)

    assert int(facts["WatermarkStatus"]) > 90


def test_full_mark_is_published_as_it_was_read(folder: Path) -> None:
    """The result is a picture of the mark, and tells how sure it is."""
    path = hidden(folder, "in.png", f"2/image/{MARK}|imageMogr2/format/jpg/quality/75!")
    (folder / "marked.jpg").write_bytes(path.read_bytes())

    published, result = execute(folder, "marked.jpg", f"watermark/4/type/2/image/{MARK}")

    assert published.suffix == ".png"
    image = opened(published)
    assert image.size == (40, 32)
    assert (np.asarray(image) == np.asarray(mark_picture())).mean() > 0.98
    status = result.facts["PicProcessResult"]["ProcessResults"]["Object"]["WatermarkStatus"]
    assert 95 <= int(status) <= 100


# --- a picture that is read with the original --------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "quality", "least"),
    [((320, 256), 75, 0.9), ((160, 120), 75, 0.95), ((40, 32), 75, 0.99), ((40, 32), 50, 0.95)],
)
def test_semi_mark_outlives_jpeg(
    folder: Path, shape: tuple[int, int], quality: int, least: float
) -> None:
    """A mark of half the sides is read behind JPEG of quality 75; smaller ones are clearer."""
    mark = mark_picture(*shape)
    mark.save(folder / "marks" / "m.png")
    marked = opened(hidden(folder, "in.png", f"1/image/{MARK}"))
    marked.save(folder / "again.jpg", quality=quality)

    published, _ = execute(folder, "again.jpg", f"watermark/4/type/1/image/{SOURCE}")

    canvas = np.asarray(opened(published), np.float64)
    assert canvas.shape == (256, 320)
    times = 320 // shape[0]
    top = (256 - times * shape[1]) // 2
    shown = canvas[top : top + times * shape[1]]
    shown = shown.reshape(shape[1], times, shape[0], times).mean(axis=(1, 3)) > 127
    assert (shown == (np.asarray(mark) > 127)).mean() >= least


def test_semi_mark_is_read_off_another_size(folder: Path) -> None:
    """With the original at hand, a picture may have been made smaller."""
    marked = opened(hidden(folder, "in.png", f"1/image/{MARK}"))
    scaled(0.75)(marked).save(folder / "again.jpg", quality=90)

    published, _ = execute(folder, "again.jpg", f"watermark/4/type/1/image/{SOURCE}")

    canvas = np.asarray(opened(published), np.float64).reshape(32, 8, 40, 8).mean(axis=(1, 3))
    assert ((canvas > 127) == (np.asarray(mark_picture()) > 127)).mean() > 0.95


def test_semi_mark_of_a_jpeg_outlives_its_own_tables(folder: Path) -> None:
    """A mark is not rounded away where a JPEG is written with the tables that it had."""
    opened(folder / "in.png").save(folder / "in.jpg", quality=75)

    path = hidden(folder, "in.jpg", f"1/image/{MARK}")

    assert psnr(opened(path), opened(folder / "in.jpg")) < 60


# --- never found where none is -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_found_in_unmarked_pictures(folder: Path, seed: int) -> None:
    """Pictures without a mark hold no text, and no mark that is looked for."""
    image = photograph(seed=10 + seed)
    for mark in (mark_picture(), mark_picture(8, 8, "."), mark_picture(64, 10, "PENSTOCK")):
        mark.save(folder / "marks" / "m.png")
        assert int(found(folder, image, f"2/image/{MARK}")["WatermarkStatus"]) < 60

    with pytest.raises(UnsupportedInputError, match="holds no blind text"):
        found(folder, image, "3", format="JPEG", quality=80)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (127, 128, 129)])
def test_nothing_is_found_in_plain_pictures(folder: Path, colour: tuple[int, int, int]) -> None:
    """A picture of one colour holds nothing either."""
    image = Image.new("RGB", (640, 512), colour)

    assert int(found(folder, image, f"2/image/{MARK}")["WatermarkStatus"]) < 60
    with pytest.raises(UnsupportedInputError, match="holds no blind text"):
        found(folder, image, "3")


def test_other_marks_are_not_mistaken_for_the_one_looked_for(folder: Path) -> None:
    """A picture that holds one mark does not pass for holding another of the same size."""
    marked = opened(hidden(folder, "in.png", f"2/image/{MARK}/level/3"))
    mark_picture(text="K").transpose(Image.Transpose.ROTATE_180).save(folder / "marks" / "m.png")

    assert int(found(folder, marked, f"2/image/{MARK}")["WatermarkStatus"]) < 75
    with pytest.raises(UnsupportedInputError, match="holds no blind text"):
        found(folder, marked, "3")


def test_source_itself_holds_no_semi_mark(folder: Path) -> None:
    """Where nothing differs from the source there is no mark to show."""
    with pytest.raises(UnsupportedInputError, match="does not differ from the source"):
        execute(folder, "in.png", f"watermark/4/type/1/image/{SOURCE}")


# --- nothing unmarked is published -------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        f"1/image/{MARK}|imageMogr2/format/jpg/quality/5!",
        f"2/image/{MARK}|imageMogr2/format/jpg/quality/5!",
        f"3/text/{encoded('x' * 250)}|imageMogr2/format/jpg/quality/5!",
    ],
)
def test_mark_that_does_not_outlive_saving_fails(folder: Path, rule: str) -> None:
    """A result that the mark cannot be read from is not published."""
    with pytest.raises(OutputRejectedError, match="cannot be read back from the result, jpeg of"):
        hidden(folder, "in.png", rule)

    assert not (folder / "published").exists()


def test_mark_in_a_palette_is_read_back_or_fails(folder: Path) -> None:
    """What becomes of a mark is found out: a GIF is published with it or not at all."""
    rule = f"{TEXT}|imageMogr2/format/gif"
    try:
        path = hidden(folder, "in.png", rule)
    except OutputRejectedError:
        return

    assert found(folder, opened(path).convert("RGB"), "3")["WatermarkText"] == "penstock2026"


@pytest.mark.parametrize("rule", [TEXT, f"1/image/{MARK}", f"2/image/{MARK}"])
@pytest.mark.parametrize("format_name", ["jpg", "png", "webp", "tif", "bmp", "avif", "psd"])
def test_mark_is_hidden_in_every_format(folder: Path, rule: str, format_name: str) -> None:
    """Each format is written with the mark in it, or the node fails."""
    saving = f"imageMogr2/format/{format_name}/quality/90!"

    path = hidden(folder, "in.png", f"{rule}|{saving}")

    assert path.suffix == f".{format_name}"


# --- what else the picture has -----------------------------------------------------------------


def test_profile_alpha_and_metadata_are_kept(folder: Path) -> None:
    """A marked picture keeps its colour profile, its transparency, its size and its EXIF."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = photograph().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = Image.Exif()
    exif[0x010E] = "A description"
    image.save(folder / "in.png", icc_profile=profile, exif=exif)

    marked = opened(hidden(folder, "in.png", TEXT))

    assert marked.mode == "RGBA"
    assert marked.info["icc_profile"] == profile
    assert marked.getexif()[0x010E] == "A description"
    assert marked.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert psnr(image, marked) >= LEAST_PSNR


def test_stripped_picture_is_marked_in_plain_colours(folder: Path) -> None:
    """Where the profile has to go, the colours are turned into sRGB before."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photograph().save(folder / "in.png", icc_profile=profile)

    marked = opened(hidden(folder, "in.png", f"{TEXT}|imageMogr2/strip"))

    assert "icc_profile" not in marked.info
    assert found(folder, marked, "3")["WatermarkText"] == "penstock2026"


def test_turned_picture_is_marked_as_it_is_stored(folder: Path) -> None:
    """The orientation of a camera stays, except where a format stores pictures upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph().save(folder / "in.jpg", quality=92, exif=exif)

    stored = hidden(folder, "in.jpg", TEXT)
    assert opened(stored).getexif()[0x0112] == 6
    assert opened(stored).size == (640, 512)

    upright = opened(hidden(folder, "in.jpg", f"{TEXT}|imageMogr2/format/avif/quality/90!"))
    assert upright.size == (512, 640)
    assert found(folder, upright, "3")["WatermarkText"] == "penstock2026"


def test_mark_is_hidden_behind_other_steps(folder: Path) -> None:
    """A mark is hidden in what the steps before it made."""
    steps = "imageMogr2/thumbnail/400x/rotate/90"
    path, _ = execute(folder, "in.png", f"{steps}|watermark/3/type/{TEXT}|imageMogr2/format/jpg")

    assert opened(path).size == (320, 400)
    assert found(folder, opened(path), "3")["WatermarkText"] == "penstock2026"


# --- refused -----------------------------------------------------------------------------------


def grey(folder: Path) -> None:
    """A grey picture."""
    photograph().convert("L").save(folder / "in.png")


def moving_gif(folder: Path) -> None:
    """An animation, by whatever name."""
    animation(folder / "in.gif")
    (folder / "in.gif").rename(folder / "in.png")


def moving_png(folder: Path) -> None:
    """A PNG that moves."""
    frames = [photograph(seed=seed) for seed in (1, 2)]
    frames[0].save(folder / "in.png", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("make", "word"), [(grey, "is grey"), (moving_gif, "is animated"), (moving_png, "is animated")]
)
@pytest.mark.parametrize(
    "rule",
    [
        f"watermark/3/type/{TEXT}|imageMogr2/format/jpg",
        f"imageSlim|watermark/3/type/{TEXT}",
        "watermark/4/type/3",
    ],
)
def test_grey_and_animated_pictures_are_refused(
    folder: Path, make: Callable[[Path], None], word: str, rule: str
) -> None:
    """Blind marks are neither for grey pictures nor for animations, whatever is made of them."""
    make(folder)

    with pytest.raises(UnsupportedInputError, match=rf"in\.png: {word}"):
        execute(folder, "in.png", rule)


@pytest.mark.parametrize(
    ("shape", "kind", "fault"),
    [
        ((322, 100), 1, "needs a picture of twice its sides"),
        ((81, 20), 2, "needs a picture of at least 648x160, not 640x512"),
        ((9, 7), 2, "a mark has at least 64 pixels"),
    ],
)
def test_mark_that_does_not_fit_is_refused(
    folder: Path, shape: tuple[int, int], kind: int, fault: str
) -> None:
    """A mark that is too large or too small for a picture is told with what would fit."""
    Image.new("L", shape).save(folder / "marks" / "m.png")
    mark = Image.new("L", shape)
    mark.paste(255, (1, 1, 5, 5))
    mark.save(folder / "marks" / "m.png")

    with pytest.raises(InvalidParamsError, match=fault):
        hidden(folder, "in.png", f"{kind}/image/{MARK}")


@pytest.mark.parametrize("kind", [1, 2])
def test_wrong_marks_get_clear_codes(folder: Path, kind: int) -> None:
    """A mark that is of one colour, moves, is no picture or is missing fails by its own name."""
    path = folder / "marks" / "m.png"
    Image.new("L", (40, 32), 255).save(path)
    expected: list[tuple[type[PenstockError], str]] = [(InvalidParamsError, "not one colour")]
    with pytest.raises(expected[0][0], match=expected[0][1]):
        hidden(folder, "in.png", f"{kind}/image/{MARK}")

    animation(folder / "m.gif")
    path.write_bytes((folder / "m.gif").read_bytes())
    with pytest.raises(InvalidParamsError, match="must be a still picture"):
        hidden(folder, "in.png", f"{kind}/image/{MARK}")

    path.write_bytes(b"text")
    with pytest.raises(UnsupportedInputError, match=r"marks/m\.png") as caught:
        hidden(folder, "in.png", f"{kind}/image/{MARK}")
    assert "secret" not in str(caught.value)

    path.unlink()
    with pytest.raises(ObjectNotFoundError, match=r"marks/m\.png"):
        hidden(folder, "in.png", f"{kind}/image/{MARK}")


def test_source_of_another_shape_is_refused(folder: Path) -> None:
    """A semi-blind mark is not read with a picture of other proportions."""
    photograph(500, 500).save(folder / "other.png")

    with pytest.raises(InvalidParamsError, match="must have the shape of the picture"):
        execute(folder, "other.png", f"watermark/4/type/1/image/{SOURCE}")


def test_broken_picture_is_told(folder: Path) -> None:
    """A picture that is cut off holds nothing to read."""
    content = (folder / "in.png").read_bytes()
    (folder / "in.png").write_bytes(content[: len(content) // 2])

    for rule in (f"watermark/3/type/{TEXT}", "watermark/4/type/3"):
        with pytest.raises(UnsupportedInputError, match=r"in\.png"):
            execute(folder, "in.png", rule)


def test_snapshots_are_not_read_by_a_rule() -> None:
    """Reading is not a rule that makes a picture, so other operations do not take it."""
    from penstock.operations.snapshot import OPERATION as SNAPSHOT  # noqa: PLC0415

    for rule in ("watermark/4/type/3", "imageMogr2/format/svgc"):
        with pytest.raises(InvalidArgumentError, match="a rule that makes a picture"):
            SNAPSHOT.parse({"Snapshot": {"Start": "0", "CIParam": rule}})


def test_cancelled_marking_stops(folder: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = FolderWorkspace(folder, "in.png")
    workspace.cancel_after = 3
    params = OPERATION.parse({"PicProcess": {"ProcessRule": f"watermark/3/type/{TEXT}"}})

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(params, workspace)

    assert not workspace.published_paths


# --- photographs -------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_photographs_keep_their_marks(folder: Path) -> None:
    """Photographs look the same, and their marks are read behind JPEG of quality 75."""
    mark = f"image/{MARK}"
    for path in real_photographs(folder):
        key = path.relative_to(folder).as_posix()
        source = opened(path)
        for rule, reading in ((TEXT, "3"), (f"2/{mark}", f"2/{mark}")):
            marked = opened(hidden(folder, key, f"{rule}|imageMogr2/format/png"))
            assert psnr(source, marked) >= LEAST_PSNR

            content = BytesIO()
            marked.save(content, "JPEG", quality=75)
            facts = found(folder, Image.open(content), reading)

            assert facts.get("WatermarkText", "penstock2026") == "penstock2026"
            assert int(facts.get("WatermarkStatus", 100)) > 90
        assert int(found(folder, source, f"2/{mark}")["WatermarkStatus"]) < 60
