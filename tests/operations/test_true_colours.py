"""Colours, ranges and fields of a source come out as they are to be seen."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from penstock.domain.trees import Tree
from penstock.operations.registry import OPERATIONS
from tests.operations.made_media import Made, transcode
from tests.operations.measures import roughness
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_BY_TAG: dict[str, Any] = {operation.tag: operation for operation in OPERATIONS}
_OUTPUTS = {"Object": "o/${Number}.${Ext}"}
_RED = pytest.approx((0xC0, 0x20, 0x40), abs=8)
_PQ = 16
_GLOW = (0xE0, 0x70, 0x30)
_WEBP: Tree = {"Container": {"Format": "webp"}, "Video": {"Codec": "webp"}}
_GIF: Tree = {"Container": {"Format": "gif"}, "Video": {"Codec": "gif"}}
_SEEN: dict[str, tuple[str, Tree]] = {
    "snapshot": ("Snapshot", {"Mode": "Interval", "Count": "1"}),
    "cover": ("SmartCover", {"Count": "1", "Format": "png"}),
    "webp": ("Animation", _WEBP),
    "gif": ("Animation", _GIF),
}


def _image(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))


def _middle(image: Image.Image) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


def _seen(workspace: FolderWorkspace, name: str) -> Image.Image:
    """The first picture that an operation makes of a film."""
    tag, tree = _SEEN[name]
    operation = _BY_TAG[tag]
    output = operation.run(operation.parse({tag: tree}), workspace).outputs[0]
    with Image.open(workspace.published / output.key) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("name", _SEEN)
@pytest.mark.parametrize("key", ["large709.mp4", "large.mp4"])
def test_pictures_of_large_films_have_their_colours(
    media: MediaFolder, tmp_path: Path, key: str, name: str
) -> None:
    """Large films are of BT.709, whether they tell it or not, and WebP is of BT.601."""
    image = _seen(media.workspace(key, tmp_path, outputs=_OUTPUTS), name)

    assert _middle(image) == _RED


@pytest.mark.parametrize("key", ["large709.mp4", "large.mp4"])
def test_vp8_has_the_colours_of_the_source(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """VP8 cannot tell what its colours mean, so that they are converted."""
    codec: Tree = {"Codec": "VP8", "Preset": "realtime", "Crf": "4"}

    made = transcode(media.workspace(key, tmp_path), "webm", Video=codec)

    assert _middle(made.video["image"]) == _RED


@pytest.mark.parametrize("name", _SEEN)
def test_pictures_of_hdr_are_not_pale(media: MediaFolder, tmp_path: Path, name: str) -> None:
    """They have the tint of the film, and are as `IsHdr2Sdr` makes films."""
    workspace = media.workspace("glow.mkv", tmp_path, outputs=_OUTPUTS)
    config: Tree = {"IsHdr2Sdr": "true"}
    film = transcode(workspace, "mp4", Video={"Codec": "H.264", "Crf": "4"}, TransConfig=config)

    image = _seen(workspace, name)

    told = np.array(_middle(image))
    assert told == pytest.approx(np.array(_middle(film.video["image"])), abs=25)
    tint, expected = told / told.max(), np.array(_GLOW) / max(_GLOW)
    assert tint == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("codec", ["H.265", "AV1"])
def test_hdr_keeps_ten_bits(media: MediaFolder, tmp_path: Path, codec: str) -> None:
    """HDR that stays HDR is not cut to 8 bits where nobody asks for that."""
    made = transcode(media.workspace("hdr.mkv", tmp_path), "mp4", Video={"Codec": codec})

    assert made.video["pixels"] == "yuv420p10le"


def test_hdr_has_the_bits_that_are_asked_for(media: MediaFolder, tmp_path: Path) -> None:
    """`Pixfmt` has the last word."""
    codec: Tree = {"Codec": "H.265", "Pixfmt": "yuv420p"}

    made = transcode(media.workspace("hdr.mkv", tmp_path), "mp4", Video=codec)

    assert made.video["pixels"] == "yuv420p"


def test_concat_does_not_mix_ranges(media: MediaFolder, tmp_path: Path) -> None:
    """A piece of HDR between pieces of SDR becomes SDR."""
    workspace = media.workspace("large709.mp4", tmp_path)
    (tmp_path / "glow.mkv").symlink_to(media.path("glow.mkv"))
    tree: Tree = {
        "ConcatFragment": [{"Url": "glow.mkv"}],
        "Container": {"Format": "mp4"},
        "Video": {"Codec": "H.264", "Width": "160", "Crf": "4"},
    }
    operation = _BY_TAG["Concat"]

    result = operation.run(operation.parse({"ConcatTemplate": tree}), workspace)

    path = workspace.published / result.outputs[0].key
    with av.open(str(path)) as opened:
        *_, last = opened.decode(opened.streams.video[0])
        told = last.to_ndarray(format="rgb24")[45, 80].astype(float)
    assert Made(path).video["transfer"] != _PQ
    assert told / told.max() == pytest.approx(np.array(_GLOW) / max(_GLOW), abs=0.08)


def _comb(image: Image.Image) -> float:
    """How much every line differs from the next one."""
    return roughness(np.asarray(image.convert("L")).astype(np.float64).T)


@pytest.mark.parametrize("name", [*_SEEN, "film", "smaller film"])
def test_fields_become_whole_frames(media: MediaFolder, tmp_path: Path, name: str) -> None:
    """What moves has straight edges, where fields are combs."""
    workspace = media.workspace("fields.mp4", tmp_path, outputs=_OUTPUTS)
    with av.open(str(media.path("fields.mp4"))) as opened:
        *_, last = opened.decode(opened.streams.video[0])
        comb = _comb(_image(last))

    if name in _SEEN:
        image = _seen(workspace, name)
    else:
        size: Tree = {"Height": "128"} if name == "smaller film" else {}
        made = transcode(workspace, "mp4", Video={"Codec": "H.264", "Crf": "4", **size})
        with av.open(str(made.path)) as opened:
            *_, last = opened.decode(opened.streams.video[0])
            image = _image(last)
            assert not last.interlaced_frame

    assert _comb(image) < comb / 2


def test_fields_stay_fields_where_asked(media: MediaFolder, tmp_path: Path) -> None:
    """With `Interlaced` a source of fields stays one, moment by moment."""
    codec: Tree = {"Codec": "H.264", "Interlaced": "true", "Crf": "4"}

    made = transcode(media.workspace("fields.mp4", tmp_path), "mp4", Video=codec)

    with av.open(str(made.path)) as opened:
        frames = list(opened.decode(opened.streams.video[0]))
    with av.open(str(media.path("fields.mp4"))) as opened:
        expected = list(opened.decode(opened.streams.video[0]))
    assert len(frames) == len(expected)
    assert frames[10].interlaced_frame
    for parity in (0, 1):
        lines = [one[10].to_ndarray(format="gray")[parity::2] for one in (frames, expected)]
        places = [np.nonzero(one[30] > 40)[0].mean() for one in lines]
        assert places[0] == pytest.approx(places[1], abs=0.6)
