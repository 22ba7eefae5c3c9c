"""The engine's side of its planner processes: kept warm, and one for each job that is planned."""

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Lock

from penstock.domain.errors import BackendError, PenstockError
from penstock.domain.jobs import Job
from penstock.engine.batches import Batch, Broken, Reading, Speed, UnreadableInputError
from penstock.engine.processes import start_child

_KEPT = 1


@dataclass(frozen=True, slots=True)
class _Process:
    process: subprocess.Popen[bytes]
    connection: "Connection[Job | float | None, Reading]"

    def end(self) -> None:
        self.connection.close()
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Planners:
    """Reads the inputs of jobs in processes of their own. Safe to use from several threads."""

    def __init__(self, *, factory: str, argument: str) -> None:
        """Start the first process, so that it is ready when the first job comes.

        Args:
            factory: `module:function` that makes, in the planner process, what opens the source
                of a job.
            argument: The one argument of that function.
        """
        self._factory = factory
        self._argument = argument
        self._lock = Lock()
        self._idle = [self._start()]
        self._is_closed = False

    def read(self, job: Job, speed: Speed) -> Generator[Batch, None, None]:
        """Batches of a job's input, from its cursor on; each is read while the last is stored.

        Raises:
            BackendError: The store failed, or the process died.
            UnreadableInputError: The input is at fault.
        """
        with self._lock:
            planner = self._idle.pop() if self._idle else None
        planner = planner or self._start()
        is_whole = False
        try:
            planner.connection.send(job)
            while not is_whole:
                reading = planner.connection.recv()
                if isinstance(reading, Broken):
                    is_whole = True
                    raise _error(reading)
                is_whole = reading.is_last
                if not is_whole:
                    planner.connection.send(speed())
                yield reading
        except (EOFError, OSError) as error:
            message = f"the process that reads the input of {job.id} died"
            raise BackendError(message) from error
        finally:
            self._put_back(planner, is_whole=is_whole)

    def close(self) -> None:
        """End every process that waits; one that reads ends with its reader."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for planner in idle:
            planner.end()

    def _put_back(self, planner: _Process, *, is_whole: bool) -> None:
        """Keep a process that has answered whole; end another."""
        with self._lock:
            if is_whole and not self._is_closed and len(self._idle) < _KEPT:
                self._idle.append(planner)
                return
        planner.end()

    def _start(self) -> _Process:
        return _Process(*start_child("penstock.engine.planner", self._factory, self._argument))


def _error(broken: Broken) -> PenstockError:
    if broken.is_retryable:
        return BackendError(broken.message)
    return UnreadableInputError(broken.code, broken.message)
