"""Measures of pictures and sound made with PyAV and numpy alone, to judge results by."""

from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float64]

_WINDOW = 8
_STABLE_1, _STABLE_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def planes(path: Path, frame_number: int = 0) -> tuple[Samples, Samples, Samples]:
    """Luma and the two chromas of one frame of 4:2:0, as stored."""
    with av.open(str(path)) as opened:
        for number, frame in enumerate(opened.decode(opened.streams.video[0])):
            if number == frame_number:
                kind = np.dtype("<u2" if frame.format.components[0].bits > 8 else "u1")
                luma, blue, red = (_plane(plane, kind) for plane in frame.planes)
                return luma, blue, red
    raise AssertionError


def _plane(plane: av.video.plane.VideoPlane, kind: np.dtype[Any]) -> Samples:
    rows = np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64)


def ssim(one: Samples, other: Samples) -> float:
    """The mean structural similarity of two 8-bit planes over windows side by side; 1 is equal."""
    assert one.shape == other.shape
    a, b = _windows(one), _windows(other)
    mean_a, mean_b = a.mean(axis=1), b.mean(axis=1)
    shared = ((a - mean_a[:, None]) * (b - mean_b[:, None])).mean(axis=1)
    above = (2 * mean_a * mean_b + _STABLE_1) * (2 * shared + _STABLE_2)
    below = (mean_a**2 + mean_b**2 + _STABLE_1) * (a.var(axis=1) + b.var(axis=1) + _STABLE_2)
    return float((above / below).mean())


def _windows(plane: Samples) -> Samples:
    rows, columns = plane.shape[0] // _WINDOW, plane.shape[1] // _WINDOW
    even = plane[: rows * _WINDOW, : columns * _WINDOW]
    cells = even.reshape(rows, _WINDOW, columns, _WINDOW).swapaxes(1, 2)
    return cells.reshape(rows * columns, _WINDOW * _WINDOW)


def roughness(plane: Samples) -> float:
    """How much neighbouring samples differ in the mean."""
    return float(np.abs(np.diff(plane, axis=1)).mean())


def sound(path: Path, rate: int = 44_100) -> Samples:
    """All samples from -1 to 1, a row for each channel, at this rate."""
    resampler = av.AudioResampler(format="fltp", rate=rate)
    with av.open(str(path)) as opened:
        frames = [
            resampled
            for frame in opened.decode(opened.streams.audio[0])
            for resampled in resampler.resample(frame)
        ]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1).astype(np.float64)


def write_sound(path: Path, samples: Samples, rate: int = 44_100) -> None:
    """Store samples from -1 to 1, a row for each channel, as 16-bit PCM."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[0]]
    whole = np.round(np.clip(samples, -1, 1) * 32_767).astype("<i2")
    with av.open(str(path), "w", format="wav") as opened:
        stream = opened.add_stream("pcm_s16le", rate=rate, layout=layout)
        packed = np.ascontiguousarray(whole.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            opened.mux(packet)


def lag(reference: Samples, other: Samples) -> int:
    """By how many samples one channel comes after a reference."""
    size = min(reference.size, other.size)
    spectrum = np.fft.rfft(other[:size], 2 * size) * np.conj(
        np.fft.rfft(reference[:size], 2 * size)
    )
    best = int(np.argmax(np.fft.irfft(spectrum)))
    return best if best < size else best - 2 * size


def snr(reference: Samples, other: Samples) -> float:
    """How far a channel's difference from a reference lies below the reference, in decibels."""
    size = min(reference.size, other.size)
    noise = other[:size] - reference[:size]
    return float(10 * np.log10((reference[:size] ** 2).mean() / (noise**2).mean()))


def voice(seconds: float, rate: int = 44_100) -> Samples:
    """Something like speech: harmonics of a moving pitch in syllables, with pauses."""
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * time)) / rate
    tones = sum(np.sin(number * phase) / number for number in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) ** 0.5
    spoken = np.asarray(tones * syllables * (np.sin(2 * np.pi * 0.4 * time) > -0.5))
    return np.asarray(0.12 * spoken / spoken.std())
