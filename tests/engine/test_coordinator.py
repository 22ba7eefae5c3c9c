"""The engine over a real database and a real runner, with an executor that follows a script."""

import contextlib
import dataclasses
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from penstock.domain.errors import BackendError, InventoryError
from penstock.domain.jobs import Counters, Job
from penstock.domain.records import ExecutionRow
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.domain.states import ChunkState, JobState
from penstock.engine.batches import read_batches
from penstock.engine.coordinator import Coordinator
from penstock.engine.driving import LEASE_MS, MOST_EXPANSIONS
from penstock.engine.executor import CutShort, Executor, Progressed, Report
from penstock.engine.expander import Expander
from penstock.engine.recorder import Recorder
from penstock.engine.runner import Assignment, ChunkOutcome
from penstock.state import job_leases, jobs, resources, schema
from penstock.state.database import Database
from penstock.storage.folder import FolderStore
from penstock.storage.pages import Page, Source
from penstock.storage.sources import ListingSource
from tests.engine.bench import Bench, job_over, put
from tests.engine.scripted import ScriptedExecutor, die, keys_of
from tests.engine.sources import BreakingSource, ListSource
from tests.factories import (
    make_hash_topology,
    make_id,
    make_job,
    make_objects,
    make_queue,
    make_topology,
)
from tests.state.stored import chunk_of, recorded, store_job, stored, unsealed
from tests.waiting import Clock, wait_until

OpenSource = Callable[[Job], Source]


class GatedSource:
    """A source that waits before its end, and may break there."""

    def __init__(self, source: Source, error: Exception | None = None) -> None:
        self.gate = threading.Event()
        self.entered = threading.Event()
        self._source = source
        self._error = error

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = 1000,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The other source's pages, then the gate."""
        self.entered.set()
        yield from self._source.pages(cursor=cursor, page_size=page_size, only=only)
        self.gate.wait(20)
        if self._error is not None:
            raise self._error


class Plant:
    """One database with as many coordinators as a test wants."""

    def __init__(self, database: Database, clock: Clock, bench: Bench, bucket: Path) -> None:
        self.database = database
        self.clock = clock
        self.bench = bench
        self.bucket = bucket

    def executor(self, answer: Callable[[Assignment], Report] | None = None) -> ScriptedExecutor:
        """An executor that runs chunks, or answers them as the test says."""
        return ScriptedExecutor(answer or self.bench.run)

    def coordinator(
        self,
        executor: Executor,
        *,
        owner: str = "e1",
        open_source: OpenSource | None = None,
    ) -> Coordinator:
        """An engine of its own."""
        source = open_source or (lambda _job: ListingSource(FolderStore(self.bucket)))
        return Coordinator(
            self.database,
            executor,
            Expander(
                self.database,
                lambda job, speed: read_batches(source(job), job, speed),
                now_ms=self.clock,
            ),
            Recorder(now_ms=self.clock),
            owner=owner,
            now_ms=self.clock,
        )

    def job(self, *topologies: object, number: int = 1, **changes: object) -> Job:
        """A submitted job over the bucket."""
        changes = {"id": make_id("b", number), **changes}
        return store_job(self.database, job_over(self.bucket, *topologies, **changes))

    def drive(self, coordinator: Coordinator, condition: Callable[[], object], what: str) -> None:
        """Let an engine go on until something is true."""

        def is_reached() -> object:
            coordinator.step(0.0)
            return condition()

        wait_until(is_reached, what)

    def finish(self, coordinator: Coordinator, job: Job) -> Job:
        """Let an engine go on until a job has ended."""
        self.drive(coordinator, lambda: stored(self.database, job).ended_ms, "the job's end")
        return stored(self.database, job)

    def reach(self, coordinator: Coordinator, job: Job, state: JobState) -> Job:
        """Let an engine go on until a job is in a state."""
        self.drive(
            coordinator, lambda: stored(self.database, job).state is state, f"state {state}"
        )
        return stored(self.database, job)

    def states(self, job: Job) -> dict[str, str]:
        """What each object of a job came to."""
        return {row.object_key: row.state for row in recorded(self.database, job)}

    def look(self, coordinator: Coordinator) -> None:
        """Have an engine look around now, not a fraction of a second later."""
        coordinator._looked_at = 0.0
        coordinator.step(0.0)

    def set_queue(self, *, is_paused: bool, max_concurrent: int = 10) -> None:
        """Make, pause or resume the queue `p…1`."""
        queue = make_queue(is_paused=is_paused, max_concurrent=max_concurrent)
        with self.database.write() as transaction:
            resources.insert_queue_if_missing(transaction, queue)
            resources.replace_queue(transaction, queue)


