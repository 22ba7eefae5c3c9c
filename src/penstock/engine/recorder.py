"""Seals chunks: outcomes, counters, callbacks and the cut-off rest in one transaction."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import RefusedRowError, WorkerCrashedError
from penstock.domain.jobs import Counters, Job
from penstock.domain.planning import unpack_objects
from penstock.domain.records import ExecutionRow, Span, failed_rows
from penstock.domain.states import ExecutionState
from penstock.engine.executor import WorkerDied
from penstock.engine.outbox import Outbox
from penstock.engine.runner import ChunkOutcome
from penstock.state import chunks, jobs
from penstock.state.database import Transaction, insert_executions

MOST_ATTEMPTS = 3
_STATE_COLUMN = ExecutionRow._fields.index("state")
_CODE_COLUMN = ExecutionRow._fields.index("code")

_log = structlog.get_logger()


class Recorder:
    """Writes what came of chunks, in a transaction that the caller begins and ends."""

    def __init__(self, *, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._outbox = Outbox()

    def look_around(self, transaction: Transaction) -> None:
        """See who wants to be told of what comes next."""
        self._outbox.refresh(transaction)

    def record(
        self,
        transaction: Transaction,
        job: Job,
        outcome: ChunkOutcome,
        *,
        speed: float | None = None,
    ) -> bool:
        """Seal what was done and give back the rest; False when the chunk's lease was lost.

        Args:
            job: The chunk's job, as this engine holds it.
            speed: The job's measured seconds per object, kept beside.

        Raises:
            LeaseLostError: The job's lease was lost.
        """
        chunk = outcome.chunk
        now_ms = self._now_ms()
        if outcome.done == 0:
            return self.give_back(transaction, job, chunk)
        won = chunks.seal_chunk_if_leased(
            transaction, chunk, done=outcome.done, seconds=outcome.seconds, now_ms=now_ms
        )
        if not won:
            _log.warning("lease_lost", job=chunk.job, chunk=chunk.number, epoch=chunk.epoch)
            return False
        insert_executions(transaction, outcome.rows)
        self._outbox.queue(transaction, chunk.job, outcome.rows, now_ms)
        rest = (chunk.size - outcome.done) * len(job.workflows)
        states = Counter(row[_STATE_COLUMN] for row in outcome.rows)
        changes = Counters(
            succeeded=states[ExecutionState.SUCCESS],
            failed=states[ExecutionState.FAILED],
            skipped=states[ExecutionState.SKIPPED],
            cancelled=states[ExecutionState.CANCEL],
            waiting=rest,
            running=-len(outcome.rows) - rest,
        )
        jobs.add_counters(transaction, job.number, changes, speed=speed, epoch=job.epoch)
        return True

    def record_death(self, transaction: Transaction, job: Job, died: WorkerDied) -> bool:
        """Cut the chunk that killed its worker; an object that stands alone fails in the end."""
        chunk = died.chunk
        _log.warning("worker_died", job=chunk.job, chunk=chunk.number, cause=died.cause)
        if chunk.size == 1 and chunk.attempts >= MOST_ATTEMPTS:
            return self.record(transaction, job, self._crashed(died, len(job.workflows)))
        return self.give_back(transaction, job, chunk, is_attempt=True)

    def give_back(
        self, transaction: Transaction, job: Job, chunk: Chunk, *, is_attempt: bool = False
    ) -> bool:
        """Return a leased chunk to the planned ones; one that counts an attempt is cut in half."""
        won = chunks.release_chunk_if_leased(
            transaction, chunk, is_attempt=is_attempt, is_cut=is_attempt and chunk.size > 1
        )
        if won:
            _count_as_waiting(transaction, job, chunk.size)
        return won

    def cut(self, transaction: Transaction, job: Job, chunk: Chunk, size: int) -> Chunk | None:
        """Free the objects of a chunk that its worker will leave; None when the lease was lost."""
        rest = chunks.cut_chunk_if_leased(transaction, chunk, size)
        if rest is not None:
            _count_as_waiting(transaction, job, chunk.size - size)
        return rest

    def _crashed(self, died: WorkerDied, workflows: int) -> ChunkOutcome:
        chunk = died.chunk
        (listed,) = unpack_objects(died.assignment.objects, chunk.start, 1)
        error = WorkerCrashedError(attempts=chunk.attempts, cause=died.cause)
        now_ms = self._now_ms()
        rows = failed_rows(
            (chunk.job, chunk.origin, chunk.start * workflows),
            listed.key,
            (error.code, str(error)),
            span=Span(chunk.leased_ms or now_ms, now_ms),
            attempt=chunk.attempts,
            workflows=workflows,
        )
        return ChunkOutcome(chunk=chunk, done=1, rows=rows, seconds=0.0)


def _count_as_waiting(transaction: Transaction, job: Job, objects: int) -> None:
    executions = objects * len(job.workflows)
    changes = Counters(waiting=executions, running=-executions)
    jobs.add_counters(transaction, job.number, changes, epoch=job.epoch)


def unrecordable(outcome: ChunkOutcome, error: RefusedRowError) -> ChunkOutcome:
    """The same chunk with every execution failed, for an outcome that the database refuses."""
    rows: list[tuple[object, ...]] = []
    for values in outcome.rows:
        row = ExecutionRow(*values)  # type: ignore[arg-type]  # a plain tuple travels fast
        rows += failed_rows(
            (row.job, row.chunk, row.position),
            row.object_key,
            (error.code, str(error)),
            span=Span(row.started_ms, row.ended_ms),
            attempt=row.attempt,
        )
    return replace(outcome, rows=rows)


def is_unrecordable(outcome: ChunkOutcome) -> bool:
    """Whether an outcome is what `unrecordable` made."""
    return any(row[_CODE_COLUMN] == RefusedRowError.code for row in outcome.rows)
