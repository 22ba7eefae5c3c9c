"""A pool of worker processes on this machine that survives the death of any of them."""

import os
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Job, JobType
from penstock.engine.commands import (
    Answer,
    CancelJob,
    Command,
    CutChunk,
    Drain,
    Ready,
)
from penstock.engine.executor import CutShort, GivenBack, Progressed, Report, WorkerDied
from penstock.engine.processes import start_child
from penstock.engine.runner import Assignment, ChunkOutcome
from penstock.engine.waker import Waker

_CANCEL_SECONDS = 1.5  # then a worker that did not listen is killed: cancel promises two
_SHORT_CHUNKS_AHEAD = 3
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _WorkerProcess:
    """One worker process and what it has been handed, the present chunk first."""

    process: subprocess.Popen[bytes]
    connection: "Connection[Command, Answer]"
    is_for_singles: bool
    handed: deque[Assignment] = field(default_factory=deque)
    is_ready: bool = False
    kill_at: float | None = None


class LocalExecutor:
    """Runs chunks in worker processes; see `executor.Executor`."""

    def __init__(
        self, *, workers: int, factory: str, argument: str, single_workers: int = 0
    ) -> None:
        """Start the workers.

        Args:
            workers: How many processes, at least one.
            single_workers: How many more that take nothing but single triggers, so that these
                never wait for the end of a batch's chunk.
            factory: `module:function` that makes the runner in the worker process.
            argument: The one argument of that function.
        """
        self._factory = factory
        self._argument = argument
        self._workers = [
            self._start(is_for_singles=number >= workers)
            for number in range(workers + single_workers)
        ]
        self._waker = Waker()
        self._failed_starts = 0

    def free_places(
        self, *, is_short: bool, is_single: bool = False, job: Job | None = None
    ) -> int:
        """How many more chunks it takes now, of any job."""
        del job  # one machine has what it has
        depth = _SHORT_CHUNKS_AHEAD if is_short else 1
        return sum(max(0, depth - len(one.handed)) for one in self._open_to(is_single=is_single))

    def submit(self, assignment: Assignment) -> None:
        """Hand a chunk to the worker that has least to do."""
        is_single = assignment.job.type is JobType.TRIGGER
        worker = min(self._open_to(is_single=is_single), key=lambda one: len(one.handed))
        worker.handed.append(assignment)
        self._send(worker, assignment)

    def cancel(self, job: int) -> None:
        """Stop all work on a job within two seconds."""
        for worker in self._workers:
            for epoch in {one.job.epoch for one in worker.handed if one.job.number == job}:
                self._send(worker, CancelJob(job, epoch))
            is_present = bool(worker.handed) and worker.handed[0].job.number == job
            if is_present and worker.kill_at is None:  # asked again, it gets no more time
                worker.kill_at = time.monotonic() + _CANCEL_SECONDS

    def cut(self, chunk: Chunk) -> None:
        """Ask the worker of a chunk to end it behind its present object."""
        for worker in self._workers:
            if worker.handed and worker.handed[0].chunk == chunk:
                self._send(worker, CutChunk(chunk))

    def drain(self) -> None:
        """Let workers stop behind their present object."""
        for worker in self._workers:
            self._send(worker, Drain())

    def reports(self, wait_seconds: float) -> list[Report]:
        """What has happened since the last call."""
        found: list[Report] = []
        connections = {worker.connection: worker for worker in self._workers}
        for ready in wait([*connections, self._waker.fileno()], wait_seconds):
            if isinstance(ready, Connection):
                found += self._hear(connections[ready])
        self._waker.clear()
        now = time.monotonic()
        for worker in self._workers:
            if worker.kill_at is not None and now > worker.kill_at and worker.handed:
                worker.process.kill()
        return found

    def wake(self) -> None:
        """Make `reports` return at once."""
        self._waker.ring()

    def close(self) -> None:
        """End every worker now."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            worker.connection.close()
        self._waker.close()

    def _open_to(self, *, is_single: bool) -> list[_WorkerProcess]:
        """Workers that take such chunks; those that take nothing else come first."""
        return sorted(
            (one for one in self._workers if is_single or not one.is_for_singles),
            key=lambda one: not one.is_for_singles,
        )

    def _start(self, *, is_for_singles: bool) -> _WorkerProcess:
        process, connection = start_child("penstock.engine.worker", self._factory, self._argument)
        return _WorkerProcess(
            process=process, connection=connection, is_for_singles=is_for_singles
        )

    def _send(self, worker: _WorkerProcess, command: Command) -> None:
        with suppress(OSError):  # it is dead; `reports` finds out and says so
            worker.connection.send(command)

    def _hear(self, worker: _WorkerProcess) -> list[Report]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if isinstance(answer, Ready):
            worker.is_ready = True
            self._failed_starts = 0
            return []
        if isinstance(answer, ChunkOutcome):
            worker.handed.popleft()
            worker.kill_at = None
            return [answer]
        if isinstance(answer, CutShort):
            return [answer]
        if not worker.handed:
            return []
        return [Progressed(chunk=worker.handed[0].chunk, fraction=answer)]

    def _bury(self, worker: _WorkerProcess) -> list[Report]:
        """Replace a dead worker; its present chunk counts an attempt, the others do not.

        One that died before it was ready began nothing. It is replaced after a pause that grows,
        and costs no object an attempt: the installation is at fault.
        """
        worker.connection.close()
        code = worker.process.wait()
        _kill_group(worker.process.pid)
        found: list[Report] = []
        if not worker.is_ready:
            _log.error("worker_cannot_start", cause=_cause(code))
            self._failed_starts += 1
            time.sleep(min(_FIRST_PAUSE_SECONDS * 2**self._failed_starts, _LONGEST_PAUSE_SECONDS))
        elif worker.handed and worker.kill_at is None:
            present = worker.handed.popleft()
            found.append(WorkerDied(assignment=present, cause=_cause(code)))
        found += [GivenBack(chunk=assignment.chunk) for assignment in worker.handed]
        place = self._workers.index(worker)
        self._workers[place] = self._start(is_for_singles=worker.is_for_singles)
        return found


def _cause(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _kill_group(group: int) -> None:
    """End what a dead worker left behind in its process group."""
    with suppress(ProcessLookupError, PermissionError):  # nothing was left
        os.killpg(group, signal.SIGKILL)