@pytest.fixture
def plant(database: Database, clock: Clock, scratch: Path, tmp_path: Path) -> Plant:
    """A database, a runner, and an empty bucket."""
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    return Plant(database, clock, Bench(scratch, clock), bucket)


def test_coordinator_takes_a_job_to_its_end(plant: Plant) -> None:
    """Every object goes through every workflow; the job ends well and says when."""
    put(plant.bucket, *(f"in/{number}.bin" for number in range(40)))
    job = plant.job(make_hash_topology(), make_topology())
    coordinator = plant.coordinator(plant.executor())

    ended = plant.finish(coordinator, job)

    assert (ended.state, ended.code, ended.message) == (JobState.SUCCESS, "Success", "")
    assert ended.counters == Counters(total=80, succeeded=80)
    assert ended.started_ms == plant.clock.now_ms
    assert len(recorded(plant.database, job)) == 80
    assert unsealed(plant.database, job) == []


def test_coordinator_measures_with_one_object_first(plant: Plant) -> None:
    """The first lease takes one object; what follows is as long as the measure allows."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(20)))
    job = plant.job()
    executor = plant.executor()
    executor.places = 1

    plant.finish(plant.coordinator(executor), job)

    sizes = [assignment.chunk.size for assignment in executor.submitted]
    assert sizes[0] == 1
    assert max(sizes) > 10
    assert sum(sizes) == 20


def test_coordinator_shares_out_the_last_objects(plant: Plant) -> None:
    """Towards the end of a job chunks shrink, so that no worker sits on what others could do."""
    put(plant.bucket, *(f"{number:03}.bin" for number in range(100)))
    job = plant.job()
    executor = plant.executor(
        lambda one: dataclasses.replace(plant.bench.run(one), seconds=one.chunk.size / 20)
    )

    plant.finish(plant.coordinator(executor), job)

    sizes = [assignment.chunk.size for assignment in executor.submitted]
    assert sum(sizes) == 100
    assert max(sizes) > 20
    assert max(sizes[-2:]) <= 5


def test_coordinator_ends_a_job_with_its_last_chunk(plant: Plant) -> None:
    """A job ends when its last chunk does, and not when the engine happens to look around."""
    put(plant.bucket, *(f"{number}.bin" for number in range(4)))
    job = plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    plant.drive(coordinator, lambda: len(executor.handed) == 2, "chunks at work")
    plant.drive(coordinator, lambda: stored(plant.database, job).is_expanded, "the plan")
    coordinator._looked_at = float("inf")  # it will not be late for a look any more
    executor.is_held = False

    ended = plant.finish(coordinator, job)

    assert ended.state is JobState.SUCCESS


def test_coordinator_ends_a_job_of_nothing_with_a_message(plant: Plant) -> None:
    """A job that matched no object has succeeded, and says that it did nothing."""
    job = plant.job()

    ended = plant.finish(plant.coordinator(plant.executor()), job)

    assert ended.state is JobState.SUCCESS
    assert ended.message == "no object matched the input and the filters"
    assert ended.counters == Counters()


def test_coordinator_ends_a_job_whose_objects_fail_well(plant: Plant) -> None:
    """Failed objects do not fail the job; its counters and message tell of them."""
    objects = [*put(plant.bucket, "a.bin"), ObjectInfo("gone.bin")]
    job = plant.job(make_hash_topology())
    coordinator = plant.coordinator(
        plant.executor(), open_source=lambda _job: ListSource([*objects])
    )

    ended = plant.finish(coordinator, job)

    assert ended.state is JobState.SUCCESS
    assert ended.message == "1 of 2 succeeded, 1 failed"
    assert plant.states(job) == {"a.bin": "Success", "gone.bin": "Failed"}


def test_coordinator_fails_the_one_object_that_kills_workers(plant: Plant) -> None:
    """Chunks are cut until the killer stands alone; it fails, and all others succeed."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(30)))
    job = plant.job()

    def answer(assignment: Assignment) -> Report:
        keys = keys_of(assignment)
        return die(assignment) if "17.bin" in keys else plant.bench.run(assignment)

    executor = plant.executor(answer)

    ended = plant.finish(plant.coordinator(executor), job)

    (crashed,) = [row for row in recorded(plant.database, job) if row.state == "Failed"]
    deaths = [one for one in executor.submitted if "17.bin" in keys_of(one)]
    assert ended.state is JobState.SUCCESS
    assert ended.counters == Counters(total=30, succeeded=29, failed=1)
    assert (crashed.object_key, crashed.code) == ("17.bin", "WorkerCrashed")
    assert deaths[-1].chunk.size == 1
    assert len(deaths) < 12


