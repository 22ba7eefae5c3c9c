"""Transcode: what comes out, by PyAV's own account."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

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
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST = {"Codec": "H.264", "Preset": "veryfast"}


class Made:
    """A published output, opened once and described."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with av.open(str(path)) as opened:
            self.seconds = (opened.duration or 0) / 1e6
            self.metadata = dict(opened.metadata)
            self.codecs = [stream.codec_context.codec.canonical_name for stream in opened.streams]
            self.video = self._video(opened)
            self.audio = self._audio(opened)

    @staticmethod
    def _video(opened: av.container.InputContainer) -> dict[str, Any]:
        if not opened.streams.video:
            return {}
        stream = opened.streams.video[0]
        context = stream.codec_context
        found = {
            "size": (context.width, context.height),
            "fps": stream.average_rate,
            "tag": context.codec_tag,
            "profile": context.profile,
            "pixels": context.pix_fmt,
            "aspect": context.sample_aspect_ratio,
            "range": context.color_range,
            "primaries": context.color_primaries,
            "transfer": context.color_trc,
        }
        frames = list(opened.decode(stream))
        keys = [float(frame.time) for frame in frames if frame.key_frame]
        return found | {"frames": len(frames), "keys": keys, "image": _image(frames[0])}

    @staticmethod
    def _audio(opened: av.container.InputContainer) -> dict[str, Any]:
        if not opened.streams.audio:
            return {}
        context = opened.streams.audio[0].codec_context
        return {
            "rate": context.sample_rate,
            "channels": context.channels,
            "layout": context.layout.name,
            "format": context.format.name,
        }


def _image(frame: av.VideoFrame) -> Image.Image:
    rgb = frame.reformat(format="rgb24")
    plane = rgb.planes[0]
    size = (rgb.width, rgb.height)
    return Image.frombytes("RGB", size, bytes(plane), "raw", "RGB", plane.line_size)


def _run(workspace: FolderWorkspace, format_name: str = "mp4", /, **blocks: Value) -> Made:
    tree: Tree = {"Transcode": {"Container": {"Format": format_name}, **blocks}}
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    return Made(workspace.published / result.outputs[0].key)


@pytest.mark.parametrize(
    ("key", "leaves", "config", "expected"),
    [
        ("clip.mp4", {}, {}, (160, 120)),
        ("clip.mp4", {"Width": "128"}, {}, (128, 96)),
        ("clip.mp4", {"Height": "240"}, {}, (320, 240)),
        ("clip.mp4", {"Width": "200", "Height": "128"}, {}, (200, 128)),
        ("clip.mp4", {"Width": "320"}, {"IsCheckReso": "true"}, (160, 120)),
        ("clip.mp4", {"Width": "128", "Height": "200", "LongShortMode": "true"}, {}, (128, 200)),
        ("turned.mp4", {}, {}, (120, 160)),
        ("turned.mp4", {"Width": "240"}, {}, (240, 320)),
        ("turned.mp4", {"Width": "320", "LongShortMode": "true"}, {}, (240, 320)),
        ("turned.mp4", {"Rotate": "90"}, {}, (160, 120)),
        ("clip.mp4", {"Rotate": "270"}, {}, (120, 160)),
        ("clip.mp4", {"Rotate": "180"}, {}, (160, 120)),
        ("clip.mp4", {"Rotate": "45"}, {}, (198, 198)),
        ("clip.mp4", {"Crop": "80:60:10:20"}, {}, (80, 60)),
        ("clip.mp4", {"Crop": "81:61:1:1"}, {}, (80, 60)),
        ("clip.mp4", {"Crop": "80:60:10:20", "Rotate": "90"}, {}, (60, 80)),
        ("odd.mkv", {}, {}, (160, 120)),
        ("wide_pixels.mp4", {"Width": "128"}, {}, (128, 96)),
    ],
)
def test_transcode_size_is_the_one_asked_for(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    leaves: dict[str, str],
    config: dict[str, str],
    expected: tuple[int, int],
) -> None:
    """Turns, crops, one side or both: the output has exactly the computed size."""
    workspace = media.workspace(key, tmp_path)

    made = _run(workspace, Video=_FAST | leaves, TransConfig=config)

    assert made.video["size"] == expected
    assert made.codecs == ["h264"]


