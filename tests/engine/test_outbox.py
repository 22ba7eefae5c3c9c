from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import select  # looks at the table itself

from penstock.domain.jobs import Job, JobType
from penstock.domain.selection import ObjectInfo
from penstock.domain.states import ExecutionState
from penstock.engine.batches import read_batches
from penstock.engine.executor import WorkerDied
from penstock.engine.expander import Expander
from penstock.engine.recorder import MOST_ATTEMPTS, Recorder
from penstock.engine.runner import Assignment, ChunkOutcome
from penstock.state import chunks, resources, schema
from penstock.state.database import Database
from penstock.storage.pages import FailedEntry
from tests.engine.sources import ListSource
from tests.engine.told import asking, ended, job_with, outcomes_of, record
from tests.factories import make_packed, make_pinned, make_queue, make_row
from tests.state.stored import lease, plan, release, store_job
from tests.waiting import Clock

URL = "http://hooks.example/cb"
SUCCESS, FAILED = ExecutionState.SUCCESS, ExecutionState.FAILED
SKIPPED, CANCEL = ExecutionState.SKIPPED, ExecutionState.CANCEL


def queued(database: Database) -> list[tuple[int, int, str]]:
    """Position, node and URL of every event, in order."""
    table = schema.events
    with database.read() as transaction:
        rows = transaction.execute(select(table).order_by(table.c.number))
        return [(row.position, row.node, row.url) for row in rows]


def places(database: Database) -> list[tuple[int, int]]:
    """Position and node of every event."""
    return [(position, node) for position, node, _ in queued(database)]


def put_queue(database: Database, notify: dict[str, str]) -> str:
    """Store the queue of `Noop` with a callback configuration; its id."""
    queue = make_queue(family="file", notify=notify)
    with database.write() as transaction:
        resources.insert_queue_if_missing(transaction, queue)
        resources.replace_queue(transaction, queue)
    return queue.id


def test_outbox_stays_empty_where_nobody_asks(database: Database) -> None:
    """A job without callbacks leaves no events."""
    record(database, job_with({}), ended(outcomes_of(SUCCESS)))

    assert queued(database) == []


def test_outbox_tells_nodes_in_order_and_then_the_execution(database: Database) -> None:
    """Every execution has its own run of events."""
    job = job_with(asking(URL), nodes=2)

    record(
        database, job, ended(outcomes_of(SUCCESS, FAILED)), ended(outcomes_of(SUCCESS, SUCCESS))
    )

    assert places(database) == [(0, 1), (0, 2), (0, 0), (1, 1), (1, 2), (1, 0)]


def test_outbox_does_not_tell_of_nodes_that_were_not_run(database: Database) -> None:
    """A node that was skipped, or stands behind one that failed, has no TaskFinish."""
    job = job_with(asking(URL), nodes=3)

    record(database, job, ended(outcomes_of(FAILED, CANCEL, SKIPPED)))

    assert places(database) == [(0, 1), (0, 0)]


def test_outbox_does_not_tell_of_executions_that_never_began(database: Database) -> None:
    """An object that the workflow's filter leaves out has no WorkflowFinish."""
    record(database, job_with(asking(URL)), make_row(state=SKIPPED, nodes="[]"))

    assert queued(database) == []


def test_outbox_tells_a_single_job_that_it_was_skipped(database: Database) -> None:
    """Who asks for one operation on one object hears of its end, whatever that is."""
    job = job_with({}, type=JobType.TRIGGER, rule={"CallBack": URL})
    single = job_with(
        {},
        type=JobType.TRIGGER,
        rule={"CallBack": URL},
        workflows=(make_pinned(id="", topology=job.workflows[0].topology),),
    )

    record(database, single, ended(outcomes_of(SKIPPED)))

    assert places(database) == [(0, 1)]


