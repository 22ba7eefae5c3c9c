"""Concat: pieces stand in the order asked for, look alike, and keep their sound."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidArgumentError,
    InvalidParamsError,
    ObjectNotFoundError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations._concat_params import Params
from penstock.operations.base import Limits
from penstock.operations.concat import OPERATION
from tests.operations.made_media import Made
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "10"}


def _tree(*fragments: Tree, **blocks: Value) -> Tree:
    is_sound = blocks.get("Container") in ({"Format": "mp3"}, {"Format": "aac"})
    return {
        "ConcatTemplate": {
            "ConcatFragment": list(fragments),
            "Container": {"Format": "mp4"},
            "Video": "" if is_sound else _FAST,
            **blocks,
        }
    }


def _bucket(media: MediaFolder, folder: Path, key: str, *others: str) -> FolderWorkspace:
    """A workspace whose bucket also holds other files."""
    workspace = media.workspace(key, folder)
    for other in {*others} - {key}:
        (folder / other).symlink_to(media.path(other))
    return workspace


def _concat(workspace: FolderWorkspace, tree: Tree) -> Made:
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    return Made(workspace.published / result.outputs[0].key)


def _levels(path: Path) -> list[int]:
    """The mean luma of every frame, 0 to 255."""
    with av.open(str(path)) as opened:
        frames = (frame.reformat(format="gray") for frame in opened.decode(video=0))
        return [sum(found := bytes(frame.planes[0])) // len(found) for frame in frames]


def _loudness(path: Path) -> list[float]:
    """The greatest sample of every tenth of a second of the first channel."""
    samples: list[float] = []
    resampler = av.AudioResampler(format="s16", layout="mono", rate=8000)
    with av.open(str(path)) as opened:
        for frame in opened.decode(audio=0):
            for made in resampler.resample(frame):
                samples += memoryview(bytes(made.planes[0])[: made.samples * 2]).cast("h")
    return [max(samples[at : at + 800]) / 32768 for at in range(0, len(samples) - 800, 800)]


@pytest.mark.parametrize(
    ("fragments", "leaves", "order"),
    [
        ([{"Url": "white.mp4", "Mode": "Start"}], {}, "wn"),
        ([{"Url": "white.mp4", "Mode": "End"}], {}, "nw"),
        ([{"Url": "white.mp4"}], {}, "nw"),
        ([{"Url": "white.mp4"}], {"Index": "1"}, "wn"),
        ([{"Url": "white.mp4", "Mode": "Start"}], {"Index": "0"}, "nw"),
        (
            [
                {"Url": "numbered.mp4", "FragmentIndex": "1"},
                {"Url": "white.mp4", "FragmentIndex": "0"},
            ],
            {"Index": "2"},
            "wnn",
        ),
        (
            [{"Url": "white.mp4", "Mode": "End"}, {"Url": "white.mp4", "Mode": "Start"}],
            {},
            "wnw",
        ),
        (
            [{"Url": "https://b-1.cos.local.myqcloud.com/white.mp4"}, {"Url": "numbered.mp4"}],
            {"Index": "1"},
            "wnn",
        ),
    ],
)
def test_concat_order(
    media: MediaFolder, tmp_path: Path, fragments: list[Tree], leaves: dict[str, str], order: str
) -> None:
    """Mode, Index and FragmentIndex say which piece stands where, each in its whole length."""
    workspace = _bucket(media, tmp_path, "numbered.mp4", "white.mp4")

    made = _concat(workspace, _tree(*fragments, **leaves))

    levels = _levels(made.path)
    assert len(levels) == 50 * len(order)
    for place, piece in enumerate(order):
        found = [levels[50 * place + at] for at in (1, 24, 48)]
        if piece == "w":
            assert min(found) > 250
        else:
            assert found == pytest.approx([4.66, 111.8, 223.6], abs=4)
    assert made.codecs == ["h264"]
    assert workspace.reports == sorted(workspace.reports)


@pytest.mark.parametrize(
    ("cut", "first", "frames"),
    [
        ({"StartTime": "0.4", "EndTime": "1.2"}, 10, 20),
        ({"StartTime": "1.2"}, 30, 20),
        ({"EndTime": "0.4"}, 0, 10),
        ({"StartTime": "0.8", "Duration": "0.4"}, 20, 10),
        ({"StartTime": "1.6", "EndTime": "60"}, 40, 10),
    ],
)
def test_concat_cuts_fragments(
    media: MediaFolder, tmp_path: Path, cut: dict[str, str], first: int, frames: int
) -> None:
    """A fragment gives the part between its times, exactly; the input is whole."""
    workspace = _bucket(media, tmp_path, "white.mp4", "numbered.mp4")

    made = _concat(workspace, _tree({"Url": "numbered.mp4", "Mode": "Start", **cut}))

    levels = _levels(made.path)
    assert len(levels) == 50 + frames
    assert round(levels[0] * 219 / 255 / 4) == first
    assert min(levels[frames:]) > 250


@pytest.mark.parametrize(
    ("key", "other", "leaves", "size"),
    [
        ("clip.mp4", "corners.mp4", {}, (160, 120)),
        ("clip.mp4", "turned.mp4", {}, (160, 120)),
        ("turned.mp4", "clip.mp4", {}, (120, 160)),
        ("wide_pixels.mp4", "clip.mp4", {}, (320, 120)),
        ("clip.mp4", "turned.mp4", {"Width": "320"}, (320, 240)),
        ("clip.mp4", "long.mp4", {"Width": "128", "Height": "128", "Fps": "10"}, (128, 128)),
        ("clip.mp4", "clip.mp4", {"Rotate": "90"}, (120, 160)),
    ],
)
def test_concat_brings_pieces_to_the_input_s_frame(
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    other: str,
    leaves: dict[str, str],
    size: tuple[int, int],
) -> None:
    """Size and shape are the input's, or those asked for, whatever the pieces have."""
    workspace = _bucket(media, tmp_path, key, other)

    made = _concat(workspace, _tree({"Url": other, "EndTime": "0.6"}, Video={**_FAST, **leaves}))

    assert made.video["size"] == size
    assert float(made.video["aspect"] or 1) == 1
    assert made.video["fps"] == int(leaves.get("Fps", "25"))


