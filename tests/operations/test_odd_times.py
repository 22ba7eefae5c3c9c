"""Sources whose streams begin late, end early, or have no steady rate: nothing moves or fails."""

from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from penstock.domain.errors import InvalidParamsError
from penstock.domain.trees import Tree
from penstock.operations._probe import probe
from penstock.operations.registry import OPERATIONS
from tests.operations.beats import frame_times, tones
from tests.operations.made_media import Made, transcode
from tests.operations.media_fixtures import FPS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_BY_TAG: dict[str, Any] = {operation.tag: operation for operation in OPERATIONS}
_LATE_BEATS = pytest.approx([1.5, 2.5, 3.5], abs=0.05)
_OUTPUTS = {"Object": "o/${Number}_${Time}.${Ext}"}
_H264: Tree = {"Codec": "H.264", "Preset": "veryfast"}


def _run(tag: str, workspace: FolderWorkspace, tree: Tree) -> list[Path]:
    operation = _BY_TAG[tag]
    result = operation.run(operation.parse(tree), workspace)
    return [workspace.published / output.key for output in result.outputs]


@pytest.mark.parametrize(
    ("key", "video", "sound"),
    [
        ("beats.mp4", (0, 4), (0, 4)),
        ("late_sound.mp4", (0, 4), (0.5, 4.5)),
        ("late_video.mp4", (1, 5), (0, 4)),
        ("late_clock.mkv", (0, 4), (0, 4)),
        ("short_video.mkv", (0, 2), (0, 4)),
        ("live.webm", (0, 4), (0, 4)),
        ("beats.flv", (0, 4), (0, 4)),
        ("beats.mpg", (0, 4), (0, 4)),
    ],
)
def test_spans_are_those_of_the_streams(
    media: MediaFolder, key: str, video: tuple[float, float], sound: tuple[float, float]
) -> None:
    """Whatever a container tells, each stream is known to begin and end where it does."""
    found = probe(media.path(key), key)

    assert found.video is not None
    assert tuple(found.video.span) == pytest.approx(video, abs=0.05)
    assert tuple(found.audios[0].span) == pytest.approx(sound, abs=0.05)
    assert found.seconds == pytest.approx(max(video[1], sound[1]), abs=0.05)


def test_media_info_measures_what_no_header_tells(media: MediaFolder, tmp_path: Path) -> None:
    """A recording that was never closed has a length all the same."""
    operation = _BY_TAG["MediaInfo"]

    result = operation.run(operation.parse({}), media.workspace("live.webm", tmp_path))

    told = result.facts["MediaInfo"]["Format"]["Duration"]
    assert float(told) == pytest.approx(4.0, abs=0.05)


_ASKED: dict[str, tuple[str, Tree]] = {
    "animation": ("Animation", {"Container": {"Format": "gif"}, "Video": {"Codec": "gif"}}),
    "pictures": ("Transcode", {"Container": {"Format": "mp4"}, "Video": _H264}),
    "sound": ("Transcode", {"Container": {"Format": "mp3"}}),
    "both": (
        "Transcode",
        {"Container": {"Format": "mp4"}, "Video": _H264, "Audio": {"Codec": "aac"}},
    ),
    "wrapped": ("Segment", {"Format": "mkv"}),
    "calm": ("NoiseReduction", {"Format": "mp3"}),
    "covers": ("SmartCover", {"Count": "2"}),
}


@pytest.mark.parametrize("name", _ASKED)
@pytest.mark.parametrize(
    "key", ["late_sound.mp4", "late_video.mp4", "late_clock.mkv", "short_video.mkv"]
)
def test_streams_of_different_ends_are_whole(
    media: MediaFolder, tmp_path: Path, key: str, name: str
) -> None:
    """What is made of a whole file is never taken for too short or too long."""
    tag, tree = _ASKED[name]

    made = _run(tag, media.workspace(key, tmp_path, outputs=_OUTPUTS), {tag: tree})

    assert made


@pytest.mark.parametrize(
    ("key", "seconds"),
    [("late_video.mp4", 5), ("late_clock.mkv", 5), ("short_video.mkv", 2)],
)
def test_snapshots_end_with_the_pictures(
    media: MediaFolder, tmp_path: Path, key: str, seconds: int
) -> None:
    """One a second up to the last moment that shows a picture, and none behind it."""
    workspace = media.workspace(key, tmp_path, outputs=_OUTPUTS)

    made = _run("Snapshot", workspace, {"Snapshot": {"Mode": "Interval", "TimeInterval": "1"}})

    # The clock of one begins a moment before its pictures, with what sound decoders skip.
    assert len(made) == seconds


