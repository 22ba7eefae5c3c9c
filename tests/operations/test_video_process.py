"""VideoProcess: colours and edges change as far as asked for, and nothing else does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations.base import Kind
from penstock.operations.video_process import OPERATION, Params
from tests.operations.made_media import Made
from tests.operations.measures import planes, roughness
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.treated import FINE, run_treated, tree_of
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_OFF: Tree = {"MsSharpen": {"Enable": "false", "SharpenLevel": "9"}}


def _colours(**leaves: str) -> Tree:
    none = {"Contrast": "0", "Correction": "0", "Saturation": "0"}
    return {"ColorEnhance": {"Enable": "true", **none, **leaves}}


def _run(media: MediaFolder, folder: Path, key: str, params: Tree) -> Made:
    folder.mkdir()
    return run_treated(OPERATION, media.workspace(key, folder), params)


def _light(path: Path) -> float:
    return float(planes(path)[0].std())


def _colour(path: Path) -> float:
    _, blue, red = planes(path)
    return float(np.hypot(blue - 128, red - 128).mean())


def _cast(path: Path) -> float:
    _, blue, red = planes(path)
    return float(np.hypot(blue.mean() - 128, red.mean() - 128))


def _edges(path: Path) -> float:
    return roughness(planes(path)[0])


@pytest.mark.parametrize(
    ("key", "params", "measure", "bounds"),
    [
        ("dull.mp4", _colours(Contrast="100"), _light, (1.4, 1.6)),
        ("dull.mp4", _colours(Contrast="50"), _light, (1.2, 1.3)),
        ("dull.mp4", _colours(Saturation="300"), _colour, (1.8, 2.1)),
        ("dull.mp4", _colours(Saturation="150"), _colour, (1.4, 1.6)),
        ("dull.mp4", _colours(Contrast="100"), _colour, (0.95, 1.05)),
        ("cast.mp4", _colours(Correction="1000"), _cast, (0.0, 0.2)),
        ("cast.mp4", _colours(Correction="500"), _cast, (0.3, 0.7)),
        ("soft.mp4", {"MsSharpen": {"Enable": "true", "SharpenLevel": "10"}}, _edges, (1.1, 2.5)),
        ("soft.mp4", {"MsSharpen": {"Enable": "true"}}, _edges, (1.02, 1.5)),
        ("dull.mp4", {"ColorEnhance": {"Enable": "true"}}, _light, (1.1, 1.15)),
    ],
)
def test_video_process_changes_what_is_asked_for(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    params: Tree,
    measure: Callable[[Path], float],
    bounds: tuple[float, float],
) -> None:
    """Contrast, colours, cast and sharpness grow or shrink by the documented share."""
    before = _run(media, tmp_path / "before", key, _OFF)

    after = _run(media, tmp_path / "after", key, params)

    low, high = bounds
    assert low <= measure(after.path) / measure(before.path) <= high
    assert after.video["size"] == before.video["size"]
    assert after.video["frames"] == before.video["frames"]


@pytest.mark.parametrize(
    "params",
    [
        _colours(),
        {"ColorEnhance": {"Enable": "false", "Contrast": "100"}},
        {"MsSharpen": {"Enable": "true", "SharpenLevel": "0"}},
    ],
)
def test_video_process_of_nothing_changes_nothing(
    media: MediaFolder, tmp_path: Path, params: Tree
) -> None:
    """A block that is off, and a strength of zero, leave every sample as it was."""
    before = _run(media, tmp_path / "before", "dull.mp4", _OFF)

    after = _run(media, tmp_path / "after", "dull.mp4", params)

    for one, other in zip(planes(before.path), planes(after.path), strict=True):
        assert np.array_equal(one, other)


def test_video_process_keeps_ten_bits(media: MediaFolder, tmp_path: Path) -> None:
    """Pictures of ten bits are treated as such, and keep their labels."""
    video: Tree = {"Codec": "H.265", "Pixfmt": "auto"}
    params = {**_colours(Contrast="50"), "MsSharpen": {"Enable": "true"}}

    made = run_treated(OPERATION, media.workspace("hdr.mkv", tmp_path), params, video)

    assert (made.video["pixels"], made.video["transfer"]) == ("yuv420p10le", 16)
    assert len(np.unique(planes(made.path)[0] % 4)) == 4


def test_video_process_transcodes_as_told(media: MediaFolder, tmp_path: Path) -> None:
    """Size and cut are those of Transcode, of a video that stands on its side as well."""
    tree = tree_of(OPERATION, _colours(Contrast="50"), {**FINE, "Width": "240"})
    workspace = media.workspace("turned.mp4", tmp_path)

    OPERATION.run(OPERATION.parse(tree), workspace)

    assert Made(workspace.published_paths[0]).video["size"] == (240, 320)


def test_video_process_takes_transcode_inside_of_its_block() -> None:
    """In a workflow file, params hold everything that the node says."""
    beside = tree_of(OPERATION, _colours())
    inside: Tree = {"VideoProcess": {**_colours(), "Transcode": beside["Transcode"]}}

    assert Params.parse(inside) == Params.parse(beside)


def test_video_process_of_a_template_needs_no_transcode() -> None:
    """The params of a template are right without what stands beside them in a node."""
    Params.parse({"VideoProcess": _colours()})

    with pytest.raises(InvalidArgumentError, match="Transcode must be given, or Transcode"):
        Params.parse({"VideoProcess": _colours(), "Output": {"Object": "a"}})


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, "ColorEnhance or MsSharpen must be given"),
        ({"ColorEnhance": {"Enable": "perhaps"}}, "ColorEnhance.Enable"),
        ({"MsSharpen": {"SharpenLevel": "10.1"}}, "MsSharpen.SharpenLevel"),
        ({"MsSharpen": {"SharpenLevel": "-1"}}, "MsSharpen.SharpenLevel"),
        (_colours(Contrast="101"), "ColorEnhance.Contrast"),
        (_colours(Correction="1001"), "ColorEnhance.Correction"),
        (_colours(Saturation="301"), "ColorEnhance.Saturation"),
    ],
)
def test_video_process_refuses_wrong_params(params: Tree, named: str) -> None:
    """What is out of range is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree_of(OPERATION, params))


