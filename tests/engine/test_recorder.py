import pytest

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Counters, Job
from penstock.domain.records import ExecutionRow, unpack_outcomes
from penstock.domain.selection import ObjectInfo
from penstock.domain.states import ChunkState, ExecutionState
from penstock.engine.executor import WorkerDied
from penstock.engine.recorder import MOST_ATTEMPTS, Recorder
from penstock.engine.runner import Assignment, ChunkOutcome
from penstock.state import chunks, jobs
from penstock.state.database import Database
from tests.factories import make_job, make_packed, make_pinned, make_row
from tests.state.stored import (
    add_counters,
    lease,
    plan,
    recorded,
    release,
    store_job,
    stored,
    unsealed,
)
from tests.waiting import Clock


def planned_job(database: Database, *sizes: int, workflows: int = 1) -> Job:
    """A job with a plan, its executions counted as waiting."""
    pinned = tuple(make_pinned(id=f"w{number}") for number in range(workflows))
    job = store_job(database, make_job(workflows=pinned))
    plan(database, job, *sizes)
    executions = sum(sizes) * workflows
    add_counters(database, job, Counters(total=executions, waiting=executions))
    return job


def leased(database: Database, job: Job) -> Chunk:
    """The next chunk, leased and counted as running."""
    chunk = lease(database, job)
    assert chunk is not None
    executions = chunk.size * len(job.workflows)
    add_counters(database, job, Counters(running=executions, waiting=-executions))
    return chunk


def outcome_of(
    chunk: Chunk, *states: ExecutionState, done: int | None = None, workflows: int = 1
) -> ChunkOutcome:
    """An outcome whose executions came to the states given."""
    rows = [
        make_row(
            job=chunk.job,
            chunk=chunk.origin,
            position=chunk.start * workflows + index,
            state=state,
        )
        for index, state in enumerate(states)
    ]
    return ChunkOutcome(
        chunk=chunk,
        done=len(states) // workflows if done is None else done,
        rows=[tuple(row) for row in rows],
        seconds=1.0,
    )


def record(database: Database, recorder: Recorder, outcome: ChunkOutcome) -> bool:
    """Record in a transaction of its own."""
    with database.write() as transaction:
        job = jobs.find_job(transaction, outcome.chunk.job)
        assert job is not None
        return recorder.record(transaction, job, outcome, speed=0.5)


@pytest.fixture
def recorder(clock: Clock) -> Recorder:
    """A recorder under the test's clock."""
    return Recorder(now_ms=clock)


def test_recorder_seals_a_whole_chunk(database: Database, recorder: Recorder) -> None:
    """Rows, the sealed chunk, counters and speed come together."""
    job = planned_job(database, 4)
    chunk = leased(database, job)
    states = (
        ExecutionState.SUCCESS,
        ExecutionState.FAILED,
        ExecutionState.SKIPPED,
        ExecutionState.CANCEL,
    )

    won = record(database, recorder, outcome_of(chunk, *states))

    found = stored(database, job)
    assert won
    assert [row.state for row in recorded(database, job)] == list(states)
    assert unsealed(database, job) == []
    assert found.counters == Counters(total=4, succeeded=1, failed=1, skipped=1, cancelled=1)
    assert found.seconds_per_object == 0.5


def test_recorder_gives_back_what_was_not_done(database: Database, recorder: Recorder) -> None:
    """Of a chunk that was done in part the rest waits again, in its own chunk."""
    job = planned_job(database, 3, workflows=2)
    chunk = leased(database, job)
    done = outcome_of(chunk, *[ExecutionState.SUCCESS] * 2, workflows=2)

    record(database, recorder, done)

    (rest,) = unsealed(database, job)
    assert (rest.start, rest.size, rest.state) == (1, 2, ChunkState.PLANNED)
    assert stored(database, job).counters == Counters(total=6, succeeded=2, waiting=4)


