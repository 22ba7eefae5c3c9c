"""HLS with a key, and DASH: what players find is all there, under the names that are told."""

import re
import subprocess  # an independent reader: PyAV's has no DASH
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree  # an independent reader

import av
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from penstock.domain.errors import InvalidArgumentError, OutputRejectedError
from penstock.domain.trees import Tree, Value
from penstock.operations._ffmpeg import program
from penstock.operations._media_checks import check_label
from penstock.operations.base import Operation
from penstock.operations.segment import OPERATION as SEGMENT
from penstock.operations.transcode import OPERATION as TRANSCODE
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast"}
_SERVER = "https://keys.example/ci?tenant=7"
_KEY_LINE = re.compile(r'^#EXT-X-KEY:METHOD=AES-128,URI="([^"]*)"(?:,IV=0x([0-9a-f]{32}))?$')


def _run(operation: Operation[Any], workspace: FolderWorkspace, tree: Tree) -> Path:
    result = operation.run(operation.parse(tree), workspace)
    (output,) = result.outputs
    assert workspace.published_paths[-1] == workspace.published / output.key
    return workspace.published_paths[-1]


def _transcode(encryption: Tree, **outer: Value) -> Tree:
    return {
        "Transcode": {
            "Container": {"Format": "hls", "ClipConfig": {"Duration": "1"}}, "Video": _FAST,
            "Audio": {}, "TransConfig": {"HlsEncrypt": encryption},
        }, **outer,
    }  # fmt: skip


def _segment(encryption: Tree, **outer: Value) -> Tree:
    return {"Segment": {"Format": "hls", "Duration": "5", "HlsEncrypt": encryption}, **outer}


def _decrypted(playlist: Path, key: bytes) -> list[bytes]:
    """Every segment of a playlist, decrypted by the rules of RFC 8216."""
    found: list[bytes] = []
    vector = bytes(16)
    for line in playlist.read_text().splitlines():
        if told := _KEY_LINE.match(line):
            vector = bytes.fromhex(told[2]) if told[2] else len(found).to_bytes(16)
        elif line and not line.startswith("#"):
            opener = Cipher(algorithms.AES128(key), modes.CBC(vector)).decryptor()
            plain = opener.update((playlist.parent / line).read_bytes()) + opener.finalize()
            found.append(plain[: -plain[-1]])
    return found


def _frame_count(content: bytes, path: Path) -> int:
    path.write_bytes(content)
    with av.open(str(path)) as opened:
        return sum(1 for _ in opened.decode(video=0))


@pytest.mark.parametrize(
    ("operation", "key", "tree", "segments"),
    [
        (TRANSCODE, "clip.mp4", _transcode({"IsHlsEncrypt": "true"}), 2),
        (TRANSCODE, "clip.mp4", _transcode({"IsEncrypt": "TRUE"}), 2),
        (SEGMENT, "parts.mp4", _segment({"IsHlsEncrypt": "true"}), 3),
    ],
)
def test_encrypted_playlist_is_opened_by_the_key_beside_it(
    media: MediaFolder,
    tmp_path: Path,
    operation: Operation[Any],
    key: str,
    tree: Tree,
    segments: int,
) -> None:
    """Every segment is encrypted with one key of 16 bytes, which decrypts them all."""
    workspace = media.workspace(key, tmp_path, outputs={"Object": "a b/c d.m3u8"})

    playlist = _run(operation, workspace, tree)

    secret = (playlist.parent / "c d.key").read_bytes()
    assert len(secret) == 16
    uris = {
        told[1] for line in playlist.read_text().splitlines() if (told := _KEY_LINE.match(line))
    }
    assert uris == {"c%20d.key"}
    stored = sorted(path.name for path in playlist.parent.iterdir())
    names = [f"c d_{number:05d}.ts" for number in range(segments)]
    assert stored == sorted(["c d.key", "c d.m3u8", *names])
    (playlist.parent / "c d.key").rename(playlist.parent / "c%20d.key")
    for name in names:  # the reader of this test takes names as they stand
        (playlist.parent / name).rename(playlist.parent / name.replace(" ", "%20"))
    plain = _decrypted(playlist, secret)
    assert all(one[:1] == b"\x47" and len(one) % 188 == 0 for one in plain)
    with av.open(str(media.path(key))) as opened:
        total = sum(1 for _ in opened.decode(video=0))
    counts = [_frame_count(one, tmp_path / "plain.ts") for one in plain]
    assert sum(counts) == total
    assert len(counts) == segments


