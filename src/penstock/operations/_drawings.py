"""Makes an SVG smaller by scour, in a child process with limits."""

import shutil
import sys
from pathlib import Path

from penstock.domain.errors import (
    BackendError,
    InputLimitError,
    OperationTimeoutError,
    OutputRejectedError,
    UnsupportedInputError,
)
from penstock.operations._child import ChildEnd, run_child
from penstock.operations._image_geometry import Size
from penstock.operations._image_result import Rendered
from penstock.operations.base import Limits, Workspace

_MAX_BYTES = 32 << 20
_MAX_SECONDS = 120.0
_MAX_MEMORY = 4 << 30
_QUALITY = 100

# Exit codes of `_drawing_child`, which must not be imported: it is a program.
_BROKEN = 5
_TOO_LARGE = 7
_DIFFERENT = 8


def minified(source: Path, workspace: Workspace) -> Rendered:
    """The same drawing in fewer bytes, or as it is where there are none to save.

    Returns:
        A file of the workspace's folder.

    Raises:
        UnsupportedInputError: The source is no SVG, is broken, or declares entities.
        InputLimitError: It is larger than 32 MiB, or needs too much memory.
        OutputRejectedError: What came out does not look the same.
        OperationTimeoutError: It took too long.
        AttemptCancelledError: The attempt was cancelled.
        BackendError: The machine failed.
    """
    size_bytes = source.stat().st_size
    if size_bytes > _MAX_BYTES:
        message = f"{workspace.key}: {size_bytes} bytes exceed the {_MAX_BYTES} of a drawing"
        raise InputLimitError(message)
    shutil.copyfile(source, workspace.scratch / "drawing.svg")
    limits = _limits(workspace.limits)
    said: list[str] = []
    module = "penstock.operations._drawing_child"
    command = (sys.executable, "-m", module, str(limits.threads))
    end = run_child(command, workspace, on_line=said.append, limits=limits)
    if not end.is_success:
        raise _error(end, workspace.key, limits)
    width, height = said[-1].split()
    path = workspace.scratch / "result.svg"
    if path.stat().st_size > size_bytes:
        message = "the result is larger than the source"
        raise OutputRejectedError(message)
    return Rendered(path, "svg", Size(int(width), int(height)), _QUALITY)


def _limits(limits: Limits) -> Limits:
    return limits._replace(
        seconds=min(limits.seconds, _MAX_SECONDS),
        memory_bytes=min(limits.memory_bytes, _MAX_MEMORY),
    )


def _error(end: ChildEnd, key: str, limits: Limits) -> Exception:
    """Why the drawing could not be made smaller."""
    said = end.tail[-1] if end.tail else "no reason told"
    is_out_of_memory = bool(end.signal_number) and "memory allocation" in " ".join(end.tail)
    if end.exit_code == _DIFFERENT:
        return OutputRejectedError(f"{key}: {said}")
    if end.is_over_time:
        return OperationTimeoutError(limit_seconds=limits.seconds)
    if end.exit_code == _TOO_LARGE or end.is_over_size or is_out_of_memory:
        return InputLimitError(f"{key}: the drawing needs more memory than there is")
    if end.exit_code == _BROKEN:
        return UnsupportedInputError(key, said)
    if end.signal_number:
        return UnsupportedInputError(key, f"crashes its reader (signal {end.signal_number})")
    return BackendError(f"{key}: the drawing could not be read here: {said}")
