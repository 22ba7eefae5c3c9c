"""The operation from params to published file: sizes, formats, facts, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    InvalidParamsError,
    OutputRejectedError,
)
from penstock.operations.base import Kind
from penstock.operations.pic_process import OPERATION
from tests.operations.image_fixtures import (
    QUARTERS,
    execute,
    looks_like,
    noise,
    quarters,
    rendered,
    with_orientation,
    with_preview,
)
from tests.operations.workspace import FolderWorkspace


def test_operation_reads_pictures_only() -> None:
    """The operation answers to its node type and is offered pictures."""
    assert OPERATION.tag == OPERATION.block == "PicProcess"
    assert OPERATION.reads == {Kind.IMAGE}


def test_missing_rule_is_refused() -> None:
    """A node without a rule is refused by the name of the field."""
    with pytest.raises(InvalidArgumentError, match=r"PicProcess\.ProcessRule must be given"):
        OPERATION.parse({"PicProcess": {"IsPicInfo": "true"}})


def test_faulty_rule_is_refused_with_its_field() -> None:
    """Every fault of a rule names the field that holds it."""
    with pytest.raises(InvalidArgumentError) as caught:
        OPERATION.parse({"PicProcess": {"ProcessRule": "imageMogr2/rotate/x/spin"}})

    assert len(caught.value.faults) == 2
    assert all(fault.startswith("PicProcess.ProcessRule: ") for fault in caught.value.faults)


def test_importing_the_operation_loads_no_picture_library() -> None:
    """A process that only lists operations does not pay for libvips or Pillow."""
    program = (
        "import sys, penstock.operations.pic_process; "
        "sys.exit(bool({'pyvips', 'PIL', 'numpy'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("word", "pillow_format"),
    [
        ("jpg", "JPEG"),
        ("jpeg", "JPEG"),
        ("yjpeg", "JPEG"),
        ("png", "PNG"),
        ("webp", "WEBP"),
        ("gif", "GIF"),
        ("bmp", "BMP"),
        ("tiff", "TIFF"),
        ("tif", "TIFF"),
        ("avif", "AVIF"),
    ],
)
@pytest.mark.parametrize("source", ["in.jpg", "in.png", "in.bmp", "in.webp", "in.gif", "in.tiff"])
def test_every_format_turns_into_every_other(
    tmp_path: Path, source: str, word: str, pillow_format: str
) -> None:
    """Any readable format becomes any writable one, with its colours and its size."""
    quarters(80, 60).save(tmp_path / source)

    made = rendered(tmp_path, source, f"imageMogr2/thumbnail/!50p/format/{word}")

    assert made.image.format == pillow_format
    assert made.image.size == (40, 30)
    assert looks_like(made.image, QUARTERS, within=24)
    assert made.path.suffix == ("." + word).replace("yjpeg", "jpg")


def test_format_is_kept_without_a_word(tmp_path: Path) -> None:
    """Without `format/` the result has the source's own format, whatever the source is called."""
    quarters().save(tmp_path / "really-a-png.jpg", "PNG")

    made = rendered(tmp_path, "really-a-png.jpg", "imageMogr2/thumbnail/60x")

    assert made.image.format == "PNG"
    assert made.path.name == "out.jpg"


def test_extension_is_found_for_a_key_without_one(tmp_path: Path) -> None:
    """A key without an extension gets that of the format found in it."""
    quarters().save(tmp_path / "photo", "JPEG")

    path, _ = execute(tmp_path, "photo", "imageMogr2/strip")

    assert path.name == "out.jpg"


@pytest.mark.parametrize("name", ["a[n=-1].jpg", "数据 [1].jpg", "a%20b.jpg"])
def test_file_names_are_not_read_as_options(tmp_path: Path, name: str) -> None:
    """What libvips would read as options in a file name is just a name."""
    quarters().save(tmp_path / name)

    assert rendered(tmp_path, name, "imageMogr2/thumbnail/60x").image.size == (60, 40)


