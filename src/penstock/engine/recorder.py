"""Seals chunks: outcomes, counters, callbacks and the cut-off rest in one transaction."""

from collections import Counter
from collections.abc import Callable

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import WorkerCrashedError
from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Counters
from penstock.domain.planning import unpack_objects
from penstock.domain.records import ExecutionRow, Span, failed_row
from penstock.domain.states import ExecutionState
from penstock.engine.executor import WorkerDied
from penstock.engine.outbox import Outbox
from penstock.engine.runner import ChunkOutcome
from penstock.state import chunks, jobs
from penstock.state.database import Transaction, insert_executions

MOST_ATTEMPTS = 3
_STATE_COLUMN = ExecutionRow._fields.index("state")

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
        outcome: ChunkOutcome,
        *,
        workflows: int,
        speed: float | None,
    ) -> bool:
        """Seal what was done and give back the rest; False when the lease was lost.

        Args:
            workflows: How many executions one object has.
            speed: The job's measured seconds per object, kept beside.
        """
        chunk = outcome.chunk
        now_ms = self._now_ms()
        if outcome.done == 0:
            return self.give_back(transaction, chunk, workflows=workflows)
        won = chunks.seal_chunk_if_leased(
            transaction, chunk, done=outcome.done, seconds=outcome.seconds, now_ms=now_ms
        )
        if not won:
            _log.warning("lease_lost", job=chunk.job, chunk=chunk.number, epoch=chunk.epoch)
            return False
        insert_executions(transaction, outcome.rows)
        self._outbox.queue(transaction, chunk.job, outcome.rows, now_ms)
        rest = (chunk.size - outcome.done) * workflows
        states = Counter(row[_STATE_COLUMN] for row in outcome.rows)
        changes = Counters(
            succeeded=states[ExecutionState.SUCCESS],
            failed=states[ExecutionState.FAILED],
            skipped=states[ExecutionState.SKIPPED],
            cancelled=states[ExecutionState.CANCEL],
            waiting=rest,
            running=-len(outcome.rows) - rest,
        )
        jobs.add_counters(transaction, chunk.job, changes, speed=speed)
        return True

    def record_death(self, transaction: Transaction, died: WorkerDied, *, workflows: int) -> bool:
        """Cut the chunk that killed its worker; an object that stands alone fails in the end."""
        chunk = died.chunk
        _log.warning("worker_died", job=chunk.job, chunk=chunk.number, cause=died.cause)
        if chunk.size == 1 and chunk.attempts >= MOST_ATTEMPTS:
            outcome = self._crashed(died, workflows)
            return self.record(transaction, outcome, workflows=workflows, speed=None)
        return self.give_back(transaction, chunk, workflows=workflows, is_attempt=True)

    def give_back(
        self, transaction: Transaction, chunk: Chunk, *, workflows: int, is_attempt: bool = False
    ) -> bool:
        """Return a leased chunk to the planned ones; one that counts an attempt is cut in half."""
        won = chunks.release_chunk_if_leased(
            transaction, chunk, is_attempt=is_attempt, is_cut=is_attempt and chunk.size > 1
        )
        if won:
            executions = chunk.size * workflows
            jobs.add_counters(
                transaction, chunk.job, Counters(waiting=executions, running=-executions)
            )
        return won

    def _crashed(self, died: WorkerDied, workflows: int) -> ChunkOutcome:
        chunk = died.chunk
        (listed,) = unpack_objects(died.assignment.objects, chunk.start, 1)
        error = WorkerCrashedError(attempts=chunk.attempts, cause=died.cause)
        now_ms = self._now_ms()
        span = Span(chunk.leased_ms or now_ms, now_ms)
        outcome = NodeOutcome(
            number=1,
            state=ExecutionState.FAILED,
            code=error.code,
            message=str(error),
            started_ms=span.started_ms,
            ended_ms=span.ended_ms,
        )
        first = chunk.start * workflows
        rows = [
            failed_row(
                (chunk.job, chunk.origin, position),
                listed.key,
                outcome,
                attempt=chunk.attempts,
                span=span,
            )
            for position in range(first, first + workflows)
        ]
        return ChunkOutcome(chunk=chunk, done=1, rows=rows, seconds=0.0)
