"""Segment: streams are copied whole into other containers, or into parts cut at key frames."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidArgumentError,
    InvalidParamsError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._segment_params import Params
from penstock.operations.base import Limits
from penstock.operations.segment import OPERATION
from tests.operations.made_media import Made
from tests.operations.media_fixtures import SECONDS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_PARTS = {"Object": "out/part_${Number}.${Ext}"}


def _tree(format_name: str, **leaves: str) -> Tree:
    return {"Segment": {"Format": format_name, **leaves}, "Output": _PARTS}


def _segment(workspace: FolderWorkspace, tree: Tree) -> list[Path]:
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    return [workspace.published / output.key for output in result.outputs]


def _payload(path: Path, kind: str) -> str:
    """A hash of the decoded samples or pictures of one kind."""
    digest = hashlib.sha256()
    with av.open(str(path)) as opened:
        for frame in opened.decode(next(s for s in opened.streams if s.type == kind)):
            assert isinstance(frame, av.VideoFrame | av.AudioFrame)
            for plane in frame.planes:
                digest.update(bytes(plane))
    return digest.hexdigest()


@pytest.mark.parametrize("format_name", ["mp4", "mkv", "ts", "avi", "hls", "m3u8"])
def test_segment_without_duration_wraps_anew(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """Pictures and sound come out of the other container exactly as they went in."""
    workspace = media.workspace("clip.mp4", tmp_path)

    (made,) = _segment(workspace, _tree(format_name))

    assert made.suffix == {"hls": ".m3u8"}.get(format_name, f".{format_name}")
    assert Made(made).codecs == ["h264", "aac"]
    assert _payload(made, "video") == _payload(media.path("clip.mp4"), "video")
    assert workspace.reports == sorted(workspace.reports)


@pytest.mark.parametrize(
    ("key", "format_name", "codec"),
    [
        ("clip.mp4", "aac", "aac"),
        ("clip.mp4", "mp3", "mp3"),
        ("clip.mp4", "flac", "flac"),
        ("sound.mp3", "mp3", "mp3"),
        ("sound.mp3", "aac", "aac"),
        ("sound.mp3", "mkv", "mp3"),
    ],
)
def test_segment_of_sound(
    media: MediaFolder, tmp_path: Path, key: str, format_name: str, codec: str
) -> None:
    """Containers of sound alone take the sound, encoded anew only where it does not fit."""
    workspace = media.workspace(key, tmp_path)

    (made,) = _segment(workspace, _tree(format_name))

    found = Made(made)
    assert found.codecs == [codec]
    assert found.audio["rate"] == 44100
    with av.open(str(made)) as opened:
        samples = sum(frame.samples for frame in opened.decode(audio=0))
    assert samples / 44100 == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("format_name", ["mp4", "mkv", "ts", "avi", "aac", "mp3", "flac"])
def test_segment_with_duration_makes_parts(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """Parts are numbered from 0, begin at key frames, and hold the whole between them."""
    workspace = media.workspace("parts.mp4", tmp_path, outputs=_PARTS)

    made = _segment(workspace, _tree(format_name, Duration="5"))

    assert [path.name for path in made] == [f"part_{n}.{format_name}" for n in range(3)]
    assert workspace.published_paths == made
    parts = [Made(path) for path in made]
    if parts[0].video:
        assert [part.video["frames"] for part in parts] == [30, 20, 10]
        levels = [part.video["image"].convert("L").getpixel((80, 60)) for part in parts]
        assert [round(level * 219 / 255 / 2) for level in levels] == [0, 30, 50]
    seconds = []
    for path in made:
        with av.open(str(path)) as opened:
            seconds.append(sum(f.samples for f in opened.decode(audio=0)) / 44100)
    assert sum(seconds) == pytest.approx(12, abs=0.2)
    assert seconds[0] == pytest.approx(6 if parts[0].video else 5, abs=0.2)


def test_segment_of_hls_cuts_by_duration(media: MediaFolder, tmp_path: Path) -> None:
    """A playlist names its segments relative to itself; they are stored before it."""
    workspace = media.workspace("parts.mp4", tmp_path, outputs={"Object": "o/a b.${Ext}"})

    (playlist,) = _segment(workspace, _tree("hls", Duration="6"))

    assert [path.name for path in workspace.published_paths] == [
        "a b_00000.ts", "a b_00001.ts", "a b.m3u8",
    ]  # fmt: skip
    lines = playlist.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "a%20b_00000.ts", "a%20b_00001.ts",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("leaves", "codecs"),
    [({}, ["h264", "aac", "aac"]), ({"TranscodeIndex": "0"}, ["h264"])]
    + [({"TranscodeIndex": str(index)}, ["aac"]) for index in (1, 2)],
)
def test_segment_keeps_every_sound_track_or_one_stream(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], codecs: list[str]
) -> None:
    """All tracks are kept; TranscodeIndex keeps the stream of that number alone."""
    (made,) = _segment(media.workspace("two_tracks.mkv", tmp_path), _tree("mp4", **leaves))

    assert Made(made).codecs == codecs


@pytest.mark.parametrize(
    ("leaves", "first", "frames"),
    [
        ({"StartTime": "4", "EndTime": "8"}, 20, 20),
        ({"StartTime": "10"}, 50, 10),
        ({"EndTime": "6"}, 0, 30),
    ],
)
def test_segment_takes_a_part_of_the_source(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], first: int, frames: int
) -> None:
    """StartTime and EndTime cut the source."""
    (made,) = _segment(media.workspace("parts.mp4", tmp_path), _tree("mp4", **leaves))

    video = Made(made).video
    assert round(video["image"].convert("L").getpixel((80, 60)) * 219 / 255 / 2) == first
    assert video["frames"] == frames


@pytest.mark.parametrize(("format_name", "frames"), [("mkv", 45), ("ts", 45)])
def test_segment_begins_at_the_key_frame_before(
    media: MediaFolder, tmp_path: Path, format_name: str, frames: int
) -> None:
    """Between key frames the copy begins at the one before, and nothing is lost."""
    workspace = media.workspace("parts.mp4", tmp_path)

    (made,) = _segment(workspace, _tree(format_name, StartTime="3", EndTime="11"))

    video = Made(made).video
    assert round(video["image"].convert("L").getpixel((80, 60)) * 219 / 255 / 2) == 10
    assert video["frames"] == frames


@pytest.mark.parametrize(
    ("key", "tree", "error", "fault"),
    [
        ("silent.mp4", _tree("mp3"), UnsupportedInputError, "has no sound"),
        ("odd.mkv", _tree("mp4"), UnsupportedInputError, "ffv1 cannot be put into a .mp4"),
        ("picture.jpg", _tree("mp4"), UnsupportedInputError, "a still picture"),
        ("clip.mp4", _tree("mp4", StartTime="2.5"), InvalidParamsError, "StartTime is 2.5 s"),
        ("clip.mp4", _tree("mp4", TranscodeIndex="9"), InvalidParamsError, "TranscodeIndex 9"),
        ("clip.mp4", _tree("mp3", TranscodeIndex="0"), UnsupportedInputError, "has no sound"),
    ],
)
def test_segment_of_what_does_not_fit_fails(
    media: MediaFolder, tmp_path: Path, key: str, tree: Tree, error: type[Exception], fault: str
) -> None:
    """What cannot be copied is an error of this object, and nothing is published."""
    workspace = media.workspace(key, tmp_path)

    with pytest.raises(error, match=fault):
        _segment(workspace, tree)

    assert not workspace.published_paths


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _content: b"",
        lambda _content: b"not a video " * 100,
        lambda content: content[: len(content) // 2],
    ],
)
def test_segment_refuses_broken_input(
    media: MediaFolder, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Nothing, text, and an MP4 without its index are errors of this object."""
    (tmp_path / "b.mp4").write_bytes(spoil(media.path("clip.mp4").read_bytes()))

    with pytest.raises(UnsupportedInputError, match=r"b\.mp4"):
        _segment(FolderWorkspace(tmp_path, "b.mp4"), _tree("mkv"))