def test_undecodable_file_names_are_read(tmp_path: Path) -> None:
    """A file whose name is not UTF-8 is read like any other."""
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    quarters().save(tmp_path / "plain.jpg")
    (tmp_path / "plain.jpg").rename(tmp_path / name)

    assert rendered(tmp_path, name, "imageMogr2/thumbnail/60x").image.size == (60, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("tail", ["", "/thumbnail/60x40!", "/format/png"])
def test_auto_orient_applies_the_tag_and_resets_it(
    tmp_path: Path, orientation: int, tail: str
) -> None:
    """Each of the eight orientations comes out upright, and not to be turned again."""
    with_orientation(quarters(), orientation, tmp_path / "in.jpg")

    made = rendered(tmp_path, "in.jpg", f"imageMogr2/auto-orient{tail}")

    assert made.image.size == ((60, 40) if "thumbnail" in tail else (120, 80))
    assert looks_like(made.image, QUARTERS)
    assert made.image.getexif().get(0x0112, 1) == 1


def test_orientation_is_kept_without_auto_orient(tmp_path: Path) -> None:
    """A thumbnail alone works on the pixels as stored and keeps the tag that turns them."""
    with_orientation(quarters(), 6, tmp_path / "in.jpg")

    made = rendered(tmp_path, "in.jpg", "imageMogr2/thumbnail/x60")

    assert made.image.size == (40, 60)
    assert made.image.getexif()[0x0112] == 6


def test_facts_have_every_shape_that_clients_read(tmp_path: Path) -> None:
    """The result describes source and output in the shapes of all three kinds of clients."""
    quarters().save(tmp_path / "in.jpg", quality=80)

    path, result = execute(
        tmp_path, "in.jpg", "imageMogr2/thumbnail/!50p/format/png", IsPicInfo="true"
    )

    facts = result.facts["PicProcessResult"]
    assert facts["ObjectName"] == "out.png"
    assert facts["OriginalInfo"]["ImageInfo"] == {
        "Format": "JPEG",
        "Width": "120",
        "Height": "80",
        "Quality": "80",
        "Ave": facts["OriginalInfo"]["ImageInfo"]["Ave"],
        "Orientation": "1",
    }
    assert facts["OriginalInfo"]["ImageInfo"]["Ave"].startswith("0x")
    assert facts["ProcessResult"] == {
        "Format": "png",
        "Width": "60",
        "Height": "40",
        "Quality": "100",
        "Size": str(path.stat().st_size),
        "Etag": f'"{result.outputs[0].etag}"',
    }
    assert facts["UploadResult"]["ProcessResults"]["Object"]["Key"] == "out.png"
    assert facts["ProcessResults"] == facts["UploadResult"]["ProcessResults"]


def test_source_is_described_only_on_demand(tmp_path: Path) -> None:
    """Without `IsPicInfo` the source is named and not described."""
    quarters().save(tmp_path / "in.jpg")

    _, result = execute(tmp_path, "in.jpg", "imageMogr2/strip")

    assert "ImageInfo" not in result.facts["PicProcessResult"]["OriginalInfo"]


@pytest.mark.parametrize("source", ["in.png", "in.jpg", "in.bmp"])
def test_average_colour_is_told(tmp_path: Path, source: str) -> None:
    """`imageAve` answers with the mean colour of the picture."""
    Image.new("RGB", (500, 300), (200, 100, 50)).save(tmp_path / source, quality=98)

    path, result = execute(tmp_path, source, "imageAve")

    assert path.name == "out.json"
    value = int(json.loads(path.read_text())["RGB"], 16)
    assert abs((value >> 16) - 200) + abs((value >> 8 & 255) - 100) + abs((value & 255) - 50) < 6
    assert result.facts["PicProcessResult"]["ProcessResult"]["Format"] == "json"


def test_image_info_is_told(tmp_path: Path) -> None:
    """`imageInfo` answers with format, size, digest and frames, all as text."""
    quarters().save(tmp_path / "in.gif")

    answer = json.loads(execute(tmp_path, "in.gif", "imageInfo")[0].read_text())

    assert answer.pop("photo_rgb").startswith("0x")
    assert len(answer.pop("md5")) == 32
    size = str((tmp_path / "in.gif").stat().st_size)
    assert answer == {
        "format": "gif",
        "width": "120",
        "height": "80",
        "size": size,
        "frame_count": "1",
    }


def test_exif_is_told(tmp_path: Path) -> None:
    """`exif` answers with one entry a tag, and says so when there is none."""
    with_orientation(quarters(), 6, tmp_path / "in.jpg")
    quarters().save(tmp_path / "bare.bmp")

    tags = json.loads(execute(tmp_path, "in.jpg", "exif")[0].read_text())
    none = json.loads(execute(tmp_path, "bare.bmp", "exif")[0].read_text())

    assert tags["Make"] == {"val": "Acme (cameras), Inc"}
    assert none == {"error": "no exif data"}


def test_exif_tells_what_the_file_says(tmp_path: Path) -> None:
    """`exif` tells neither what the reader of the file adds, nor what is about the preview."""
    exif = Image.Exif()
    exif[0x011A] = 300.0
    quarters().save(tmp_path / "in.webp", exif=exif)
    with_preview(noise(320, 240), tmp_path / "camera.jpg")

    tags = json.loads(execute(tmp_path, "in.webp", "exif")[0].read_text())
    camera = json.loads(execute(tmp_path, "camera.jpg", "exif")[0].read_text())

    assert tags == {"XResolution": {"val": "300"}}
    assert camera == {"Make": {"val": "Cam"}}


def test_frames_of_a_moving_png_are_counted(tmp_path: Path) -> None:
    """`imageInfo` tells how many frames a PNG has that moves."""
    frames = [quarters().rotate(angle) for angle in (0, 90, 180)]
    frames[0].save(tmp_path / "in.png", save_all=True, append_images=frames[1:])

    answer = json.loads(execute(tmp_path, "in.png", "imageInfo")[0].read_text())

    assert answer["frame_count"] == "3"


@pytest.mark.parametrize("verbs", ["crop/50x50", "crop/50x50/size-limit/100k"])
@pytest.mark.parametrize("target", ["jpg", "png", "webp", "avif"])
def test_preview_of_what_the_picture_was_is_dropped(
    tmp_path: Path, verbs: str, target: str
) -> None:
    """What was cut off does not live on in the EXIF, however the file is written."""
    preview = with_preview(noise(320, 240), tmp_path / "in.jpg")

    made = rendered(tmp_path, "in.jpg", f"imageMogr2/{verbs}/format/{target}")

    assert made.image.getexif()[0x010F] == "Cam"
    assert preview[:200] not in made.path.read_bytes()


def test_png_of_a_photograph_is_no_larger_than_others_make_it(tmp_path: Path) -> None:
    """A PNG of smooth colours is about as small as another library makes it."""
    Image.merge("RGB", [Image.linear_gradient("L").rotate(90 * n) for n in range(3)]).save(
        tmp_path / "in.png"
    )

    path, _ = execute(tmp_path, "in.png", "imageMogr2/strip")

    assert path.stat().st_size < 1.2 * (tmp_path / "in.png").stat().st_size


def test_size_limit_is_held(tmp_path: Path) -> None:
    """The quality is lowered until the file is within the limit, and no further."""
    noise().save(tmp_path / "in.jpg", quality=95)
    assert (tmp_path / "in.jpg").stat().st_size > 8 << 10

    path, result = execute(tmp_path, "in.jpg", "imageMogr2/size-limit/8k")

    assert 6 << 10 < path.stat().st_size <= 8 << 10
    assert 1 < int(result.facts["PicProcessResult"]["ProcessResult"]["Quality"]) < 95


def test_impossible_size_limit_is_refused(tmp_path: Path) -> None:
    """A limit that no quality meets publishes nothing."""
    noise(800, 600).save(tmp_path / "in.jpg", quality=95)

    with pytest.raises(OutputRejectedError, match="1024 bytes"):
        execute(tmp_path, "in.jpg", "imageMogr2/size-limit/1k")


def test_smaller_source_is_kept_on_demand(tmp_path: Path) -> None:
    """With `!` the source itself is published where it is smaller than the result."""
    noise().save(tmp_path / "in.jpg", quality=20)

    path, _ = execute(tmp_path, "in.jpg", "imageMogr2/quality/95!/size-limit/500k!")

    assert path.read_bytes() == (tmp_path / "in.jpg").read_bytes()


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("quality/90", 70),
        ("quality/40", 40),
        ("quality/90!", 90),
        ("rquality/50", 35),
        ("lquality/90", 90),
        ("lquality/40", 70),
        ("quality/0", 1),
        ("strip", 70),
    ],
)
def test_quality_is_measured_against_the_source(tmp_path: Path, verb: str, expected: int) -> None:
    """A JPEG's own quality, read from its tables, bounds or scales the one asked for."""
    noise().save(tmp_path / "in.jpg", quality=70)

    path, result = execute(tmp_path, "in.jpg", f"imageMogr2/{verb}", IsPicInfo="true")

    facts = result.facts["PicProcessResult"]
    assert facts["OriginalInfo"]["ImageInfo"]["Quality"] == "70"
    assert facts["ProcessResult"]["Quality"] == str(expected)
    (tmp_path / "again.jpg").write_bytes(path.read_bytes())
    _, again = execute(tmp_path, "again.jpg", "imageInfo", IsPicInfo="true")
    found = again.facts["PicProcessResult"]["OriginalInfo"]["ImageInfo"]["Quality"]
    assert found == str(expected)