def test_outbox_follows_the_settings_of_queues(database: Database, clock: Clock) -> None:
    """A queue's callbacks count from the next look on, also for jobs that run already."""
    recorder = Recorder(now_ms=clock)
    on = {"State": "On", "Type": "Url", "Url": URL, "Event": "WorkflowFinish"}
    queue_id = put_queue(database, {})
    job = store_job(database, job_with({}, queue_ids=(queue_id,)))

    def look_and_record() -> None:
        with database.read() as transaction:
            recorder.look_around(transaction)
        record(database, job, ended(outcomes_of(SUCCESS)), recorder=recorder)

    look_and_record()
    silent = queued(database)
    put_queue(database, on)
    look_and_record()
    told = queued(database)
    put_queue(database, {**on, "State": "Off"})
    look_and_record()

    assert silent == []
    assert [url for *_, url in told] == [URL]
    assert queued(database) == told


def test_outbox_tells_each_workflow_its_own(database: Database) -> None:
    """Of two workflows of a job, the one that asks is told, for every object."""
    loud = job_with(asking(URL, "WorkflowFinish")).workflows[0]
    job = job_with({}, workflows=(make_pinned(), loud))

    record(database, job, *(ended(outcomes_of(SUCCESS)) for _ in range(4)))

    assert places(database) == [(1, 0), (3, 0)]


def died(database: Database, job: Job) -> WorkerDied:
    """The death of a worker over the next chunk."""
    chunk = lease(database, job)
    assert chunk is not None
    with database.read() as transaction:
        objects = chunks.packed_objects(transaction, job.number, chunk.origin)
    return WorkerDied(
        assignment=Assignment(job=job, chunk=chunk, objects=objects), cause="signal SIGKILL"
    )


def test_outbox_tells_of_an_object_that_killed_its_workers(
    database: Database, clock: Clock
) -> None:
    """WorkerCrashed is an end like any other."""
    job = store_job(database, job_with(asking(URL)))
    with database.write() as transaction:
        chunks.insert_chunks(transaction, job.number, [make_packed(1)], job.created_ms)
        transaction.execute(
            schema.jobs.update().values(total=MOST_ATTEMPTS, running=MOST_ATTEMPTS)
        )
    recorder = Recorder(now_ms=clock)

    for _ in range(MOST_ATTEMPTS):
        found = died(database, job)
        with database.write() as transaction:
            recorder.record_death(transaction, job, found)

    assert places(database) == [(0, 1), (0, 0)]


@pytest.mark.parametrize("entries", [[FailedEntry("line 1", "InvalidContent", "no key")]])
def test_outbox_tells_of_entries_that_name_no_object(
    database: Database, clock: Clock, entries: Sequence[ObjectInfo | FailedEntry]
) -> None:
    """A line of a list that cannot be used fails, and its failure is told."""
    job = store_job(database, job_with(asking(URL)))
    expander = Expander(database, partial(read_batches, ListSource(list(entries))), now_ms=clock)

    expander.expand(job, is_stopped=lambda: False, planned=lambda: None)

    assert places(database) == [(0, 1), (0, 0)]


def test_outbox_has_nothing_of_a_chunk_whose_lease_was_lost(
    database: Database, clock: Clock
) -> None:
    """Events and executions are recorded together or not at all."""
    job = store_job(database, job_with(asking(URL)))
    plan(database, job, 1)
    late = lease(database, job)
    assert late is not None
    release(database, late)
    lease(database, job)
    row = ended(outcomes_of(SUCCESS))._replace(job=job.number)
    outcome = ChunkOutcome(chunk=late, done=1, rows=[tuple(row)], seconds=1.0)

    with database.write() as transaction:
        won = Recorder(now_ms=clock).record(transaction, job, outcome)

    assert not won
    assert queued(database) == []


def test_outbox_says_once_what_it_does_not_deliver(
    database: Database, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message queue is asked for: nothing is queued, and the log names the job once."""
    recorder = Recorder(now_ms=clock)
    job = store_job(database, job_with({}, rule={"CallBackType": "TDMQ"}))

    for _ in range(3):
        record(database, job, ended(outcomes_of(SUCCESS)), recorder=recorder)

    said = "".join(capsys.readouterr())
    assert queued(database) == []
    assert said.count("callbacks_not_delivered") == 1
    assert "TDMQ" in said
    assert job.id in said
