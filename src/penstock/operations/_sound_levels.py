"""How loud a sound track is, stretch by stretch."""

from collections.abc import Sequence
from pathlib import Path

from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations.base import Workspace

SILENCE_DECIBELS = -90.0
"""Nothing is louder than this but what can be heard."""

_RATE = 48_000
_SAMPLES = _RATE // 20
_KEY = "lavfi.astats.Overall.RMS_level"
_NOTES = "levels.txt"


def sound_levels(path: Path, stream: int, filters: str, workspace: Workspace) -> Sequence[float]:
    """The level of every twentieth of a second, in decibels below full scale.

    Args:
        stream: Number of the stream in the file.
        filters: What is done to the sound before it is measured.

    Raises:
        UnsupportedInputError: The file is broken.
    """
    chain = (
        f"{filters},aresample={_RATE},asetnsamples=n={_SAMPLES}:p=0,"
        f"astats=metadata=1:reset=1,ametadata=print:key={_KEY}:file={_NOTES}"
    )
    arguments = ("-map", f"0:{stream}", "-af", chain, "-f", "null", "nothing")
    run_ffmpeg(workspace, [MediaInput(path=path)], arguments)
    notes = workspace.scratch / _NOTES
    lines = notes.read_text(encoding="ascii").splitlines()
    notes.unlink()
    values = (line.partition("=")[2] for line in lines if line.startswith(_KEY))
    return [max(float(value), SILENCE_DECIBELS) for value in values]
