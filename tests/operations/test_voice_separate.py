"""VoiceSeparate: what stands in the middle of stereo is told from what stands at its sides."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._voice_params import Params
from penstock.operations.voice_separate import OPERATION
from tests.operations.made_media import Made
from tests.operations.measures import Samples, lag, snr, sound, voice, write_sound
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_BOTH = {"Object": "back.${Ext}", "AuObject": "voice.${Ext}"}
_SECONDS = 3


def _side(*tones: float) -> Samples:
    time = np.arange(_SECONDS * 44_100) / 44_100
    chord = sum(np.sin(2 * np.pi * tone * time) for tone in tones)
    return np.asarray(0.03 * chord)


_VOICE, _LEFT, _RIGHT = voice(_SECONDS), _side(330, 554, 990, 1975), _side(392, 659, 1245, 2500)


def _song(folder: Path) -> FolderWorkspace:
    """A voice in the middle, music left and right."""
    write_sound(folder / "song.wav", np.stack([_VOICE + _LEFT, _VOICE + _RIGHT]))
    return FolderWorkspace(folder, "song.wav", outputs=_BOTH)


def _run(workspace: FolderWorkspace, mode: str, **config: str) -> dict[str, Path]:
    tree: Tree = {
        "VoiceSeparate": {"AudioMode": mode, "AudioConfig": config},
        "Output": workspace.outputs,
    }
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    assert workspace.reports == sorted(workspace.reports)
    assert not result.facts
    return {output.target: workspace.published / output.key for output in result.outputs}


def _shares(mixed: Samples) -> Samples:
    """How much of voice, left and right music a channel holds."""
    middle = slice(8192, mixed.size - 8192)
    parts = np.stack([one[middle] for one in (_VOICE, _LEFT, _RIGHT)], axis=1)
    return np.asarray(np.linalg.lstsq(parts, mixed[middle], rcond=None)[0])


def _decibels(share: float) -> float:
    return float(20 * np.log10(abs(share) + 1e-9))


def test_voice_separate_tells_the_middle_from_the_sides(tmp_path: Path) -> None:
    """The voice loses 20 decibels of music, the background 20 of voice; nothing moves."""
    made = _run(_song(tmp_path), "AudioAndBackground", Codec="flac")

    spoken, back = sound(made["AuObject"]), sound(made["Object"])
    assert lag(_VOICE, spoken[0]) == 0
    for channel in spoken:
        kept, *music = _shares(channel)
        assert kept == pytest.approx(1, abs=0.1)
        assert max(map(_decibels, music)) < -20
    for channel, side in ((back[0], 1), (back[1], 2)):
        shares = _shares(channel)
        assert shares[side] == pytest.approx(1, abs=0.1)
        assert _decibels(shares[0]) < -20
    assert snr(_VOICE[8192:-8192], spoken[0][8192:-8192]) > 12


def test_voice_separate_gives_the_same_every_time(tmp_path: Path) -> None:
    """Threads of ffmpeg make no difference."""
    made = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(sound(_run(_song(folder), "IsAudio", Codec="flac")["AuObject"]))

    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


def test_voice_separate_parts_add_up_to_the_source(tmp_path: Path) -> None:
    """Whatever is not in one part is in the other, as long as the source is."""
    workspace = _song(tmp_path)

    made = _run(workspace, "AudioAndBackground", Codec="flac")

    spoken, back = sound(made["AuObject"]), sound(made["Object"])
    source = sound(workspace.fetch())[0]
    assert spoken.shape == back.shape == (2, _SECONDS * 44_100)
    whole = slice(4096, -4096)
    assert snr(source[whole], (spoken + back)[0][whole]) > 40


@pytest.mark.parametrize(
    ("mode", "outputs", "expected"),
    [
        ("IsAudio", {"AuObject": "v.${Ext}"}, {"AuObject"}),
        ("IsBackground", {"Object": "b.${Ext}"}, {"Object"}),
        ("audioandbackground", _BOTH, {"AuObject", "Object"}),
    ],
)
def test_voice_separate_makes_the_parts_of_its_mode(
    tmp_path: Path, mode: str, outputs: dict[str, str], expected: set[str]
) -> None:
    """Each mode makes its parts and no other, under their own patterns."""
    workspace = _song(tmp_path)
    workspace.outputs = outputs

    made = _run(workspace, mode)

    assert set(made) == expected
    assert all(path.suffix == ".aac" for path in made.values())


@pytest.mark.parametrize(
    ("config", "codec", "rate", "channels"),
    [
        ({}, "aac", 44_100, 2),
        (
            {"Codec": "mp3", "Samplerate": "48000", "Bitrate": "96", "Channels": "1"},
            "mp3",
            48_000,
            1,
        ),
        ({"Codec": "aac", "Samplerate": "96000", "Channels": "6"}, "aac", 96_000, 6),
        ({"Codec": "flac", "Samplerate": "11025"}, "flac", 11_025, 2),
        ({"Codec": "amr"}, "amr_nb", 8000, 1),
    ],
)
def test_voice_separate_encodes_as_told(
    tmp_path: Path, config: dict[str, str], codec: str, rate: int, channels: int
) -> None:
    """Codec, sample rate and channels of every part are those asked for."""
    for path in _run(_song(tmp_path), "AudioAndBackground", **config).values():
        made = Made(path)
        assert made.codecs == [codec]
        assert (made.audio["rate"], made.audio["channels"]) == (rate, channels)


@pytest.mark.parametrize("key", ["sound.mp3", "clip.mp4"])
def test_voice_separate_refuses_one_channel(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """One channel does not tell where anything stands."""
    workspace = media.workspace(key, tmp_path, outputs=_BOTH)

    with pytest.raises(UnsupportedInputError, match="has one channel") as caught:
        _run(workspace, "IsAudio")

    assert caught.value.code == "ResourceNotSupported"
    assert not workspace.published_paths


def test_voice_separate_refuses_channels_that_are_alike(tmp_path: Path) -> None:
    """Two channels that say the same are as one."""
    write_sound(tmp_path / "a.wav", np.stack([_VOICE, _VOICE]))

    with pytest.raises(UnsupportedInputError, match="the same in both channels"):
        _run(FolderWorkspace(tmp_path, "a.wav", outputs=_BOTH), "IsAudio")


@pytest.mark.parametrize("key", ["silent.mp4", "picture.jpg"])
def test_voice_separate_needs_sound(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """A video without sound and a still picture are refused."""
    with pytest.raises(UnsupportedInputError):
        _run(media.workspace(key, tmp_path, outputs=_BOTH), "IsAudio")


@pytest.mark.parametrize(
    ("params", "output", "named"),
    [
        ({}, _BOTH, r"VoiceSeparate\.AudioMode must be given"),
        ({"AudioMode": "Karaoke"}, _BOTH, r"AudioMode must be one of IsAudio, IsBackground"),
        ({"AudioMode": "MusicMode"}, _BOTH, "AudioMode must be another.*bass and drums"),
        ({"AudioMode": "IsAudio"}, {"Object": "a"}, r"Output\.AuObject must be given"),
        ({"AudioMode": "IsBackground"}, {"AuObject": "a"}, r"Output\.Object must be given"),
        ({"AudioMode": "AudioAndBackground"}, {"Object": "a"}, r"Output\.AuObject"),
        ({"AudioMode": "IsAudio"}, {**_BOTH, "DrumObject": "d"}, "does not offer"),
    ],
)
def test_voice_separate_refuses_wrong_params(
    params: Tree, output: dict[str, str], named: str
) -> None:
    """Modes that are not offered and parts without a name are named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse({"VoiceSeparate": params, "Output": output})


