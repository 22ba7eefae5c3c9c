"""Snapshot: which frames, how they stand, and how sheets are laid out."""

from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations.base import Limits
from penstock.operations.snapshot import OPERATION
from tests.operations.media_fixtures import FPS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_OUTPUTS = {"Object": "o/${Number}_${Time}.${Ext}", "SpriteObject": "o/sheet_${Number}.jpg"}
_SHEET = {"Color": "red", "Columns": "3", "Lines": "2"}


def _tree(sprite: Tree | None = None, /, **leaves: str) -> Tree:
    block: dict[str, str | Tree] = {**leaves}
    if sprite is not None:
        block["SpriteSnapshotConfig"] = sprite
    return {"Snapshot": block, "Output": _OUTPUTS}


def _run(workspace: FolderWorkspace, tree: Tree) -> list[Path]:
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    assert [workspace.published / output.key for output in result.outputs] == (
        workspace.published_paths
        if "SpriteObject" not in {output.target for output in result.outputs}
        else sorted(workspace.published_paths, key=lambda path: path.name.startswith("sheet"))
    )
    return [workspace.published / output.key for output in result.outputs]


def _frame_number(path: Path) -> int:
    """The number that a frame of the numbered clips carries in its luma."""
    with Image.open(path) as image:
        level = image.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(level, int)
    return round(level * 219 / 255 / 4)


def _numbers(paths: list[Path]) -> list[int]:
    return [_frame_number(path) for path in paths]


@pytest.mark.parametrize("key", ["numbered.mp4", "numbered.ts", "numbered.mkv"])
@pytest.mark.parametrize("frame", [0, 1, 9, 10, 11, 24, 49])
def test_snapshot_takes_exactly_the_frame_shown(
    media: MediaFolder, tmp_path: Path, key: str, frame: int
) -> None:
    """A time within a frame's interval gives that frame, whatever the container."""
    workspace = media.workspace(key, tmp_path, outputs=_OUTPUTS)
    start = f"{(frame + 0.6) / FPS if key.endswith('.ts') else frame / FPS:.3f}"

    made = _run(workspace, _tree(Start=start, Count="1"))

    assert _numbers(made) == [frame]


@pytest.mark.parametrize("key", ["numbered.mp4", "numbered.ts", "numbered.mkv", "numbered.h264"])
def test_snapshot_interval_takes_a_frame_every_so_often(
    media: MediaFolder, tmp_path: Path, key: str
) -> None:
    """Interval stops at the end of the video, and names carry number and time."""
    workspace = media.workspace(key, tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Mode="Interval", Start="0.21", TimeInterval="0.48", Count="9"))

    assert _numbers(made) == [5, 17, 29, 41]
    assert [path.name for path in made] == ["0_210.jpg", "1_690.jpg", "2_1170.jpg", "3_1650.jpg"]
    assert workspace.reports == sorted(workspace.reports)


@pytest.mark.parametrize("key", ["sparse.mkv", "sparse.ts", "sparse.mp4"])
def test_snapshot_finds_frames_far_apart(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """Frames at long distances are the right ones, although what lies between is skipped."""
    workspace = media.workspace(key, tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Start="0.5", TimeInterval="12", Count="4"))

    assert _numbers(made) == [0, 12, 24, 36]


def test_snapshot_without_interval_takes_every_frame(media: MediaFolder, tmp_path: Path) -> None:
    """Count alone means consecutive frames."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Start="0.4", Count="4"))

    assert _numbers(made) == [10, 11, 12, 13]


def test_snapshot_average_divides_the_rest_evenly(media: MediaFolder, tmp_path: Path) -> None:
    """Average spreads Count pictures from Start to the end."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Mode="Average", Start="1", Count="5"))

    assert _numbers(made) == [25, 30, 35, 40, 45]


def test_snapshot_key_frames_are_those_of_the_stream(media: MediaFolder, tmp_path: Path) -> None:
    """KeyFrame takes key frames from Start on, at most Count."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Mode="KeyFrame", Start="0.3", Count="3"))

    assert _numbers(made) == [10, 20, 30]


@pytest.mark.parametrize(("checked", "expected"), [("false", [0, 25]), ("true", [0, 12, 25, 37])])
def test_snapshot_check_count_switches_to_average(
    media: MediaFolder, tmp_path: Path, checked: str, expected: list[int]
) -> None:
    """A video too short for Count intervals is divided evenly when that is asked for."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(TimeInterval="1", Count="4", IsCheckCount=checked))

    assert _numbers(made) == expected


