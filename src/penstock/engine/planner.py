"""The planner process: reads the input of one job at a time and hands it over in batches.

Reading a manifest of a million rows keeps a processor busy; in a process of its own it leaves
the coordinator's interpreter alone. It writes nothing: whoever asked stores the batches, and the
next one is read meanwhile.

    python -m penstock.engine.planner FILE_DESCRIPTOR PARENT MODULE:FUNCTION
"""

import gc
import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

import structlog

from penstock.domain.errors import BackendError, PenstockError
from penstock.domain.jobs import Job
from penstock.engine.batches import Broken, Reading, read_batches
from penstock.engine.processes import join_parent
from penstock.storage.pages import Source

_UNCOLLECTED = 50_000

_log = structlog.get_logger()


class Planner:
    """Answers each job by its batches. Each but the last is answered by the job's speed."""

    def __init__(
        self,
        connection: "Connection[Reading, Job | float | None]",
        open_source: Callable[[Job], Source],
    ) -> None:
        self._connection = connection
        self._open_source = open_source
        self._speed: float | None = None

    def work(self) -> None:
        """Read jobs until the process is ended."""
        while True:
            job = self._ask()
            if not isinstance(job, Job):
                continue
            try:
                self._read(job)
            except PenstockError as error:
                is_retryable = isinstance(error, BackendError)
                self._tell(Broken(code=error.code, message=str(error), is_retryable=is_retryable))
            except Exception as error:  # noqa: BLE001  # its end must reach the job
                _log.exception("planner_broke", job_id=job.id)
                name = type(error).__name__
                self._tell(Broken(code="InternalError", message=name, is_retryable=False))

    def _read(self, job: Job) -> None:
        self._speed = job.seconds_per_object
        for batch in read_batches(self._open_source(job), job, lambda: self._speed):
            self._tell(batch)
            if not batch.is_last:
                answer = self._ask()
                self._speed = None if isinstance(answer, Job) else answer

    def _tell(self, reading: Reading) -> None:
        try:
            self._connection.send(reading)
        except OSError:
            os._exit(0)  # the parent is gone; nobody waits for this work

    def _ask(self) -> Job | float | None:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # as above


def main(arguments: list[str]) -> None:
    """Serve one engine, as its command line says."""
    open_source, connection = join_parent(arguments)
    # Objects wait by the thousand and are in no cycles: looking for some among them takes time.
    gc.freeze()
    gc.set_threshold(_UNCOLLECTED)
    Planner(connection, open_source).work()


if __name__ == "__main__":
    main(sys.argv[1:])