@pytest.mark.parametrize(
    ("method", "aspect", "edge"),
    [("none", 0.5, "red"), ("scale", 1, "red"), ("crop", 1, "red"), ("pad", 1, "black")],
)
def test_transcode_shape_methods(
    media: MediaFolder, tmp_path: Path, method: str, aspect: float, edge: str
) -> None:
    """A frame of another ratio is kept by pixel shape, stretched, cut, or given bars."""
    workspace = media.workspace("corners.mp4", tmp_path)

    made = _run(
        workspace,
        Video=_FAST | {"Width": "320", "Height": "120"} | {"Height": "240", "Width": "640"},
        TransConfig={"AdjDarMethod": method},
    )

    ratio = made.video["aspect"]
    assert made.video["size"] == (640, 240)
    assert float(ratio or 1) == pytest.approx(aspect if method != "none" else 0.5, abs=0.01)
    pixel = made.video["image"].getpixel((5, 100))
    assert (pixel[0] > 100) == (edge == "red")


def test_transcode_keeps_the_shown_ratio_of_wide_pixels(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Pixels that are not square stay so unless a shape method makes them square."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    kept = _run(media.workspace("wide_pixels.mp4", tmp_path / "a"), Video=_FAST)
    padded = _run(
        media.workspace("wide_pixels.mp4", tmp_path / "b"),
        Video=_FAST | {"Width": "320", "Height": "240"},
        TransConfig={"AdjDarMethod": "pad"},
    )

    assert kept.video["aspect"] == 2
    assert float(padded.video["aspect"] or 1) == 1
    image: Image.Image = padded.video["image"].convert("L")
    top, middle = image.getpixel((160, 20)), image.getpixel((20, 120))
    assert isinstance(top, int)
    assert isinstance(middle, int)
    assert top < 20 < middle


@pytest.mark.parametrize(
    ("leaves", "fps", "frames"),
    [({"Fps": "10"}, 10, 20), ({"Fps": "50"}, 50, 100), ({}, 25, 50)],
)
def test_transcode_frame_rate(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], fps: int, frames: int
) -> None:
    """Fps is met by leaving out or repeating frames; without it the source's timing stays."""
    made = _run(media.workspace("silent.mp4", tmp_path), Video=_FAST | leaves)

    assert (made.video["fps"], made.video["frames"]) == (fps, frames)


def test_transcode_key_frames_follow_gop(media: MediaFolder, tmp_path: Path) -> None:
    """Gop is the greatest distance between key frames."""
    made = _run(media.workspace("silent.mp4", tmp_path), Video=_FAST | {"Gop": "5"})

    assert made.video["keys"] == pytest.approx([number / 5 for number in range(10)])


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ({}, ("High", "yuv420p")),
        ({"Profile": "main"}, ("Main", "yuv420p")),
        ({"Profile": "baseline"}, ("Constrained Baseline", "yuv420p")),
        ({"Pixfmt": "yuv444p"}, ("High 4:4:4 Predictive", "yuv444p")),
        ({"Pixfmt": "yuvj422p"}, ("High 4:2:2", "yuvj422p")),
        ({"Codec": "H.265", "Pixfmt": "yuv420p10le"}, ("Main 10", "yuv420p10le")),
        ({"Interlaced": "true"}, ("High", "yuv420p")),
        ({"Roi": "high", "Crf": "40"}, ("High", "yuv420p")),
        ({"Codec": "AV1", "Bitrate": "100", "Preset": "universal"}, ("Main", "yuv420p")),
    ],
)
def test_transcode_profile_and_pixels(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], expected: tuple[str, str]
) -> None:
    """Profile and pixel format are those asked for, or that the encoder needs for them."""
    video = {**({} if "Codec" in leaves else _FAST), **leaves}

    made = _run(media.workspace("silent.mp4", tmp_path), Video=video)

    assert (made.video["profile"], made.video["pixels"]) == expected
    if leaves.get("Codec") == "H.265":
        assert made.video["tag"] == "hvc1"


def test_transcode_labels_colours(media: MediaFolder, tmp_path: Path) -> None:
    """ColorParam names the colours in the stream."""
    colours = {"ColorPrimaries": "bt709", "ColorTrc": "bt709", "ColorSpace": "bt709"}

    made = _run(media.workspace("silent.mp4", tmp_path), Video={**_FAST, "ColorParam": colours})

    assert (made.video["primaries"], made.video["transfer"]) == (1, 1)


def test_transcode_maps_hdr_to_sdr(media: MediaFolder, tmp_path: Path) -> None:
    """IsHdr2Sdr gives BT.709 from an HDR source."""
    made = _run(
        media.workspace("hdr.mkv", tmp_path), Video=_FAST, TransConfig={"IsHdr2Sdr": "true"}
    )

    assert (made.video["transfer"], made.video["pixels"]) == (1, "yuv420p")


