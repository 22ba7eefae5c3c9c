"""SDRtoHDR: white, black and colours lie where the standards of HDR put them."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    OutputRejectedError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations._media_checks import Expected
from penstock.operations._probe import probe
from penstock.operations.sdr_to_hdr import OPERATION, Params
from tests.operations.made_media import Made
from tests.operations.measures import planes
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.treated import run_treated, tree_of

__all__ = ["media"]

_HEVC: Tree = {"Codec": "H.265", "Crf": "4"}
_PRIMARIES, _PQ, _HLG = 9, 16, 18
_WHITE_NITS = 203
# From the colours of BT.709 to those of BT.2020 (ITU-R BT.2087), and from those to luma.
_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_LUMA = np.array([0.2627, 0.6780, 0.0593])


def _run(media: MediaFolder, folder: Path, key: str, mode: str, video: Tree = _HEVC) -> Made:
    return run_treated(OPERATION, media.workspace(key, folder), {"HdrMode": mode}, video)


def _signal(luma: float) -> float:
    """The share of the full signal that a 10-bit luma stands for."""
    return (luma - 64) / 876


def _pq(nits: Any) -> Any:  # noqa: ANN401  # a number or many
    """The PQ signal of a brightness (SMPTE ST 2084)."""
    level = (np.asarray(nits) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * level) / (1 + 18.6875 * level)) ** 78.84375


@pytest.mark.parametrize(
    ("mode", "transfer", "signal"), [("HDR10", _PQ, float(_pq(_WHITE_NITS))), ("HLG", _HLG, 0.75)]
)
def test_sdr_to_hdr_shows_white_at_203_nits(
    media: MediaFolder, tmp_path: Path, mode: str, transfer: int, signal: float
) -> None:
    """The output is labelled and coded as asked for, and white is reference white."""
    made = _run(media, tmp_path, "white.mp4", mode)

    luma, blue, red = planes(made.path)
    assert made.codecs == ["hevc"]
    assert (made.video["pixels"], made.video["profile"]) == ("yuv420p10le", "Main 10")
    assert (made.video["primaries"], made.video["transfer"]) == (_PRIMARIES, transfer)
    assert made.video["frames"] == 50
    assert _signal(float(luma.mean())) == pytest.approx(signal, abs=0.003)
    assert float(np.abs(blue - 512).max()) <= 2
    assert float(np.abs(red - 512).max()) <= 2


def test_sdr_to_hdr_keeps_black_and_the_order_of_greys(media: MediaFolder, tmp_path: Path) -> None:
    """Black stays black, a brighter grey stays brighter, by the curve of SDR screens."""
    made = _run(media, tmp_path, "numbered.mp4", "HDR10")

    greys = [float(planes(made.path, number)[0].mean()) for number in (0, 10, 25, 49)]
    levels = np.array([0, 40, 100, 196]) / 219
    assert greys == sorted(greys)
    assert [_signal(grey) for grey in greys] == pytest.approx(
        list(_pq(_WHITE_NITS * levels**2.4)), abs=0.02
    )


def test_sdr_to_hdr_keeps_colours(media: MediaFolder, tmp_path: Path) -> None:
    """The primaries of BT.709 lie within BT.2020 where the standard has them."""
    made = _run(media, tmp_path, "corners709.mp4", "HDR10")

    luma = planes(made.path)[0]
    found = [float(luma[y, x]) for y, x in ((30, 40), (30, 120), (90, 40))]
    expected = [float(_LUMA @ _pq(_WHITE_NITS * _TO_2020[:, column])) for column in range(3)]
    assert [_signal(one) for one in found] == pytest.approx(expected, abs=0.015)


def test_sdr_to_hdr_tells_a_screen_what_to_expect(media: MediaFolder, tmp_path: Path) -> None:
    """HDR10 carries the mastering screen and the brightest pixel; HLG needs neither."""
    wanted = {Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL}
    found = {}
    for mode in ("HDR10", "HLG"):
        (tmp_path / mode).mkdir()
        made = _run(media, tmp_path / mode, "white.mp4", mode)
        with av.open(str(made.path)) as opened:
            frame = next(opened.decode(opened.streams.video[0]))
            side_data: Any = frame.side_data
            found[mode] = wanted & {one.type for one in side_data}

    assert found == {"HDR10": wanted, "HLG": set()}


@pytest.mark.parametrize(
    ("key", "video", "size"),
    [
        ("uneven.mkv", _HEVC, (160, 120)),
        ("turned.mp4", _HEVC, (120, 160)),
        ("silent.mp4", {**_HEVC, "Width": "240", "Pixfmt": "yuv420p10le"}, (240, 180)),
        ("silent.mp4", {**_HEVC, "Pixfmt": "auto", "Height": "240"}, (320, 240)),
    ],
)
def test_sdr_to_hdr_size_is_transcode_s(
    media: MediaFolder, tmp_path: Path, key: str, video: Tree, size: object
) -> None:
    """What Transcode asks for holds, and odd or turned pictures are no hindrance."""
    made = _run(media, tmp_path, key, "HLG", video)

    assert made.video["size"] == size
    assert made.video["transfer"] == _HLG


@pytest.mark.parametrize("format_name", ["mkv", "hls"])
def test_sdr_to_hdr_in_other_containers(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """Every container that takes H.265 takes HDR."""
    encoding: Tree = {"Container": {"Format": format_name}, "Video": _HEVC}
    tree = tree_of(OPERATION, {"HdrMode": "HLG"}, Transcode=encoding)
    workspace = media.workspace("silent.mp4", tmp_path)

    result = OPERATION.run(OPERATION.parse(tree), workspace)

    (video,) = result.facts["MediaInfo"]["Stream"]["Video"]
    assert (video["ColorTransfer"], video["PixFormat"]) == ("arib-std-b67", "yuv420p10le")


def test_sdr_to_hdr_refuses_hdr(media: MediaFolder, tmp_path: Path) -> None:
    """A source that is HDR already has nothing to gain."""
    with pytest.raises(UnsupportedInputError, match="is HDR already"):
        _run(media, tmp_path, "hdr.mkv", "HLG")


@pytest.mark.parametrize("key", ["sound.mp3", "picture.jpg"])
def test_sdr_to_hdr_needs_a_video(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """Sound and still pictures are refused."""
    with pytest.raises(UnsupportedInputError):
        _run(media, tmp_path, key, "HLG")


@pytest.mark.parametrize(
    ("params", "blocks", "named"),
    [
        ({}, {}, r"SDRtoHDR\.HdrMode must be given"),
        ({"HdrMode": "HDR10+"}, {}, r"SDRtoHDR\.HdrMode must be one of HLG, HDR10"),
        ({"HdrMode": "HLG"}, {"Video": {"Codec": "H.264"}}, r"Video\.Codec must be H\.265"),
        ({"HdrMode": "HLG"}, {"Video": {"Fps": "25"}}, r"Video\.Codec must be H\.265"),
        ({"HdrMode": "HLG"}, {"Video": {**_HEVC, "Pixfmt": "yuv420p"}}, r"Video\.Pixfmt"),
        (
            {"HdrMode": "HLG"},
            {"Video": {**_HEVC, "ColorParam": {"ColorTrc": "bt709"}}},
            r"Video\.ColorParam",
        ),
        (
            {"HdrMode": "HLG"},
            {"Video": _HEVC, "TransConfig": {"IsHdr2Sdr": "true"}},
            r"TransConfig\.IsHdr2Sdr",
        ),
    ],
)
def test_sdr_to_hdr_refuses_wrong_params(
    params: Tree, blocks: dict[str, Value], named: str
) -> None:
    """What would not be HDR is refused before anything runs."""
    encoding: Tree = {"Container": {"Format": "mp4"}, "Video": _HEVC, **blocks}

    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree_of(OPERATION, params, Transcode=encoding))


def test_sdr_to_hdr_output_without_its_labels_is_rejected(media: MediaFolder) -> None:
    """The labels of the output are compared with those asked for."""
    made = probe(media.path("hdr.mkv"), "hdr.mkv")
    expected = Expected(
        seconds=1,
        most_seconds=1,
        slack_seconds=0.5,
        size=None,
        video_codec="hevc",
        audio_codecs=(),
        leaves={"ColorTransfer": "arib-std-b67", "PixFormat": "yuv420p10le"},
    )

    with pytest.raises(OutputRejectedError, match=r"ColorTransfer arib-std-b67, got smpte2084$"):
        expected.check(made)


def test_sdr_to_hdr_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = media.workspace("clip.mp4", tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        run_treated(OPERATION, workspace, {"HdrMode": "HLG"}, _HEVC)

    assert not workspace.published_paths
