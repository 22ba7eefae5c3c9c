"""StreamExtract: each stream comes out alone, exactly as it went in."""

import hashlib
from pathlib import Path

import av
import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidArgumentError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.planning import output_patterns
from penstock.domain.trees import Tree
from penstock.operations.base import Limits
from penstock.operations.stream_extract import OPERATION, Params
from tests.operations.made_media import Made
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]


def _tree(*entries: tuple[str, str]) -> Tree:
    return {
        "Output": {"StreamExtract": [{"Index": index, "Object": key} for index, key in entries]}
    }


def _extract(media: MediaFolder, key: str, folder: Path, tree: Tree) -> list[Path]:
    output = tree["Output"]
    assert isinstance(output, dict)
    workspace = media.workspace(key, folder, outputs=output_patterns(output))
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    assert [one.target for one in result.outputs] == [*output_patterns(output)]
    return [workspace.published / one.key for one in result.outputs]


def _packets(path: Path, index: int) -> str:
    """A hash of the encoded bytes of a stream."""
    digest = hashlib.sha256()
    with av.open(str(path)) as opened:
        for packet in opened.demux(opened.streams[index]):
            digest.update(bytes(packet))
    return digest.hexdigest()


def test_stream_extract_takes_streams_in_the_order_asked_for(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Each entry gives one object with that stream alone, unchanged, under its own key."""
    tree = _tree(("2", "a/second.m4a"), ("0", "b/${InputName}.mp4"), ("1", "first.mka"))

    made = _extract(media, "two_tracks.mkv", tmp_path, tree)

    assert [path.name for path in made] == ["second.m4a", "two_tracks.mp4", "first.mka"]
    assert [Made(path).codecs for path in made] == [["aac"], ["h264"], ["aac"]]
    source = media.path("two_tracks.mkv")
    for path, index in zip(made, (2, 0, 1), strict=True):
        assert _packets(path, 0) == _packets(source, index)


@pytest.mark.parametrize(
    ("key", "index", "pattern", "name"),
    [
        ("clip.mp4", "0", "v.${Ext}", "v.mp4"),
        ("clip.mp4", "1", "s.${ext}", "s.m4a"),
        ("sound.mp3", "0", "s.${Ext}", "s.mkv"),
        ("odd.mkv", "0", "v.{Ext}", "v.mkv"),
        ("clip.mp4", "0", "v.h264", "v.h264"),
        ("clip.mp4", "0", "v.m4v", "v.m4v"),
        ("clip.mp4", "1", "v.TS", "v.TS"),
        ("sound.mp3", "0", "s.mka", "s.mka"),
        ("covered.mp3", "0", "s.mp3", "s.mp3"),
    ],
)
def test_stream_extract_container_follows_the_extension(
    media: MediaFolder, tmp_path: Path, key: str, index: str, pattern: str, name: str
) -> None:
    """The extension of the key tells the container; `${Ext}` is one that takes the codec."""
    (made,) = _extract(media, key, tmp_path, _tree((index, pattern)))

    assert made.name == name
    with av.open(str(made)) as opened:
        assert len(opened.streams) == 1


@pytest.mark.parametrize(
    ("key", "entry", "error", "fault"),
    [
        ("clip.mp4", ("7", "a.mp4"), InvalidParamsError, "Index 7 names no"),
        ("covered.mp3", ("1", "a.mp4"), InvalidParamsError, "Index 1 names no"),
        ("clip.mp4", ("0", "a.mp3"), InvalidParamsError, "stream 0 is h264, which a .mp3"),
        ("clip.mp4", ("1", "a.wav"), InvalidParamsError, "stream 1 is aac, which a .wav"),
        ("picture.jpg", ("0", "a.mp4"), UnsupportedInputError, "a still picture"),
    ],
)
def test_stream_extract_of_what_does_not_fit_fails(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    entry: tuple[str, str],
    error: type[Exception],
    fault: str,
) -> None:
    """A stream that is not there, or does not go into the container, fails the object."""
    with pytest.raises(error, match=fault):
        _extract(media, key, tmp_path, _tree(entry))

    assert not (tmp_path / "published").exists()


@pytest.mark.parametrize("content", [b"", b"not a video " * 100])
def test_stream_extract_refuses_broken_input(tmp_path: Path, content: bytes) -> None:
    """Nothing and text are errors of this object."""
    (tmp_path / "b.mp4").write_bytes(content)

    with pytest.raises(UnsupportedInputError, match=r"b\.mp4"):
        OPERATION.run(OPERATION.parse(_tree(("0", "a.mp4"))), FolderWorkspace(tmp_path, "b.mp4"))


@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_stream_extract_can_be_cancelled(
    media: MediaFolder, tmp_path: Path, checkpoints: int
) -> None:
    """A cancelled attempt stops between its steps, and publishes nothing."""
    workspace = media.workspace(
        "clip.mp4", tmp_path, outputs={"StreamExtract.0": "a.mp4", "StreamExtract.1": "b.aac"}
    )
    workspace.cancel_after = checkpoints

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(OPERATION.parse(_tree(("0", "a.mp4"), ("1", "b.aac"))), workspace)

    assert not workspace.published_paths


def test_stream_extract_holds_to_its_limits(media: MediaFolder, tmp_path: Path) -> None:
    """An output that is too large is refused."""
    workspace = media.workspace("clip.mp4", tmp_path, limits=Limits(output_bytes=1000))

    with pytest.raises(InputLimitError):
        OPERATION.run(OPERATION.parse(_tree(("0", "a.mkv"))), workspace)


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({}, "StreamExtract must be given 1 to 10 times, not 0"),
        (_tree(*[("0", "a.mp4")] * 11), "StreamExtract must be given 1 to 10 times, not 11"),
        (_tree(("", "a.mp4")), r"StreamExtract\[0\].Index must be given"),
        (_tree(("1", "a.mp4"), ("x", "a.mp4")), r"StreamExtract\[1\].Index must be a whole"),
        (_tree(("1", "")), r"StreamExtract\[0\].Object must be given"),
        (_tree(("1", "a.txt")), r"StreamExtract\[0\].Object must be a key that ends with"),
        (_tree(("1", "${Ext}.d/a")), r"StreamExtract\[0\].Object must be a key that ends with"),
        (_tree(("1", "a.m3u8")), r"StreamExtract\[0\].Object must be a key that ends with"),
    ],
)
def test_stream_extract_refuses_wrong_params(tree: Tree, named: str) -> None:
    """What is missing, too much or unknown is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree)


def test_stream_extract_takes_one_entry_or_ten() -> None:
    """One entry may stand without a list, as XML gives it."""
    one = Params.parse({"Output": {"StreamExtract": {"Index": "3", "Object": "a.HEVC"}}})
    ten = Params.parse(_tree(*[("0", f"{number}.mp4") for number in range(10)]))

    assert [(extract.index, extract.extension) for extract in one.extracts] == [(3, "h265")]
    assert len(ten.extracts) == 10
