"""Leases of jobs: which engine drives which.

Each claim adds one to the job's epoch, and every change that an engine makes to a job names the
epoch under which it does so (`jobs.add_counters`): an engine that was paused past its lease
changes nothing. Clocks that differ cost time, never truth.
"""

from sqlalchemy import ColumnElement, select, update

from penstock.domain.jobs import Job, JobType
from penstock.state.database import Transaction
from penstock.state.jobs import job_of_row
from penstock.state.schema import jobs

_SINGLE = jobs.c.type == str(JobType.TRIGGER)


def lease_free_jobs(
    transaction: Transaction,
    owner: str,
    *,
    now_ms: int,
    until_ms: int,
    are_singles: bool,
    limit: int,
) -> list[Job]:
    """Claim jobs that no engine holds; the larger priority first, then the older.

    Each claim adds one to the job's epoch. Several engines never wait for one another here, and
    never get the same job.

    Args:
        are_singles: Whether to take single triggers, or batches.
        limit: Most jobs to claim.
    """
    numbers = transaction.scalars(
        select(jobs.c.number)
        .where(*_free(now_ms), _SINGLE if are_singles else ~_SINGLE)
        .order_by(jobs.c.priority.desc(), jobs.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not numbers:
        return []
    rows = transaction.execute(
        update(jobs)
        .where(jobs.c.number.in_(numbers))
        .values(lease_owner=owner, lease_until_ms=until_ms, epoch=jobs.c.epoch + 1)
        .returning(*jobs.c)
    )
    return sorted(map(job_of_row, rows), key=lambda job: job.number)


def has_free_job(transaction: Transaction, now_ms: int) -> bool:
    """Whether there is an open job that no engine holds."""
    return (
        transaction.execute(select(jobs.c.number).where(*_free(now_ms)).limit(1)).first()
        is not None
    )


def extend_leases(transaction: Transaction, owner: str, *, until_ms: int) -> None:
    """Extend the claims of an engine; those that somebody else took stay as they are."""
    transaction.execute(
        update(jobs)
        .where(jobs.c.lease_owner == owner, jobs.c.ended_ms.is_(None))
        .values(lease_until_ms=until_ms)
    )


def release_jobs(transaction: Transaction, owner: str | None = None) -> None:
    """Give up the claims of an engine; of every engine when no owner is named."""
    matching = [jobs.c.lease_until_ms > 0]
    if owner is not None:
        matching.append(jobs.c.lease_owner == owner)
    transaction.execute(update(jobs).where(*matching).values(lease_owner="", lease_until_ms=0))


def _free(now_ms: int) -> list[ColumnElement[bool]]:
    return [jobs.c.ended_ms.is_(None), jobs.c.lease_until_ms < now_ms]