def test_coordinator_survives_workers_that_die_by_chance(plant: Plant) -> None:
    """A chunk whose worker died once is run again, and nothing is lost."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()
    died: list[Assignment] = []

    def answer(assignment: Assignment) -> Report:
        if len(died) < 2:
            died.append(assignment)
            return die(assignment)
        return plant.bench.run(assignment)

    ended = plant.finish(plant.coordinator(plant.executor(answer)), job)

    assert ended.counters == Counters(total=10, succeeded=10)


def test_coordinator_cancels_a_running_job(plant: Plant) -> None:
    """Work at hand is stopped and given back, what waits is closed; what is done stays."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()

    def answer_once(assignment: Assignment) -> Report:
        executor.is_held = True
        return plant.bench.run(assignment)

    executor = plant.executor(answer_once)
    executor.places = 1
    coordinator = plant.coordinator(executor)
    plant.drive(
        coordinator,
        lambda: len(recorded(plant.database, job)) == 1 and executor.handed,
        "one object recorded and a chunk at work",
    )
    assert stored(plant.database, job).is_expanded

    with plant.database.write() as transaction:
        jobs.request_cancel(transaction, job.number, plant.clock.now_ms)
    plant.drive(coordinator, lambda: job.number in executor.cancelled, "the cancellation")
    waiting = stored(plant.database, job)
    executor.is_held = False
    ended = plant.finish(coordinator, job)

    assert waiting.ended_ms is None
    assert (ended.state, ended.code) == (JobState.CANCEL, "Success")
    assert ended.counters == Counters(total=10, succeeded=1, cancelled=9)
    assert {chunk.state for chunk in unsealed(plant.database, job)} == {ChunkState.CANCELLED}


def test_coordinator_cancels_a_job_that_is_being_planned(plant: Plant) -> None:
    """A cancellation stops the expansion too, and waits until it has stopped."""
    source = GatedSource(ListSource([*make_objects(5)]))
    job = plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor, open_source=lambda _job: source)
    plant.drive(coordinator, lambda: executor.handed, "a chunk at work")

    with plant.database.write() as transaction:
        jobs.request_cancel(transaction, job.number, plant.clock.now_ms)
    executor.is_held = False
    source.gate.set()
    ended = plant.finish(coordinator, job)

    assert ended.state is JobState.CANCEL
    assert ended.counters.waiting == ended.counters.running == 0
    assert ended.counters.total == 5


