"""VideoStream: renditions whose key frames stand where segments begin, kept in scratch space."""

from pathlib import Path

import av
import pytest

from penstock.domain.errors import AttemptCancelledError, UnsupportedInputError
from penstock.domain.trees import Tree, Value
from penstock.operations.base import Result
from penstock.operations.video_stream import OPERATION
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast"}


def make(workspace: FolderWorkspace, duration: str = "1", /, **blocks: Value) -> Result:
    """Make a rendition with segments of so many seconds."""
    tree: Tree = {
        "Container": {"Format": "hls", "ClipConfig": {"Duration": duration}},
        "Video": _FAST,
        **blocks,
    }
    return OPERATION.run(OPERATION.parse({"Transcode": tree}), workspace)


def key_times(path: Path) -> list[float]:
    """Where the key frames of a file are, in seconds."""
    with av.open(str(path)) as opened:
        return [
            float(frame.time)
            for frame in opened.decode(opened.streams.video[0])
            if frame.key_frame
        ]


@pytest.mark.parametrize(
    ("codec", "gop", "expected"),
    [
        ("H.264", "", [0, 2, 4, 6, 8]),
        ("H.265", "", [0, 2, 4, 6, 8]),
        ("H.264", "5", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("H.265", "5", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("H.264", "7", [0, 1.4, 2, 3.4, 4, 5.4, 6, 7.4, 8, 9.4]),
    ],
)
def test_stream_has_key_frames_where_segments_begin(
    media: MediaFolder, tmp_path: Path, codec: str, gop: str, expected: list[float]
) -> None:
    """Key frames stand at every segment and every `Gop` frames, at no change of scene."""
    workspace = media.workspace("mostly_plain.mp4", tmp_path)

    result = make(workspace, "2", Video={"Codec": codec, "Gop": gop})

    assert result.kept is not None
    assert key_times(result.kept) == pytest.approx(expected)


def test_stream_publishes_nothing(media: MediaFolder, tmp_path: Path) -> None:
    """The rendition lies in scratch space, as asked for; the bucket is as it was."""
    workspace = media.workspace("clip.mp4", tmp_path)

    result = make(workspace, Video={**_FAST, "Width": "128"}, Audio={"Codec": "aac"})

    assert result.kept is not None
    assert result.kept.is_relative_to(workspace.scratch)
    assert (list(result.outputs), workspace.published_paths) == ([], [])
    with av.open(str(result.kept)) as opened:
        assert [one.codec_context.codec.canonical_name for one in opened.streams] == [
            "h264",
            "aac",
        ]
        assert opened.streams.video[0].codec_context.width == 128
    assert workspace.reports[-1] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("key", "content", "fault"),
    [
        ("a.mp4", b"", "Invalid data"),
        ("a.mp4", b"no video at all" * 100, "Invalid data"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nb.ts\n#EXT-X-ENDLIST\n", "a.m3u8"),
    ],
)
def test_stream_of_a_broken_object_fails(
    tmp_path: Path, key: str, content: bytes, fault: str
) -> None:
    """What is no video fails with a word of why."""
    (tmp_path / key).write_bytes(content)

    with pytest.raises(UnsupportedInputError, match=fault):
        make(FolderWorkspace(tmp_path, key))


def test_stream_of_sound_alone_fails(media: MediaFolder, tmp_path: Path) -> None:
    """An object without pictures has nothing to make a stream of."""
    workspace = media.workspace("sound.aac", tmp_path)

    with pytest.raises(UnsupportedInputError, match="has no video to make a stream of"):
        make(workspace, Audio={"Codec": "aac"})


def test_stream_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt ends in the middle of encoding."""
    workspace = media.workspace("long.mp4", tmp_path)
    workspace.cancel_after = 1

    with pytest.raises(AttemptCancelledError):
        make(workspace)


def test_stream_shows_marks_of_its_node(media: MediaFolder, tmp_path: Path) -> None:
    """A text that the node lays over the pictures is there."""
    mark: Tree = {
        "Type": "Text",
        "Pos": "Center",
        "LocMode": "Absolute",
        "Dx": "0",
        "Dy": "0",
        "Text": {
            "Text": "XXXX",
            "FontSize": "60",
            "FontType": "arial.ttf",
            "FontColor": "0x000000",
            "Transparency": "100",
        },
    }
    workspace = media.workspace("white.mp4", tmp_path)
    params = OPERATION.parse(
        {"Transcode": {"Container": {"Format": "hls"}, "Video": _FAST}, "Watermark": mark}
    )

    kept = OPERATION.run(params, workspace).kept

    assert kept is not None
    with av.open(str(kept)) as opened:
        frame = next(opened.decode(opened.streams.video[0]))
        assert min(bytes(frame.reformat(format="gray").planes[0])) < 60
