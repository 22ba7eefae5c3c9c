"""Turns a job's input into planned chunks, page by page, with a saved cursor.

Chunks and the cursor that goes on behind them are saved in one transaction, always at the end of
a page: after a crash the next page is the first that is not planned, so no object is planned
twice or left out.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from penstock.domain.errors import BackendError, PenstockError
from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Counters, Job
from penstock.domain.planning import pack_objects, planned_chunk_size
from penstock.domain.records import Span, failed_row
from penstock.domain.selection import ObjectInfo
from penstock.domain.states import ChunkState, ExecutionState
from penstock.engine.outbox import find_targets, queue_events
from penstock.state import chunks, jobs
from penstock.state.chunks import PackedObjects
from penstock.state.database import Database, Transaction, insert_executions
from penstock.storage.pages import FailedEntry, Page, Source

FLUSH_OBJECTS = 4000
FLUSH_SECONDS = 0.5
_TRIES = 4

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
        self,
        database: Database,
        open_source: Callable[[Job], Source],
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._open_source = open_source
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
            failed, and is then the job's failure.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._expand(job, is_stopped, planned)
            except BackendError as error:
                _log.warning("expansion_failed", job_id=job.id, attempt=attempt, error=str(error))
                if attempt == _TRIES or is_stopped():
                    return Expansion(code=error.code, message=str(error))
                time.sleep(2.0 ** (attempt - 1) / 2)
                job = self._saved(job)
            except PenstockError as error:
                return Expansion(code=error.code, message=str(error))
        raise AssertionError

    def _saved(self, job: Job) -> Job:
        """The job as it is stored by now."""
        with self._database.read() as transaction:
            return jobs.find_job(transaction, job.number) or job

    def _expand(
        self, job: Job, is_stopped: Callable[[], bool], planned: Callable[[], None]
    ) -> Expansion:
        batch = _Batch(job)
        flushed_at = time.monotonic()
        for page in self._open_source(job).pages(cursor=job.cursor):
            batch.add(page)
            if is_stopped():
                return Expansion(is_stopped=True)
            is_due = time.monotonic() - flushed_at > FLUSH_SECONDS
            if is_due or batch.is_first or len(batch.objects) >= FLUSH_OBJECTS:
                self._flush(batch, is_expanded=False)
                flushed_at = time.monotonic()
                planned()
        self._flush(batch, is_expanded=True)
        planned()
        return Expansion()

    def _flush(self, batch: "_Batch", *, is_expanded: bool) -> None:
        job = batch.job
        packed = batch.pack(self._saved(job).seconds_per_object)
        now_ms = self._now_ms()
        with self._database.write() as transaction:
            chunks.insert_chunks(transaction, job.number, packed, now_ms)
            executions = sum(size for _, size in packed) * len(job.workflows)
            jobs.add_counters(
                transaction, job.number, Counters(total=executions, waiting=executions)
            )
            _record_failed(transaction, job, batch.failed, now_ms)
            jobs.save_expansion(
                transaction, job.number, cursor=batch.cursor, is_expanded=is_expanded
            )
        batch.clear()


class _Batch:
    """Objects that are read but not planned yet, always up to the end of a page."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.objects: list[ObjectInfo] = []
        self.failed: list[FailedEntry] = []
        self.cursor = job.cursor
        self.is_first = True
        self._chunk_size = 0

    def add(self, page: Page) -> None:
        self.objects += self.job.filter.select(page.objects)
        self.failed += page.failed
        self.cursor = page.cursor

    def pack(self, seconds_per_object: float | None) -> list[PackedObjects]:
        packed = []
        start = 0
        while start < len(self.objects):
            self._chunk_size = planned_chunk_size(self._chunk_size, seconds_per_object)
            part = self.objects[start : start + self._chunk_size]
            packed.append(PackedObjects(pack_objects(part), len(part)))
            start += len(part)
        return packed

    def clear(self) -> None:
        self.objects = []
        self.failed = []
        self.is_first = False


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
    rows = [
        failed_row(
            (job.number, number, index * width + workflow),
            one.entry,
            NodeOutcome(number=1, state=ExecutionState.FAILED, code=one.code, message=one.message),
            attempt=1,
            span=Span(now_ms, now_ms),
        )
        for index, one in enumerate(failed)
        for workflow in range(width)
    ]
    insert_executions(transaction, rows)
    queue_events(transaction, find_targets(transaction, job), rows, now_ms)
    jobs.add_counters(transaction, job.number, Counters(total=len(rows), failed=len(rows)))
