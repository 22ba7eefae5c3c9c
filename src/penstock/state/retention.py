"""Drops jobs that have been kept long enough.

A dropped job is gone for everybody in the transaction that drops it. What it leaves behind, of
which there may be 10^8 rows, is removed after that in bounded steps, each a transaction, by any
engine; a number that waits for this stands in `dropped_jobs`, so that nothing is left for good.
"""

from sqlalchemy import delete, exists, func, insert, select

from penstock.state.database import Transaction, delete_executions
from penstock.state.schema import chunks, dropped_jobs, events, jobs

JOBS_AT_ONCE = 100
ROWS_A_CHUNK = 10


def drop_ended_jobs(
    transaction: Transaction, *, ended_before_ms: int, most: int, now_ms: int
) -> int:
    """Drop jobs that ended before a time, the longest ended first; how many.

    Jobs of which a callback still waits to be delivered are kept until it has come to its end.
    """
    waits = exists().where(events.c.job == jobs.c.number, events.c.ended_ms.is_(None))
    numbers = transaction.scalars(
        select(jobs.c.number)
        .where(jobs.c.ended_ms < ended_before_ms, ~waits)
        .order_by(jobs.c.ended_ms)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    if numbers:
        transaction.execute(delete(jobs).where(jobs.c.number.in_(numbers)))
        rows = [{"number": number, "dropped_ms": now_ms} for number in numbers]
        transaction.execute(insert(dropped_jobs), rows)
    return len(numbers)


def clear_dropped_jobs(transaction: Transaction, *, most: int) -> bool:
    """Remove a bounded part of what dropped jobs have left behind; whether there was any.

    Args:
        most: Rows at once. A job that has a place of its own loses all its executions at once,
            unless somebody still reads them.
    """
    numbers = transaction.scalars(
        select(dropped_jobs.c.number)
        .order_by(func.random())  # one that cannot be cleared yet does not hold up the others
        .limit(JOBS_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    removed = 0
    cleared = []
    for number in numbers:
        left = delete_executions(transaction, number, most=most - removed)
        removed += left.rows
        if left.is_empty:
            removed += _delete_chunks(transaction, number, most - removed)
            if removed < most:
                cleared.append(number)
        if removed >= most:
            break
    transaction.execute(delete(dropped_jobs).where(dropped_jobs.c.number.in_(cleared)))
    return bool(removed or cleared)


def _delete_chunks(transaction: Transaction, job: int, most: int) -> int:
    """Remove some chunks of a job; in how many rows that counts, for chunks are large."""
    some = select(chunks.c.number).where(chunks.c.job == job).limit(-(-most // ROWS_A_CHUNK))
    deleted = transaction.execute(
        delete(chunks).where(chunks.c.job == job, chunks.c.number.in_(some))
    ).rowcount
    return deleted * ROWS_A_CHUNK
