"""What was made is read back before it is published; what is not as asked for is rejected."""

import random
from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import OutputRejectedError
from penstock.operations._image_bench import Bench
from penstock.operations._image_geometry import Size
from penstock.operations._image_result import Rendered, check_result
from penstock.operations._vips import Picture, vips
from penstock.operations.base import Limits
from tests.operations.image_fixtures import animation, noise, quarters

FORMATS = {"JPEG": "jpeg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp"}


def check(path: Path, format_name: str, size: tuple[int, int], frames: list[Picture]) -> None:
    """Check a file as if these frames had just been written to it."""
    bench = Bench(key="in.png", folder=path.parent, limits=Limits(), fetch_other=Path)
    check_result(Rendered(path, format_name, Size(*size), 100), frames, bench)


def still(width: int = 120, height: int = 80) -> list[Picture]:
    """One frame."""
    return [vips().Image.black(width, height, bands=3)]


@pytest.mark.parametrize(("pillow_format", "format_name"), FORMATS.items())
def test_right_result_passes(tmp_path: Path, pillow_format: str, format_name: str) -> None:
    """A file that is what was computed passes."""
    quarters().save(tmp_path / "result", pillow_format)

    check(tmp_path / "result", format_name, (120, 80), still())


@pytest.mark.parametrize(
    ("claimed", "size", "fault"),
    [
        ("png", (1, 1), "must be png of 1x1, not png of 120x80"),
        ("webp", (120, 80), "must be webp of 120x80"),
    ],
)
def test_wrong_result_is_rejected(
    tmp_path: Path, claimed: str, size: tuple[int, int], fault: str
) -> None:
    """A file that is not what was computed is never published."""
    quarters().save(tmp_path / "result.png")

    with pytest.raises(OutputRejectedError, match=fault):
        check(tmp_path / "result.png", claimed, size, still())


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.99])
@pytest.mark.parametrize(("pillow_format", "format_name"), FORMATS.items())
def test_cut_off_result_is_rejected(
    tmp_path: Path, pillow_format: str, format_name: str, share: float
) -> None:
    """A file that lacks its end, or all of it, is never published."""
    noise(120, 80).save(tmp_path / "whole", pillow_format)
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "result").write_bytes(content[: int(len(content) * share)])

    with pytest.raises(OutputRejectedError):
        check(tmp_path / "result", format_name, (120, 80), still())


@pytest.mark.parametrize(("pillow_format", "format_name"), FORMATS.items())
def test_result_with_something_behind_it_is_rejected(
    tmp_path: Path, pillow_format: str, format_name: str
) -> None:
    """A file goes to its logical end and no further."""
    quarters().save(tmp_path / "result", pillow_format)
    with (tmp_path / "result").open("ab") as file:
        file.write(b"left over from before")

    with pytest.raises(OutputRejectedError, match="must end at its last byte"):
        check(tmp_path / "result", format_name, (120, 80), still())


def test_damaged_small_result_is_rejected(tmp_path: Path) -> None:
    """A small file whose structure is right and whose picture is not is found by decoding it."""
    grain = random.Random(3)  # noqa: S311  # the same damage in every run
    shades = bytes(grain.randrange(0, 256, 16) for _ in range(120 * 80))
    Image.frombytes("L", (120, 80), shades).save(tmp_path / "result.png")
    content = bytearray((tmp_path / "result.png").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    (tmp_path / "result.png").write_bytes(content)

    with pytest.raises(OutputRejectedError, match="cannot be read back"):
        check(tmp_path / "result.png", "png", (120, 80), still())


@pytest.mark.parametrize("name", ["result.gif", "result.webp"])
def test_missing_frames_are_noticed(tmp_path: Path, name: str) -> None:
    """An animation with fewer frames than were written to it is never published."""
    animation(tmp_path / name)
    written = [frame.copy() for frame in still(80, 60) * 5]
    written[0].set_type(vips().GValue.array_int_type, "delay", [50, 70, 90, 110, 500])

    with pytest.raises(OutputRejectedError, match="must have 5 frames, not 4 of 320 ms"):
        check(tmp_path / name, name.partition(".")[2], (80, 60), written)


@pytest.mark.parametrize("name", ["result.gif", "result.webp"])
def test_frames_that_an_encoder_joined_are_not_missing(tmp_path: Path, name: str) -> None:
    """A frame that equals the one before may be joined to it: the time tells that it is there."""
    animation(tmp_path / name)
    written = [frame.copy() for frame in still(80, 60) * 5]
    written[0].set_type(vips().GValue.array_int_type, "delay", [50, 70, 90, 60, 50])

    check(tmp_path / name, name.partition(".")[2], (80, 60), written)