@pytest.mark.parametrize("start", ["0", "0.04"])
def test_snapshot_skips_black_at_the_beginning_only(
    media: MediaFolder, tmp_path: Path, start: str
) -> None:
    """IsCheckBlack moves Start 0 to the first frame that is not black, and no other Start."""
    workspace = media.workspace("dark_start.mp4", tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Start=start, Count="1", IsCheckBlack="true"))

    with Image.open(made[0]) as image:
        is_white = image.convert("L").getpixel((80, 60)) == 255
    assert is_white == (start == "0")


def _corner_colours(path: Path) -> list[str]:
    """The names of the colours near the four corners, row by row."""
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white"}
    with Image.open(path) as opened:
        image = opened.convert("RGB")
        right, bottom = image.width - 10, image.height - 10
        pixels = [image.getpixel(at) for at in ((9, 9), (right, 9), (9, bottom), (right, bottom))]
    found = []
    for pixel in pixels:
        assert isinstance(pixel, tuple)
        found.append(names[pixel[0] > 128, pixel[1] > 128, pixel[2] > 128])
    return found


@pytest.mark.parametrize(
    ("key", "size", "expected"),
    [
        ("corners.mp4", (160, 120), ["red", "green", "blue", "white"]),
        ("turned.mp4", (120, 160), ["blue", "red", "white", "green"]),
        ("mirrored.mp4", (160, 120), ["green", "red", "white", "blue"]),
    ],
)
def test_snapshot_stands_upright(
    media: MediaFolder, tmp_path: Path, key: str, size: tuple[int, int], expected: list[str]
) -> None:
    """The display matrix is applied, turn and mirror alike, and colours stay what they are."""
    workspace = media.workspace(key, tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Count="1"))

    with Image.open(made[0]) as image:
        assert image.size == size
        assert image.format == "JPEG"
    assert _corner_colours(made[0]) == expected


@pytest.mark.parametrize(
    ("key", "leaves", "expected"),
    [
        ("clip.mp4", {}, (160, 120)),
        ("clip.mp4", {"Width": "320"}, (320, 240)),
        ("clip.mp4", {"Height": "240"}, (320, 240)),
        ("clip.mp4", {"Width": "200", "Height": "128"}, (200, 128)),
        ("turned.mp4", {"Width": "240"}, (240, 320)),
        ("wide_pixels.mp4", {}, (320, 120)),
        ("wide_pixels.mp4", {"Width": "160"}, (160, 60)),
    ],
)
def test_snapshot_size_keeps_the_ratio(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    leaves: dict[str, str],
    expected: tuple[int, int],
) -> None:
    """One side alone keeps the ratio as shown; both are taken as they are."""
    workspace = media.workspace(key, tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(Count="1", **leaves))

    with Image.open(made[0]) as image:
        assert image.size == expected


def test_snapshot_applies_a_picture_rule(media: MediaFolder, tmp_path: Path) -> None:
    """CIParam works on every picture, and decides the extension."""
    workspace = media.workspace("clip.mp4", tmp_path, outputs=_OUTPUTS)
    rule = "imageMogr2/thumbnail/80x/format/png"

    made = _run(workspace, _tree(TimeInterval="1", CIParam=rule))

    assert [path.suffix for path in made] == [".png", ".png"]
    for path in made:
        with Image.open(path) as image:
            assert (image.format, image.size) == ("PNG", (80, 60))