@pytest.mark.parametrize("leaves", [{}, {"Duration": "5"}])
def test_segment_of_a_truncated_source_is_no_short_success(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str]
) -> None:
    """A source that promises more than it holds fails, whole or in parts."""
    whole = media.path("sparse.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 3])
    workspace = FolderWorkspace(tmp_path, "cut.mkv", outputs=_PARTS)

    with pytest.raises(OperationError):
        _segment(workspace, _tree("mp4", **leaves))

    assert not workspace.published_paths


@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_segment_can_be_cancelled(media: MediaFolder, tmp_path: Path, checkpoints: int) -> None:
    """A cancelled attempt stops between its steps, and publishes nothing unfinished."""
    workspace = media.workspace("parts.mp4", tmp_path, outputs=_PARTS)
    workspace.cancel_after = checkpoints

    with pytest.raises(AttemptCancelledError):
        _segment(workspace, _tree("mp4", Duration="5"))

    assert not workspace.published_paths


def test_segment_holds_to_its_limits(media: MediaFolder, tmp_path: Path) -> None:
    """An output that is too large is refused."""
    workspace = media.workspace("clip.mp4", tmp_path, limits=Limits(output_bytes=1000))

    with pytest.raises(InputLimitError):
        _segment(workspace, _tree("mkv"))


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({"Segment": {}}, "Segment.Format must be given"),
        (_tree("mov"), "Segment.Format must be one of"),
        (_tree("mp4", Duration="4"), "Segment.Duration"),
        (_tree("mp4", Duration="5.5"), "Segment.Duration"),
        (_tree("mp4", TranscodeIndex="-1"), "Segment.TranscodeIndex"),
        (_tree("mp4", StartTime="-1"), "Segment.StartTime"),
        (_tree("mp4", StartTime="5", EndTime="5"), "Segment.EndTime must be above StartTime"),
        (
            {"Segment": {"Format": "mp4", "HlsEncrypt": {"IsHlsEncrypt": "true"}}},
            "HlsEncrypt must be off: mp4",
        ),
        (
            {"Segment": {"Format": "ts", "AIGCMetadata": {"Label": "1"}}},
            "AIGCMetadata must be absent.*ContentProducer must be given",
        ),
        (
            {**_tree("mp4", Duration="5"), "Output": {"Object": "a.mp4"}},
            r"Output.Object must be a pattern with \${Number}",
        ),
    ],
)
def test_segment_refuses_wrong_params(tree: Tree, named: str) -> None:
    """What is missing, out of range or not offered is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree)


def test_segment_takes_what_clients_send() -> None:
    """Empty elements are absent, encryption that is off is fine, one name does for a playlist."""
    block: Tree = {
        "Format": "HLS",
        "Duration": "5",
        "TranscodeIndex": "",
        "HlsEncrypt": {"IsHlsEncrypt": "false", "UriKey": ""},
        "AIGCMetadata": "",
    }

    params = Params.parse({"Segment": block, "Output": {"Object": "a.m3u8"}})

    assert (params.extension, params.part_seconds, params.is_split) == ("m3u8", 5, False)
    assert params.cut.is_whole