def test_coordinator_pauses_and_resumes_with_the_queue(plant: Plant) -> None:
    """While its queue is paused a job hands out nothing and says Pause; then it goes on."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    plant.set_queue(is_paused=True)
    job = plant.job(queue_ids=(make_id("p", 1),))
    executor = plant.executor()
    coordinator = plant.coordinator(executor)

    paused = plant.reach(coordinator, job, JobState.PAUSE)
    plant.drive(coordinator, lambda: stored(plant.database, job).is_expanded, "the plan")
    submitted = list(executor.submitted)
    plant.set_queue(is_paused=False)
    ended = plant.finish(coordinator, job)

    assert paused.ended_ms is None
    assert submitted == []
    assert ended.state is JobState.SUCCESS
    assert ended.counters.succeeded == 10


def test_coordinator_lets_work_end_that_a_pause_finds_running(plant: Plant) -> None:
    """A pause stops no chunk; the job says Pause when the last one has come back."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    plant.set_queue(is_paused=False)
    job = plant.job(queue_ids=(make_id("p", 1),))
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    plant.drive(coordinator, lambda: len(executor.handed) == 2, "two chunks at work")

    plant.set_queue(is_paused=True)
    plant.drive(coordinator, lambda: stored(plant.database, job).is_expanded, "the plan")
    plant.look(coordinator)
    busy = stored(plant.database, job)
    executor.is_held = False
    paused = plant.reach(coordinator, job, JobState.PAUSE)

    assert busy.state is JobState.RUNNING
    assert paused.counters == Counters(total=10, succeeded=2, waiting=8)
    assert len(executor.submitted) == 2


def test_coordinator_holds_to_the_limit_of_a_queue(plant: Plant) -> None:
    """Two jobs of one queue never have more chunks at work than it allows."""
    plant.set_queue(is_paused=False, max_concurrent=1)
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    both = [plant.job(number=number, queue_ids=(make_id("p", 1),)) for number in (1, 2)]
    most = []

    def answer(assignment: Assignment) -> Report:
        most.append(len(executor.handed) + 1)
        return plant.bench.run(assignment)

    executor = plant.executor(answer)
    executor.places = 5
    coordinator = plant.coordinator(executor)

    for job in both:
        plant.finish(coordinator, job)

    assert set(most) == {1}


def test_coordinator_gives_back_what_it_drains(plant: Plant) -> None:
    """A stopped engine leaves no chunk leased and no job claimed; another ends the work."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    thread = threading.Thread(target=coordinator.run)
    thread.start()
    wait_until(lambda: executor.handed, "a chunk at work")

    coordinator.stop()
    thread.join()

    drained = stored(plant.database, job)
    assert executor.is_closed
    assert drained.counters.running == 0
    assert {chunk.state for chunk in unsealed(plant.database, job)} == {ChunkState.PLANNED}
    assert {chunk.attempts for chunk in unsealed(plant.database, job)} == {0}
    ended = plant.finish(plant.coordinator(plant.executor(), owner="e2"), job)
    assert ended.counters == Counters(total=10, succeeded=10)


def test_coordinator_stops_a_dry_run_behind_its_plan(plant: Plant) -> None:
    """A dry run hands out nothing and says Pause; confirmed, it runs exactly its plan."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(40)))
    job = plant.job(is_dry_run=True)
    executor = plant.executor()
    coordinator = plant.coordinator(executor)

    planned = plant.reach(coordinator, job, JobState.PAUSE)
    plan = unsealed(plant.database, job)
    submitted = list(executor.submitted)
    put(plant.bucket, "99.bin")
    with plant.database.write() as transaction:
        jobs.confirm_dry_run(transaction, job.number)
    ended = plant.finish(coordinator, job)

    assert submitted == []
    assert planned.counters == Counters(total=40, waiting=40)
    assert sum(chunk.size for chunk in plan) == 40
    assert ended.counters == Counters(total=40, succeeded=40)
    assert {(row.chunk, row.position) for row in recorded(plant.database, job)} == {
        (chunk.origin, chunk.start + index) for chunk in plan for index in range(chunk.size)
    }


def test_coordinator_ends_a_dry_run_of_nothing(plant: Plant) -> None:
    """There is nothing to confirm about an empty plan."""
    job = plant.job(is_dry_run=True)

    ended = plant.finish(plant.coordinator(plant.executor()), job)

    assert ended.state is JobState.SUCCESS
    assert "no object" in ended.message


def test_coordinator_fails_a_job_whose_manifest_is_broken(plant: Plant) -> None:
    """The job has failed with the code of what is wrong; what was planned is closed."""
    error = InventoryError("manifest.json", "no such column")
    job = plant.job()
    coordinator = plant.coordinator(
        plant.executor(),
        open_source=lambda _job: BreakingSource(ListSource([]), pages=0, error=error),
    )

    ended = plant.finish(coordinator, job)

    assert ended.state is JobState.FAILED
    assert (ended.code, ended.message) == ("InvalidContent", "manifest.json: no such column")


