"""NoiseReduction: steady noise goes, what was said stays, nothing is shifted or cut."""

import math
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
from penstock.operations.noise_reduction import OPERATION, Params, noise_floor
from tests.operations.made_media import Made
from tests.operations.measures import Samples, lag, snr, sound, voice, write_sound
from tests.operations.media_fixtures import SECONDS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_RATES = (8000, 12000, 16000, 24000, 32000, 44100, 48000)


def _run(workspace: FolderWorkspace, **leaves: str) -> Path:
    tree: Tree = {"NoiseReduction": leaves, "Output": {"Object": "a.${Ext}"}}
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    assert workspace.reports == sorted(workspace.reports)
    assert not result.facts
    (output,) = result.outputs
    return workspace.published / output.key


def _of(folder: Path, samples: Samples) -> FolderWorkspace:
    write_sound(folder / "noisy.wav", samples[None, :])
    return FolderWorkspace(folder, "noisy.wav")


def _noise(clean: Samples, decibels: float) -> Samples:
    """White noise that lies so far below the mean of a signal."""
    noise = np.random.default_rng(7).standard_normal(clean.size)
    return np.asarray(noise * clean.std() / 10 ** (decibels / 20))


def _tone(seconds: float) -> Samples:
    time = np.arange(int(seconds * 44_100)) / 44_100
    return np.asarray(0.2 * np.sin(2 * np.pi * 440 * time))


@pytest.mark.parametrize(
    ("clean", "decibels", "gain"),
    [(voice(4), 0, 6), (voice(4), 5, 6), (voice(4), 10, 6), (voice(4), 20, 5), (_tone(4), 10, 6)],
    ids=["voice, 0 dB", "voice, 5 dB", "voice, 10 dB", "voice, 20 dB", "tone, 10 dB"],
)
def test_noise_reduction_raises_the_ratio_of_signal_to_noise(
    tmp_path: Path, clean: Samples, decibels: float, gain: float
) -> None:
    """Noise of any level loses decibels, and what remains is what was said."""
    workspace = _of(tmp_path, clean * 0.5 + _noise(clean * 0.5, decibels))

    cleaned = sound(_run(workspace, Format="wav"))[0]

    assert lag(clean, cleaned) == 0
    assert snr(clean * 0.5, cleaned) > decibels + gain


@pytest.mark.parametrize("clean", [voice(3), _tone(3)], ids=["voice", "tone"])
def test_noise_reduction_leaves_clean_sound(tmp_path: Path, clean: Samples) -> None:
    """Where there is no noise, next to nothing changes."""
    cleaned = sound(_run(_of(tmp_path, clean), Format="wav"))[0]

    assert snr(clean, cleaned) > 20


def test_noise_reduction_keeps_silence(tmp_path: Path) -> None:
    """Of nothing comes nothing, as long as it was."""
    cleaned = sound(_run(_of(tmp_path, np.zeros(44_100)), Format="wav"))[0]

    assert cleaned.size == 44_100
    assert float(np.abs(cleaned).max()) < 1e-3


@pytest.mark.parametrize("format_name", ["mp3", "m4a", "wav"])
@pytest.mark.parametrize("rate", _RATES)
def test_noise_reduction_format_and_rate(
    media: MediaFolder, tmp_path: Path, format_name: str, rate: int
) -> None:
    """Every format takes every sample rate, in one channel, and nothing is cut off."""
    workspace = media.workspace("clip.mp4", tmp_path)

    path = _run(workspace, Format=format_name, Samplerate=str(rate))

    made = Made(path)
    assert path.suffix == f".{format_name}"
    assert made.codecs == [{"mp3": "mp3", "m4a": "aac", "wav": "pcm_s16le"}[format_name]]
    assert (made.audio["rate"], made.audio["channels"]) == (rate, 1)
    assert made.seconds == pytest.approx(SECONDS, abs=0.15)
    if format_name == "wav":
        assert made.seconds == pytest.approx(SECONDS, abs=0.03)


@pytest.mark.parametrize(("rate", "kept"), [(16_000, 16_000), (22_050, 44_100)])
def test_noise_reduction_default_is_mp3_at_the_source_s_rate(
    tmp_path: Path, rate: int, kept: int
) -> None:
    """Without params the rate stays where the table has it."""
    write_sound(tmp_path / "a.wav", voice(1, rate)[None, :], rate)

    made = Made(_run(FolderWorkspace(tmp_path, "a.wav")))

    assert (made.codecs, made.audio["rate"]) == (["mp3"], kept)


def test_noise_reduction_mixes_channels(tmp_path: Path) -> None:
    """Of several channels the mean is kept."""
    write_sound(tmp_path / "a.wav", np.stack([voice(2), np.zeros(88_200)]))

    cleaned = sound(_run(FolderWorkspace(tmp_path, "a.wav"), Format="wav"))[0]

    assert snr(voice(2) / 2, cleaned) > 15


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({"Format": "flac"}, r"NoiseReduction\.Format must be one of mp3, m4a, wav"),
        ({"Samplerate": "11025"}, r"NoiseReduction\.Samplerate"),
        ({"Samplerate": "44.1"}, r"NoiseReduction\.Samplerate"),
    ],
)
def test_noise_reduction_refuses_wrong_params(leaves: Tree, named: str) -> None:
    """What is not in the table is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse({"NoiseReduction": leaves})


@given(st.integers(0, 100_000))
def test_noise_reduction_takes_exactly_the_rates_of_the_table(rate: int) -> None:
    """No other sample rate is taken."""
    tree: Tree = {"NoiseReduction": {"Samplerate": str(rate)}}

    if rate in _RATES:
        assert Params.parse(tree).sample_rate == rate
    else:
        with pytest.raises(InvalidArgumentError):
            Params.parse(tree)


@given(st.lists(st.floats(-90, 0), max_size=50))
def test_noise_floor_is_never_above_the_mean(levels: list[float]) -> None:
    """Whatever was measured, noise lies within what was heard, or below it."""
    floor = noise_floor(levels)

    assert math.isfinite(floor)
    assert floor <= max(levels, default=0)


@pytest.mark.parametrize("key", ["silent.mp4", "picture.jpg"])
def test_noise_reduction_needs_sound(media: MediaFolder, tmp_path: Path, key: str) -> None:
    """A video without sound and a still picture are refused."""
    with pytest.raises(UnsupportedInputError):
        _run(media.workspace(key, tmp_path))


def test_noise_reduction_refuses_a_broken_file(tmp_path: Path) -> None:
    """What is no sound at all says so."""
    (tmp_path / "a.mp3").write_bytes(b"no sound" * 50)

    with pytest.raises(UnsupportedInputError, match=r"a\.mp3"):
        _run(FolderWorkspace(tmp_path, "a.mp3"))


def test_noise_reduction_stops_when_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = media.workspace("sound.mp3", tmp_path)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        _run(workspace)

    assert not workspace.published_paths
