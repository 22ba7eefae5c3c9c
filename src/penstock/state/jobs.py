"""Queries of jobs. Every change is a compare-and-set that tells whether it won."""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, func, insert, select, update

from penstock.domain.errors import LeaseLostError
from penstock.domain.jobs import (
    Counters,
    InputKind,
    Job,
    JobInput,
    JobType,
    PinnedWorkflow,
)
from penstock.domain.requests import JobQuery
from penstock.domain.selection import ObjectFilter
from penstock.domain.states import JOB_TABLE, JobEvent, JobState, is_final, move, sources
from penstock.state.database import Transaction, place_job
from penstock.state.schema import jobs

_ADD_COUNTERS = (
    update(jobs)
    .where(
        jobs.c.number == bindparam("job"),
        jobs.c.epoch == func.coalesce(bindparam("claim", type_=BigInteger), jobs.c.epoch),
    )
    .values(
        seconds_per_object=func.coalesce(bindparam("speed"), jobs.c.seconds_per_object),
        **{
            field.name: jobs.c[field.name] + bindparam(f"add_{field.name}")
            for field in fields(Counters)
        },
    )
)

_CHANGING = [
    jobs.c[name]
    for name in (
        *("number", "is_dry_run", "state", "code", "message", "started_ms", "ended_ms"),
        *("cancel_requested_ms", "cursor", "is_expanded", "seconds_per_object", "epoch"),
        *(field.name for field in fields(Counters)),
    )
]


def insert_job(transaction: Transaction, job: Job) -> int:
    """Store a new job and return its number."""
    values = {
        "id": job.id,
        "bucket": job.bucket,
        "type": str(job.type),
        "name": job.name,
        "input_kind": str(job.input.kind),
        "input_value": job.input.value,
        "rule": json.dumps(job.rule),
        "workflows": json.dumps([asdict(workflow) for workflow in job.workflows]),
        "workflow_ids": "".join(f",{workflow.id}" for workflow in job.workflows) + ",",
        "buckets": json.dumps(job.buckets),
        "filter": json.dumps(asdict(job.filter), default=sorted),
        "queue_ids": json.dumps(job.queue_ids),
        "priority": job.priority,
        "weight": job.weight,
        "is_dry_run": int(job.is_dry_run),
        "request_digest": job.request_digest,
        "state": str(job.state),
        "code": job.code,
        "message": job.message,
        "created_ms": job.created_ms,
    }
    place = place_job(transaction, is_single=job.input.kind is InputKind.OBJECT)
    result = transaction.execute(insert(jobs).values(values | place))
    (number,) = result.inserted_primary_key or (0,)
    return int(number)


def find_job(transaction: Transaction, number: int) -> Job | None:
    """The job of that number."""
    row = transaction.execute(select(jobs).where(jobs.c.number == number)).first()
    return None if row is None else job_of_row(row)


def find_job_by_id(transaction: Transaction, bucket: str, job_id: str) -> Job | None:
    """A bucket's job of that id."""
    row = transaction.execute(
        select(jobs).where(jobs.c.id == job_id, jobs.c.bucket == bucket)
    ).first()
    return None if row is None else job_of_row(row)


def find_open_job_by_digest(transaction: Transaction, digest: str) -> Job | None:
    """The latest job that the same command made and that has not ended."""
    row = transaction.execute(
        select(jobs)
        .where(jobs.c.request_digest == digest, jobs.c.ended_ms.is_(None))
        .order_by(jobs.c.number.desc())
        .limit(1)
    ).first()
    return None if row is None else job_of_row(row)


def list_jobs(transaction: Transaction, query: JobQuery) -> list[Job]:
    """One page of jobs in order of creation."""
    matching = [jobs.c.bucket == query.bucket, jobs.c.type.in_(map(str, query.types))]
    if query.states:
        matching.append(jobs.c.state.in_(map(str, query.states)))
    if query.job_id:
        matching.append(jobs.c.id == query.job_id)
    if query.name:
        matching.append(jobs.c.name == query.name)
    if query.workflow_id:
        wanted = f",{query.workflow_id},"
        matching.append(jobs.c.workflow_ids.contains(wanted, autoescape=True))
    if query.created_from_ms is not None:
        matching.append(jobs.c.created_ms >= query.created_from_ms)
    if query.created_to_ms is not None:
        matching.append(jobs.c.created_ms <= query.created_to_ms)
    if query.after is not None:
        beyond = jobs.c.number > query.after
        matching.append(beyond if query.is_ascending else jobs.c.number < query.after)
    order = jobs.c.number.asc() if query.is_ascending else jobs.c.number.desc()
    rows = transaction.execute(select(jobs).where(*matching).order_by(order).limit(query.limit))
    return [job_of_row(row) for row in rows]


def refresh_jobs(transaction: Transaction, held: Iterable[Job]) -> dict[int, Job]:
    """Jobs as they are now, by number; without those that ended or were claimed anew.

    What never changes about a job is not read again.
    """
    before = {job.number: job for job in held}
    rows = transaction.execute(
        select(*_CHANGING).where(jobs.c.number.in_(before), jobs.c.ended_ms.is_(None))
    )
    found = {row.number: replace(before[row.number], **_changing(row)) for row in rows}
    return {number: job for number, job in found.items() if job.epoch == before[number].epoch}


def list_open_jobs_of_bucket(transaction: Transaction, bucket: str) -> list[Job]:
    """Every job over a bucket that has not ended, oldest first."""
    rows = transaction.execute(
        select(jobs)
        .where(jobs.c.ended_ms.is_(None), jobs.c.bucket == bucket)
        .order_by(jobs.c.number)
    )
    return [job_of_row(row) for row in rows]


