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
from penstock.engine.in_hand import OVERTIME_EXIT, InHand
from penstock.engine.processes import join_parent
from penstock.engine.runner import Assignment, ChunkOutcome, Runner


class Worker:
    """Takes commands in one thread and runs chunks in another, the main thread."""

    def __init__(self, connection: "Connection[Answer, Command]", runner: Runner) -> None:
        self._connection = connection
        self._runner = runner
        self._assignments: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._lock = threading.Lock()  # guards the three below
        self._cancelled: set[tuple[int, int]] = set()
        self._is_draining = False
        self._present: InHand | None = None

    def work(self) -> None:
        """Run chunks until the process is ended."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(Ready())
        while True:
            self._send(self._run(self._assignments.get()))

    def _run(self, assignment: Assignment) -> ChunkOutcome:
        chunk = assignment.chunk
        with self._lock:
            if (
                self._is_draining
                or (assignment.job.number, assignment.job.epoch) in self._cancelled
            ):
                return ChunkOutcome(chunk=chunk, done=0, rows=[], seconds=0.0)
            present = self._present = InHand(assignment, self._runner, report=self._send)
        try:
            return present.run()
        finally:
            with self._lock:
                self._present = None

    def _send(self, answer: Answer) -> None:
        with self._writing:
            self._connection.send(answer)

    def _listen(self) -> None:
        while True:
            try:
                command = self._connection.recv() if self._connection.poll(1.0) else None
            except (EOFError, OSError):
                os._exit(0)  # the parent is gone; nobody waits for this work
            if isinstance(command, Assignment):
                self._assignments.put(command)
            elif command is not None:
                self._heed(command)
            with self._lock:
                is_overdue = self._present is not None and self._present.is_overdue()
            if is_overdue:
                os._exit(OVERTIME_EXIT)

    def _heed(self, command: CancelJob | CutChunk | Drain) -> None:
        with self._lock:
            present = self._present
            match command:
                case Drain():
                    self._is_draining = True
                    if present is not None:
                        present.drain()
                case CancelJob(job, epoch):
                    self._cancelled.add((job, epoch))
                    if present is not None and present.claim == (job, epoch):
                        present.cancel()
                case CutChunk(chunk) if present is not None and present.chunk == chunk:
                    present.cut(lambda size: self._tell_cut(chunk, size))

    def _tell_cut(self, chunk: Chunk, size: int) -> None:
        self._send(CutShort(chunk=chunk, size=size))


def main(arguments: list[str]) -> None:
    """Serve one executor, as its command line says."""
    runner, connection = join_parent(arguments)
    Worker(connection, runner).work()


if __name__ == "__main__":
    main(sys.argv[1:])
