"""Turns a job's input into planned chunks, page by page, with a saved cursor.

Chunks and the cursor that goes on behind them are saved in one transaction, always at the end of
a page: after a crash the next page is the first that is not planned, so no object is planned
twice or left out.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import structlog

from penstock.domain.errors import (
    BackendError,
    DatabaseError,
    LeaseLostError,
    PenstockError,
    RefusedRowError,
)
from penstock.domain.jobs import Counters, Job
from penstock.domain.planning import pack_objects
from penstock.domain.records import Span, failed_rows
from penstock.domain.selection import ObjectInfo
from penstock.domain.states import ChunkState
from penstock.engine.batches import Batch, ReadBatches, UnreadableInputError
from penstock.engine.outbox import find_targets, queue_events
from penstock.state import chunks, jobs
from penstock.state.chunks import PackedObjects
from penstock.state.database import Database, Transaction, insert_executions
from penstock.storage.pages import FailedEntry

_TRIES = 4
_DATABASE_SECONDS = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """How the expansion of a job ended.

    Attributes:
        code: `Success`, or why the input cannot be used.
        message: One sentence for a person.
        is_stopped: Whether it was told to stop before its end.
    """

    code: str = "Success"
    message: str = ""
    is_stopped: bool = False


class Expander:
    """Plans one job at a time; one is made for each job that is being planned."""

    def __init__(
        self, database: Database, read: ReadBatches, *, now_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._read = read
        self._now_ms = now_ms

    def expand(
        self, job: Job, *, is_stopped: Callable[[], bool], planned: Callable[[], None]
    ) -> Expansion:
        """Plan every object of the job that is not planned yet; blocks.

        Args:
            is_stopped: Asked between pages.
            planned: Told whenever chunks have been stored.

        Returns:
            How it ended. An input that cannot be read is tried again a few times when its store
            failed, and is then the job's failure. The database is waited for.
        """
        attempt = 0
        while True:
            try:
                return self._expand(self._saved(job) if attempt else job, is_stopped, planned)
            except LeaseLostError:
                break
            except RefusedRowError as error:
                return Expansion(code=error.code, message=str(error))
            except DatabaseError as error:  # it is waited for: nothing is wrong with the input
                _log.warning("expansion_waits", job_id=job.id, error=str(error))
                if is_stopped():
                    break
                attempt = max(attempt, 1)
                time.sleep(_DATABASE_SECONDS)
            except BackendError as error:
                attempt += 1
                _log.warning("expansion_failed", job_id=job.id, attempt=attempt, error=str(error))
                if attempt >= _TRIES or is_stopped():
                    return Expansion(code=error.code, message=str(error))
                time.sleep(2.0 ** (attempt - 1) / 2)
            except UnreadableInputError as error:
                return Expansion(code=error.found, message=str(error))
            except PenstockError as error:
                return Expansion(code=error.code, message=str(error))
        return Expansion(is_stopped=True)

    def _saved(self, job: Job) -> Job:
        """The job with what is stored of its plan by now; as it was when it is another's."""
        with self._database.read() as transaction:
            return jobs.refresh_jobs(transaction, [job]).get(job.number, job)

    def _expand(
        self, job: Job, is_stopped: Callable[[], bool], planned: Callable[[], None]
    ) -> Expansion:
        with closing(self._read(job, lambda: self._saved(job).seconds_per_object)) as batches:
            for batch in batches:
                if is_stopped():
                    return Expansion(is_stopped=True)
                self._store(job, batch)
                planned()
        return Expansion()

    def _store(self, job: Job, batch: Batch) -> None:
        now_ms = self._now_ms()
        executions = sum(size for _, size in batch.packed) * len(job.workflows)
        changes = Counters(total=executions, waiting=executions)
        with self._database.write() as transaction:
            jobs.add_counters(transaction, job.number, changes, epoch=job.epoch)
            chunks.insert_chunks(transaction, job.number, batch.packed, now_ms)
            _record_failed(transaction, job, batch.failed, now_ms)
            jobs.save_expansion(
                transaction, job.number, cursor=batch.cursor, is_expanded=batch.is_last
            )


def _record_failed(
    transaction: Transaction, job: Job, failed: Sequence[FailedEntry], now_ms: int
) -> None:
    """Record entries that name no object as executions that failed, in a chunk of their own."""
    if not failed:
        return
    packed = PackedObjects(pack_objects([ObjectInfo(one.entry) for one in failed]), len(failed))
    (number,) = chunks.insert_chunks(
        transaction, job.number, [packed], now_ms, state=ChunkState.SEALED
    )
    width = len(job.workflows)
    rows: list[tuple[object, ...]] = []
    for index, one in enumerate(failed):
        place = (job.number, number, index * width)
        cause = (one.code, one.message)
        rows += failed_rows(place, one.entry, cause, span=Span(now_ms, now_ms), workflows=width)
    insert_executions(transaction, rows)
    queue_events(transaction, find_targets(transaction, job), rows, now_ms)
    jobs.add_counters(transaction, job.number, Counters(total=len(rows), failed=len(rows)))
