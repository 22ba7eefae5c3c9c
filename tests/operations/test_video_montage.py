"""VideoMontage: the scenes in which most happens, in order, as long as asked for."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._montage_choice import Curves, Sample, choose_parts
from penstock.operations.video_montage import OPERATION, Params
from tests.operations.made_media import Made
from tests.operations.measures import planes, sound, write_sound
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_VIDEO: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "4"}


def _tree(format_name: str = "mp4", video: Tree = _VIDEO, **leaves: str | Tree) -> Tree:
    params: Tree = {"Container": {"Format": format_name}, "Video": video, **leaves}
    return {"VideoMontage": params, "Output": {"Object": "a.${Ext}"}}


def _run(workspace: FolderWorkspace, tree: Tree) -> Made:
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    assert set(result.facts) == {"MediaInfo"}
    (output,) = result.outputs
    return Made(workspace.published / output.key)


def _scene(path: Path, number: int) -> str:
    """Which scene of `highlights.mp4` a frame is of, told by its colour."""
    _, blue, red = planes(path, number)
    colour = (blue.mean() > 150, red.mean() > 150)
    return {(True, False): "blue", (False, True): "red"}.get(colour, "grey")


def test_video_montage_takes_what_moves_and_is_loud(media: MediaFolder, tmp_path: Path) -> None:
    """Of five scenes the two in which something happens are taken, the earlier one first."""
    made = _run(media.workspace("highlights.mp4", tmp_path), _tree(Duration="4"))

    scenes = [_scene(made.path, number) for number in range(0, made.video["frames"], 5)]
    assert made.seconds == pytest.approx(4, abs=0.15)
    assert made.video["frames"] == pytest.approx(40, abs=2)
    assert scenes == sorted(scenes)
    assert set(scenes) == {"blue", "red"}
    assert made.codecs == ["h264", "aac"]


def test_video_montage_keeps_sound_with_its_pictures(media: MediaFolder, tmp_path: Path) -> None:
    """The sound is that of the scenes taken: loud through and through."""
    made = _run(media.workspace("highlights.mp4", tmp_path), _tree(Duration="3"))

    samples = sound(made.path)[0]
    windows = samples[: samples.size // 4410 * 4410].reshape(-1, 4410)
    assert float(np.median(windows.std(axis=1))) > 0.1


@pytest.mark.parametrize(("seconds", "expected"), [("0.5", 0.5), ("1.5", 1.5), ("10", 10)])
def test_video_montage_is_as_long_as_asked_for(
    media: MediaFolder, tmp_path: Path, seconds: str, expected: float
) -> None:
    """From half a second to the whole of the source."""
    made = _run(media.workspace("highlights.mp4", tmp_path), _tree(Duration=seconds))

    assert made.seconds == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    ("key", "expected"), [("highlights.mp4", 2.0), ("silent.mp4", 1.0), ("sparse.mp4", 8.0)]
)
def test_video_montage_takes_a_fifth_by_itself(
    media: MediaFolder, tmp_path: Path, key: str, expected: float
) -> None:
    """Without a Duration a fifth of the source is taken, one second at least."""
    made = _run(media.workspace(key, tmp_path), _tree())

    assert made.seconds == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize(
    ("format_name", "codec", "expected"),
    [
        ("mp4", "H.265", ["hevc", "aac"]),
        ("mkv", "H.264", ["h264", "aac"]),
        ("flv", "H.264", ["h264", "aac"]),
        ("ts", "H.264", ["h264", "aac"]),
        ("hls", "H.264", ["h264", "aac"]),
    ],
)
def test_video_montage_containers(
    media: MediaFolder, tmp_path: Path, format_name: str, codec: str, expected: list[str]
) -> None:
    """Every container of the table is made."""
    video = {"Codec": codec, "Width": "128", "Fps": "5"}

    made = _run(media.workspace("highlights.mp4", tmp_path), _tree(format_name, video))

    assert made.codecs == expected
    assert made.video["size"] == (128, 96)


def test_video_montage_without_sound(media: MediaFolder, tmp_path: Path) -> None:
    """Remove leaves sound out, and a source without any is judged by its pictures."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    removed = _run(
        media.workspace("highlights.mp4", tmp_path / "a"), _tree(Audio={"Remove": "true"})
    )
    silent = _run(media.workspace("silent.mp4", tmp_path / "b"), _tree())

    assert (removed.codecs, silent.codecs) == (["h264"], ["h264"])