def test_video_process_names_all_faults_at_once() -> None:
    """Faults of the block and of Transcode come in one answer."""
    params = _colours(Contrast="-1", Saturation="x")

    with pytest.raises(InvalidArgumentError) as caught:
        Params.parse(tree_of(OPERATION, params, {"Fps": "99", "Width": "1"}))

    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    "encoding",
    [
        {"Container": {"Format": "mp3"}, "Audio": {"Codec": "mp3"}},
        {"Container": {"Format": "mp4"}, "Audio": {"Codec": "aac"}},
        {"Container": {"Format": "mp4"}, "Video": {"Remove": "true"}, "Audio": {"Codec": "aac"}},
    ],
)
def test_video_process_demands_pictures(encoding: Value) -> None:
    """An output without pictures has nothing to be treated."""
    with pytest.raises(InvalidArgumentError, match=r"Transcode\.Video must be given"):
        Params.parse(tree_of(OPERATION, _colours(), Transcode=encoding))


@given(
    st.decimals(-10, 1100, places=2),
    st.decimals(-10, 1100, places=2),
    st.decimals(-10, 1100, places=2),
)
def test_video_process_takes_exactly_the_documented_ranges(
    contrast: object, correction: object, saturation: object
) -> None:
    """Contrast to 100, correction to 1000, saturation to 300, from 0, bounds included."""
    leaves = {
        "Contrast": (contrast, 100),
        "Correction": (correction, 1000),
        "Saturation": (saturation, 300),
    }
    wrong = [name for name, (value, most) in leaves.items() if not 0 <= float(str(value)) <= most]
    tree = tree_of(OPERATION, _colours(**{name: str(one) for name, (one, _) in leaves.items()}))

    if wrong:
        with pytest.raises(InvalidArgumentError) as caught:
            Params.parse(tree)
        assert len(caught.value.faults) == len(wrong)
    else:
        colours = Params.parse(tree).colours
        assert colours is not None
        assert all(0 <= one <= 1 for one in (colours.contrast, colours.saturation))


@pytest.mark.parametrize("key", ["sound.mp3", "picture.jpg", "covered.mp3"])
def test_video_process_needs_a_video(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """Sound, with a cover or without, and still pictures are refused."""
    workspace = media.workspace(key, tmp_path)

    with pytest.raises(UnsupportedInputError):
        run_treated(OPERATION, workspace, _colours())

    assert not workspace.published_paths
    assert OPERATION.reads == frozenset({Kind.VIDEO})


def test_video_process_refuses_a_broken_video(tmp_path: Path) -> None:
    """What is no media file at all says so."""
    (tmp_path / "broken.mp4").write_bytes(b"ftyp" * 100)

    with pytest.raises(UnsupportedInputError, match=r"broken\.mp4"):
        run_treated(OPERATION, FolderWorkspace(tmp_path, "broken.mp4"), _colours())


def test_video_process_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = media.workspace("clip.mp4", tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        run_treated(OPERATION, workspace, _colours(Contrast="10"))

    assert not workspace.published_paths
