"""The worker process: runs the chunks that come in over a pipe, one at a time.

It dies with its parent, and ends itself when an operation ignores its time limit: the executor
then sees a dead worker, and the chunk is cut until the object that did it stands alone.

    python -m penstock.engine.worker FILE_DESCRIPTOR PARENT MODULE:FUNCTION

The argument of the function stands in the environment.
"""

import os
import queue
import sys
import threading
import time
from multiprocessing.connection import Connection

from penstock.domain.chunks import Chunk
from penstock.engine.commands import (
    Answer,
    CancelJob,
    Command,
    CutChunk,
    Drain,
    Ready,
)
from penstock.engine.executor import CutShort
from penstock.engine.processes import join_parent
from penstock.engine.runner import Assignment, ChunkOutcome, Runner

_GRACE_SECONDS = 30.0
_OVERTIME_EXIT = 70
_REPORT_SECONDS = 0.2


class Worker:
    """Takes commands in one thread and runs chunks in another, the main thread."""

    def __init__(self, connection: "Connection[Answer, Command]", runner: Runner) -> None:
        self._connection = connection
        self._runner = runner
        self._assignments: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._cancelled: set[tuple[int, int]] = set()
        self._is_draining = False
        self._reported_at = 0.0
        self._lock = threading.Lock()  # guards the present chunk, and the writing side of the pipe
        self._present: Assignment | None = None
        self._index = 0
        self._end = 0

    def work(self) -> None:
        """Run chunks until the process is ended."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(Ready())
        while True:
            assignment = self._assignments.get()
            self._send(self._run(assignment))

    def _run(self, assignment: Assignment) -> ChunkOutcome:
        claim = (assignment.job.number, assignment.job.epoch)
        if self._is_draining or claim in self._cancelled:
            return ChunkOutcome(chunk=assignment.chunk, done=0, rows=[], seconds=0.0)
        with self._lock:
            self._present, self._index, self._end = assignment, 0, assignment.chunk.size
        try:
            return self._runner.run(
                assignment,
                is_cancelled=lambda: claim in self._cancelled,
                may_begin=self._may_begin,
                report=self._report,
            )
        finally:
            with self._lock:
                self._present = None

    def _may_begin(self, index: int) -> bool:
        with self._lock:
            self._index = index
            return index < self._end and not (self._is_draining and index)

    def _cut(self, chunk: Chunk) -> None:
        """End the present chunk behind its present object, if that leaves anything."""
        with self._lock:
            is_present = self._present is not None and self._present.chunk == chunk
            if is_present and self._index + 1 < self._end:
                self._end = self._index + 1
                self._connection.send(CutShort(chunk=chunk, size=self._end))

    def _report(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._reported_at > _REPORT_SECONDS:
            self._reported_at = now
            self._send(fraction)

    def _send(self, answer: Answer) -> None:
        with self._lock:
            self._connection.send(answer)

    def _listen(self) -> None:
        while True:
            try:
                command = self._connection.recv() if self._connection.poll(1.0) else None
            except (EOFError, OSError):
                os._exit(0)  # the parent is gone; nobody waits for this work
            if isinstance(command, Assignment):
                self._assignments.put(command)
            elif isinstance(command, CancelJob):
                self._cancelled.add((command.job, command.epoch))
            elif isinstance(command, CutChunk):
                self._cut(command.chunk)
            elif isinstance(command, Drain):
                self._is_draining = True
            if time.monotonic() > self._runner.control.deadline + _GRACE_SECONDS:
                os._exit(_OVERTIME_EXIT)


def main(arguments: list[str]) -> None:
    """Serve one executor, as its command line says."""
    runner, connection = join_parent(arguments)
    Worker(connection, runner).work()


if __name__ == "__main__":
    main(sys.argv[1:])