def test_video_montage_lies_over_background_sound(media: MediaFolder, tmp_path: Path) -> None:
    """AudioMix plays under all highlights together, in place of their sound if so asked."""
    write_sound(tmp_path / "tune.wav", 0.3 * np.sin(np.arange(441_000) / 5)[None, :])
    mix = {"AudioSource": "tune.wav", "Replace": "true"}
    workspace = media.workspace("highlights.mp4", tmp_path)

    made = _run(workspace, _tree(Duration="4", Audio={"Codec": "aac"}, AudioMix=mix))

    level = float(sound(made.path)[0][4410:-4410].std())
    assert level == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    assert made.seconds == pytest.approx(4, abs=0.15)


def test_video_montage_longer_than_the_source_fails(media: MediaFolder, tmp_path: Path) -> None:
    """What cannot be as long as asked for is not made at all."""
    workspace = media.workspace("silent.mp4", tmp_path)

    with pytest.raises(InvalidParamsError, match=r"Duration is 2\.5 s, the source has 2 s"):
        _run(workspace, _tree(Duration="2.5"))

    assert not workspace.published_paths


@pytest.mark.parametrize("key", ["sound.mp3", "picture.jpg"])
def test_video_montage_needs_a_video(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """Sound and still pictures are refused."""
    with pytest.raises(UnsupportedInputError):
        _run(media.workspace(key, tmp_path), _tree())


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({"VideoMontage": {"Video": _VIDEO}}, r"Container\.Format must be given"),
        (_tree("webm"), r"Container\.Format must be one of mp4, flv, hls, ts, mkv"),
        (_tree(video={}), r"VideoMontage\.Video must be given"),
        (_tree(video={"Remove": "true"}), r"VideoMontage\.Video\.Remove"),
        (_tree(video={"Codec": "AV1"}), r"VideoMontage\.Video\.Codec"),
        (_tree("flv", {"Codec": "H.265"}), r"VideoMontage\.Video\.Codec"),
        (_tree(Duration="0"), r"VideoMontage\.Duration"),
        (_tree(Duration="soon"), r"VideoMontage\.Duration"),
        (_tree(Scene="Chess"), r"VideoMontage\.Scene must be one of Video, Soccer"),
        (_tree(Audio={"Codec": "opus"}), r"VideoMontage\.Audio\.Codec"),
        (_tree(AudioMix={"MixMode": "Once"}), "AudioSource must be given"),
    ],
)
def test_video_montage_refuses_wrong_params(tree: Tree, named: str) -> None:
    """What is missing, out of range or not offered is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree)


def test_video_montage_of_soccer_listens_to_the_crowd() -> None:
    """Loudness decides between a scene that moves and one that is loud."""
    curves = Curves(
        motion=[Sample(t / 10, 9.0 if t < 20 else 1.0) for t in range(40)],
        loudness=[Sample(t / 10, -40.0 if t < 20 else -10.0) for t in range(40)],
        cuts=[2.0],
    )
    video, soccer = (
        Params.parse(_tree(Scene=scene)).loudness_weight for scene in ("Video", "Soccer")
    )

    (loud,) = choose_parts(curves, 4.0, 2.0, soccer)

    assert loud == pytest.approx((2.0, 4.0))
    assert video < soccer


_MOMENTS = st.lists(st.floats(0, 100), max_size=40).map(sorted)


@given(_MOMENTS, st.floats(1, 100), st.floats(0.01, 1), st.randoms(), st.floats(0, 1))
def test_video_montage_parts_are_what_was_wanted(
    cuts: list[float], total: float, share: float, random: object, weight: float
) -> None:
    """Whatever was measured, parts are in order, apart, within the source, and long enough."""
    draw = getattr(random, "random")  # noqa: B009
    curves = Curves(
        motion=[Sample(t / 4, draw()) for t in range(int(total * 4))],
        loudness=[Sample(t / 4, draw()) for t in range(int(total * 4))],
        cuts=cuts,
    )

    parts = choose_parts(curves, total, total * share, weight)

    assert sum(part.seconds for part in parts) == pytest.approx(total * share)
    assert all(0 <= part.start < part.end <= total + 1e-6 for part in parts)
    assert all(one.end <= other.start for one, other in pairwise(parts))
    assert len(parts) <= 17


def test_video_montage_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = media.workspace("highlights.mp4", tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        _run(workspace, _tree())

    assert not workspace.published_paths
