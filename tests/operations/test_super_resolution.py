"""SuperResolution: pictures have exactly the promised size, and are truer than enlarged pixels."""

from dataclasses import replace
from pathlib import Path

import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidArgumentError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._image_geometry import Size
from penstock.operations._probe import VideoFacts, probe
from penstock.operations._treatment_params import Enlarging
from penstock.operations._treatments import Treatment, enlarged
from penstock.operations.base import Limits
from penstock.operations.super_resolution import OPERATION, Params
from tests.operations.measures import planes, roughness, ssim
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.treated import FINE, run_treated, tree_of
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_TWICE: Tree = {"Resolution": "sdtohd"}
_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast"}


@pytest.mark.parametrize(
    ("key", "params", "video", "expected"),
    [
        ("clip.mp4", _TWICE, _FAST, (320, 240)),
        ("clip.mp4", {"Resolution": "hdto4k"}, _FAST, (320, 240)),
        ("turned.mp4", _TWICE, _FAST, (240, 320)),
        ("wide_pixels.mp4", _TWICE, _FAST, (640, 240)),
        ("uneven.mkv", _TWICE, _FAST, (322, 242)),
        ("clip.mp4", _TWICE, {**_FAST, "Width": "200", "Height": "150"}, (200, 150)),
        ("clip.mp4", _TWICE, {**_FAST, "Rotate": "90"}, (240, 320)),
        ("clip.mp4", {**_TWICE, "Version": "Enhance"}, _FAST, (320, 240)),
    ],
)
def test_super_resolution_size_is_the_promised_one(
    media: MediaFolder, tmp_path: Path, key: str, params: Tree, video: Tree, expected: object
) -> None:
    """Pictures are twice as large as shown, unless Transcode has other wishes."""
    made = run_treated(OPERATION, media.workspace(key, tmp_path), params, video)

    assert made.video["size"] == expected
    assert float(made.video["aspect"] or 1) == pytest.approx(1)


@pytest.mark.slow
def test_super_resolution_fills_full_hd(media: MediaFolder, tmp_path: Path) -> None:
    """EnableScaleUp makes pictures as high as 1920x1080 allows, with their proportions."""
    params = {**_TWICE, "EnableScaleUp": "true"}

    made = run_treated(OPERATION, media.workspace("clip.mp4", tmp_path), params, _FAST)

    assert made.video["size"] == (1440, 1080)


@pytest.fixture
def facts(media: MediaFolder) -> VideoFacts:
    """What is known of some video."""
    video = probe(media.path("clip.mp4"), "clip.mp4").video
    assert video is not None
    return video


@pytest.mark.parametrize(
    ("word", "fills", "source", "expected"),
    [
        ("sdtohd", False, (640, 360), (1280, 720)),
        ("sdtohd", False, (1280, 720), (1920, 1080)),
        ("sdtohd", False, (720, 1280), (1080, 1920)),
        ("sdtohd", False, (1440, 1080), None),
        ("sdtohd", True, (1440, 1080), None),
        ("sdtohd", True, (320, 240), (1440, 1080)),
        ("sdtohd", True, (1918, 1078), (1920, 1080)),
        ("sdtohd", False, (1920, 1080), None),
        ("sdtohd", False, (1080, 1920), None),
        ("sdtohd", True, (1920, 800), None),
        ("hdto4k", False, (1920, 1080), (3840, 2160)),
        ("hdto4k", False, (2560, 1440), (3840, 2160)),
        ("hdto4k", False, (1920, 800), (3840, 1600)),
        ("hdto4k", True, (1000, 1000), (2160, 2160)),
        ("hdto4k", False, (4096, 2160), None),
    ],
)
def test_super_resolution_bounds(
    facts: VideoFacts, word: str, fills: object, source: tuple[int, int], expected: object
) -> None:
    """No picture leaves the box of its word, and one that fills it already is refused."""
    treatment = Treatment(video=replace(facts, width=source[0], height=source[1]))
    enlarging = Enlarging(word=word, is_filling=bool(fills), is_enhanced=False)

    if expected is None:
        with pytest.raises(InvalidParamsError, match=rf"{word} .* {source[0]}x{source[1]}"):
            enlarged(treatment, enlarging)
    else:
        video = enlarged(treatment, enlarging).video
        assert Size(video.width, video.height) == expected


def test_super_resolution_is_truer_than_enlarged_pixels(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Of a picture made small, it gives more back than repeating its pixels does."""
    original = planes(media.path("detail.mkv"))[0]
    repeated = planes(media.path("half.mkv"))[0].repeat(2, axis=0).repeat(2, axis=1)

    made = run_treated(OPERATION, media.workspace("half.mkv", tmp_path), _TWICE)

    lost, lost_before = 1 - ssim(original, planes(made.path)[0]), 1 - ssim(original, repeated)
    assert lost < 0.9 * lost_before


def test_super_resolution_enhance_is_sharper(media: MediaFolder, tmp_path: Path) -> None:
    """Version Enhance sharpens what Base gives."""
    edges = []
    for version in ("Base", "Enhance"):
        folder = tmp_path / version
        folder.mkdir()
        workspace = media.workspace("half.mkv", folder)
        made = run_treated(OPERATION, workspace, {**_TWICE, "Version": version})
        edges.append(roughness(planes(made.path)[0]))

    assert edges[1] > 1.05 * edges[0]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, r"SuperResolution\.Resolution must be given"),
        ({"Resolution": "8k"}, r"SuperResolution\.Resolution must be one of sdtohd, hdto4k"),
        ({**_TWICE, "Version": "Best"}, r"SuperResolution\.Version"),
        ({**_TWICE, "EnableScaleUp": "1"}, r"SuperResolution\.EnableScaleUp"),
    ],
)
def test_super_resolution_refuses_wrong_params(params: Tree, named: str) -> None:
    """What is missing or no word of the table is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree_of(OPERATION, params))


def test_super_resolution_needs_transcode() -> None:
    """A node says how the result is encoded; a template need not."""
    with pytest.raises(InvalidArgumentError, match="Transcode must be given"):
        Params.parse({"SuperResolution": _TWICE, "Output": {"Object": "a"}})

    assert Params.parse({"SuperResolution": _TWICE}).enlarging.word == "sdtohd"


@pytest.mark.parametrize("key", ["sound.mp3", "picture.jpg"])
def test_super_resolution_needs_a_video(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """Sound and still pictures are refused."""
    with pytest.raises(UnsupportedInputError):
        run_treated(OPERATION, media.workspace(key, tmp_path), _TWICE)


def test_super_resolution_refuses_what_is_cut_off(media: MediaFolder, tmp_path: Path) -> None:
    """A file whose end is missing gives no output."""
    whole = media.path("clip.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(UnsupportedInputError):
        run_treated(OPERATION, FolderWorkspace(tmp_path, "cut.mp4"), _TWICE)


def test_super_resolution_holds_to_the_limit_on_pixels(media: MediaFolder, tmp_path: Path) -> None:
    """Pictures that would become too large are refused before anything is encoded."""
    workspace = media.workspace("clip.mp4", tmp_path, limits=Limits(pixels=320 * 240 - 1))

    with pytest.raises(InputLimitError, match="320x240"):
        run_treated(OPERATION, workspace, _TWICE, FINE)


def test_super_resolution_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = media.workspace("clip.mp4", tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        run_treated(OPERATION, workspace, _TWICE)

    assert not workspace.published_paths