def test_snapshot_sheets_hold_all_pictures(media: MediaFolder, tmp_path: Path) -> None:
    """Cells run row by row; what is left over goes on a further sheet of the same size."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)
    sprite = _SHEET | {"CellWidth": "40", "CellHeight": "30", "Padding": "4", "Margin": "6"}

    made = _run(
        workspace,
        _tree(sprite, SnapshotOutMode="OnlySprite", Mode="Average", Count="8"),
    )

    assert [path.name for path in made] == ["sheet_0.jpg", "sheet_1.jpg"]
    numbers: list[int] = []
    for path in made:
        with Image.open(path) as image:
            assert image.size == (3 * 40 + 2 * 4 + 2 * 6, 2 * 30 + 4 + 2 * 6)
            grey = image.convert("L")
            for line in range(2):
                for column in range(3):
                    middle = (6 + column * 44 + 20, 6 + line * 34 + 15)
                    level = grey.getpixel(middle)
                    assert isinstance(level, int)
                    numbers.append(round(level * 219 / 255 / 4))
            red = image.getpixel((2, 2))
            assert isinstance(red, tuple)
            assert red[0] > 200
            assert red[1] < 60
    red_level = numbers[-1]
    assert numbers == [0, 6, 12, 18, 25, 31, 37, 43, *[red_level] * 4]


@pytest.mark.parametrize(
    ("leaves", "cell", "bars"),
    [
        ({}, (160, 120), False),
        ({"CellWidth": "80"}, (80, 60), False),
        ({"CellWidth": "80", "CellHeight": "80"}, (80, 80), False),
        ({"CellWidth": "80", "CellHeight": "80", "ScaleMethod": "MaxWHScale"}, (80, 60), False),
        (
            {"CellWidth": "80", "CellHeight": "80", "ScaleMethod": "MaxWHScaleAndPad"},
            (80, 80),
            True,
        ),
    ],
)
def test_snapshot_cells_follow_the_scale_method(
    media: MediaFolder,
    tmp_path: Path,
    leaves: dict[str, str],
    cell: tuple[int, int],
    *,
    bars: bool,
) -> None:
    """DirectScale stretches, MaxWHScale fits, MaxWHScaleAndPad fits and fills up."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)
    sprite = _SHEET | {"Columns": "2", "Lines": "1"} | leaves

    made = _run(workspace, _tree(sprite, SnapshotOutMode="OnlySprite", TimeInterval="1"))

    with Image.open(made[0]) as image:
        assert image.size == (cell[0] * 2, cell[1])
        top = image.getpixel((cell[0] // 2, 3))
        assert isinstance(top, tuple)
        assert (top[0] > 200 and top[1] < 60) == bars


def test_snapshot_can_make_both(media: MediaFolder, tmp_path: Path) -> None:
    """SnapshotAndSprite publishes pictures and sheets, the pictures first."""
    workspace = media.workspace("clip.mp4", tmp_path, outputs=_OUTPUTS)

    made = _run(workspace, _tree(_SHEET, SnapshotOutMode="SnapshotAndSprite", TimeInterval="0.5"))

    assert [path.name for path in made] == [
        "0_0.jpg", "1_500.jpg", "2_1000.jpg", "3_1500.jpg", "sheet_0.jpg",
    ]  # fmt: skip


def test_snapshot_beyond_the_end_fails(media: MediaFolder, tmp_path: Path) -> None:
    """A Start at or after the end is an error of this object."""
    workspace = media.workspace("clip.mp4", tmp_path, outputs=_OUTPUTS)

    with pytest.raises(InvalidParamsError, match="Start is 2 s"):
        _run(workspace, _tree(Start="2", Count="1"))


def test_snapshot_of_sound_fails(media: MediaFolder, tmp_path: Path) -> None:
    """A cover picture is no video, so there is nothing to take."""
    workspace = media.workspace("covered.mp3", tmp_path, outputs=_OUTPUTS)

    with pytest.raises(UnsupportedInputError, match="has no video"):
        _run(workspace, _tree(Count="1"))


def test_snapshot_without_one_frame_fails(media: MediaFolder, tmp_path: Path) -> None:
    """A video whose frames are all destroyed fails, rather than succeed with nothing."""
    content = media.path("numbered.ts").read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    # Keeps tables and the headers of the stream, and loses what follows.
    (tmp_path / "b.ts").write_bytes(b"".join(packets[:4]) + bytes(188 * 100))
    workspace = FolderWorkspace(tmp_path, "b.ts", outputs=_OUTPUTS)

    with pytest.raises((UnsupportedInputError, InvalidParamsError)):
        _run(workspace, _tree(Count="1"))

    assert not workspace.published_paths


def test_snapshot_survives_a_truncated_end(media: MediaFolder, tmp_path: Path) -> None:
    """What is left of a broken file is taken; frames that are lost repeat the last one."""
    content = media.path("numbered.ts").read_bytes()
    (tmp_path / "b.ts").write_bytes(content[: len(content) // 2])
    workspace = FolderWorkspace(tmp_path, "b.ts", outputs=_OUTPUTS)

    made = _run(workspace, _tree(Start="0.02", Count="2", TimeInterval="0.4"))

    assert _numbers(made) == [0, 10]


def test_snapshot_holds_to_the_pixel_limit(media: MediaFolder, tmp_path: Path) -> None:
    """A sheet above the limit on pixels is refused."""
    limits = Limits(pixels=160 * 120 * 2)
    workspace = media.workspace("clip.mp4", tmp_path, outputs=_OUTPUTS, limits=limits)

    with pytest.raises(InputLimitError, match="480x240"):
        _run(workspace, _tree(_SHEET, SnapshotOutMode="OnlySprite", TimeInterval="1"))


def test_snapshot_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt ends between two frames."""
    workspace = media.workspace("numbered.mp4", tmp_path, outputs=_OUTPUTS)
    workspace.cancel_after = 5

    with pytest.raises(AttemptCancelledError):
        _run(workspace, _tree(Count="50"))

    assert len(workspace.published_paths) < 5