def count_open_batches(transaction: Transaction, bucket: str) -> int:
    """How many batch jobs over a bucket have not ended; dry runs do not count."""
    return transaction.execute(
        select(func.count())
        .select_from(jobs)
        .where(
            jobs.c.ended_ms.is_(None),
            jobs.c.bucket == bucket,
            jobs.c.type != str(JobType.TRIGGER),
            jobs.c.is_dry_run == 0,
        )
    ).scalar_one()


def count_waiting_singles(transaction: Transaction, queue_id: str) -> int:
    """How many single objects wait to pass through a queue; batch jobs do not count."""
    return transaction.execute(
        select(func.count())
        .select_from(jobs)
        .where(
            jobs.c.ended_ms.is_(None),
            jobs.c.type == str(JobType.TRIGGER),
            jobs.c.waiting > 0,
            jobs.c.queue_ids.contains(f'"{queue_id}"', autoescape=True),
        )
    ).scalar_one()


def move_job(
    transaction: Transaction,
    job: Job,
    event: JobEvent,
    now_ms: int,
    *,
    code: str = "Success",
    message: str = "",
) -> bool:
    """Move a job through the table; False when its state or claim is not as it was read."""
    state = move(JOB_TABLE, job.state, event)
    values: dict[str, object] = {"state": str(state), "code": code, "message": message}
    if event is JobEvent.START:
        values["started_ms"] = now_ms
    if is_final(JOB_TABLE, state):
        values["ended_ms"] = now_ms
    return bool(
        transaction.execute(
            update(jobs)
            .where(
                jobs.c.number == job.number,
                jobs.c.state == str(job.state),
                jobs.c.epoch == job.epoch,
            )
            .values(values)
        ).rowcount
    )


def request_cancel(transaction: Transaction, number: int, now_ms: int) -> bool:
    """Note that a job shall be cancelled; False when it has ended or was asked before."""
    open_states = sources(JOB_TABLE, JobEvent.CANCEL)
    return bool(
        transaction.execute(
            update(jobs)
            .where(
                jobs.c.number == number,
                jobs.c.state.in_(map(str, open_states)),
                jobs.c.cancel_requested_ms.is_(None),
            )
            .values(cancel_requested_ms=now_ms)
        ).rowcount
    )


def save_expansion(
    transaction: Transaction, number: int, *, cursor: str, is_expanded: bool
) -> None:
    """Keep how far the selection of a job has been planned."""
    transaction.execute(
        update(jobs)
        .where(jobs.c.number == number)
        .values(cursor=cursor, is_expanded=int(is_expanded))
    )


def take_chunk_numbers(transaction: Transaction, number: int, count: int) -> int:
    """Reserve `count` chunk numbers of a job and return the first."""
    end = transaction.execute(
        update(jobs)
        .where(jobs.c.number == number)
        .values(next_chunk=jobs.c.next_chunk + count)
        .returning(jobs.c.next_chunk)
    ).scalar_one()
    return int(end) - count


def add_counters(
    transaction: Transaction,
    number: int,
    changes: Counters,
    *,
    speed: float | None = None,
    epoch: int | None = None,
) -> None:
    """Add to (or take from) the counters of a job.

    Every change that an engine makes to a job passes here, so this is where an engine that lost
    its claim is kept out.

    Args:
        speed: The job's measured seconds per object, to be kept beside; None leaves it.
        epoch: The claim under which an engine does so; None for whoever needs none.

    Raises:
        LeaseLostError: The job has been claimed anew since.
    """
    amounts = {f"add_{name}": amount for name, amount in asdict(changes).items()}
    values = {"job": number, "speed": speed, "claim": epoch, **amounts}
    if not transaction.execute(_ADD_COUNTERS, values).rowcount:
        raise LeaseLostError(number)


def confirm_dry_run(transaction: Transaction, number: int) -> None:
    """Let a job that was planned only run its plan."""
    transaction.execute(update(jobs).where(jobs.c.number == number).values(is_dry_run=0))


def job_of_row(row: Row[Any]) -> Job:
    """A job out of all its columns."""
    filters = json.loads(row.filter)
    if filters["extensions"] is not None:
        filters["extensions"] = frozenset(filters["extensions"])
    return Job(
        number=row.number,
        id=row.id,
        bucket=row.bucket,
        type=JobType(row.type),
        name=row.name,
        input=JobInput(kind=InputKind(row.input_kind), value=row.input_value),
        rule=json.loads(row.rule),
        workflows=tuple(PinnedWorkflow(**pinned) for pinned in json.loads(row.workflows)),
        buckets=json.loads(row.buckets),
        filter=ObjectFilter(**filters),
        queue_ids=tuple(json.loads(row.queue_ids)),
        priority=row.priority,
        weight=row.weight,
        request_digest=row.request_digest,
        created_ms=row.created_ms,
        **_changing(row),
    )


def _changing(row: Row[Any]) -> dict[str, Any]:
    """The fields of a job that change while it is open."""
    return {
        "is_dry_run": bool(row.is_dry_run),
        "state": JobState(row.state),
        "code": row.code,
        "message": row.message,
        "started_ms": row.started_ms,
        "ended_ms": row.ended_ms,
        "cancel_requested_ms": row.cancel_requested_ms,
        "cursor": row.cursor,
        "is_expanded": bool(row.is_expanded),
        "seconds_per_object": row.seconds_per_object,
        "epoch": row.epoch,
        "counters": Counters(
            total=row.total,
            succeeded=row.succeeded,
            failed=row.failed,
            skipped=row.skipped,
            cancelled=row.cancelled,
            waiting=row.waiting,
            running=row.running,
        ),
    }