def test_coordinator_hands_out_nothing_of_a_job_that_has_failed(plant: Plant) -> None:
    """When the input breaks in the middle, the work at hand ends and no more begins."""
    error = InventoryError("manifest.json", "truncated")
    source = GatedSource(ListSource([*make_objects(50)]), error)
    job = plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor, open_source=lambda _job: source)
    plant.drive(coordinator, lambda: len(executor.handed) == 2, "two chunks at work")

    source.gate.set()
    plant.drive(coordinator, lambda: executor.cancelled, "the failure")
    executor.is_held = False
    ended = plant.finish(coordinator, job)

    assert len(executor.submitted) == 2
    assert (ended.state, ended.code) == (JobState.FAILED, "InvalidContent")
    assert ended.counters == Counters(total=50, cancelled=50)


def test_coordinator_fails_a_job_whose_expansion_breaks(plant: Plant) -> None:
    """An error that nobody expected ends the job, and no other."""
    broken = plant.job()
    sound = plant.job(number=2)
    put(plant.bucket, "a.bin")
    good = ListingSource(FolderStore(plant.bucket))
    bad = BreakingSource(ListSource([]), pages=0, error=ZeroDivisionError())
    coordinator = plant.coordinator(
        plant.executor(), open_source=lambda job: bad if job.id == broken.id else good
    )

    first = plant.finish(coordinator, broken)
    second = plant.finish(coordinator, sound)

    assert (first.state, first.code) == (JobState.FAILED, "InternalError")
    assert first.message == "ZeroDivisionError"
    assert second.state is JobState.SUCCESS


def test_coordinator_takes_over_from_one_that_vanished(plant: Plant) -> None:
    """When a claim has run out another engine releases what was leased and ends the job."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()
    gone = plant.executor()
    gone.is_held = True
    first = plant.coordinator(gone, owner="e1")
    plant.drive(
        first,
        lambda: len(gone.handed) == 2 and stored(plant.database, job).is_expanded,
        "two chunks at work",
    )
    heir = plant.executor()
    second = plant.coordinator(heir, owner="e2")

    second.step(0.0)
    too_early = list(heir.submitted)
    plant.clock.move(LEASE_MS / 1000 + 1)
    ended = plant.finish(second, job)

    assert too_early == []
    assert ended.counters == Counters(total=10, succeeded=10)
    redone = chunk_of(plant.database, job, 0, 0)
    assert redone is not None
    assert (redone.epoch, redone.attempts) == (2, 1)


def test_coordinator_that_lost_its_lease_changes_nothing(plant: Plant) -> None:
    """An engine that wakes up late can neither record nor begin work on what it lost."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()
    late = plant.executor()
    late.is_held = True
    first = plant.coordinator(late, owner="e1")
    plant.drive(
        first,
        lambda: len(late.handed) == 2 and stored(plant.database, job).is_expanded,
        "two chunks at work",
    )
    heir = plant.executor()
    heir.is_held = True
    second = plant.coordinator(heir, owner="e2")
    plant.clock.move(LEASE_MS / 1000 + 1)
    plant.drive(second, lambda: len(heir.handed) == 2, "the takeover")
    before = stored(plant.database, job)

    late.is_held = False
    plant.drive(first, lambda: not late.handed, "the late reports")
    plant.look(first)

    assert recorded(plant.database, job) == []
    assert len(late.submitted) == 2
    assert stored(plant.database, job).counters == before.counters
    heir.is_held = False
    ended = plant.finish(second, job)
    assert ended.counters == Counters(total=10, succeeded=10)


