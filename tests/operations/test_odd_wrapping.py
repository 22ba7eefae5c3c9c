"""Copied streams, parts, packages and marks of sources that are not quite as usual."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.domain.trees import Tree
from penstock.operations.registry import OPERATIONS
from tests.operations.beats import flashes, tones
from tests.operations.made_media import Made, transcode
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.test_stream_pack import Packager, packager, states
from tests.operations.workspace import FolderWorkspace

__all__ = ["media", "packager"]

_BY_TAG: dict[str, Any] = {operation.tag: operation for operation in OPERATIONS}
_OUTPUTS = {"Object": "o/${Number}_${Time}.${Ext}"}
_H264: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "10"}


def _run(tag: str, workspace: FolderWorkspace, tree: Tree) -> list[Path]:
    operation = _BY_TAG[tag]
    result = operation.run(operation.parse(tree), workspace)
    return [workspace.published / output.key for output in result.outputs]


def _segment(workspace: FolderWorkspace, format_name: str, **leaves: str) -> list[Path]:
    return _run("Segment", workspace, {"Segment": {"Format": format_name, **leaves}})


def _seconds(path: Path) -> float:
    """How long the sound of a file is, sample by sample."""
    with av.open(str(path)) as opened:
        frames = list(opened.decode(opened.streams.audio[0]))
    return sum(frame.samples / frame.sample_rate for frame in frames)


@pytest.mark.parametrize("format_name", ["mp3", "aac", "flac"])
def test_segment_leaves_no_crumb_of_sound(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """Sound a breath longer than its parts makes no part of that breath, which none could read."""
    workspace = media.workspace("ten.mp4", tmp_path, outputs=_OUTPUTS)

    made = _segment(workspace, format_name, Duration="5")

    assert len(made) == 2
    assert [_seconds(path) for path in made] == pytest.approx([5, 5], abs=0.1)


def test_segment_parts_of_flac_follow_each_other(media: MediaFolder, tmp_path: Path) -> None:
    """Not a sample is missing between parts, whatever packet the cut lies in."""
    workspace = media.workspace("parts.mp4", tmp_path, outputs=_OUTPUTS)

    made = _segment(workspace, "flac", Duration="5")

    assert [_seconds(path) for path in made] == pytest.approx([5, 5, 2], abs=0.001)


@pytest.mark.parametrize("start", ["0.7", "1.3", "2.1", "2.95", "3.4", "3.76", "3.807"])
def test_flac_may_be_cut_anywhere(media: MediaFolder, tmp_path: Path, start: str) -> None:
    """A first frame of a few samples does not fail the encoder."""
    cut: Tree = {"Start": start, "Duration": "0.5"}

    made = transcode(media.workspace("parts.mp4", tmp_path), "flac", TimeInterval=cut)

    assert _seconds(made.path) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("key", "format_name"),
    [
        ("beats.mpg", "mkv"),
        ("beats.mpg", "mp4"),
        ("beats.mpg", "ts"),
        ("beats.flv", "avi"),
        ("late_clock.mkv", "avi"),
        ("late_sound.mp4", "mkv"),
        ("late_video.mp4", "mp4"),
    ],
)
def test_segment_wraps_what_is_not_quite_usual(
    media: MediaFolder, tmp_path: Path, key: str, format_name: str
) -> None:
    """Streams without all times, MP2 in MP4, H.264 in AVI: all play, in step as before."""
    (made,) = _segment(media.workspace(key, tmp_path), format_name)

    before = np.subtract(tones(media.path(key)), flashes(media.path(key)))
    after = np.subtract(tones(made), flashes(made))
    assert after == pytest.approx(before, abs=0.06)


def test_segment_tells_the_rate_of_an_avi(media: MediaFolder, tmp_path: Path) -> None:
    """A copy has the rate of its source, not that of its clock."""
    (made,) = _segment(media.workspace("clip.mp4", tmp_path), "avi")

    assert Made(made).video["fps"] == 25


def test_segment_refuses_an_avi_of_late_sound(media: MediaFolder, tmp_path: Path) -> None:
    """Sound that would be heard too early fails."""
    workspace = media.workspace("late_sound.mp4", tmp_path)

    with pytest.raises(UnsupportedInputError, match=r"begins 0\.48 s behind the pictures"):
        _segment(workspace, "avi")


@pytest.mark.parametrize("format_name", ["mp4", "ts", "hls"])
def test_segment_wraps_a_trimmed_film(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """What lies before the beginning of a trimmed film does not fail it."""
    assert _segment(media.workspace("trimmed.mp4", tmp_path), format_name)


def test_streams_of_a_broadcast_come_apart(media: MediaFolder, tmp_path: Path) -> None:
    """MP2, which MP4 calls by the name of MP3, is taken for what it is."""
    outputs = {"StreamExtract.0": "v.mp4", "StreamExtract.1": "a.mp4"}
    with av.open(str(media.path("beats.mpg"))) as opened:
        indexes = [opened.streams.video[0].index, opened.streams.audio[0].index]
    entries: list[str | Tree] = [
        {"Index": str(index), "Object": key}
        for index, key in zip(indexes, outputs.values(), strict=True)
    ]
    workspace = media.workspace("beats.mpg", tmp_path, outputs=outputs)

    made = _run("StreamExtract", workspace, {"Output": {"StreamExtract": entries}})

    assert [path.name for path in made] == ["v.mp4", "a.mp4"]


@pytest.mark.parametrize(
    ("key", "other", "fault"),
    [("turned.mp4", "corners.mp4", "turn"), ("wide_pixels.mp4", "silent.mp4", "shape of pixels")],
)
def test_concat_directly_refuses_pieces_that_are_shown_differently(
    media: MediaFolder, tmp_path: Path, key: str, other: str, fault: str
) -> None:
    """A player believes what the first piece says of turns and pixels."""
    workspace = media.workspace(key, tmp_path)
    (tmp_path / other).symlink_to(media.path(other))
    tree: Tree = {
        "ConcatFragment": [{"Url": other}],
        "Container": {"Format": "mp4"},
        "DirectConcat": "true",
    }

    with pytest.raises(InvalidParamsError, match=f"differs from {key} in.*{fault}"):
        _run("Concat", workspace, {"ConcatTemplate": tree})


def test_snapshot_of_a_film_that_ends_early_publishes_nothing(
    media: MediaFolder, tmp_path: Path
) -> None:
    """No picture of an earlier moment stands for one that is missing."""
    whole = media.path("sparse.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    workspace = FolderWorkspace(tmp_path, "cut.mkv", outputs=_OUTPUTS)

    with pytest.raises(UnsupportedInputError, match="is cut off: its pictures end at"):
        _run("Snapshot", workspace, {"Snapshot": {"Mode": "Average", "Count": "8"}})

    assert not workspace.published_paths


def test_switched_track_is_the_one_that_plays(media: MediaFolder, tmp_path: Path) -> None:
    """The mark of the track to choose goes with the place, not with the track."""
    sound: Tree = {"Codec": "aac", "KeepTwoTracks": "true", "SwitchTrack": "true"}
    workspace = media.workspace("two_tracks.mkv", tmp_path)

    made = transcode(workspace, "mp4", Video=_H264, Audio=sound)

    with av.open(str(made.path)) as opened:
        default = av.stream.Disposition.default
        chosen = [bool(track.disposition & default) for track in opened.streams.audio]
    assert chosen == [True, False]


@pytest.mark.parametrize(
    "picture",
    [
        {"Mode": "Original"},
        {"Mode": "Fixed", "Height": "40"},
        {"Mode": "Fixed", "Width": "20"},
        {"Mode": "Proportion", "Height": "33"},
    ],
)
def test_mark_is_square_on_pixels_that_are_not(
    media: MediaFolder, tmp_path: Path, picture: dict[str, str]
) -> None:
    """A square over pixels twice as wide as high has half as many of them in a line."""
    workspace = media.workspace("wide_pixels.mp4", tmp_path)
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "red.png")
    image: Tree = {"Url": "red.png", "Transparency": "100", **picture}
    mark: Tree = {"Type": "Image", "Pos": "Center", "LocMode": "Absolute", "Image": image}

    (made,) = _run("Watermark", workspace, {"Watermark": mark})

    pair = []
    for path in (made, media.path("wide_pixels.mp4")):
        with av.open(str(path)) as opened:
            frame = next(opened.decode(opened.streams.video[0]))
        pair.append(frame.to_ndarray(format="rgb24").astype(int))
    changed = np.abs(pair[0] - pair[1]).max(axis=2) > 60
    width = int(np.ptp(np.nonzero(changed.any(axis=0))[0])) + 1
    height = int(np.ptp(np.nonzero(changed.any(axis=1))[0])) + 1
    assert 2 * width == pytest.approx(height, abs=5)


def test_turned_picture_does_not_lean(media: MediaFolder, tmp_path: Path) -> None:
    """By an angle other than a right one, pixels that are not square become so first."""
    workspace = media.workspace("wide_pixels.mp4", tmp_path)

    made = transcode(workspace, "mp4", Video={**_H264, "Rotate": "45"})

    width, height = made.video["size"]
    assert made.video["aspect"] == 1
    assert width == height == pytest.approx((320 + 120) / 2**0.5, abs=2)


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
@pytest.mark.parametrize("key", ["beats.avi", "unknown_rate.mkv", "crumb.mp4", "fields.mp4"])
def test_packages_of_what_is_not_quite_usual(
    packager: Packager, media: MediaFolder, pack_type: str, key: str
) -> None:
    """A last segment of one dark frame or of one frame of sound, unsteady films, and fields."""
    video: Tree = {"Preset": "veryfast", "Crf": "30", "Width": "128"}
    streams: dict[str, Tree] = {"low": {"Video": video, "Audio": {"Codec": "aac"}}}

    outcomes = packager.run(media.path(key), streams, seconds="2", config={"PackType": pack_type})

    assert states(outcomes)["all"] == "Success", packager.message
