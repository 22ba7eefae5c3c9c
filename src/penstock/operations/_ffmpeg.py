"""Builds and starts ffmpeg: its command line, its progress, and what its failures mean.

Inputs are local files only, whatever a file inside says: every input is opened with a list of
allowed protocols that reaches no network. Output names are relative to the scratch folder.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import (
    BackendError,
    InputLimitError,
    InvalidParamsError,
    OperationTimeoutError,
    UnsupportedInputError,
)
from penstock.operations._child import ChildEnd, run_child
from penstock.operations.base import Workspace

PROTOCOLS = "file,crypto,data,pipe"
"""What a media file may refer to; the same list holds for PyAV."""

_FAULT_LENGTH = 300
_CONTEXT = re.compile(r"^(\[[^\]]*\]\s*)+")
_PATH = re.compile(r"(?:file:)?/(?:[^\s:'\"]+/)+([^\s:'\"]*)")
_BOILERPLATE = re.compile(
    r"Conversion failed!|Error opening (input|output)|Error while filtering|Exiting normally|"
    r"(Task|Terminating thread|Decode) .*(error code|return code)|Nothing was written|"
    r"Could not open encoder before EOF|\[?\w+ @ \w+\]?$"
)
_LACKS = re.compile(r"Unknown encoder|Unknown decoder|No such filter|not a known muxer")
_UNLUCKY_SIGNALS = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInput:
    """One file that ffmpeg reads.

    Attributes:
        path: A local file.
        options: What comes before its `-i`, such as `-ss`.
    """

    path: Path
    options: Sequence[str] = ()


def run_ffmpeg(
    workspace: Workspace,
    inputs: Sequence[MediaInput],
    arguments: Sequence[str],
    *,
    expected_seconds: float = 0.0,
) -> None:
    """Run ffmpeg in the scratch folder until it ends; blocking.

    Args:
        arguments: What follows the inputs; ends with an output name relative to the scratch
            folder.
        expected_seconds: How long the output will be; reports progress where above zero.

    Raises:
        UnsupportedInputError: ffmpeg cannot read the input, or crashes on it.
        InvalidParamsError: This ffmpeg lacks an encoder or filter that is asked for.
        InputLimitError: The output, or the memory it takes, is larger than a limit.
        OperationTimeoutError: The time limit passed.
        AttemptCancelledError: The attempt was cancelled.
        BackendError: The machine failed, not the input.
    """

    def follow(line: str) -> None:
        name, _, value = line.partition("=")
        if name == "out_time_us" and expected_seconds > 0 and value.strip().isdigit():
            workspace.report(min(int(value) / 1e6 / expected_seconds, 1.0))

    command = [program(), *_command(workspace.limits.threads, inputs), *arguments]
    end = run_child(command, workspace, on_line=follow)
    if not end.is_success:
        raise _error_of(end, workspace, [source.path for source in inputs])


def ffmpeg_on(workspace: Workspace) -> Callable[[Path, Sequence[str], Sequence[str]], None]:
    """Runs ffmpeg on one file: the file, the options before it, the arguments behind it."""

    def run(source: Path, options: Sequence[str], arguments: Sequence[str]) -> None:
        run_ffmpeg(workspace, [MediaInput(path=source, options=options)], arguments)

    return run


def program() -> str:
    """Path of the ffmpeg to use: `PENSTOCK_FFMPEG`, or the one of imageio-ffmpeg."""
    if found := os.environ.get("PENSTOCK_FFMPEG"):
        return found
    import imageio_ffmpeg  # noqa: PLC0415  # the registry must import without it

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _command(threads: int, inputs: Sequence[MediaInput]) -> Iterator[str]:
    yield from ("-nostdin", "-hide_banner", "-y", "-loglevel", "error", "-nostats")
    yield from ("-progress", "pipe:1", "-filter_threads", str(threads))
    for source in inputs:
        yield from ("-protocol_whitelist", PROTOCOLS, "-threads", str(threads))
        yield from (*source.options, "-i", f"file:{source.path}")


def _error_of(end: ChildEnd, workspace: Workspace, paths: Sequence[Path]) -> Exception:
    """What an unsuccessful end means, and who must act."""
    limits = workspace.limits
    fault = _fault(end.tail, [workspace.scratch, *paths])
    text = "\n".join(end.tail)
    if end.is_over_time:
        return OperationTimeoutError(limit_seconds=limits.seconds)
    if end.is_over_size or "File too large" in text:
        return InputLimitError(f"an output is larger than {limits.output_bytes} bytes")
    if "Cannot allocate memory" in text:
        return InputLimitError(f"ffmpeg needs more than {limits.memory_bytes} bytes of memory")
    if end.signal_number in _UNLUCKY_SIGNALS or "No space left on device" in text:
        return BackendError(f"ffmpeg was stopped ({fault or f'signal {end.signal_number}'})")
    if lack := next(filter(_LACKS.search, end.tail), ""):
        fault = _fault([lack], [])
        return InvalidParamsError(f"the ffmpeg of this installation cannot do this: {fault}")
    if end.signal_number:
        fault = f"ffmpeg crashed on it (signal {end.signal_number})"
    return UnsupportedInputError(workspace.key, fault or f"ffmpeg returned {end.exit_code}")


def _fault(tail: Sequence[str], paths: Sequence[Path]) -> str:
    """The last line that says what is wrong, without local paths."""
    lines = [_CONTEXT.sub("", line).strip() for line in tail]
    telling = [line for line in lines if line and not _BOILERPLATE.match(line)]
    last = (telling or [line for line in lines if line] or [""])[-1]
    for path in paths:
        last = last.replace(f"file:{path}", "the input").replace(str(path), "the input")
    return _PATH.sub(r"\1", last)[:_FAULT_LENGTH]