def test_coordinator_that_lost_its_lease_plans_nothing_more(plant: Plant) -> None:
    """An expansion that wakes up late adds nothing to the plan of the one that took over."""
    objects = make_objects(30)
    late = GatedSource(ListSource([*objects], page_size=10))
    job = plant.job()
    held = plant.executor()
    held.is_held = True
    first = plant.coordinator(held, owner="e1", open_source=lambda _job: late)
    plant.drive(first, late.entered.is_set, "the first expansion")
    plant.clock.move(LEASE_MS / 1000 + 1)
    second = plant.coordinator(
        plant.executor(), owner="e2", open_source=lambda _job: ListSource([*objects])
    )
    ended = plant.finish(second, job)

    late.gate.set()
    plant.drive(first, lambda: not first._driving.driven, "the loss")

    assert ended.counters.total == 30
    assert stored(plant.database, job) == ended


def test_coordinator_goes_on_with_the_rest_when_it_loses_one_job(plant: Plant) -> None:
    """Reports of a job that was lost are dropped, and those of others recorded all the same."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(4)))
    lost, kept = plant.job(number=1), plant.job(number=2)
    executor = plant.executor()
    executor.places = 8
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    plant.drive(
        coordinator,
        lambda: {one.job.number for one in executor.handed} == {lost.number, kept.number},
        "a chunk of each at work",
    )
    coordinator._looked_at = float("inf")  # it does not look: the write itself must tell
    with plant.database.write() as transaction:
        transaction.execute(
            update(schema.jobs)
            .where(schema.jobs.c.number == lost.number)
            .values(epoch=schema.jobs.c.epoch + 1, lease_owner="e2", lease_until_ms=1 << 60)
        )

    executor.is_held = False
    plant.drive(coordinator, lambda: recorded(plant.database, kept), "the other's outcome")
    plant.drive(coordinator, lambda: lost.number in executor.cancelled, "the loss")

    assert recorded(plant.database, lost) == []


def test_coordinator_records_an_outcome_that_is_refused_as_failed(plant: Plant) -> None:
    """One outcome that no database takes becomes a failure, and holds up no other."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(12)))
    job = plant.job()

    def answer(assignment: Assignment) -> Report:
        outcome = plant.bench.run(assignment)
        if "07.bin" not in keys_of(assignment):
            return outcome
        poisoned = [(*row[:3], "NoSuchState", *row[4:]) for row in outcome.rows]
        return dataclasses.replace(outcome, rows=poisoned)

    executor = plant.executor(answer)
    executor.at_once = 2
    ended = plant.finish(plant.coordinator(executor), job)

    rows = {row.object_key: row for row in recorded(plant.database, job)}
    assert len(rows) == 12
    assert rows["07.bin"].code == "OutcomeRefused"
    assert rows["00.bin"].state == "Success"
    assert ended.counters.failed >= 1
    assert ended.counters.succeeded + ended.counters.failed == 12


def test_coordinator_frees_what_waits_behind_a_slow_object(plant: Plant) -> None:
    """A chunk that is late is cut behind its present object; others get the rest at once."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(40)))
    job = plant.job()

    def answer_once(assignment: Assignment) -> Report:
        executor.is_held = True
        return plant.bench.run(assignment)

    executor = plant.executor(answer_once)
    executor.places = 1
    coordinator = plant.coordinator(executor)
    plant.drive(
        coordinator,
        lambda: any(one.chunk.size > 5 for one in executor.handed),
        "a long chunk at work",
    )
    slow = max(executor.handed, key=lambda one: one.chunk.size)
    driven = coordinator._driving.driven[job.number]
    held = driven.at_work[slow.chunk.number]

    driven.at_work[slow.chunk.number] = dataclasses.replace(held, late_at=0.0)
    plant.look(coordinator)
    executor.progress.append(CutShort(chunk=slow.chunk, size=1))
    plant.drive(coordinator, lambda: not executor.progress, "the answer")
    plant.look(coordinator)
    waiting = stored(plant.database, job).counters
    executor.places = 20
    executor.is_held = False
    executor.answer = lambda one: (
        dataclasses.replace(cut_to(plant.bench.run(one), 1), chunk=one.chunk)
        if one.chunk == slow.chunk
        else plant.bench.run(one)
    )
    ended = plant.finish(coordinator, job)

    assert executor.asked_to_cut == [slow.chunk]
    assert waiting.waiting >= slow.chunk.size - 1
    assert ended.counters == Counters(total=40, succeeded=40)
    assert len(recorded(plant.database, job)) == 40


def cut_to(outcome: Report, size: int) -> ChunkOutcome:
    """An outcome that ends behind its first objects."""
    assert isinstance(outcome, ChunkOutcome)
    return dataclasses.replace(outcome, done=size, rows=outcome.rows[:size])


def test_coordinator_passes_over_a_job_without_a_place(plant: Plant) -> None:
    """A job whose needs the cluster cannot meet now does not hold up the one behind it."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(5)))
    needy, modest = plant.job(number=1), plant.job(number=2)
    executor = plant.executor()
    executor.full = {needy.number}

    ended = plant.finish(plant.coordinator(executor), modest)

    assert ended.counters == Counters(total=5, succeeded=5)
    assert {one.job.number for one in executor.submitted} == {modest.number}


