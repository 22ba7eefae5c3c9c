"""SmartCover: good frames before bad ones, apart from each other, in the size asked for."""

from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidArgumentError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations.base import Limits
from penstock.operations.smart_cover import OPERATION, Params
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_OUTPUTS = {"Object": "covers/${InputName}_${Number}.${Ext}"}


def _run(workspace: FolderWorkspace, **leaves: str) -> list[Path]:
    tree: Tree = {"SmartCover": leaves, "Output": _OUTPUTS}
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    assert [workspace.published / one.key for one in result.outputs] == workspace.published_paths
    return workspace.published_paths


def _workspace(media: MediaFolder, key: str, folder: Path) -> FolderWorkspace:
    return media.workspace(key, folder, outputs=_OUTPUTS)


def _mean(path: Path) -> tuple[float, ...]:
    with Image.open(path) as image:
        small = image.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(small, tuple)
    return small


def test_smart_cover_makes_three_covers_at_the_source_s_size(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Without any params there are three JPEG pictures, numbered from 0."""
    workspace = _workspace(media, "clip.mp4", tmp_path)

    made = _run(workspace)

    assert [path.name for path in made] == [f"clip_{number}.jpg" for number in range(3)]
    for path in made:
        with Image.open(path) as image:
            assert (image.format, image.size) == ("JPEG", (160, 120))
    assert workspace.reports == sorted(workspace.reports)
    assert workspace.reports[-1] == pytest.approx(1)


@pytest.mark.parametrize("count", range(1, 11))
def test_smart_cover_makes_as_many_as_asked_for(
    media: MediaFolder, tmp_path: Path, count: int
) -> None:
    """From one to ten, each a moment of its own."""
    made = _run(_workspace(media, "numbered.mp4", tmp_path), Count=str(count), Format="png")

    assert len(made) == count
    assert len({_mean(path) for path in made}) == count


@pytest.mark.parametrize(
    ("key", "leaves", "name", "expected"),
    [
        ("clip.mp4", {"Format": "PNG", "Width": "128"}, "PNG", (128, 96)),
        ("clip.mp4", {"Format": "webp", "Height": "240"}, "WEBP", (320, 240)),
        ("clip.mp4", {"Width": "128", "Height": "131"}, "JPEG", (128, 131)),
        ("turned.mp4", {}, "JPEG", (120, 160)),
        ("wide_pixels.mp4", {}, "JPEG", (320, 120)),
    ],
)
def test_smart_cover_format_and_size(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    leaves: dict[str, str],
    name: str,
    expected: tuple[int, int],
) -> None:
    """Pictures stand upright, have square pixels, and the size and format asked for."""
    for path in _run(_workspace(media, key, tmp_path), **leaves):
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.size) == (name, expected)


def test_smart_cover_prefers_pictures_to_plain_frames(media: MediaFolder, tmp_path: Path) -> None:
    """Where half of a video is black or white, the other half gives the cover."""
    made = _run(_workspace(media, "mostly_plain.mp4", tmp_path), Count="1")

    red, green, blue = _mean(made[0])
    assert max(red, green, blue) - min(red, green, blue) > 5
    assert 20 < sum((red, green, blue)) / 3 < 235


def test_smart_cover_leaves_out_what_looks_alike(media: MediaFolder, tmp_path: Path) -> None:
    """DeleteDuplicates gives one cover of a video that stands still; without it, all."""
    (tmp_path / "all").mkdir()
    (tmp_path / "one").mkdir()

    every = _run(_workspace(media, "corners.mp4", tmp_path / "all"), Count="4")
    distinct = _run(
        _workspace(media, "corners.mp4", tmp_path / "one"), Count="4", DeleteDuplicates="true"
    )

    assert (len(every), len(distinct)) == (4, 1)


def test_smart_cover_keeps_what_differs(media: MediaFolder, tmp_path: Path) -> None:
    """DeleteDuplicates keeps pictures of different scenes, one of each."""
    made = _run(
        _workspace(media, "mostly_plain.mp4", tmp_path), Count="10", DeleteDuplicates="true"
    )

    levels = sorted(sum(_mean(path)) / 3 for path in made)
    assert levels[0] < 5
    assert levels[-1] > 250
    assert 3 <= len(made) < 10


@pytest.mark.parametrize(
    ("key", "fault"), [("sound.mp3", "has no video"), ("picture.jpg", "a still picture")]
)
def test_smart_cover_of_no_video_fails(
    media: MediaFolder, tmp_path: Path, key: str, fault: str
) -> None:
    """Sound and pictures are errors of this object."""
    workspace = _workspace(media, key, tmp_path)

    with pytest.raises(UnsupportedInputError, match=fault):
        _run(workspace)

    assert not workspace.published_paths


@pytest.mark.parametrize("content", [b"", b"not a video " * 100])
def test_smart_cover_refuses_broken_input(tmp_path: Path, content: bytes) -> None:
    """Nothing and text are errors of this object."""
    (tmp_path / "b.mp4").write_bytes(content)

    with pytest.raises(UnsupportedInputError, match=r"b\.mp4"):
        _run(FolderWorkspace(tmp_path, "b.mp4"))


@pytest.mark.parametrize("checkpoints", [0, 5, 40])
def test_smart_cover_can_be_cancelled(
    media: MediaFolder, tmp_path: Path, checkpoints: int
) -> None:
    """A cancelled attempt stops at the next frame, and publishes nothing."""
    workspace = _workspace(media, "clip.mp4", tmp_path)
    workspace.cancel_after = checkpoints

    with pytest.raises(AttemptCancelledError):
        _run(workspace)

    assert not workspace.published_paths


def test_smart_cover_holds_to_its_limits(media: MediaFolder, tmp_path: Path) -> None:
    """A picture of too many pixels is refused."""
    workspace = media.workspace(
        "clip.mp4", tmp_path, outputs=_OUTPUTS, limits=Limits(pixels=20_000)
    )

    with pytest.raises(InputLimitError, match="320x240"):
        _run(workspace, Width="320")


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({"Format": "gif"}, "SmartCover.Format"),
        ({"Width": "127"}, "SmartCover.Width"),
        ({"Height": "4097"}, "SmartCover.Height"),
        ({"Count": "0"}, "SmartCover.Count"),
        ({"Count": "11"}, "SmartCover.Count"),
        ({"DeleteDuplicates": "maybe"}, "SmartCover.DeleteDuplicates"),
    ],
)
def test_smart_cover_refuses_wrong_params(leaves: dict[str, str], named: str) -> None:
    """What is out of range is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse({"SmartCover": leaves})


def test_smart_cover_demands_a_number_for_several() -> None:
    """One cover needs no number in its key, more do."""
    output: Tree = {"Object": "cover.jpg"}

    assert Params.parse({"SmartCover": {"Count": "1"}, "Output": output}).count == 1
    with pytest.raises(InvalidArgumentError, match=r"Output.Object must be a pattern with"):
        Params.parse({"Output": output})