@pytest.mark.parametrize("make", [_transcode, _segment])
def test_encrypted_playlist_names_the_key_server(
    media: MediaFolder, tmp_path: Path, make: Callable[..., Tree]
) -> None:
    """With UriKey, players ask there; the server is told which object holds the key."""
    operation = TRANSCODE if make is _transcode else SEGMENT
    output = {"Object": "out/${InputName}.m3u8", "Region": "local"}
    tree = make({"IsHlsEncrypt": "true", "UriKey": _SERVER}, Output=output)
    workspace = media.workspace("parts.mp4", tmp_path, outputs={"Object": output["Object"]})

    playlist = _run(operation, workspace, tree)

    told = next(filter(None, map(_KEY_LINE.match, playlist.read_text().splitlines())))
    url = urlsplit(told[1])
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://keys.example/ci"
    assert parse_qs(url.query) == {
        "tenant": ["7"], "Ciphertext": ["out/parts.key"], "KMSRegion": ["local"],
    }  # fmt: skip
    assert (workspace.published / "out/parts.key").stat().st_size == 16


def test_encrypted_playlists_have_keys_of_their_own(media: MediaFolder, tmp_path: Path) -> None:
    """No two playlists share a key."""
    keys = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        workspace = media.workspace("clip.mp4", tmp_path / name)
        playlist = _run(TRANSCODE, workspace, _transcode({"IsHlsEncrypt": "true"}))
        keys.add((playlist.parent / "clip_out.key").read_bytes())

    assert len(keys) == 2


@pytest.mark.parametrize(
    ("operation", "tree", "named"),
    [
        (
            TRANSCODE,
            {
                "Transcode": {
                    "Container": {"Format": "mp4"}, "Video": {},
                    "TransConfig": {"HlsEncrypt": {"IsHlsEncrypt": "true"}},
                }
            },
            "HlsEncrypt must be off: mp4 is not hls",
        ),
        (TRANSCODE, _transcode({"IsHlsEncrypt": "yes"}), "HlsEncrypt.IsHlsEncrypt"),
        (TRANSCODE, _transcode({"UriKey": "ftp://a"}), "HlsEncrypt.UriKey must be an http"),
        (TRANSCODE, _transcode({"UriKey": 'http://a"\n#X'}), "HlsEncrypt.UriKey must be an http"),
        (SEGMENT, _segment({"IsHlsEncrypt": "true", "UriKey": "keys"}), "HlsEncrypt.UriKey"),
    ],
)  # fmt: skip
def test_encryption_refuses_wrong_params(
    operation: Operation[Any], tree: Tree, named: str
) -> None:
    """A key server is an http or https URL, and only HLS is encrypted."""
    with pytest.raises(InvalidArgumentError, match=named):
        operation.parse(tree)


def _dash(**blocks: Value) -> Tree:
    container: Tree = {"Format": "dash", "ClipConfig": {"Duration": "1"}}
    return {"Transcode": {"Container": container, "Video": _FAST, "Audio": {}, **blocks}}


def _duration_of(index: Path) -> tuple[float, str]:
    """Length and streams of an index, as ffmpeg tells them after decoding everything."""
    command = [program(), "-nostdin", "-v", "info", "-i", str(index), "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stderr
    *_, (hours, minutes, seconds) = re.findall(r"time=(\d+):(\d+):([\d.]+)", told)
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds), told


def test_dash_is_played_from_what_is_stored(media: MediaFolder, tmp_path: Path) -> None:
    """The index names segments that are there, and ffmpeg plays all of them."""
    workspace = media.workspace("clip.mp4", tmp_path, outputs={"Object": "a/b c.${Ext}"})

    index = _run(TRANSCODE, workspace, _dash())

    assert index.name == "b c.mpd"
    names = sorted(path.name for path in index.parent.iterdir() if path != index)
    assert names == sorted(
        [
            "b c_0_head.m4s", "b c_0_00001.m4s", "b c_0_00002.m4s", "b c_1_head.m4s",
            *(name for name in names if name.startswith("b c_1_0")),
        ]
    )  # fmt: skip
    root = ElementTree.fromstring(index.read_text())  # noqa: S314  # written by the code under test
    templates = {
        (one.get("initialization"), one.get("media"))
        for one in root.iter()
        if one.tag.endswith("SegmentTemplate")
    }
    stem = "b%20c_$RepresentationID$"
    assert templates == {(f"{stem}_head.m4s", f"{stem}_$Number%05d$.m4s")}
    for path in sorted(index.parent.glob("* *.m4s")):  # ffmpeg's reader does not unquote names
        path.rename(path.with_name(path.name.replace(" ", "%20")))
    seconds, told = _duration_of(index)
    assert seconds == pytest.approx(2, abs=0.1)
    assert "Video: h264" in told
    assert "Audio: aac" in told