def test_coordinator_drains_without_its_database(plant: Plant, tmp_path: Path) -> None:
    """A shutdown while nothing can be written still ends every worker."""
    put(plant.bucket, "a.bin")
    plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    plant.drive(coordinator, lambda: executor.handed, "a chunk at work")
    rename_table(tmp_path, "chunks", "hidden")

    coordinator.stop()
    coordinator.run()

    assert executor.is_closed


def test_coordinator_recovers_at_once_after_a_crash(plant: Plant) -> None:
    """An engine that knows itself alone takes back every claim without waiting for its end."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()
    gone = plant.executor()
    gone.is_held = True
    plant.drive(plant.coordinator(gone), lambda: gone.handed, "a chunk at work")
    plant.drive(
        plant.coordinator(gone), lambda: stored(plant.database, job).is_expanded, "the plan"
    )
    second = plant.coordinator(plant.executor(), owner="e2")

    second.recover()
    ended = plant.finish(second, job)

    assert ended.counters == Counters(total=10, succeeded=10)


def test_coordinator_keeps_its_lease_while_it_works(plant: Plant) -> None:
    """A claim is extended long before it runs out, so that nobody takes a job over."""
    put(plant.bucket, "a.bin")
    plant.job()
    executor = plant.executor()
    executor.is_held = True
    first = plant.coordinator(executor, owner="e1")
    plant.drive(first, lambda: executor.handed, "a chunk at work")
    other = plant.executor()
    second = plant.coordinator(other, owner="e2")

    for _ in range(5):
        plant.clock.move(LEASE_MS / 2000)
        plant.drive(first, lambda: lease_left(plant) > LEASE_MS * 0.9, "the renewal")
        second.step(0.0)

    assert other.submitted == []


def lease_left(plant: Plant) -> int:
    """For how many milliseconds nobody else can have a job."""
    now_ms = plant.clock.now_ms
    low, high = 0, 2 * LEASE_MS
    while high - low > 1:
        middle = (low + high) // 2
        with plant.database.read() as transaction:
            is_free = job_leases.has_free_job(transaction, now_ms + middle)
        low, high = (low, middle) if is_free else (middle, high)
    return low


def test_coordinator_saves_progress_while_all_places_are_taken(plant: Plant) -> None:
    """The progress of a long chunk is stored although nothing else happens."""
    put(plant.bucket, "a.bin", "b.bin")
    job = plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    plant.drive(coordinator, lambda: len(executor.handed) == 2, "two chunks at work")
    chunk = executor.handed[0].chunk
    executor.progress.append(Progressed(chunk=chunk, fraction=0.5))

    def progress() -> float:
        found = chunk_of(plant.database, job, chunk.origin, chunk.start)
        assert found is not None
        return found.progress

    plant.drive(coordinator, lambda: progress() == 0.5, "the progress")


def test_coordinator_waits_until_the_database_is_there_again(plant: Plant, tmp_path: Path) -> None:
    """While nothing can be written no outcome is lost, and no object runs a second time."""
    put(plant.bucket, *(f"{number:02}.bin" for number in range(10)))
    job = plant.job()
    executor = plant.executor()
    executor.is_held = True
    coordinator = plant.coordinator(executor)
    plant.drive(coordinator, lambda: len(executor.handed) == 2, "two chunks at work")

    rename_table(tmp_path, "executions", "hidden")
    executor.is_held = False
    with pytest.raises(BackendError):
        plant.drive(coordinator, lambda: False, "the failure")
    with pytest.raises(BackendError):
        coordinator.step(0.0)
    rename_table(tmp_path, "hidden", "executions")
    ended = plant.finish(coordinator, job)

    ran = [key for assignment in executor.submitted for key in keys_of(assignment)]
    assert ended.counters == Counters(total=10, succeeded=10)
    assert sorted(ran) == [f"{number:02}.bin" for number in range(10)]


def test_coordinator_loop_survives_a_database_that_fails(plant: Plant, tmp_path: Path) -> None:
    """The loop goes on when the database fails, and ends the job when it is back."""
    put(plant.bucket, "a.bin")
    job = plant.job()
    executor = plant.executor()
    ran = threading.Event()

    def answer(assignment: Assignment) -> Report:
        ran.set()
        return plant.bench.run(assignment)

    executor.answer = answer
    rename_table(tmp_path, "executions", "hidden")
    coordinator = plant.coordinator(executor)
    thread = threading.Thread(target=coordinator.run)
    thread.start()
    ran.wait(20)

    rename_table(tmp_path, "hidden", "executions")
    wait_until(lambda: stored(plant.database, job).ended_ms, "the job's end")
    coordinator.stop()
    thread.join()

    assert stored(plant.database, job).counters == Counters(total=1, succeeded=1)


def rename_table(folder: Path, old: str, new: str) -> None:
    """Have the database fail wherever it needs a table, until it has its name again."""
    with contextlib.closing(sqlite3.connect(folder / "penstock.db", timeout=20)) as connection:
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
        connection.commit()


def test_coordinator_plans_a_bounded_number_of_jobs_at_once(plant: Plant) -> None:
    """The expansions of many jobs wait their turn, and all of them get it."""
    gated = {make_id("b", number): GatedSource(ListSource([])) for number in range(1, 12)}
    stored_jobs = [plant.job(number=number) for number in range(1, 12)]
    coordinator = plant.coordinator(plant.executor(), open_source=lambda job: gated[job.id])

    def entered() -> int:
        return sum(source.entered.is_set() for source in gated.values())

    plant.drive(coordinator, lambda: entered() == MOST_EXPANSIONS, "as many as may")
    for _ in range(3):
        plant.look(coordinator)
    most = entered()
    for source in gated.values():
        source.gate.set()
    ended = [plant.finish(coordinator, job) for job in stored_jobs]

    assert most == MOST_EXPANSIONS
    assert {job.state for job in ended} == {JobState.SUCCESS}


def test_coordinator_runs_a_small_job_beside_a_large_one(plant: Plant) -> None:
    """A job that comes later does not wait for the end of an earlier one."""
    put(plant.bucket, *(f"{number:03}.bin" for number in range(30)))
    slow = {"measured": 1.0}
    large = plant.job(number=1)
    small = plant.job(number=2)

    def answer(assignment: Assignment) -> Report:
        plant.clock.move(slow["measured"])
        return plant.bench.run(assignment)

    executor = plant.executor(answer)
    executor.places = 1
    plant.finish(plant.coordinator(executor), large)

    order = [assignment.job.number for assignment in executor.submitted]
    assert {1, 2} <= set(order[:4])
    assert small.number == 2


def test_coordinator_leaves_a_job_alone_that_ended_before_it_was_taken_up(plant: Plant) -> None:
    """A job that was cancelled while it was submitted is never started."""
    put(plant.bucket, "a.bin")
    job = store_job(plant.database, make_job(state=JobState.SUBMITTED))
    other = plant.job(number=2)
    with plant.database.write() as transaction:
        jobs.request_cancel(transaction, job.number, plant.clock.now_ms)
    coordinator = plant.coordinator(plant.executor())

    ended = plant.finish(coordinator, job)
    plant.finish(coordinator, other)

    assert ended.state is JobState.CANCEL
    assert all(isinstance(row, ExecutionRow) for row in recorded(plant.database, other))
    assert recorded(plant.database, job) == []
