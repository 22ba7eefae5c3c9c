"""What rendering a picture needs besides the rule: a place to work, limits, other objects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from penstock.operations.base import Limits

FfmpegRun: TypeAlias = Callable[[Path, Sequence[str], Sequence[str]], None]
"""Runs ffmpeg on a file: the file, the options before it, the arguments behind it."""


def _never_stop() -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The surroundings of one picture's rendering.

    Attributes:
        key: Names the picture in messages.
        folder: An existing folder for the result and for files on the way to it.
        limits: Bounds to hold to.
        fetch_other: Finds another object of the picture's bucket by key or URL, as
            `Workspace.fetch_other` does.
        checkpoint: Called between steps; raises to stop.
        run_ffmpeg: Runs ffmpeg for formats that libvips cannot write; None where that is not
            to be had.
    """

    key: str
    folder: Path
    limits: Limits
    fetch_other: Callable[[str], Path]
    checkpoint: Callable[[], None] = _never_stop
    run_ffmpeg: FfmpegRun | None = None