def test_dash_facts_tell_all_streams(media: MediaFolder, tmp_path: Path) -> None:
    """The facts of an index are those of all its streams together."""
    workspace = media.workspace("clip.mp4", tmp_path)

    result = TRANSCODE.run(TRANSCODE.parse(_dash()), workspace)

    told = result.facts["MediaInfo"]
    assert (told["Format"]["FormatName"], told["Format"]["NumStream"]) == ("dash", "2")
    assert float(told["Format"]["Duration"]) == pytest.approx(2, abs=0.1)
    stored = sum(path.stat().st_size for path in workspace.published_paths[:-1])
    assert int(told["Format"]["Size"]) == stored
    streams = told["Stream"]
    assert [(one["Index"], one["CodecName"]) for one in streams["Video"] + streams["Audio"]] == [
        ("0", "h264"), ("1", "aac"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("blocks", "streams"),
    [({"Audio": {"Remove": "true"}}, 1), ({"Video": {"Remove": "true"}}, 1)],
)
def test_dash_of_one_kind(
    media: MediaFolder, tmp_path: Path, blocks: dict[str, Value], streams: int
) -> None:
    """Pictures or sound alone make an index too."""
    workspace = media.workspace("clip.mp4", tmp_path)

    _run(TRANSCODE, workspace, _dash(**blocks))

    assert len(list(workspace.published.glob("*_head.m4s"))) == streams


@pytest.mark.parametrize(
    ("blocks", "named"),
    [
        ({"Video": {"Codec": "H.265"}}, "Video.Codec"),
        ({"Audio": {"Codec": "mp3"}}, "Audio.Codec"),
        ({"Audio": {"Channels": "8"}}, "Audio.Channels"),
        ({"TransConfig": {"DashEncrypt": {"IsEncrypt": "true"}}}, "DashEncrypt.IsEncrypt"),
    ],
)
def test_dash_refuses_what_it_cannot_hold(blocks: dict[str, Value], named: str) -> None:
    """DASH takes H.264 and aac of up to six channels, unencrypted."""
    with pytest.raises(InvalidArgumentError, match=named):
        TRANSCODE.parse(_dash(**blocks))


@pytest.mark.parametrize("format_name", ["mp4", "mov", "mkv", "flv", "webm", "mp3", "flac"])
def test_label_of_generated_content_is_among_the_tags(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """The label stands in the file as JSON, also where other tags are dropped."""
    label = {
        "Label": "1",
        "ContentProducer": "制作",
        "ProduceID": "p=1;2#\\",
        "ReservedCode1": "QQ==",
    }
    video: Tree = {} if format_name in {"mp3", "flac"} else {"Video": {"Fps": "5"}}
    config: Tree = {"AIGCMetadata": {**label, "PropagateID": ""}, "DeleteMetadata": "true"}
    block: Tree = {
        "Container": {"Format": format_name}, "Audio": {}, "TransConfig": config, **video,
    }  # fmt: skip
    workspace = media.workspace("clip.mp4", tmp_path)

    made = _run(TRANSCODE, workspace, {"Transcode": block})

    with av.open(str(made)) as opened:
        tags = {name.upper(): value for name, value in opened.metadata.items()}
    assert tags["AIGC"] == (
        '{"Label":"1","ContentProducer":"制作","ProduceID":"p=1;2#\\\\","ReservedCode1":"QQ=="}'
    )
    assert "TITLE" not in tags


@pytest.mark.parametrize("leaves", [{}, {"Duration": "5"}])
def test_segment_labels_every_part(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str]
) -> None:
    """Copied streams are labelled as encoded ones are, in each part."""
    label = {"Label": "1", "ContentProducer": "a", "ProduceID": "b"}
    workspace = media.workspace("parts.mp4", tmp_path, outputs={"Object": "${Number}.mp4"})
    tree: Tree = {"Segment": {"Format": "mp4", "AIGCMetadata": label, **leaves}}

    SEGMENT.run(SEGMENT.parse(tree), workspace)

    assert len(workspace.published_paths) == (3 if leaves else 1)
    for path in workspace.published_paths:
        with av.open(str(path)) as opened:
            assert opened.metadata["AIGC"].startswith('{"Label":"1"')


@pytest.mark.parametrize(
    ("format_name", "leaves", "named"),
    [
        ("ts", {}, "AIGCMetadata must be absent: a .ts holds no such tag"),
        ("mp4", {"ProduceID": ""}, "ProduceID must be given"),
        ("mp4", {"Label": "a\nb"}, "Label must be at most 1024 printable"),
        ("mp4", {"Label": "a" * 1025}, "Label must be at most 1024 printable"),
        ("mp4", {"ReservedCode2": "ä"}, "ReservedCode2 must be base64"),
    ],
)
def test_label_refuses_wrong_params(format_name: str, leaves: dict[str, str], named: str) -> None:
    """A label is whole, printable, and in a container that can hold it."""
    label = {"Label": "1", "ContentProducer": "a", "ProduceID": "b", **leaves}
    block = {"Container": {"Format": format_name}, "Video": {"Fps": "5"}}

    with pytest.raises(InvalidArgumentError, match=named):
        TRANSCODE.parse({"Transcode": {**block, "TransConfig": {"AIGCMetadata": label}}})


def test_label_that_is_lost_is_noticed(media: MediaFolder) -> None:
    """A file without the label, or with another, is not published."""
    for label in ('{"Label":"1"}', ""):
        with pytest.raises(OutputRejectedError, match="does not carry its AIGCMetadata"):
            check_label(media.path("clip.mp4"), "clip.mp4", label)
