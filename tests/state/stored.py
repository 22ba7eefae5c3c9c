"""Short words for what tests of the state do in a transaction of its own each."""

from typing import Any

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Counters, Job
from penstock.domain.records import ExecutionRow
from penstock.domain.states import JobEvent
from penstock.state import chunks, executions, jobs
from penstock.state.database import Database
from tests.factories import NOW_MS, make_job, make_objects, make_packed


def store_job(database: Database, job: Job | None = None) -> Job:
    """Store a job; it comes back as the database has it."""
    with database.write() as transaction:
        number = jobs.insert_job(transaction, job or make_job())
        found = jobs.find_job(transaction, number)
    assert found is not None
    return found


def stored(database: Database, job: Job) -> Job:
    """A job as the database has it now."""
    with database.read() as transaction:
        found = jobs.find_job(transaction, job.number)
    assert found is not None
    return found


def move(database: Database, job: Job, event: JobEvent, now_ms: int = NOW_MS) -> bool:
    """Move a job; whether it won."""
    with database.write() as transaction:
        return jobs.move_job(transaction, job, event, now_ms)


def add_counters(
    database: Database, job: Job, changes: Counters, *, speed: float | None = None
) -> None:
    """Add to a job's counters."""
    with database.write() as transaction:
        jobs.add_counters(transaction, job.number, changes, speed=speed)


def plan(database: Database, job: Job, *sizes: int, first: int = 0) -> list[int]:
    """Plan chunks of the sizes given, whose keys count up; their numbers."""
    packed = []
    for size in sizes:
        packed.append(make_packed(make_objects(size, first)))
        first += size
    with database.write() as transaction:
        return chunks.insert_chunks(transaction, job.number, packed, NOW_MS)


def lease(
    database: Database, job: Job, *, most_objects: int = 1000, now_ms: int = NOW_MS
) -> Chunk | None:
    """Lease the next chunk."""
    with database.write() as transaction:
        return chunks.lease_next_chunk(
            transaction, job.number, most_objects=most_objects, now_ms=now_ms
        )


def lease_all(database: Database, job: Job, *, most_objects: int = 1000) -> list[Chunk]:
    """Lease until nothing is planned any more."""
    leased = []
    while (chunk := lease(database, job, most_objects=most_objects)) is not None:
        leased.append(chunk)
    return leased


def seal(database: Database, chunk: Chunk, *, done: int, now_ms: int = NOW_MS) -> bool:
    """Seal a chunk; whether it won."""
    with database.write() as transaction:
        return chunks.seal_chunk_if_leased(
            transaction, chunk, done=done, seconds=1.0, now_ms=now_ms
        )


def release(
    database: Database, chunk: Chunk, *, is_attempt: bool = False, is_cut: bool = False
) -> bool:
    """Release a chunk; whether it won."""
    with database.write() as transaction:
        return chunks.release_chunk_if_leased(
            transaction, chunk, is_attempt=is_attempt, is_cut=is_cut
        )


def cancel_planned(database: Database, job: Job, *, now_ms: int = NOW_MS) -> int:
    """Cancel what is planned; how many objects that is."""
    with database.write() as transaction:
        return chunks.cancel_planned_chunks(transaction, job.number, now_ms)


def chunk_of(database: Database, job: Job, origin: int, index: int) -> Chunk | None:
    """The chunk that an object belongs to."""
    with database.read() as transaction:
        return chunks.find_chunk_of(transaction, job.number, origin, index)


def unsealed(database: Database, job: Job) -> list[Chunk]:
    """Chunks that are not sealed, in the order of addresses."""
    with database.read() as transaction:
        return list(chunks.unsealed_chunks(transaction, job.number, is_ascending=True))


def recorded(database: Database, job: Job, **choices: Any) -> list[ExecutionRow]:  # noqa: ANN401  # those of the query
    """Recorded executions."""
    with database.read() as transaction:
        return list(executions.recorded_executions(transaction, job.number, **choices))
