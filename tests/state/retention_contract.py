"""How old jobs are dropped, on every database; run by `test_retention.py`."""

from itertools import pairwise

from sqlalchemy import func, select  # noqa: TID251  # looks behind the queries that are tested

from penstock.domain.callbacks import CallbackFormat
from penstock.domain.jobs import InputKind, Job, JobInput
from penstock.domain.states import DeliveryEvent, JobEvent
from penstock.state import events, jobs, retention, schema
from penstock.state.database import Database, insert_executions
from penstock.state.events import NewEvent
from tests.factories import NOW_MS, make_id, make_job, make_row
from tests.state.stored import move, plan, recorded, store_job, stored

SINGLE = JobInput(kind=InputKind.OBJECT, value="a.jpg")
PREFIX = JobInput(kind=InputKind.PREFIX, value="")
ALL = 1_000_000


def make_ended(
    database: Database, number: int, *, rows: int = 3, input_: JobInput = PREFIX, ended_ms: int
) -> Job:
    """A job with chunks and executions that has come to its end."""
    job = store_job(database, make_job(id=make_id("b", number), input=input_))
    plan(database, job, *([1] * rows))
    with database.write() as transaction:
        insert_executions(
            transaction, [make_row(job=job.number, chunk=chunk) for chunk in range(rows)]
        )
    move(database, job, JobEvent.CANCEL, ended_ms)
    return stored(database, job)


def drop(database: Database, *, before_ms: int, most: int = 10) -> int:
    """Drop what ended before a time; how many jobs."""
    with database.write() as transaction:
        return retention.drop_ended_jobs(
            transaction, ended_before_ms=before_ms, most=most, now_ms=NOW_MS
        )


def clear(database: Database, most: int = ALL) -> bool:
    """Clear a part of what was left."""
    with database.write() as transaction:
        return retention.clear_dropped_jobs(transaction, most=most)


def left(database: Database) -> tuple[int, int, int]:
    """How many executions, chunks and drops are stored."""
    tables = (schema.executions, schema.chunks, schema.dropped_jobs)
    with database.read() as transaction:
        counts = [
            transaction.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        ]
    return counts[0], counts[1], counts[2]


class RetentionContract:
    """The suite; a subclass has a `database` fixture."""

    def test_old_jobs_are_dropped_and_others_kept(self, database: Database) -> None:
        """A job that ended before the time is gone at once; later ones and open ones stay."""
        old = make_ended(database, 1, ended_ms=NOW_MS)
        young = make_ended(database, 2, ended_ms=NOW_MS + 10)
        open_ = store_job(database, make_job(id=make_id("b", 3)))

        dropped = drop(database, before_ms=NOW_MS + 10)

        assert dropped == 1
        with database.read() as transaction:
            assert jobs.find_job(transaction, old.number) is None
        assert stored(database, young) == young
        assert stored(database, open_) == open_

    def test_old_jobs_leave_nothing_behind(self, database: Database) -> None:
        """Large jobs and single ones lose their executions and chunks, and only they do."""
        make_ended(database, 1, ended_ms=NOW_MS)
        make_ended(database, 2, rows=1, input_=SINGLE, ended_ms=NOW_MS)
        kept = [
            make_ended(database, 3, ended_ms=NOW_MS + 10),
            make_ended(database, 4, rows=1, input_=SINGLE, ended_ms=NOW_MS + 10),
        ]

        drop(database, before_ms=NOW_MS + 10)
        while clear(database):
            pass

        assert left(database) == (4, 4, 0)
        assert [len(recorded(database, job)) for job in kept] == [3, 1]

    def test_old_jobs_are_cleared_in_bounded_steps(self, database: Database) -> None:
        """However much jobs have left behind, one step removes no more than it is told."""
        for number in range(5):
            make_ended(database, number, rows=4, input_=SINGLE, ended_ms=NOW_MS)
        drop(database, before_ms=NOW_MS + 1)

        sizes = [left(database)[0]]
        while clear(database, most=3):
            sizes.append(left(database)[0])

        assert sizes[0] == 20
        assert all(before - after <= 3 for before, after in pairwise(sizes))
        assert left(database) == (0, 0, 0)

    def test_old_jobs_are_dropped_a_bounded_number_at_a_time(self, database: Database) -> None:
        """The longest ended go first."""
        first = make_ended(database, 1, ended_ms=NOW_MS + 1)
        second = make_ended(database, 2, ended_ms=NOW_MS)

        dropped = drop(database, before_ms=NOW_MS + 2, most=1)

        assert dropped == 1
        assert stored(database, first) == first
        with database.read() as transaction:
            assert jobs.find_job(transaction, second.number) is None

    def test_old_jobs_wait_for_their_callbacks(self, database: Database) -> None:
        """A job stays while a callback of it is to be delivered: its body tells of the job."""
        job = make_ended(database, 1, ended_ms=NOW_MS)
        new = NewEvent(job.number, 0, 0, 1, "http://hooks.example/done", CallbackFormat.XML)
        with database.write() as transaction:
            events.insert_events(transaction, [new], NOW_MS)

        early = drop(database, before_ms=NOW_MS + 1)
        with database.write() as transaction:
            (event,) = events.lease_due_events(
                transaction, "http://hooks.example", most=1, now_ms=NOW_MS, until_ms=NOW_MS + 1
            )
            events.end_event_if_leased(
                transaction, event, DeliveryEvent.DELIVER, answer="200", now_ms=NOW_MS
            )
        late = drop(database, before_ms=NOW_MS + 1)

        assert (early, late) == (0, 1)

    def test_job_numbers_are_never_used_again(self, database: Database) -> None:
        """The number of a dropped job does not come back: ids are made of it."""
        old = make_ended(database, 1, ended_ms=NOW_MS)
        drop(database, before_ms=NOW_MS + 1)
        while clear(database):
            pass

        new = store_job(database, make_job(id=make_id("b", 2)))

        assert new.number > old.number

    def test_nothing_is_cleared_where_nothing_was_dropped(self, database: Database) -> None:
        """A sweep of a database without old jobs changes nothing."""
        make_ended(database, 1, ended_ms=NOW_MS)

        assert not clear(database)
        assert left(database) == (3, 3, 0)
