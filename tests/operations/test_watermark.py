"""Watermark: the video comes back as it was, with the mark."""

from pathlib import Path

import av
import pytest
from PIL import Image

from penstock.domain.errors import (
    InvalidArgumentError,
    ObjectNotFoundError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations.watermark import OPERATION
from tests.operations.made_media import Made
from tests.operations.made_signals import Box, coloured_box, likeness, pictures
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_RED = (255, 0, 0)
_MARK: Tree = {
    "Type": "Image", "Pos": "Center", "LocMode": "Absolute",
    "Image": {"Url": "red.png", "Mode": "Original", "Transparency": "100"},
}  # fmt: skip

_GONE = {"Url": "gone.png", "Mode": "Original", "Transparency": "1"}


def _bucket(media: MediaFolder, folder: Path, key: str) -> FolderWorkspace:
    workspace = media.workspace(key, folder)
    Image.new("RGB", (40, 20), _RED).save(folder / "red.png")
    return workspace


def _run(workspace: FolderWorkspace, marks: Value = _MARK) -> Made:
    result = OPERATION.run(OPERATION.parse({"Watermark": marks}), workspace)
    return Made(workspace.published / result.outputs[0].key)


@pytest.mark.parametrize(
    ("key", "codecs"),
    [
        ("clip.mp4", ["h264", "aac"]),
        ("silent.mp4", ["h264"]),
        ("numbered.ts", ["h264"]),
        ("numbered.mkv", ["h264"]),
        ("two_tracks.mkv", ["h264", "aac", "aac"]),
        ("odd.mkv", ["h264"]),
    ],
)
def test_watermark_keeps_container_and_codecs(
    media: MediaFolder, tmp_path: Path, key: str, codecs: list[str]
) -> None:
    """Container, codecs, length and sound tracks are the source's, as far as they can be."""
    made = _run(_bucket(media, tmp_path, key))

    assert made.path.suffix == Path(key).suffix
    assert made.codecs == codecs
    source = pictures(media.path(key))
    assert made.video["frames"] == len(source)
    assert coloured_box(pictures(made.path)[0], _RED) is not None


def test_watermark_changes_nothing_else(media: MediaFolder, tmp_path: Path) -> None:
    """Outside of the mark the pictures are the source's; the sound is a copy."""
    workspace = _bucket(media, tmp_path, "clip.mp4")

    made = _run(workspace)

    pairs = zip(pictures(media.path("clip.mp4")), pictures(made.path), strict=True)
    assert min(likeness(*pair, Box(56, 46, 104, 74)) for pair in pairs) > 30
    assert _sound(made.path) == _sound(media.path("clip.mp4"))
    assert made.metadata["title"] == "A clip"


def _sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as opened:
        return [bytes(packet) for packet in opened.demux(audio=0) if packet.size]


@pytest.mark.slow
def test_watermark_keeps_h265_of_ten_bits(media: MediaFolder, tmp_path: Path) -> None:
    """The codec and the depth of the source stay."""
    workspace = _bucket(media, tmp_path, "clip.mp4")
    with av.open(str(tmp_path / "deep.mp4"), "w") as opened:
        stream = opened.add_stream("libx265", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p10le"
        stream.codec_context.options = {"x265-params": "log-level=error"}
        for _ in range(5):
            opened.mux(stream.encode(av.VideoFrame(160, 120, "yuv420p10le")))
        opened.mux(stream.encode(None))
    workspace.key = "deep.mp4"

    made = _run(workspace)

    assert (made.codecs, made.video["pixels"]) == (["hevc"], "yuv420p10le")
    assert made.video["tag"] == "hvc1"


def test_watermark_stands_upright_on_a_turned_video(media: MediaFolder, tmp_path: Path) -> None:
    """A display matrix is applied before the mark is laid."""
    Image.new("RGB", (40, 20), (0, 255, 255)).save(tmp_path / "cyan.png")
    mark: Tree = {**_MARK, "Pos": "BottomRight"}
    image = {"Url": "cyan.png", "Mode": "Original", "Transparency": "100"}

    made = _run(_bucket(media, tmp_path, "turned.mp4"), {**mark, "Image": image})

    assert made.video["size"] == (120, 160)
    box = coloured_box(pictures(made.path)[0], (0, 255, 255))
    assert box is not None
    assert abs(box.left - 80) <= 1
    assert abs(box.bottom - 160) <= 1


@pytest.mark.parametrize(
    ("key", "marks", "error", "named"),
    [
        ("sound.mp3", _MARK, UnsupportedInputError, "has no video"),
        ("picture.jpg", _MARK, UnsupportedInputError, "still picture"),
        ("hdr.mkv", _MARK, UnsupportedInputError, "is HDR"),
        ("clip.mp4", {**_MARK, "Image": _GONE}, ObjectNotFoundError, "gone.png"),
    ],
)
def test_watermark_fails_on_what_it_cannot_mark(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    marks: Tree,
    error: type[OperationError],
    named: str,
) -> None:
    """An object without video, HDR and a missing mark fail with a code of their own."""
    workspace = _bucket(media, tmp_path, key)

    with pytest.raises(error, match=named):
        _run(workspace, marks)

    assert workspace.published_paths == []


def test_watermark_needs_a_mark() -> None:
    """A node without mark and without template is no request."""
    nothing: list[Tree] = [{}, {"Watermark": ""}, {"Watermark": {}}]
    for tree in nothing:
        with pytest.raises(InvalidArgumentError, match="Watermark must be given"):
            OPERATION.parse(tree)
    with pytest.raises(InvalidArgumentError, match="at most 3 times"):
        OPERATION.parse({"Watermark": [_MARK] * 4})
