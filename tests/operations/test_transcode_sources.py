"""Transcode: sources that lack something, params that do not fit, HLS, and broken files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.domain.errors import (
    InvalidParamsError,
    OutputRejectedError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations._probe import probe
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_plan import plan_transcode
from penstock.operations.transcode import OPERATION
from tests.operations.made_media import Made, transcode
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST = {"Codec": "H.264", "Preset": "veryfast"}


def test_transcode_of_sound_into_a_video_container(media: MediaFolder, tmp_path: Path) -> None:
    """Where the source has no video, what is left is made, and a cover is not taken for one."""
    made = transcode(media.workspace("covered.mp3", tmp_path), Video=_FAST, Audio={})

    assert made.codecs == ["aac"]


@pytest.mark.parametrize(
    ("key", "blocks", "fault"),
    [
        ("sound.mp3", {"Video": _FAST}, "has no video to make"),
        ("silent.mp4", {"Audio": {}}, "has no sound to make"),
        ("picture.jpg", {"Video": _FAST}, "a still picture"),
    ],
)
def test_transcode_of_nothing_fails(
    media: MediaFolder, tmp_path: Path, key: str, blocks: dict[str, Value], fault: str
) -> None:
    """A source without what is asked for is an error of this object."""
    workspace = media.workspace(key, tmp_path)

    with pytest.raises(UnsupportedInputError, match=fault):
        transcode(workspace, **blocks)

    assert not workspace.published_paths


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        ({"TimeInterval": {"Start": "2"}}, "TimeInterval.Start is 2 s"),
        ({"Video": _FAST | {"Crop": "160:120:2:0"}}, "lies outside"),
        (
            {
                "Video": _FAST | {"Width": "320"},
                "TransConfig": {"IsCheckReso": "true", "ResoAdjMethod": "1"},
            },
            "larger than the source",
        ),
        (
            {
                "Video": _FAST | {"Fps": "30"},
                "TransConfig": {"IsCheckVideoFps": "true", "VideoFpsAdjMethod": "1"},
            },
            "Fps 30 is above",
        ),
        (
            {
                "Video": _FAST | {"Bitrate": "50000"},
                "TransConfig": {"IsCheckVideoBitrate": "true", "VideoBitrateAdjMethod": "1"},
            },
            "Video.Bitrate 50000 is above",
        ),
        (
            {
                "Audio": {"Bitrate": "1000"},
                "TransConfig": {"IsCheckAudioBitrate": "true", "AudioBitrateAdjMethod": "1"},
            },
            "Audio.Bitrate 1000 is above",
        ),
        ({"TransConfig": {"TranscodeIndex": "7"}}, "TranscodeIndex 7"),
    ],
)
def test_transcode_params_that_do_not_fit_fail(
    media: MediaFolder, tmp_path: Path, blocks: dict[str, Value], fault: str
) -> None:
    """What a source cannot give is an error of this object, with the figures in it."""
    workspace = media.workspace("clip.mp4", tmp_path)

    with pytest.raises(InvalidParamsError, match=fault):
        transcode(workspace, **{"Video": _FAST, **blocks})


def test_transcode_keeps_the_source_where_less_is_there(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Method 0 takes the source's frame rate and bit rates instead of more."""
    switches = ("IsCheckVideoFps", "IsCheckVideoBitrate", "IsCheckAudioBitrate", "IsCheckReso")
    path = media.path("clip.mp4")
    params = Params.parse(
        {
            "Transcode": {
                "Container": {"Format": "mp4"},
                "Video": {"Fps": "60", "Bitrate": "50000", "Width": "4096"},
                "Audio": {"Bitrate": "1000"},
                "TransConfig": dict.fromkeys(switches, "true"),
            }
        }
    )
    found = probe(path, "clip.mp4")

    plan = plan_transcode(params, found, "clip.mp4", 1)

    assert found.video is not None
    assert found.audio is not None
    options = list(plan.options)
    assert options[options.index("-b:v") + 1] == f"{round(found.video.kilobits)}k"
    assert options[options.index("-b:a") + 1] == f"{round(found.audio.kilobits)}k"
    assert options[options.index("-vf") + 1] == "format=yuv420p"
    assert plan.expected.size == (160, 120)


def test_transcode_hls_is_a_playlist_and_its_segments(media: MediaFolder, tmp_path: Path) -> None:
    """Segments come first, begin with key frames, and are named relative to the playlist."""
    outputs = {"Object": "out dir/50% off ${InputName}.${Ext}"}
    workspace = media.workspace("clip.mp4", tmp_path, outputs=outputs)
    tree: Tree = {
        "Transcode": {
            "Container": {"Format": "hls", "ClipConfig": {"Duration": "0.8"}},
            "Video": _FAST | {"Gop": "1000"},
            "Audio": {},
        }
    }

    OPERATION.run(OPERATION.parse(tree), workspace)

    *segments, playlist = workspace.published_paths
    stem = "50% off clip"
    assert [path.name for path in segments] == [f"{stem}_0000{n}.ts" for n in range(3)]
    assert playlist == workspace.published / "out dir" / f"{stem}.m3u8"
    lines = playlist.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        f"50%25%20off%20clip_0000{number}.ts" for number in range(3)
    ]
    assert {"#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-ENDLIST"} <= set(lines)
    for video in (Made(segment).video for segment in segments):
        assert video["keys"][0] == video["begin"]


def test_transcode_rejects_what_is_not_as_planned(media: MediaFolder) -> None:
    """Every difference between plan and output is named."""
    found = probe(media.path("clip.mp4"), "clip.mp4")
    params = Params.parse(
        {
            "Transcode": {
                "Container": {"Format": "mp4"},
                "Video": {"Width": "320", "Codec": "H.265"},
                "Audio": {"Codec": "mp3"},
                "TimeInterval": {"Duration": "1"},
            }
        }
    )

    plan = plan_transcode(params, found, "clip.mp4", 1)

    with pytest.raises(OutputRejectedError) as caught:
        plan.expected.check(found)
    for word in ("hevc", "mp3", "expected 1.00 s, got 2.00 s"):
        assert word in str(caught.value)


def test_transcode_of_a_truncated_source_fails_or_is_rejected(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A source that promises more than it holds never becomes a short success."""
    whole = media.path("two_tracks.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 3])
    workspace = FolderWorkspace(tmp_path, "cut.mkv")

    with pytest.raises((OutputRejectedError, UnsupportedInputError)):
        transcode(workspace, Video=_FAST, Audio={})

    assert not workspace.published_paths


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _content: b"",
        lambda _content: b"not a video " * 100,
        lambda content: content[: len(content) // 2],
    ],
)
def test_transcode_refuses_broken_input(
    media: MediaFolder, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Nothing, text, and an MP4 without its index are errors of this object."""
    (tmp_path / "b.mp4").write_bytes(spoil(media.path("clip.mp4").read_bytes()))
    workspace = FolderWorkspace(tmp_path, "b.mp4")

    with pytest.raises(UnsupportedInputError, match=r"b\.mp4"):
        transcode(workspace, Video=_FAST, Audio={})
