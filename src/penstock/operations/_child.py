"""Starts child processes: the only door to foreign programs.

A child leads a process group of its own and dies with this process, however that ends. It has
no input, a bare environment, and limits on processor time, address space and file size that the
kernel enforces; wall clock and cancellation are watched here.
"""

import ctypes
import functools
import math
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from penstock.domain.errors import BackendError, OperationTimeoutError
from penstock.operations.base import Limits, Workspace

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.05
_LINGER_SECONDS = 0.005
_READ_BYTES = 1 << 16
_READS_AFTER_END = 100
_LINE_BYTES = 2000
_TAIL_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnd:
    """How a child process ended by itself or by the kernel.

    Attributes:
        exit_code: What it returned, from 0; -1 where a signal ended it.
        signal_number: The signal that ended it; 0 where it returned.
        tail: The last lines of its standard error, at most 40, each cut to 2000 bytes.
    """

    exit_code: int
    signal_number: int
    tail: Sequence[str]

    @property
    def is_success(self) -> bool:
        """Whether it returned 0."""
        return self.exit_code == 0

    @property
    def is_over_time(self) -> bool:
        """Whether the limit on processor time ended it."""
        return self.signal_number == signal.SIGXCPU

    @property
    def is_over_size(self) -> bool:
        """Whether the limit on the size of a file ended it."""
        return self.signal_number == signal.SIGXFSZ


def run_child(
    command: Sequence[str],
    workspace: Workspace,
    *,
    on_line: Callable[[str], None] | None = None,
    limits: Limits | None = None,
) -> ChildEnd:
    """Run a program in the scratch folder until it ends; blocking.

    Its whole process group is gone when this returns or raises.

    Args:
        command: Program and arguments; no shell is involved.
        on_line: Called with each line of its standard output, without the line end.
        limits: What the kernel enforces; the workspace's own where none are given.

    Raises:
        AttemptCancelledError: The attempt was cancelled; the child has been killed.
        OperationTimeoutError: The wall clock limit passed; the child has been killed.
        BackendError: The program could not be started.
    """
    deadline = time.monotonic() + workspace.limits.seconds
    with _started(command, workspace, limits or workspace.limits) as process:
        tail = _Lines()
        output = _Lines(on_line)
        with selectors.DefaultSelector() as selector:
            _watch(selector, process.stdout, output)
            _watch(selector, process.stderr, tail)
            while not _has_ended(process):
                if workspace.is_cancelled() or time.monotonic() > deadline:
                    break
                _pump(selector, _POLL_SECONDS)
            else:
                _kill_group(process)
                _drain(selector)
                return _end_of(process.wait(), tail)
    workspace.checkpoint()
    raise OperationTimeoutError(limit_seconds=workspace.limits.seconds)


@contextmanager
def _started(
    command: Sequence[str], workspace: Workspace, limits: Limits
) -> Iterator["subprocess.Popen[bytes]"]:
    """A running child whose process group is killed and reaped on the way out."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=workspace.scratch,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            start_new_session=True,
            # Without it a child would outlive a killed worker; it calls nothing that can block.
            preexec_fn=functools.partial(  # noqa: PLW1509
                _enter_child, os.getpid(), _bounds(limits)
            ),
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = f"cannot start {os.path.basename(command[0])}"  # noqa: PTH119  # a name, no path
        raise BackendError(message) from error
    with process:
        try:
            yield process
        finally:
            _kill_group(process)


def _enter_child(parent: int, bounds: Sequence[tuple[int, int]]) -> None:
    """Runs in the child before the program: tie it to its parent and set its limits."""
    if (prctl := _prctl()) is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    for kind, bound in bounds:
        _, hard = resource.getrlimit(kind)
        soft = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (soft, hard))


@functools.cache
def _prctl() -> Callable[..., int] | None:
    """The system call that ties a child to its parent; None where there is no such thing."""
    if sys.platform != "linux":
        return None
    prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    return prctl


def _bounds(limits: Limits) -> Sequence[tuple[int, int]]:
    _prctl()  # resolved before the fork: the child must not load libraries
    return (
        (resource.RLIMIT_CPU, math.ceil(limits.seconds * max(limits.threads, 1))),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_CORE, 0),
    )


class _Lines:
    """Cuts a byte stream into lines, keeps the last ones, and hands each to a callback."""

    def __init__(self, on_line: Callable[[str], None] | None = None) -> None:
        self.kept: deque[str] = deque(maxlen=_TAIL_LINES)
        self._on_line = on_line
        self._rest = b""

    def feed(self, block: bytes) -> None:
        """Take in more bytes; a line ends at a line feed or a carriage return."""
        *lines, rest = (self._rest + block).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[:_LINE_BYTES]
        for line in lines:
            self._keep(line)

    def finish(self) -> None:
        """Take what is left as a line."""
        self._keep(self._rest)
        self._rest = b""

    def _keep(self, line: bytes) -> None:
        if not line:
            return
        text = line[:_LINE_BYTES].decode(errors="replace")
        self.kept.append(text)
        if self._on_line is not None:
            self._on_line(text)


def _watch(selector: selectors.BaseSelector, pipe: IO[bytes] | None, lines: _Lines) -> None:
    if pipe is not None:
        os.set_blocking(pipe.fileno(), False)
        selector.register(pipe, selectors.EVENT_READ, lines)


def _pump(selector: selectors.BaseSelector, seconds: float) -> bool:
    """Pass on what the pipes hold, waiting at most so long; whether there was anything."""
    if not selector.get_map():
        time.sleep(_LINGER_SECONDS)  # both pipes are closed, yet the child lives
        return False
    found = selector.select(seconds)
    for ready, _ in found:
        block = os.read(ready.fd, _READ_BYTES)
        ready.data.feed(block)
        if not block:
            ready.data.finish()
            selector.unregister(ready.fileobj)
    return bool(found)


def _drain(selector: selectors.BaseSelector) -> None:
    """Read what an ended child left in its pipes, without waiting for its own children."""
    for _ in range(_READS_AFTER_END):
        if not selector.get_map() or not _pump(selector, 0):
            break
    for ready in selector.get_map().values():
        ready.data.finish()


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the child has ended; leaves it unreaped, so that its group's number stays ours."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _end_of(code: int, tail: _Lines) -> ChildEnd:
    return ChildEnd(exit_code=max(code, -1), signal_number=max(-code, 0), tail=tuple(tail.kept))