def test_recorder_gives_back_a_chunk_of_which_nothing_was_done(
    database: Database, recorder: Recorder
) -> None:
    """An outcome without any object is a lease that never was."""
    job = planned_job(database, 3)
    chunk = leased(database, job)

    won = record(database, recorder, outcome_of(chunk))

    (found,) = unsealed(database, job)
    assert won
    assert (found.state, found.attempts) == (ChunkState.PLANNED, 0)
    assert stored(database, job).counters == Counters(total=3, waiting=3)


def test_recorder_changes_nothing_for_a_lost_lease(database: Database, recorder: Recorder) -> None:
    """An outcome that comes too late leaves rows, chunks and counters as they are."""
    job = planned_job(database, 2)
    late = leased(database, job)
    release(database, late)
    holder = lease(database, job)
    before = stored(database, job)

    won = record(database, recorder, outcome_of(late, *[ExecutionState.SUCCESS] * 2))
    with database.write() as transaction:
        given = recorder.give_back(transaction, job, late)

    assert not won
    assert not given
    assert recorded(database, job) == []
    assert unsealed(database, job) == [holder]
    assert stored(database, job) == before


def died(database: Database, job: Job, chunk: Chunk) -> WorkerDied:
    """The death of the worker that ran a chunk."""
    with database.read() as transaction:
        objects = chunks.packed_objects(transaction, job.number, chunk.origin)
    assignment = Assignment(job=job, chunk=chunk, objects=objects)
    return WorkerDied(assignment=assignment, cause="signal SIGKILL")


def record_death(database: Database, recorder: Recorder, job: Job, chunk: Chunk) -> None:
    """Record a death in a transaction of its own."""
    with database.write() as transaction:
        recorder.record_death(transaction, job, died(database, job, chunk))


def test_recorder_cuts_a_chunk_that_killed_its_worker(
    database: Database, recorder: Recorder
) -> None:
    """Both halves wait again; nothing is recorded yet."""
    job = planned_job(database, 5)

    record_death(database, recorder, job, leased(database, job))

    assert [chunk.size for chunk in unsealed(database, job)] == [3, 2]
    assert recorded(database, job) == []
    assert stored(database, job).counters == Counters(total=5, waiting=5)


def test_recorder_fails_an_object_that_keeps_killing_workers(
    database: Database, recorder: Recorder
) -> None:
    """An object that stands alone gets a few attempts, then it has failed, in every workflow."""
    job = planned_job(database, 1, workflows=2)

    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert recorded(database, job) == []
        chunk = leased(database, job)
        assert chunk.attempts == attempt
        record_death(database, recorder, job, chunk)

    rows = recorded(database, job)
    assert [(row.position, row.state, row.code) for row in rows] == [
        (0, ExecutionState.FAILED, "WorkerCrashed"),
        (1, ExecutionState.FAILED, "WorkerCrashed"),
    ]
    assert "signal SIGKILL" in rows[0].message
    assert unpack_outcomes(rows[0].nodes)[0].code == "WorkerCrashed"
    assert rows[0].attempt == MOST_ATTEMPTS
    assert stored(database, job).counters == Counters(total=2, failed=2)
    assert unsealed(database, job) == []


def test_recorder_can_store_the_key_that_killed_a_worker(
    database: Database, recorder: Recorder
) -> None:
    """An undecodable key is recorded with its bytes escaped."""
    job = store_job(database)
    with database.write() as transaction:
        packed = make_packed([ObjectInfo("in/\udcff.jpg")])
        chunks.insert_chunks(transaction, job.number, [packed], job.created_ms)
    add_counters(database, job, Counters(total=1, waiting=1))

    for _ in range(MOST_ATTEMPTS):
        record_death(database, recorder, job, leased(database, job))

    (row,) = recorded(database, job)
    assert isinstance(row, ExecutionRow)
    assert row.object_key == "in/\\udcff.jpg"