def test_interlace_makes_progressive_jpeg(tmp_path: Path) -> None:
    """`interlace/1` makes a JPEG progressive; without it, it is not."""
    quarters().save(tmp_path / "in.jpg")

    assert rendered(tmp_path, "in.jpg", "imageMogr2/interlace/1").image.info.get("progressive")
    assert not rendered(tmp_path, "in.jpg", "imageMogr2/strip").image.info.get("progressive")


def test_rule_that_does_not_fit_can_leave_the_source(tmp_path: Path) -> None:
    """A cut outside the picture fails the object, or publishes the source on demand."""
    quarters().save(tmp_path / "in.png")

    with pytest.raises(InvalidParamsError, match="inside the picture of 120x80"):
        execute(tmp_path, "in.png", "imageMogr2/cut/9x9x500x0")
    path, _ = execute(tmp_path, "in.png", "imageMogr2/cut/9x9x500x0/ignore-error/1")

    assert path.read_bytes() == (tmp_path / "in.png").read_bytes()


def test_cancelled_attempt_publishes_nothing(tmp_path: Path) -> None:
    """A cancelled attempt stops at the next checkpoint."""
    quarters().save(tmp_path / "in.png")
    workspace = FolderWorkspace(tmp_path, "in.png")
    workspace.cancel_after = 1
    params = OPERATION.parse({"PicProcess": {"ProcessRule": "imageMogr2/rotate/90"}})

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(params, workspace)

    assert not workspace.published_paths
