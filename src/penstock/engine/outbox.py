"""Queues callbacks in the transaction that records what they tell of."""

from collections.abc import Iterator, Sequence

import structlog

from penstock.domain.callbacks import JobTargets, resolve_targets
from penstock.domain.jobs import Job
from penstock.domain.records import ExecutionRow, unpack_outcomes
from penstock.domain.states import ExecutionState
from penstock.operations.registry import family_of
from penstock.state import events, jobs, resources
from penstock.state.database import Transaction
from penstock.state.events import NewEvent

_TARGETS_KEPT = 1000
_RUN = frozenset({ExecutionState.SUCCESS, ExecutionState.FAILED})

_log = structlog.get_logger()


class Outbox:
    """Keeps who is told about each job, so that jobs without callbacks cost nothing an object.

    Used from one thread. Targets follow the settings of queues as of the last `refresh`.
    """

    def __init__(self) -> None:
        self._targets: dict[int, JobTargets] = {}
        self._notifications: tuple[tuple[str, str], ...] = ()

    def refresh(self, transaction: Transaction) -> None:
        """Look whether the callback settings of any queue have changed."""
        found = resources.queue_notifications(transaction)
        if found != self._notifications or len(self._targets) > _TARGETS_KEPT:
            self._targets.clear()
            self._notifications = found

    def queue(
        self, transaction: Transaction, job: int, rows: Sequence[tuple[object, ...]], now_ms: int
    ) -> None:
        """Queue what has to be told of executions that are recorded in this transaction.

        Args:
            job: Number of the job.
            rows: Executions of one chunk, as tuples in the order of `ExecutionRow`.
        """
        targets = self._targets.get(job)
        if targets is None:
            found = jobs.find_job(transaction, job)
            if found is None:
                return
            targets = self._targets[job] = find_targets(transaction, found)
            if targets.undelivered:
                types = ", ".join(sorted(targets.undelivered))
                _log.warning("callbacks_not_delivered", job_id=found.id, types=types)
        queue_events(transaction, targets, rows, now_ms)


def find_targets(transaction: Transaction, job: Job) -> JobTargets:
    """Who is told about a job's executions, by the settings of this moment."""
    return resolve_targets(job, resources.find_queues(transaction, job.queue_ids), family_of)


def queue_events(
    transaction: Transaction,
    targets: JobTargets,
    rows: Sequence[tuple[object, ...]],
    now_ms: int,
) -> None:
    """Queue the events of executions of one chunk, each execution's own in the order of nodes."""
    if not targets.is_silent:
        events.insert_events(transaction, list(_events(targets, rows)), now_ms)


def _events(targets: JobTargets, rows: Sequence[tuple[object, ...]]) -> Iterator[NewEvent]:
    """Events of nodes that were run, then that of the execution, if any node of it was reached."""
    told = {*_RUN, ExecutionState.SKIPPED} if targets.tells_skipped else _RUN
    for values in rows:
        row = ExecutionRow(*values)  # type: ignore[arg-type]  # a plain tuple travels fast
        mine = targets.workflows[row.position % len(targets.workflows)]
        outcomes = unpack_outcomes(row.nodes)
        address = (row.job, row.chunk, row.position)
        for outcome in outcomes:
            target = mine.nodes.get(outcome.number)
            if target is not None and outcome.state in told:
                yield NewEvent(*address, outcome.number, target.url, target.format)
        is_ended = outcomes and row.state != ExecutionState.CANCEL
        if mine.execution is not None and is_ended:
            yield NewEvent(*address, 0, mine.execution.url, mine.execution.format)