def test_concat_puts_bars_round_another_shape(media: MediaFolder, tmp_path: Path) -> None:
    """A fragment of another ratio is fitted inside, upright and undistorted."""
    workspace = _bucket(media, tmp_path, "white.mp4", "turned.mp4")

    made = _concat(workspace, _tree({"Url": "turned.mp4", "Mode": "Start"}))

    image = made.video["image"]
    assert max(image.getpixel((10, 60))) < 20
    blue, red = image.getpixel((50, 20)), image.getpixel((110, 20))
    assert (blue[2] > 200, blue[0] < 60) == (True, True)
    assert (red[0] > 200, red[2] < 60) == (True, True)


def test_concat_keeps_sound_with_its_pictures(media: MediaFolder, tmp_path: Path) -> None:
    """A piece without sound is silent for exactly its length, and so is one without pictures."""
    workspace = _bucket(media, tmp_path, "clip.mp4", "silent.mp4", "sound.mp3")
    fragments = [
        {"Url": "silent.mp4", "Mode": "Start"},
        {"Url": "silent.mp4", "Mode": "End"},
        {"Url": "sound.mp3", "Mode": "End"},
    ]

    made = _concat(workspace, _tree(*fragments))

    loud = [level > 0.05 for level in _loudness(made.path)]
    assert made.codecs == ["h264", "aac"]
    assert made.seconds == pytest.approx(8, abs=0.15)
    assert not any(loud[1:19])
    assert all(loud[21:39])
    assert not any(loud[41:59])
    assert all(loud[61:78])
    levels = _levels(made.path)
    assert max(levels[152:198]) < 5 < min(levels[:150])


@pytest.mark.parametrize("format_name", ["mp4", "flv", "hls", "ts", "mp3", "aac"])
@pytest.mark.parametrize("codec", ["aac", "mp3"])
def test_concat_formats(media: MediaFolder, tmp_path: Path, format_name: str, codec: str) -> None:
    """Every container takes what its row of the table says."""
    workspace = _bucket(media, tmp_path, "clip.mp4", "two_tracks.mkv")
    tree = _tree(
        {"Url": "two_tracks.mkv"}, Container={"Format": format_name}, Audio={"Codec": codec}
    )
    if format_name in {"mp3", "aac"} and format_name != codec:
        with pytest.raises(InvalidArgumentError, match=r"Audio\.Codec"):
            OPERATION.parse(tree)
        return

    made = _concat(workspace, tree)

    is_sound = format_name in {"mp3", "aac"}
    assert made.codecs == [codec] if is_sound else ["h264", codec]
    assert made.path.suffix == {"hls": ".m3u8"}.get(format_name, f".{format_name}")
    assert len(workspace.published_paths) == (2 if format_name == "hls" else 1)