@pytest.mark.parametrize("format_name", ["avi", "wav", "mp3", "flac", "aac"])
def test_late_sound_stays_late_where_nothing_tells_times(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """Containers without times get silence before sound that begins late."""
    workspace = media.workspace("late_sound.mp4", tmp_path)
    blocks: dict[str, Tree] = {"Video": _H264, "Audio": {"Codec": "aac"}}

    made = transcode(workspace, format_name, **(blocks if format_name == "avi" else {}))

    assert tones(made.path) == _LATE_BEATS


def test_pictures_of_an_avi_are_stored_as_they_are_shown(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Otherwise they would be late by as many as a player has to wait for."""
    workspace = media.workspace("clip.mp4", tmp_path)

    made = transcode(workspace, "avi", Video={"Codec": "H.264"}, Audio={"Codec": "mp3"})

    with av.open(str(made.path)) as opened:
        kinds = {frame.pict_type for frame in opened.decode(opened.streams.video[0])}
    assert av.video.frame.PictureType.B not in kinds


def test_mixed_sound_lasts_as_long_as_late_pictures(media: MediaFolder, tmp_path: Path) -> None:
    """Background in place of the sound is heard to the end of pictures that begin late."""
    workspace = media.workspace("late_video.mp4", tmp_path)
    (tmp_path / "tone.mp3").symlink_to(media.path("sound.mp3"))
    mix: Tree = {"AudioSource": "tone.mp3", "Replace": "true"}

    made = transcode(workspace, "mp4", Video=_H264, Audio={"Codec": "aac"}, AudioMix=mix)

    assert probe(made.path, "made").audios[0].span.end == pytest.approx(5.0, abs=0.05)


@pytest.mark.parametrize("key", ["unsteady.mkv", "unknown_rate.mkv"])
@pytest.mark.parametrize("format_name", ["mp4", "mkv", "mov", "ts", "flv", "webm"])
def test_unsteady_frames_keep_their_times(
    media: MediaFolder, tmp_path: Path, format_name: str, key: str
) -> None:
    """No frame of an unsteady film is left out, repeated or moved."""
    codec: Tree = {"Codec": "VP8", "Preset": "realtime"} if format_name == "webm" else _H264

    made = transcode(media.workspace(key, tmp_path), format_name, Video=codec)

    expected = frame_times(media.path(key))
    assert frame_times(made.path) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("key", ["unsteady.mkv", "unknown_rate.mkv"])
def test_unsteady_frames_are_all_in_hls(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """A playlist has a steady rate, at which every frame is shown when it was, or one later."""
    made = transcode(media.workspace(key, tmp_path), "hls", Video=_H264)

    shown = frame_times(made.path)
    for seconds in frame_times(media.path(key)):
        assert min(abs(seconds - one) for one in shown) < 1 / 55


def test_unsteady_films_are_marked_as_they_are(media: MediaFolder, tmp_path: Path) -> None:
    """A mark takes no frame away."""
    text: Tree = {"Text": "x", "FontSize": "12", "FontType": "arial.ttf"}
    text = {**text, "FontColor": "0xFFFFFF", "Transparency": "50"}
    mark: Tree = {"Type": "Text", "Pos": "Center", "LocMode": "Absolute", "Text": text}

    (made,) = _run("Watermark", media.workspace("unknown_rate.mkv", tmp_path), {"Watermark": mark})

    expected = frame_times(media.path("unknown_rate.mkv"))
    assert frame_times(made) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("asked", "numerator", "denominator"),
    [
        ("23.976", 24000, 1001),
        ("23.98", 24000, 1001),
        ("29.97", 30000, 1001),
        ("59.94", 60000, 1001),
        ("24", 24, 1),
        ("12.5", 25, 2),
    ],
)
def test_frame_rates_are_those_of_the_standards(
    media: MediaFolder, tmp_path: Path, asked: str, numerator: int, denominator: int
) -> None:
    """29.97 and its like mean what films of that name have."""
    made = transcode(media.workspace("silent.mp4", tmp_path), "mp4", Video={**_H264, "Fps": asked})

    assert made.video["fps"].as_integer_ratio() == (numerator, denominator)


def test_bit_rates_are_held_against_what_no_container_tells(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A check of bit rates has an effect on Matroska, which tells none."""
    config: Tree = {"IsCheckVideoBitrate": "true", "VideoBitrateAdjMethod": "1"}

    with pytest.raises(InvalidParamsError, match=r"Video\.Bitrate 50000 is above the source's"):
        transcode(
            media.workspace("numbered.mkv", tmp_path),
            "mp4",
            Video={**_H264, "Bitrate": "50000"},
            TransConfig=config,
        )


def test_doubling_keeps_the_end(media: MediaFolder, tmp_path: Path) -> None:
    """There is a frame between every two, up to the last one."""
    encoding: Tree = {"Container": {"Format": "mp4"}, "Video": _H264}
    tree: Tree = {"FrameEnhance": {"FrameDoubling": "true"}, "Transcode": encoding}
    workspace = media.workspace("corners.mp4", tmp_path)

    (made,) = _run("VideoEnhance", workspace, {"VideoEnhance": tree})

    assert Made(made).video["frames"] == 2 * FPS - 1


@pytest.mark.parametrize("format_name", ["gif", "hgif"])
def test_last_key_frame_of_a_gif_is_shown_to_the_end(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """Six key frames, two seconds each."""
    video: Tree = {"Codec": "gif", "AnimateOnlyKeepKeyFrame": "true"}
    tree: Tree = {"Container": {"Format": format_name}, "Video": video}
    workspace = media.workspace("parts.mp4", tmp_path)

    (made,) = _run("Animation", workspace, {"Animation": tree})

    with Image.open(made) as image:
        assert getattr(image, "n_frames", 1) == 6
        image.seek(5)
        assert image.info["duration"] == 2000
