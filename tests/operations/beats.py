"""When flashes are seen and tones are heard in a file, told by PyAV and numpy alone."""

from pathlib import Path

import av
import numpy as np

_BRIGHT = 100
_LOUD = 0.2
_PAUSE_SECONDS = 0.2


def flashes(path: Path) -> list[float]:
    """When it becomes bright, in seconds."""
    found, was_bright = [], False
    with av.open(str(path)) as opened:
        for frame in opened.decode(opened.streams.video[0]):
            is_bright = frame.to_ndarray(format="gray").mean() > _BRIGHT
            if is_bright and not was_bright:
                found.append(float(frame.time))
            was_bright = is_bright
    return found


def tones(path: Path) -> list[float]:
    """When it becomes loud, in seconds."""
    found: list[float] = []
    last = -1.0
    resampler = av.AudioResampler(format="fltp", layout="mono")
    with av.open(str(path)) as opened:
        for coded in opened.decode(opened.streams.audio[0]):
            for frame in resampler.resample(coded):
                for place in np.nonzero(np.abs(frame.to_ndarray()[0]) > _LOUD)[0]:
                    seconds = float(frame.time or 0) + int(place) / frame.sample_rate
                    if seconds - last > _PAUSE_SECONDS:
                        found.append(seconds)
                    last = seconds
    return found


def frame_times(path: Path) -> list[float]:
    """When each frame is shown, in seconds from the first one."""
    with av.open(str(path)) as opened:
        times = [float(frame.time) for frame in opened.decode(opened.streams.video[0])]
    return [time - times[0] for time in times]
