"""Drops jobs that have been kept long enough, and clears what they leave behind step by step."""

import threading
from collections.abc import Callable

import structlog

from penstock.domain.errors import BackendError
from penstock.state import retention
from penstock.state.database import Database

POLL_SECONDS = 60.0
PAUSE_SECONDS = 0.05  # between steps, for those who wait to write
DROPPED_AT_ONCE = 100
ROWS_AT_ONCE = 2000

_log = structlog.get_logger()


class Sweeper:
    """Sweeps in steps, each a short transaction. One thread runs it; `stop` may come from another.

    Several may sweep one database side by side.
    """

    def __init__(
        self, database: Database, *, keep_seconds: float, now_ms: Callable[[], int]
    ) -> None:
        """Take what it needs.

        Args:
            keep_seconds: How long a job is kept behind its end; 0 for ever.
        """
        self._database = database
        self._keep_seconds = keep_seconds
        self._now_ms = now_ms
        self._stopping = threading.Event()

    def run(self) -> None:
        """Sweep until `stop`."""
        while not self._stopping.is_set():
            try:
                is_more = self.step()
            except BackendError as error:
                _log.warning("sweep_failed", error=str(error))
                is_more = False
            self._stopping.wait(PAUSE_SECONDS if is_more else POLL_SECONDS)

    def stop(self) -> None:
        """Have `run` come to its end; safe from any thread."""
        self._stopping.set()

    def step(self) -> bool:
        """Clear a part of what dropped jobs left, else drop jobs; False when nothing is to do."""
        with self._database.write() as transaction:
            if retention.clear_dropped_jobs(transaction, most=ROWS_AT_ONCE):
                return True
        if not self._keep_seconds:
            return False
        now_ms = self._now_ms()
        with self._database.write() as transaction:
            dropped = retention.drop_ended_jobs(
                transaction,
                ended_before_ms=now_ms - int(self._keep_seconds * 1000),
                most=DROPPED_AT_ONCE,
                now_ms=now_ms,
            )
        if dropped:
            _log.info("jobs_dropped", jobs=dropped)
        return bool(dropped)
