"""A pool of worker processes on this machine that survives the death of any of them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

import structlog

from penstock.engine.commands import Answer, CancelJob, Command, Drain, Ready
from penstock.engine.executor import GivenBack, Progressed, Report, WorkerDied
from penstock.engine.runner import Assignment, ChunkOutcome

_CANCEL_SECONDS = 1.5  # then a worker that did not listen is killed: cancel promises two
_SHORT_CHUNKS_AHEAD = 2
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _WorkerProcess:
    """One worker process and what it has been handed, the present chunk first."""

    process: subprocess.Popen[bytes]
    connection: "Connection[Command, Answer]"
    handed: deque[Assignment] = field(default_factory=deque)
    is_ready: bool = False
    kill_at: float | None = None


class LocalExecutor:
    """Runs chunks in worker processes; see `executor.Executor`."""

    def __init__(self, *, workers: int, factory: str, argument: str) -> None:
        """Start the workers.

        Args:
            workers: How many processes, at least one.
            factory: `module:function` that makes the runner in the worker process.
            argument: The one argument of that function.
        """
        self._command = [factory, argument]
        self._workers = [self._start() for _ in range(workers)]
        self._waker, self._woken = socket.socketpair()
        self._waker.settimeout(0)
        self._given_back: list[Report] = []
        self._failed_starts = 0

    def free_places(self, *, is_short: bool) -> int:
        """How many more chunks it takes now."""
        depth = _SHORT_CHUNKS_AHEAD if is_short else 1
        return sum(max(0, depth - len(worker.handed)) for worker in self._workers)

    def submit(self, assignment: Assignment) -> None:
        """Hand a chunk to the worker that has least to do."""
        worker = min(self._workers, key=lambda one: len(one.handed))
        worker.handed.append(assignment)
        self._send(worker, assignment)

    def cancel(self, job: int) -> None:
        """Stop all work on a job within two seconds."""
        for worker in self._workers:
            if any(assignment.job.number == job for assignment in worker.handed):
                self._send(worker, CancelJob(job))
            is_present = bool(worker.handed) and worker.handed[0].job.number == job
            if is_present and worker.kill_at is None:  # asked again, it gets no more time
                worker.kill_at = time.monotonic() + _CANCEL_SECONDS

    def drain(self) -> None:
        """Let workers stop behind their present object."""
        for worker in self._workers:
            self._send(worker, Drain())

    def reports(self, wait_seconds: float) -> list[Report]:
        """What has happened since the last call."""
        found, self._given_back = self._given_back, []
        connections = {worker.connection: worker for worker in self._workers}
        timeout = 0.0 if found else wait_seconds
        for ready in wait([*connections, self._woken], timeout):
            if isinstance(ready, Connection):
                found += self._hear(connections[ready])
            else:
                self._woken.recv(4096)
        now = time.monotonic()
        for worker in self._workers:
            if worker.kill_at is not None and now > worker.kill_at and worker.handed:
                worker.process.kill()
        return found

    def wake(self) -> None:
        """Make `reports` return at once."""
        with suppress(BlockingIOError):  # then it has been woken often enough
            self._waker.send(b"!")

    def close(self) -> None:
        """End every worker now."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            worker.connection.close()
        self._waker.close()
        self._woken.close()

    def _start(self) -> _WorkerProcess:
        ours, theirs = socket.socketpair()
        descriptor = theirs.fileno()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "penstock.engine.worker",
                str(descriptor),
                str(os.getpid()),
                *self._command,
            ],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C on the terminal is for the parent to answer
        )
        theirs.close()
        return _WorkerProcess(process=process, connection=Connection(ours.detach()))

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
        self._workers[self._workers.index(worker)] = self._start()
        return found


def _cause(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _kill_group(group: int) -> None:
    """End what a dead worker left behind in its process group."""
    with suppress(ProcessLookupError, PermissionError):  # nothing was left
        os.killpg(group, signal.SIGKILL)
