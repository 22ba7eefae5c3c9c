from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest

from penstock.domain.errors import DatabaseError, InventoryError, StoreError
from penstock.domain.jobs import Job
from penstock.domain.planning import FIRST_CHUNK, LARGEST_CHUNK, unpack_objects
from penstock.domain.records import unpack_outcomes
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.domain.states import ChunkState, ExecutionState
from penstock.engine.batches import Batch, Speed, read_batches
from penstock.engine.expander import Expander, Expansion
from penstock.state import chunks
from penstock.state.database import Database
from penstock.storage.folder import FolderStore
from penstock.storage.pages import FailedEntry, Source
from penstock.storage.sources import ListingSource
from tests.engine.sources import BreakingSource, ListSource, SmallPages
from tests.factories import make_job, make_object, make_objects, make_pinned
from tests.state.stored import add_counters, recorded, store_job, stored, unsealed
from tests.waiting import Clock


def expand(
    database: Database,
    job: Job,
    source: Source,
    clock: Clock,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Expansion:
    """Plan a job out of a source, from where it is."""
    expander = Expander(database, partial(read_batches, source), now_ms=clock)
    return expander.expand(stored(database, job), is_stopped=is_stopped, planned=lambda: None)


def planned_keys(database: Database, job: Job) -> list[str]:
    """The keys of a job's plan, in the order of addresses."""
    keys = []
    for chunk in unsealed(database, job):
        with database.read() as transaction:
            packed = chunks.packed_objects(transaction, job.number, chunk.origin)
        keys += [listed.key for listed in unpack_objects(packed, chunk.start, chunk.size)]
    return keys


def test_expander_plans_every_object_in_order(database: Database, clock: Clock) -> None:
    """The plan has the source's objects, counted as waiting, and says that it is whole."""
    job = store_job(database)
    objects = make_objects(2500)

    expansion = expand(database, job, ListSource([*objects]), clock)

    found = stored(database, job)
    assert expansion == Expansion()
    assert planned_keys(database, job) == [listed.key for listed in objects]
    assert found.is_expanded
    assert (found.counters.total, found.counters.waiting) == (2500, 2500)


def test_expander_counts_an_execution_a_workflow(database: Database, clock: Clock) -> None:
    """A job of two workflows has two executions an object."""
    job = store_job(database, make_job(workflows=(make_pinned(), make_pinned(id="w2"))))

    expand(database, job, ListSource([*make_objects(3)]), clock)

    assert stored(database, job).counters.waiting == 6


@pytest.mark.parametrize("pages", range(11))
def test_expander_goes_on_after_a_crash_behind_any_page(
    database: Database, clock: Clock, pages: int
) -> None:
    """Wherever the process dies, the next one plans what is missing and nothing twice."""
    job = store_job(database)
    objects = make_objects(9500)
    source = ListSource([*objects])
    breaking = BreakingSource(source, pages=pages, error=InterruptedError("killed"))

    with pytest.raises(InterruptedError):
        expand(database, job, breaking, clock)
    crashed = stored(database, job)
    before = len(planned_keys(database, job))
    expand(database, job, source, clock)

    assert not crashed.is_expanded
    assert crashed.counters.waiting == before
    assert before >= (1000 if pages else 0)
    assert planned_keys(database, job) == [listed.key for listed in objects]
    assert stored(database, job).counters.waiting == len(objects)


def test_expander_survives_a_crash_behind_every_page(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """A folder that is planned one page a life ends with every object planned once."""
    keys = [f"{folder}/{number}.jpg" for folder in "ab" for number in range(5)]
    for key in keys:
        path = tmp_path / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    source = SmallPages(ListingSource(FolderStore(tmp_path / "bucket")), 3)
    job = store_job(database)

    for lives in range(4):
        breaking = BreakingSource(source, pages=1, error=InterruptedError("killed"))
        with pytest.raises(InterruptedError):
            expand(database, job, breaking, clock)
        assert len(planned_keys(database, job)) == min(3 * (lives + 1), len(keys))
    expand(database, job, source, clock)

    assert planned_keys(database, job) == keys
    assert stored(database, job).is_expanded


def test_expander_tries_again_when_the_store_failed(database: Database, clock: Clock) -> None:
    """A store that fails once costs a pause and nothing else."""
    job = store_job(database)
    source = ListSource([*make_objects(9)], page_size=3)
    sources: list[Source] = [
        BreakingSource(source, pages=2, error=StoreError("list", "timed out")),
        source,
    ]
    expander = Expander(
        database,
        lambda job, speed: read_batches(sources.pop(0), job, speed),
        now_ms=clock,
    )

    expansion = expander.expand(job, is_stopped=lambda: False, planned=lambda: None)

    assert expansion == Expansion()
    assert planned_keys(database, job) == [listed.key for listed in make_objects(9)]
    assert stored(database, job).counters.waiting == 9


@pytest.mark.slow
def test_expander_gives_up_a_store_that_keeps_failing(database: Database, clock: Clock) -> None:
    """After a few tries the failure of the store is the job's; what is planned stays."""
    job = store_job(database)
    error = StoreError("list", "timed out")

    expansion = expand(
        database, job, BreakingSource(ListSource([*make_objects(5)]), pages=1, error=error), clock
    )

    assert expansion == Expansion(code=error.code, message="list: timed out")
    assert not stored(database, job).is_expanded
    assert len(planned_keys(database, job)) == 5


def test_expander_says_at_once_that_an_input_cannot_be_used(
    database: Database, clock: Clock
) -> None:
    """A broken manifest is not tried again; code and message tell what is wrong."""
    job = store_job(database)
    error = InventoryError("manifest.json", "no such column")

    expansion = expand(database, job, BreakingSource(ListSource([]), pages=0, error=error), clock)

    assert expansion == Expansion(code="InvalidContent", message="manifest.json: no such column")


def test_expander_stops_when_it_is_told(database: Database, clock: Clock) -> None:
    """An expansion that is stopped leaves the job unplanned from there on."""
    job = store_job(database)
    answers = iter([False, True])

    expansion = expand(
        database,
        job,
        ListSource([*make_objects(9)], page_size=3),
        clock,
        is_stopped=lambda: next(answers),
    )

    assert expansion.is_stopped
    assert not stored(database, job).is_expanded
    assert len(planned_keys(database, job)) == 3


def test_expander_leaves_out_what_the_filter_refuses(database: Database, clock: Clock) -> None:
    """Only objects that the job's filter takes are planned and counted."""
    job = store_job(database, make_job(filter=ObjectFilter(extensions=frozenset({"jpg"}))))
    entries: list[ObjectInfo | FailedEntry] = [
        make_object(key="a.jpg"),
        make_object(key="b.png"),
        make_object(key="c/"),
        make_object(key="d.JPG"),
    ]

    expand(database, job, ListSource(entries), clock)

    assert planned_keys(database, job) == ["a.jpg", "d.JPG"]
    assert stored(database, job).counters.total == 2


def test_expander_of_nothing_plans_nothing(database: Database, clock: Clock) -> None:
    """A source without objects ends at once, planned to its end."""
    job = store_job(database)

    expand(database, job, ListSource([]), clock)

    found = stored(database, job)
    assert found.is_expanded
    assert found.counters.total == 0
    assert unsealed(database, job) == []


def test_expander_records_entries_that_name_no_object(database: Database, clock: Clock) -> None:
    """A failed entry is a failed execution of each workflow, with its reason, at an address."""
    job = store_job(database, make_job(workflows=(make_pinned(), make_pinned(id="w2"))))
    bad = FailedEntry("http://elsewhere/x", "InvalidArgument", "another bucket")

    expand(database, job, ListSource([*make_objects(2), bad]), clock)

    rows = recorded(database, job)
    found = stored(database, job)
    assert [(row.position, row.object_key, row.code) for row in rows] == [
        (0, "http://elsewhere/x", "InvalidArgument"),
        (1, "http://elsewhere/x", "InvalidArgument"),
    ]
    assert {row.state for row in rows} == {ExecutionState.FAILED}
    assert unpack_outcomes(rows[0].nodes)[0].message == "another bucket"
    assert (found.counters.total, found.counters.failed, found.counters.waiting) == (6, 2, 4)
    assert [chunk.state for chunk in unsealed(database, job)] == [ChunkState.PLANNED]


def test_expander_grows_chunks_until_work_is_measured(database: Database, clock: Clock) -> None:
    """Chunks start small and double."""
    job = store_job(database)

    expand(database, job, ListSource([*make_objects(FIRST_CHUNK * 7)]), clock)

    sizes = [chunk.size for chunk in unsealed(database, job)]
    assert sizes == [FIRST_CHUNK, 2 * FIRST_CHUNK, 4 * FIRST_CHUNK]


@pytest.mark.parametrize(("speed", "size"), [(1.0, 2), (60.0, 1), (0.0001, LARGEST_CHUNK)])
def test_expander_plans_two_seconds_of_measured_work(
    database: Database, clock: Clock, speed: float, size: int
) -> None:
    """Once the time per object is known a chunk holds about two seconds of it."""
    job = store_job(database)
    add_counters(database, job, stored(database, job).counters, speed=speed)

    expand(database, job, ListSource([*make_objects(2 * LARGEST_CHUNK)]), clock)

    assert {chunk.size for chunk in unsealed(database, job)} == {size}


def test_expander_waits_for_the_database(database: Database, clock: Clock) -> None:
    """A database that fails costs time; the job goes on behind what was stored."""
    job = store_job(database)
    objects = make_objects(30)
    failures = [DatabaseError("restarting"), DatabaseError("restarting")]

    def read(job: Job, speed: Speed) -> Generator[Batch, None, None]:
        if failures:
            raise failures.pop()
        yield from read_batches(ListSource([*objects]), job, speed)

    expander = Expander(database, read, now_ms=clock)

    expansion = expander.expand(
        stored(database, job), is_stopped=lambda: False, planned=lambda: None
    )

    assert expansion == Expansion()
    assert planned_keys(database, job) == [listed.key for listed in objects]
