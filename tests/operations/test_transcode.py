"""Transcode: pictures, sound and cuts come out as asked for, by PyAV's own account."""

from pathlib import Path

import av
import pytest
from PIL import Image

from tests.operations.made_media import transcode
from tests.operations.media_fixtures import MediaFolder, media

__all__ = ["media"]

_FAST = {"Codec": "H.264", "Preset": "veryfast"}


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

    made = transcode(workspace, Video=_FAST | leaves, TransConfig=config)

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

    made = transcode(
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

    kept = transcode(media.workspace("wide_pixels.mp4", tmp_path / "a"), Video=_FAST)
    padded = transcode(
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
    made = transcode(media.workspace("silent.mp4", tmp_path), Video=_FAST | leaves)

    assert (made.video["fps"], made.video["frames"]) == (fps, frames)


def test_transcode_key_frames_follow_gop(media: MediaFolder, tmp_path: Path) -> None:
    """Gop is the greatest distance between key frames."""
    made = transcode(media.workspace("silent.mp4", tmp_path), Video=_FAST | {"Gop": "5"})

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

    made = transcode(media.workspace("silent.mp4", tmp_path), Video=video)

    assert (made.video["profile"], made.video["pixels"]) == expected
    if leaves.get("Codec") == "H.265":
        assert made.video["tag"] == "hvc1"


def test_transcode_labels_colours(media: MediaFolder, tmp_path: Path) -> None:
    """ColorParam names the colours in the stream."""
    colours = {"ColorPrimaries": "bt709", "ColorTrc": "bt709", "ColorSpace": "bt709"}

    made = transcode(
        media.workspace("silent.mp4", tmp_path), Video={**_FAST, "ColorParam": colours}
    )

    assert (made.video["primaries"], made.video["transfer"]) == (1, 1)


def test_transcode_maps_hdr_to_sdr(media: MediaFolder, tmp_path: Path) -> None:
    """IsHdr2Sdr gives BT.709 from an HDR source."""
    made = transcode(
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
        made = transcode(media.workspace("silent.mp4", folder), Video=video)
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
    made = transcode(media.workspace("clip.mp4", tmp_path), Audio=leaves)

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
    made = transcode(media.workspace("two_tracks.mkv", tmp_path), "mkv", Audio=leaves)

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

    made = transcode(workspace, Video=_FAST, Audio={}, TransConfig={"TranscodeIndex": index})

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

    made = transcode(workspace, Video=_FAST, TimeInterval=interval)

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
        made = transcode(workspace, Video=_FAST, TransConfig={"DeleteMetadata": drop})
        titles.append(made.metadata.get("title"))

    assert titles == ["A clip", None]