def test_transcode_bit_rate_bounds_the_size(media: MediaFolder, tmp_path: Path) -> None:
    """A low bit rate gives a smaller file than a high one, even with a Maxrate below it."""
    sizes = []
    for kilobits in ("20", "400"):
        folder = tmp_path / kilobits
        folder.mkdir()
        video = _FAST | {"Bitrate": kilobits, "Maxrate": "10", "Bufsize": "1000"}
        made = _run(media.workspace("silent.mp4", folder), Video=video)
        sizes.append(made.path.stat().st_size)

    assert sizes[0] * 2 < sizes[1]


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ({}, {"rate": 44100, "channels": 1}),
        ({"Samplerate": "48000", "Channels": "2"}, {"rate": 48000, "channels": 2}),
        ({"Channels": "4"}, {"channels": 4, "layout": "4.0"}),
        ({"Channels": "6", "Bitrate": "256"}, {"channels": 6}),
        ({"Codec": "mp3", "SampleFormat": "s16p", "Bitrate": "64"}, {"rate": 44100}),
    ],
)
def test_transcode_sound_settings(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], expected: dict[str, object]
) -> None:
    """Sample rate, channels and their layout are those asked for."""
    made = _run(media.workspace("clip.mp4", tmp_path), Audio=leaves)

    assert made.audio == made.audio | expected
    assert not made.video


@pytest.mark.parametrize(
    ("leaves", "tracks"),
    [({}, 1), ({"KeepTwoTracks": "true"}, 2), ({"SwitchTrack": "true"}, 1)],
)
def test_transcode_tracks(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], tracks: int
) -> None:
    """Only the first track is kept, unless two are asked for or they change places."""
    made = _run(media.workspace("two_tracks.mkv", tmp_path), "mkv", Audio=leaves)

    assert made.codecs == ["aac"] * tracks
    with av.open(str(made.path)) as opened:
        languages = [stream.language for stream in opened.streams.audio]
    assert ("eng" in languages) == bool(leaves)


@pytest.mark.parametrize(("index", "codecs"), [("0", ["h264"]), ("1", ["aac"])])
def test_transcode_index_takes_one_stream(
    media: MediaFolder, tmp_path: Path, index: str, codecs: list[str]
) -> None:
    """TranscodeIndex leaves all other streams out."""
    workspace = media.workspace("clip.mp4", tmp_path)

    made = _run(workspace, Video=_FAST, Audio={}, TransConfig={"TranscodeIndex": index})

    assert made.codecs == codecs


@pytest.mark.parametrize(
    ("interval", "seconds", "frame"),
    [
        ({"Start": "0.4", "Duration": "0.8"}, 0.8, 10),
        ({"Start": "1.52"}, 0.48, 38),
        ({"Duration": "0.6"}, 0.6, 0),
        ({"Start": "1", "Duration": "60"}, 1, 25),
    ],
)
def test_transcode_cuts_exactly(
    media: MediaFolder,
    tmp_path: Path,
    interval: dict[str, str],
    seconds: float,
    frame: int,
) -> None:
    """A cut begins with the frame shown at Start and is as long as asked, up to the end."""
    workspace = media.workspace("numbered.mp4", tmp_path)

    made = _run(workspace, Video=_FAST, TimeInterval=interval)

    level = made.video["image"].convert("L").getpixel((80, 60))
    assert made.seconds == pytest.approx(seconds, abs=0.05)
    assert round(level * 219 / 255 / 4) == frame


def test_transcode_metadata_is_kept_or_dropped(media: MediaFolder, tmp_path: Path) -> None:
    """Tags of the source stay unless DeleteMetadata is set."""
    titles = []
    for drop in ("false", "true"):
        folder = tmp_path / drop
        folder.mkdir()
        workspace = media.workspace("clip.mp4", folder)
        made = _run(workspace, Video=_FAST, TransConfig={"DeleteMetadata": drop})
        titles.append(made.metadata.get("title"))

    assert titles == ["A clip", None]


def test_transcode_of_sound_into_a_video_container(media: MediaFolder, tmp_path: Path) -> None:
    """Where the source has no video, what is left is made, and a cover is not taken for one."""
    made = _run(media.workspace("covered.mp3", tmp_path), Video=_FAST, Audio={})

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
        _run(workspace, **blocks)

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
        _run(workspace, **{"Video": _FAST, **blocks})


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
    assert plan.size == (160, 120)


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
    for segment in segments:
        assert Made(segment).video["keys"][0] == pytest.approx(
            min(Made(segment).video["keys"]), abs=0.001
        )


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
        plan.check(found)
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
        _run(workspace, Video=_FAST, Audio={})

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
        _run(workspace, Video=_FAST, Audio={})