_TABLE = {
    "aac": ({11025, 22050, 32000, 44100, 48000, 96000}, {1, 2, 4, 5, 6, 8}),
    "flac": ({11025, 22050, 32000, 44100, 48000, 96000}, {1, 2, 4, 5, 6, 8}),
    "mp3": ({11025, 22050, 32000, 44100, 48000}, {1, 2}),
    "amr": ({8000}, {1}),
}


@given(
    st.sampled_from(sorted(_TABLE)),
    st.sampled_from((8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000)),
    st.integers(0, 9),
    st.integers(0, 1100),
)
def test_voice_separate_takes_exactly_the_documented_table(
    codec: str, rate: int, channels: int, kilobits: int
) -> None:
    """Sample rates and channels go with the codec, bit rates from 8 to 1000."""
    rates, counts = _TABLE[codec]
    wrong = (rate not in rates) + (channels not in counts) + (not 8 <= kilobits <= 1000)
    config: Tree = {
        "Codec": codec,
        "Samplerate": str(rate),
        "Channels": str(channels),
        "Bitrate": str(kilobits),
    }
    tree: Tree = {"VoiceSeparate": {"AudioMode": "IsAudio", "AudioConfig": config}}

    if wrong:
        with pytest.raises(InvalidArgumentError) as caught:
            Params.parse(tree)
        assert len(caught.value.faults) == wrong
    else:
        assert Params.parse(tree).encoding.sample_rate == rate


def test_voice_separate_stops_when_cancelled(tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = _song(tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        _run(workspace, "IsAudio")

    assert not workspace.published_paths
