"""VideoEnhance: every part does what its own operation does, together and alone."""

from pathlib import Path

import pytest

from penstock.domain.errors import AttemptCancelledError, InvalidArgumentError, InvalidParamsError
from penstock.domain.trees import Tree
from penstock.operations.video_enhance import OPERATION, Params
from tests.operations.measures import planes
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.treated import run_treated, tree_of

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "4"}
_HEVC: Tree = {"Codec": "H.265", "Crf": "10"}
_LARGER: Tree = {"SuperResolution": {"Resolution": "sdtohd"}}
_DOUBLE: Tree = {"FrameEnhance": {"FrameDoubling": "true"}}
_SHARP: Tree = {"MsSharpen": {"Enable": "true"}, "ColorEnhance": {"Enable": "true"}}
_HDR: Tree = {"SDRtoHDR": {"HdrMode": "HDR10"}}


@pytest.mark.parametrize(
    ("params", "video", "expected"),
    [
        (_LARGER, _FAST, {"size": (320, 240), "fps": 25, "frames": 50}),
        (_SHARP, _FAST, {"size": (160, 120), "fps": 25, "frames": 50}),
        (_HDR, _HEVC, {"size": (160, 120), "transfer": 16, "pixels": "yuv420p10le"}),
        ({**_LARGER, **_SHARP, **_HDR}, _HEVC, {"size": (320, 240), "transfer": 16}),
    ],
)
def test_video_enhance_does_all_that_is_asked_for(
    media: MediaFolder, tmp_path: Path, params: Tree, video: Tree, expected: dict[str, object]
) -> None:
    """Size, colours and range come out as of the single operations."""
    made = run_treated(OPERATION, media.workspace("silent.mp4", tmp_path), params, video)

    assert made.video == made.video | expected


def test_video_enhance_doubles_frames(media: MediaFolder, tmp_path: Path) -> None:
    """There are twice as many frames a second, and new ones lie between their neighbours."""
    made = run_treated(OPERATION, media.workspace("numbered.mp4", tmp_path), _DOUBLE, _FAST)

    levels = [float(planes(made.path, number)[0].mean()) for number in (20, 21, 22)]
    assert made.video["fps"] == 50
    assert made.video["frames"] == pytest.approx(100, abs=4)
    assert made.seconds == pytest.approx(2, abs=0.1)
    assert levels[0] < levels[1] < levels[2]


def test_video_enhance_fails_where_one_part_cannot_be_done(
    media: MediaFolder, tmp_path: Path
) -> None:
    """What cannot be enlarged any more fails, whatever else is asked for."""
    params: Tree = {"SuperResolution": {"Resolution": "sdtohd"}, **_SHARP}
    tree = tree_of(OPERATION, params, _FAST)
    workspace = media.workspace("full_hd.mp4", tmp_path)

    with pytest.raises(InvalidParamsError, match="1920x1080 already"):
        OPERATION.run(OPERATION.parse(tree), workspace)


def test_video_enhance_takes_transcode_where_the_vendor_has_it() -> None:
    """Transcode stands inside of the block; beside it, it means the same."""
    beside = tree_of(OPERATION, _LARGER, _FAST)
    inside: Tree = {"VideoEnhance": {**_LARGER, "Transcode": beside["Transcode"]}}

    assert Params.parse(inside) == Params.parse(beside)


@pytest.mark.parametrize(
    ("params", "video", "named"),
    [
        ({}, _FAST, "must be given"),
        ({"SuperResolution": {"Version": "Base"}}, _FAST, r"SuperResolution\.Resolution"),
        ({"SDRtoHDR": {"HdrMode": "PQ"}}, _HEVC, r"VideoEnhance\.SDRtoHDR\.HdrMode"),
        (_HDR, _FAST, r"Transcode\.Video\.Codec must be H\.265"),
        ({"FrameEnhance": {"FrameDoubling": "2"}}, _FAST, r"FrameEnhance\.FrameDoubling"),
        ({"MsSharpen": {"Enable": "true", "SharpenLevel": "11"}}, _FAST, "SharpenLevel"),
        ({"ColorEnhance": {"Enable": "true", "Contrast": "101"}}, _FAST, "Contrast"),
    ],
)
def test_video_enhance_refuses_wrong_params(params: Tree, video: Tree, named: str) -> None:
    """The bounds are those of the single operations."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree_of(OPERATION, params, video))


def test_video_enhance_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = media.workspace("clip.mp4", tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        run_treated(OPERATION, workspace, _DOUBLE, _FAST)

    assert not workspace.published_paths
