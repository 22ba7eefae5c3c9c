"""What pictures show and what sound is heard, measured by PyAV and numpy on their own account."""

from pathlib import Path
from typing import NamedTuple, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
_RATE = 8000


class Box(NamedTuple):
    """A rectangle by its edges, in pixels; right and bottom lie outside."""

    left: int
    top: int
    right: int
    bottom: int


def pictures(path: Path) -> list[Picture]:
    """Every frame as rows of red, green and blue."""
    with av.open(str(path)) as opened:
        frames = opened.decode(video=0)
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in frames]


def coloured_box(picture: Picture, colour: tuple[int, int, int]) -> Box | None:
    """The smallest rectangle around everything that has nearly this colour; None for nothing."""
    distance = np.abs(picture.astype(int) - np.array(colour)).max(axis=2)
    rows, columns = np.nonzero(distance < 60)
    if not len(rows):
        return None
    return Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def likeness(some: Picture, others: Picture, hidden: Box | None = None) -> float:
    """The ratio of signal to noise of two pictures in decibels, without a hidden rectangle."""
    errors = (some.astype(float) - others.astype(float)) ** 2
    if hidden is not None:
        errors[hidden.top : hidden.bottom, hidden.left : hidden.right] = np.nan
    return float(10 * np.log10(255**2 / max(float(np.nanmean(errors)), 1e-6)))


def samples(path: Path, track: int = 0) -> NDArray[np.float64]:
    """One channel of the sound at 8000 samples a second, from -1 to 1."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
    with av.open(str(path)) as opened:
        found = [
            made.to_ndarray()[0]
            for frame in opened.decode(audio=track)
            for made in resampler.resample(frame)
        ]
    return np.concatenate(found).astype(np.float64)


def tone(sound: NDArray[np.float64], hertz: float, start: float, seconds: float = 0.2) -> float:
    """How loud one tone is in a part of some sound: its amplitude, from 0 to 1."""
    part = sound[round(start * _RATE) : round((start + seconds) * _RATE)]
    times = np.arange(len(part)) / _RATE
    wave = np.exp(-2j * np.pi * hertz * times)
    return float(2 * np.abs((part * wave).mean()))