@pytest.mark.parametrize(
    ("blocks", "codecs"),
    [
        ({"Audio": {"Remove": "true"}}, ["h264"]),
        ({"Video": {"Remove": "true"}}, ["aac"]),
        ({"Video": "", "Audio": ""}, ["h264", "aac"]),
    ],
)
def test_concat_keeps_what_is_not_removed(
    media: MediaFolder, tmp_path: Path, blocks: dict[str, Value], codecs: list[str]
) -> None:
    """An absent block keeps its kind of stream; Remove leaves it out."""
    workspace = _bucket(media, tmp_path, "clip.mp4")

    made = _concat(workspace, _tree({"Url": "clip.mp4"}, **blocks))

    assert made.codecs == codecs


@pytest.mark.parametrize("format_name", ["mp4", "ts", "flv", "hls"])
def test_concat_directly_copies_streams(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """DirectConcat joins equal streams frame by frame without encoding, and ignores cuts."""
    workspace = _bucket(media, tmp_path, "numbered.mp4")
    fragment = {"Url": "numbered.mp4", "StartTime": "1"}

    made = _concat(
        workspace,
        _tree(fragment, fragment, Container={"Format": format_name}, DirectConcat="true"),
    )

    assert _levels(made.path) == 3 * _levels(media.path("numbered.mp4"))


@pytest.mark.parametrize(
    ("key", "other", "fault"),
    [
        ("clip.mp4", "corners.mp4", "differs from clip.mp4 in"),
        ("clip.mp4", "long.mp4", "differs from clip.mp4 in size"),
        ("corners.mp4", "clip.mp4", "differs from corners.mp4 in"),
        ("odd.mkv", "odd.mkv", "ffv1 cannot be put into a .mp4"),
    ],
)
def test_concat_directly_refuses_pieces_that_differ(
    media: MediaFolder, tmp_path: Path, key: str, other: str, fault: str
) -> None:
    """Streams that a player could not follow from piece to piece fail, and the fault is named."""
    workspace = _bucket(media, tmp_path, key, other)

    with pytest.raises(InvalidParamsError, match=fault):
        _concat(workspace, _tree({"Url": other}, DirectConcat="true"))

    assert not workspace.published_paths


@pytest.mark.parametrize(
    ("fragment", "blocks", "error", "fault"),
    [
        ({"Url": "missing.mp4"}, {}, ObjectNotFoundError, "missing.mp4"),
        ({"Url": "picture.jpg"}, {}, UnsupportedInputError, "picture.jpg: a still picture"),
        ({"Url": "broken.mp4"}, {}, UnsupportedInputError, "broken.mp4"),
        ({"Url": "clip.mp4", "StartTime": "2"}, {}, InvalidParamsError, "StartTime of clip.mp4"),
        (
            {"Url": "silent.mp4"},
            {"Container": {"Format": "mp3"}, "Video": ""},
            UnsupportedInputError,
            "no piece has",
        ),
    ],
)
@pytest.mark.parametrize("key", ["silent.mp4"])
def test_concat_of_what_does_not_fit_fails(  # noqa: PLR0913, PLR0917  # a table
    media: MediaFolder,
    tmp_path: Path,
    key: str,
    fragment: Tree,
    blocks: dict[str, Value],
    error: type[Exception],
    fault: str,
) -> None:
    """A fragment that is missing, broken or too short fails the object and is named."""
    workspace = _bucket(media, tmp_path, key, "clip.mp4", "picture.jpg")
    (tmp_path / "broken.mp4").write_bytes(b"not a video")

    with pytest.raises(error, match=fault):
        _concat(workspace, _tree(fragment, **blocks))

    assert not workspace.published_paths


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda content: content[: len(content) // 2]])
def test_concat_refuses_broken_input(
    media: MediaFolder, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Nothing, and an MP4 without its index, are errors of this object."""
    (tmp_path / "b.mp4").write_bytes(spoil(media.path("clip.mp4").read_bytes()))

    with pytest.raises(UnsupportedInputError, match=r"b\.mp4"):
        _concat(FolderWorkspace(tmp_path, "b.mp4"), _tree({"Url": "b.mp4"}))


@pytest.mark.parametrize("blocks", [{}, {"DirectConcat": "true"}])
@pytest.mark.parametrize("key", ["sparse.mkv", "two_tracks.mkv"])
def test_concat_of_a_truncated_piece_is_no_short_success(
    media: MediaFolder, tmp_path: Path, key: str, blocks: dict[str, Value]
) -> None:
    """A piece that promises more than it holds fails, whether it comes first or last."""
    whole = media.path(key).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 3])
    (tmp_path / key).symlink_to(media.path(key))
    workspace = FolderWorkspace(tmp_path, "cut.mkv")

    with pytest.raises(OperationError):
        _concat(workspace, _tree({"Url": key}, **blocks))

    assert not workspace.published_paths


def test_concat_makes_no_silence_of_a_truncated_sound(media: MediaFolder, tmp_path: Path) -> None:
    """Half a sound file behind a video fails: silence would hide what is missing."""
    whole = media.path("sound.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    workspace = media.workspace("clip.mp4", tmp_path)

    with pytest.raises(UnsupportedInputError, match=r"cut\.mp3: is cut off"):
        _concat(workspace, _tree({"Url": "cut.mp3"}, Video={"Codec": "H.264"}, Audio={}))

    assert not workspace.published_paths


@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_concat_can_be_cancelled(media: MediaFolder, tmp_path: Path, checkpoints: int) -> None:
    """A cancelled attempt stops between its steps, and publishes nothing."""
    workspace = _bucket(media, tmp_path, "clip.mp4")
    workspace.cancel_after = checkpoints

    with pytest.raises(AttemptCancelledError):
        _concat(workspace, _tree({"Url": "clip.mp4"}))

    assert not workspace.published_paths


def test_concat_holds_to_its_limits(media: MediaFolder, tmp_path: Path) -> None:
    """An output that is too large is refused."""
    workspace = media.workspace("clip.mp4", tmp_path, limits=Limits(output_bytes=1000))

    with pytest.raises(InputLimitError):
        _concat(workspace, _tree({"Url": "clip.mp4"}))


_ONE: Tree = {"Url": "a.mp4"}


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        (_tree(), "ConcatFragment must be given 1 to 100 times, not 0"),
        (_tree(*[_ONE] * 101), "ConcatFragment must be given 1 to 100 times, not 101"),
        (_tree(_ONE, {"Mode": "End"}), r"ConcatFragment\[1\].Url must be given"),
        (_tree({**_ONE, "Mode": "Middle"}), r"ConcatFragment\[0\].Mode"),
        (_tree({**_ONE, "FragmentIndex": "-1"}), r"ConcatFragment\[0\].FragmentIndex"),
        (_tree({**_ONE, "StartTime": "3", "EndTime": "2"}), r"EndTime must be above StartTime"),
        (_tree({**_ONE, "Duration": "0"}), r"ConcatFragment\[0\].Duration"),
        (_tree(_ONE, Index="2"), "ConcatTemplate.Index must be a whole number from 0 to 1"),
        (_tree(_ONE, Container={"Format": "mkv"}), "Container.Format must be one of"),
        (_tree(_ONE, Container=""), "Container.Format must be given"),
        (_tree(_ONE, Video={"Codec": "H.265"}), "Video.Codec must be one of H.264"),
        (_tree(_ONE, Video={"Width": "100"}), "Video.Width"),
        (_tree(_ONE, Container={"Format": "mp3"}, Video={"Width": "200"}), "Video must be absent"),
        (_tree(_ONE, Audio={"Codec": "opus"}), "Audio.Codec"),
        (_tree(_ONE, Audio={"Samplerate": "44000"}), "Audio.Samplerate"),
        (_tree(_ONE, DirectConcat="maybe"), "ConcatTemplate.DirectConcat"),
        (_tree(_ONE, Video={"Remove": "true"}, Audio={"Remove": "true"}), "Video or Audio"),
        (_tree(_ONE, SceneChangeInfo={"Mode": "FADE"}), "SceneChangeInfo.Mode must be Default"),
        (_tree(_ONE, AudioMix={"MixMode": "Once"}), "AudioMix.*AudioSource must be given"),
        (_tree(_ONE, AudioMixArray=[{"AudioSource": "a"}] * 3), "AudioMixArray .*at most 2"),
    ],
)
def test_concat_refuses_wrong_params(tree: Tree, named: str) -> None:
    """What is missing, out of range or not offered is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree)


def test_concat_takes_what_clients_send() -> None:
    """One fragment without a list, empty elements, and hints that change nothing."""
    params = Params.parse(
        {
            "ConcatTemplate": {
                "ConcatFragment": {"Url": "a.mp4", "Mode": "start", "StartTime": ""},
                "Container": {"Format": "MP4"},
                "Video": {"Codec": "H.264", "Bitrate": "1000", "Width": "1280", "Fps": "30"},
                "Audio": {"Codec": "mp3", "Samplerate": "", "Channels": ""},
                "DirectConcat": "false",
                "SceneChangeInfo": {"Mode": "Default", "Time": "3"},
                "Index": "",
            }
        }
    )

    assert ([one.url for one in params.before], params.after) == (["a.mp4"], ())
    assert params.before[0].cut.is_whole
    assert params.video is not None
    assert params.video.kilobits == 1000
