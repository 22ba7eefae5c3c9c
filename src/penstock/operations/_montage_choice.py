"""Chooses the highlights of a video: pure arithmetic over what was measured.

The video is cut at its changes of scene, and long scenes are divided evenly, into slices of an
eighth of the wanted length or less. Slices are ranked by how much moves in them and how loud they
are; the best are taken until there is enough, put in order, joined where they touch, and all
shortened at their ends by the same share, so that the sum is what is wanted.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

_SLICES = 8
_LEAST_SLICE_SECONDS = 1.0
_TOUCHING_SECONDS = 1e-6


class Sample(NamedTuple):
    """Something measured at a moment.

    Attributes:
        seconds: From the beginning of the video.
        value: Larger is more.
    """

    seconds: float
    value: float


class Part(NamedTuple):
    """A stretch of the video.

    Attributes:
        start: In seconds from the beginning.
        end: Likewise; above `start`.
    """

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What was measured.

    Attributes:
        motion: How far each picture differs from the one before, in order of time.
        loudness: Momentary loudness in LUFS, in order of time; empty without sound.
        cuts: Moments at which a scene begins, rising.
    """

    motion: Sequence[Sample]
    loudness: Sequence[Sample]
    cuts: Sequence[float]


def choose_parts(
    curves: Curves, total: float, wanted: float, loudness_weight: float
) -> Sequence[Part]:
    """The highlights, in order, `wanted` seconds in all.

    Args:
        total: Length of the video in seconds.
        wanted: Length of all highlights, above zero, at most `total`.
        loudness_weight: How much loudness counts against motion, from 0 to 1.
    """
    slices = _sliced(curves.cuts, total, max(wanted / _SLICES, _LEAST_SLICE_SECONDS))
    motion = _ranks([_mean(curves.motion, one) for one in slices])
    loudness = _ranks([_mean(curves.loudness, one) for one in slices])
    weight = loudness_weight if curves.loudness else 0.0
    scores = [
        (1 - weight) * moves + weight * sounds
        for moves, sounds in zip(motion, loudness, strict=True)
    ]
    chosen: list[Part] = []
    for number in sorted(range(len(slices)), key=lambda one: (-scores[one], one)):
        if sum(part.seconds for part in chosen) >= wanted:
            break
        chosen.append(slices[number])
    return _shortened(_joined(sorted(chosen)), wanted)


def _sliced(cuts: Sequence[float], total: float, longest: float) -> list[Part]:
    """Slices from half of `longest` to `longest`; the last may be shorter where all is short."""
    bounds = [0.0]
    for cut in cuts:
        if cut - bounds[-1] >= longest / 2 and total - cut >= longest / 2:
            bounds.append(cut)
    bounds.append(total)
    slices = []
    for start, end in pairwise(bounds):
        count = max(math.ceil((end - start) / longest - 1e-9), 1)
        step = (end - start) / count
        slices += [Part(start + k * step, start + (k + 1) * step) for k in range(count)]
    return slices


def _mean(samples: Sequence[Sample], part: Part) -> float:
    """The mean of what was measured in a part; of nothing, as little as can be."""
    first = bisect_left(samples, part.start, key=lambda sample: sample.seconds)
    last = bisect_left(samples, part.end, key=lambda sample: sample.seconds)
    values = [sample.value for sample in samples[first:last]]
    return sum(values) / len(values) if values else -math.inf


def _ranks(values: Sequence[float]) -> list[float]:
    """Which share of the values each exceeds: robust against what stands out."""
    ordered = sorted(values)
    return [bisect_left(ordered, value) / len(ordered) for value in values]


def _joined(parts: Sequence[Part]) -> list[Part]:
    joined: list[Part] = []
    for part in parts:
        if joined and part.start - joined[-1].end < _TOUCHING_SECONDS:
            joined[-1] = Part(joined[-1].start, part.end)
        else:
            joined.append(part)
    return joined


def _shortened(parts: Sequence[Part], wanted: float) -> list[Part]:
    factor = min(wanted / sum(part.seconds for part in parts), 1.0)
    return [Part(part.start, part.start + part.seconds * factor) for part in parts]
