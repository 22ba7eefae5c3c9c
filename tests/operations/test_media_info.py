"""MediaInfo, and the probe behind it."""

from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._probe import probe
from penstock.operations.media_info import OPERATION
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]


def _info(workspace: FolderWorkspace) -> dict[str, Any]:
    result = OPERATION.run(OPERATION.parse({}), workspace)
    assert not result.outputs
    tree = result.facts["MediaInfo"]
    assert isinstance(tree, dict)
    return tree


def test_media_info_spells_facts_as_the_vendor_does(media: MediaFolder, tmp_path: Path) -> None:
    """Numbers, ratios and names of an MP4 have the documented form."""
    tree = _info(media.workspace("clip.mp4", tmp_path))

    file_format, video, audio = (
        tree["Format"],
        tree["Stream"]["Video"][0],
        tree["Stream"]["Audio"][0],
    )
    size = media.path("clip.mp4").stat().st_size
    assert file_format["NumStream"] == "2"
    assert file_format["NumProgram"] == "0"
    assert file_format["FormatName"] == "mov,mp4,m4a,3gp,3g2,mj2"
    assert file_format["Duration"] == "2.000000"
    assert file_format["Size"] == str(size)
    assert float(file_format["Bitrate"]) == pytest.approx(size * 8 / 2 / 1000, rel=0.01)
    assert video | {"Bitrate": ""} == video | {
        "Bitrate": "",
        "Index": "0",
        "CodecName": "h264",
        "CodecLongName": "H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10",
        "CodecTagString": "avc1",
        "CodecTag": "0x31637661",
        "CodecTimeBase": "1/12800",
        "Timebase": "1/12800",
        "Width": "160",
        "Height": "120",
        "Sar": "1:1",
        "Dar": "4:3",
        "PixFormat": "yuv420p",
        "Fps": "25.000000",
        "AvgFps": "25/1",
        "NumFrames": "50",
        "Duration": "2.000000",
        "ColorPrimaries": "unknown",
        "Language": "und",
        "Rotation": "0.000000",
    }
    assert audio["CodecName"] == "aac"
    assert audio["SampleRate"] == "44100"
    assert audio["Channel"] == "1"
    assert audio["ChannelLayout"] == "mono"
    assert tree["Stream"]["Subtitle"] == ""


def test_media_info_holds_text_only(media: MediaFolder, tmp_path: Path) -> None:
    """Every leaf of the tree is text without control characters, so that XML can carry it."""

    def leaves(tree: object) -> list[object]:
        if isinstance(tree, dict):
            return [leaf for value in tree.values() for leaf in leaves(value)]
        if isinstance(tree, list):
            return [leaf for value in tree for leaf in leaves(value)]
        return [tree]

    found = leaves(_info(media.workspace("numbered.ts", tmp_path)))

    assert all(isinstance(leaf, str) and (leaf.isprintable() or not leaf) for leaf in found)


def test_media_info_tells_the_display_matrix(media: MediaFolder, tmp_path: Path) -> None:
    """Rotation is that of the display matrix; width and height are those of stored pixels."""
    video = _info(media.workspace("turned.mp4", tmp_path))["Stream"]["Video"][0]

    assert video["Rotation"] == "-90.000000"
    assert (video["Width"], video["Height"]) == ("160", "120")


def test_media_info_of_sound_has_no_video(media: MediaFolder, tmp_path: Path) -> None:
    """A sound file has sound streams only."""
    streams = _info(media.workspace("sound.mp3", tmp_path))["Stream"]

    assert "Video" not in streams
    assert streams["Audio"][0]["CodecName"] == "mp3"


@pytest.mark.parametrize("key", ["turned.mp4", "mirrored.mp4"])
def test_probe_applies_the_turn_to_the_size(media: MediaFolder, key: str) -> None:
    """A quarter turn swaps width and height, a mirror does not."""
    video = probe(media.path(key), key).video

    assert video is not None
    assert (video.width, video.height) == ((120, 160) if key == "turned.mp4" else (160, 120))
    assert video.turn == ((90, False) if key == "turned.mp4" else (0, True))


def test_probe_takes_no_cover_for_video(media: MediaFolder) -> None:
    """A picture attached to a sound file is not moving pictures."""
    found = probe(media.path("covered.mp3"), "covered.mp3")

    assert found.video is None
    assert found.audio is not None
    assert found.stream_count == 2


def test_probe_measures_what_the_container_only_guesses(media: MediaFolder) -> None:
    """A raw AAC file, whose length its header does not tell, is measured."""
    found = probe(media.path("sound.aac"), "sound.aac")

    assert found.seconds == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    "broken", ["empty", "text", "no index", "picture", "subtitles", "playlist", "noise"]
)
def test_media_info_refuses_what_is_not_media(
    media: MediaFolder, tmp_path: Path, broken: str
) -> None:
    """Whatever is no video or sound fails for good, and says which object it was."""
    content = {
        "empty": b"",
        "text": b"This is only text, whatever its name says.\n" * 50,
        "no index": media.path("clip.mp4").read_bytes()[:4000],
        "picture": media.path("picture.jpg").read_bytes(),
        "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\nHello\n\n",
        "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nclip.ts\n#EXT-X-ENDLIST\n",
        "noise": bytes(range(256)) * 40,
    }[broken]
    (tmp_path / "broken.mp4").write_bytes(content)
    workspace = FolderWorkspace(tmp_path, "broken.mp4")

    with pytest.raises(UnsupportedInputError, match=r"broken\.mp4: ") as caught:
        OPERATION.run(OPERATION.parse({}), workspace)

    assert str(tmp_path) not in str(caught.value)
