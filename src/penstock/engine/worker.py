"""The worker process: runs the chunks that come in over a pipe, one at a time.

It dies with its parent, and ends itself when an operation ignores its time limit: the executor
then sees a dead worker, and the chunk is cut until the object that did it stands alone.

    python -m penstock.engine.worker FILE_DESCRIPTOR MODULE:FUNCTION ARGUMENT
"""

import ctypes
import importlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from penstock.engine.commands import Answer, CancelJob, Command, Drain, Ready
from penstock.engine.runner import Assignment, ChunkOutcome, Runner

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 30.0
_OVERTIME_EXIT = 70
_REPORT_SECONDS = 0.2


class Worker:
    """Takes commands in one thread and runs chunks in another, the main thread."""

    def __init__(self, connection: "Connection[Answer, Command]", runner: Runner) -> None:
        self._connection = connection
        self._runner = runner
        self._assignments: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._is_draining = False
        self._reported_at = 0.0

    def work(self) -> None:
        """Run chunks until the process is ended."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._connection.send(Ready())
        while True:
            assignment = self._assignments.get()
            self._connection.send(self._run(assignment))

    def _run(self, assignment: Assignment) -> ChunkOutcome:
        job = assignment.job.number
        if self._is_draining or job in self._cancelled:
            return ChunkOutcome(chunk=assignment.chunk, done=0, rows=[], seconds=0.0)
        return self._runner.run(
            assignment,
            is_cancelled=lambda: job in self._cancelled,
            is_draining=lambda: self._is_draining,
            report=self._report,
        )

    def _report(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._reported_at > _REPORT_SECONDS:
            self._reported_at = now
            self._connection.send(fraction)

    def _listen(self) -> None:
        while True:
            try:
                command = self._connection.recv() if self._connection.poll(1.0) else None
            except (EOFError, OSError):
                os._exit(0)  # the parent is gone; nobody waits for this work
            if isinstance(command, Assignment):
                self._assignments.put(command)
            elif isinstance(command, CancelJob):
                self._cancelled.add(command.job)
            elif isinstance(command, Drain):
                self._is_draining = True
            if time.monotonic() > self._runner.control.deadline + _GRACE_SECONDS:
                os._exit(_OVERTIME_EXIT)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve one executor, as its command line says."""
    descriptor, parent, factory, argument = arguments
    die_with_parent(int(parent))
    module, _, name = factory.partition(":")
    make_runner: Callable[[str], Runner] = getattr(importlib.import_module(module), name)
    connection: Connection[Answer, Command] = Connection(int(descriptor))
    Worker(connection, make_runner(argument)).work()


if __name__ == "__main__":
    main(sys.argv[1:])
