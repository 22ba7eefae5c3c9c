"""What every database must do: one suite, run by `test_<backend>.py`.

A back end's test class inherits from `StateContract` and has a `database` fixture.
"""

import json
from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from penstock.domain.errors import BackendError
from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.jobs import Counters, InputKind, JobInput, JobType
from penstock.domain.planning import unpack_objects
from penstock.domain.records import ExecutionRow, pack_outcomes, unpack_outcomes
from penstock.domain.requests import JobQuery
from penstock.domain.selection import ObjectFilter
from penstock.domain.states import ChunkState, ExecutionState, JobEvent, JobState, WrongStateError
from penstock.domain.workflows import WorkflowState
from penstock.state import chunks, executions, jobs, resources, workflows
from penstock.state.database import Database, insert_executions
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_id,
    make_job,
    make_objects,
    make_packed,
    make_pinned,
    make_queue,
    make_row,
    make_template,
    make_workflow,
)
from tests.state.chunk_machine import ChunkMachine
from tests.state.stored import (
    add_counters,
    cancel_planned,
    chunk_of,
    lease,
    lease_all,
    move,
    plan,
    recorded,
    release,
    seal,
    store_job,
    stored,
    unsealed,
)

OTHER_BUCKET = "other-1250000000"


class JobContract:
    """Jobs: what is stored, listed, moved, leased and counted."""

    def test_job_comes_back_as_it_was_stored(self, database: Database) -> None:
        """Every field of a job survives being stored."""
        job = make_job(
            type=JobType.JOB,
            input=JobInput(kind=InputKind.MANIFEST, value="lists/manifest.json"),
            rule={"WorkflowIds": "w1,w2", "TimeInterval": {"Start": "x"}},
            workflows=(make_pinned(), make_pinned(id=make_id("w", 2), name="sums")),
            buckets={BUCKET: "file:///a", OTHER_BUCKET: "s3://b"},
            filter=ObjectFilter(
                modified_from_ms=1,
                modified_to_ms=2,
                extensions=frozenset({"jpg", "png"}),
                excluded_prefix="out/",
            ),
            queue_ids=("p1", "p2"),
            priority=3,
            is_dry_run=True,
            request_digest="d",
        )

        found = store_job(database, job)

        assert found.number > 0
        assert found == make_job(**{
            name: getattr(job, name) for name in job.__dataclass_fields__ if name != "number"
        }, number=found.number)  # fmt: skip

    def test_job_is_found_by_its_id_in_its_bucket_only(self, database: Database) -> None:
        """An id names a job of one bucket and nothing in another."""
        job = store_job(database)

        with database.read() as transaction:
            found = jobs.find_job_by_id(transaction, BUCKET, job.id)
            elsewhere = jobs.find_job_by_id(transaction, OTHER_BUCKET, job.id)
            nothing = jobs.find_job(transaction, job.number + 1)

        assert found == job
        assert elsewhere is None
        assert nothing is None

    def test_job_list_filters(self, database: Database) -> None:
        """Each filter of a job list leaves exactly the jobs that match."""
        first = store_job(database, make_job(id=make_id("b", 1), created_ms=NOW_MS))
        second = store_job(
            database,
            make_job(
                id=make_id("b", 2),
                name="other",
                type=JobType.JOB,
                created_ms=NOW_MS + 10,
                workflows=(make_pinned(id="w%_"), make_pinned(id="w2")),
            ),
        )
        third = store_job(database, make_job(id=make_id("b", 3), created_ms=NOW_MS + 20))
        store_job(database, make_job(id=make_id("b", 4), bucket=OTHER_BUCKET))
        move(database, third, JobEvent.START)
        both = (JobType.WORKFLOW, JobType.JOB)

        def listed(**changes: object) -> list[int]:
            query = JobQuery(**{"bucket": BUCKET, "types": both, **changes})  # type: ignore[arg-type]
            with database.read() as transaction:
                return [job.number for job in jobs.list_jobs(transaction, query)]

        newest_first = [third.number, second.number, first.number]
        assert listed() == newest_first
        assert listed(is_ascending=True) == newest_first[::-1]
        assert listed(types=(JobType.JOB,)) == [second.number]
        assert listed(states=(JobState.RUNNING,)) == [third.number]
        assert listed(states=(JobState.RUNNING, JobState.SUBMITTED)) == newest_first
        assert listed(job_id=first.id) == [first.number]
        assert listed(name="other") == [second.number]
        assert listed(name="oth") == []
        assert listed(workflow_id="w2") == [second.number]
        assert listed(workflow_id="w") == []
        assert listed(workflow_id="w%_") == [second.number]
        assert listed(workflow_id="w__") == []
        assert listed(created_from_ms=NOW_MS + 10) == [third.number, second.number]
        assert listed(created_to_ms=NOW_MS + 10) == [second.number, first.number]
        assert listed(limit=2) == newest_first[:2]
        assert listed(after=second.number) == [first.number]
        assert listed(after=second.number, is_ascending=True) == [third.number]

    def test_job_moves_only_from_the_state_it_was_read_in(self, database: Database) -> None:
        """A move is a compare-and-set: the second of two readers changes nothing."""
        job = store_job(database)

        won = move(database, job, JobEvent.START, NOW_MS + 1)
        lost = move(database, job, JobEvent.CANCEL, NOW_MS + 2)

        found = stored(database, job)
        assert (won, lost) == (True, False)
        assert (found.state, found.started_ms, found.ended_ms) == (
            JobState.RUNNING,
            NOW_MS + 1,
            None,
        )

    def test_job_end_has_a_time_code_and_message(self, database: Database) -> None:
        """The move that ends a job keeps when and why."""
        job = store_job(database)

        with database.write() as transaction:
            jobs.move_job(
                transaction, job, JobEvent.FAIL, NOW_MS + 5, code="InvalidContent", message="bad"
            )

        found = stored(database, job)
        assert (found.state, found.ended_ms) == (JobState.FAILED, NOW_MS + 5)
        assert (found.code, found.message) == ("InvalidContent", "bad")

    def test_job_that_ended_moves_no_more(self, database: Database) -> None:
        """An event that the table does not have is a programming error, not a write."""
        job = store_job(database)
        move(database, job, JobEvent.CANCEL)

        with pytest.raises(WrongStateError):
            move(database, stored(database, job), JobEvent.START)

    def test_job_is_asked_to_cancel_once(self, database: Database) -> None:
        """The first request counts; a job that has ended takes none."""
        job = store_job(database)
        ended = store_job(database, make_job(id=make_id("b", 2)))
        move(database, ended, JobEvent.CANCEL)

        with database.write() as transaction:
            first = jobs.request_cancel(transaction, job.number, NOW_MS + 1)
            second = jobs.request_cancel(transaction, job.number, NOW_MS + 2)
            late = jobs.request_cancel(transaction, ended.number, NOW_MS + 3)

        assert (first, second, late) == (True, False, False)
        assert stored(database, job).cancel_requested_ms == NOW_MS + 1
        assert stored(database, ended).cancel_requested_ms is None

    def test_job_of_the_same_command_is_found_while_it_is_open(self, database: Database) -> None:
        """A digest finds the latest open job that the command made."""
        first = store_job(database, make_job(id=make_id("b", 1), request_digest="d"))
        second = store_job(database, make_job(id=make_id("b", 2), request_digest="d"))
        move(database, second, JobEvent.CANCEL)

        with database.read() as transaction:
            assert jobs.find_open_job_by_digest(transaction, "d") == first
            assert jobs.find_open_job_by_digest(transaction, "e") is None

    def test_job_counters_add_up(self, database: Database) -> None:
        """Changes of counters are added to what is there, the speed is kept beside."""
        job = store_job(database)

        add_counters(database, job, Counters(total=5, waiting=5))
        add_counters(database, job, Counters(waiting=-3, running=1, succeeded=2), speed=0.5)
        add_counters(database, job, Counters(running=-1, failed=1))

        found = stored(database, job)
        assert found.counters == Counters(total=5, succeeded=2, failed=1, waiting=2)
        assert found.seconds_per_object == 0.5

    @pytest.mark.parametrize(
        "changes",
        [
            Counters(total=1),
            Counters(succeeded=1),
            Counters(waiting=-6, succeeded=6),
            Counters(running=-1, failed=1),
        ],
    )
    def test_job_counters_that_do_not_add_up_are_refused(
        self, database: Database, changes: Counters
    ) -> None:
        """The database itself holds `total` to the sum of the others, and none below zero."""
        job = store_job(database)
        add_counters(database, job, Counters(total=5, waiting=5))

        with pytest.raises(BackendError):
            add_counters(database, job, changes)

        assert stored(database, job).counters == Counters(total=5, waiting=5)

    def test_job_confirms_its_dry_run(self, database: Database) -> None:
        """A confirmed job is no dry run any more."""
        job = store_job(database, make_job(is_dry_run=True))

        with database.write() as transaction:
            jobs.confirm_dry_run(transaction, job.number)

        assert not stored(database, job).is_dry_run

    def test_job_cursor_is_saved_together_with_its_chunks(self, database: Database) -> None:
        """A plan that fails half way leaves neither chunks nor cursor nor counters behind."""
        job = store_job(database)

        def plan_a_page(*, breaks: bool) -> None:
            with database.write() as transaction:
                chunks.insert_chunks(transaction, job.number, [make_packed(2)], NOW_MS)
                jobs.add_counters(transaction, job.number, Counters(total=2, waiting=2))
                jobs.save_expansion(transaction, job.number, cursor="c1", is_expanded=True)
                if breaks:
                    raise InterruptedError

        with pytest.raises(InterruptedError):
            plan_a_page(breaks=True)
        broken = stored(database, job)
        left = unsealed(database, job)
        plan_a_page(breaks=False)

        found = stored(database, job)
        assert broken == job
        assert left == []
        assert (found.cursor, found.is_expanded, found.counters.total) == ("c1", True, 2)
        assert [chunk.size for chunk in unsealed(database, job)] == [2]


class ChunkContract:
    """Chunks: planned, leased, cut, sealed, released."""

    def test_chunk_numbers_count_up_in_each_job(self, database: Database) -> None:
        """Chunks are numbered from 0 in the order of planning, for each job by itself."""
        first = store_job(database)
        second = store_job(database, make_job(id=make_id("b", 2)))

        assert plan(database, first, 1, 2) == [0, 1]
        assert plan(database, second, 1) == [0]
        assert plan(database, first, 1) == [2]
        assert plan(database, first) == []

    def test_chunk_objects_come_back(self, database: Database) -> None:
        """The packed objects of a chunk are stored as they are."""
        job = store_job(database)
        (number,) = plan(database, job, 3)

        with database.read() as transaction:
            packed = chunks.packed_objects(transaction, job.number, number)

        assert unpack_objects(packed) == make_objects(3)

    def test_chunk_lease_takes_the_first_planned(self, database: Database) -> None:
        """Chunks are leased in order, each once; a lease counts epoch and attempt."""
        job = store_job(database)
        plan(database, job, 1, 1)

        leased = [lease(database, job, now_ms=NOW_MS + 1) for _ in range(3)]

        assert [chunk and chunk.number for chunk in leased] == [0, 1, None]
        assert leased[0] is not None
        assert (leased[0].epoch, leased[0].attempts, leased[0].leased_ms) == (1, 1, NOW_MS + 1)
        assert chunk_of(database, job, 0, 0) == leased[0]

    def test_chunk_that_is_too_long_is_cut_by_its_lease(self, database: Database) -> None:
        """A lease takes what it may; the rest stays planned behind it, same origin."""
        job = store_job(database)
        plan(database, job, 10)

        taken = lease_all(database, job, most_objects=4)

        places = [(chunk.number, chunk.origin, chunk.start, chunk.size) for chunk in taken]
        assert places == [(0, 0, 0, 4), (1, 0, 4, 6)]

    def test_chunk_is_cut_only_when_it_is_worth_it(self, database: Database) -> None:
        """A chunk of one and a half times the wanted length goes out whole, a longer one not."""
        job = store_job(database)
        plan(database, job, 6, 7)

        taken = lease_all(database, job, most_objects=4)

        assert sorted(chunk.size for chunk in taken) == [3, 4, 6]

    def test_chunk_is_sealed_once(self, database: Database) -> None:
        """A sealed chunk has an end, and cannot be sealed or released again."""
        job = store_job(database)
        plan(database, job, 2)
        chunk = lease(database, job)
        assert chunk is not None

        won = seal(database, chunk, done=2, now_ms=NOW_MS + 9)
        again = seal(database, chunk, done=2)
        released = release(database, chunk)

        found = chunk_of(database, job, 0, 0)
        assert (won, again, released) == (True, False, False)
        assert found is not None
        assert (found.state, found.ended_ms, found.progress) == (
            ChunkState.SEALED,
            NOW_MS + 9,
            1.0,
        )
        assert unsealed(database, job) == []

    def test_chunk_sealed_in_part_leaves_the_rest_planned(self, database: Database) -> None:
        """What a draining worker did not begin becomes a planned chunk with no attempts."""
        job = store_job(database)
        plan(database, job, 5)
        chunk = lease(database, job)
        assert chunk is not None

        seal(database, chunk, done=2)

        (rest,) = unsealed(database, job)
        assert (rest.origin, rest.start, rest.size) == (0, 2, 3)
        assert (rest.state, rest.attempts) == (ChunkState.PLANNED, 0)
        done = chunk_of(database, job, 0, 1)
        assert done is not None
        assert (done.state, done.size) == (ChunkState.SEALED, 2)

    def test_chunk_is_given_back_without_an_attempt(self, database: Database) -> None:
        """A chunk that was never begun is planned again, its lease not counted."""
        job = store_job(database)
        plan(database, job, 4)
        chunk = lease(database, job)
        assert chunk is not None

        release(database, chunk)

        (found,) = unsealed(database, job)
        assert (found.state, found.size, found.attempts) == (ChunkState.PLANNED, 4, 0)
        assert found.epoch == 1

    @pytest.mark.parametrize(("size", "pieces"), [(5, [3, 2]), (2, [1, 1]), (1, [1])])
    def test_chunk_that_killed_its_worker_is_cut_in_half(
        self, database: Database, size: int, pieces: list[int]
    ) -> None:
        """The first half keeps its attempts, the second starts afresh; one object stays one."""
        job = store_job(database)
        plan(database, job, size)
        chunk = lease(database, job)
        assert chunk is not None

        release(database, chunk, is_attempt=True, is_cut=True)

        found = unsealed(database, job)
        assert [piece.size for piece in found] == pieces
        assert [piece.start for piece in found] == [0, *pieces[:-1]]
        assert [piece.attempts for piece in found] == [1, 0][: len(pieces)]

    def test_chunk_lease_that_was_lost_changes_nothing(self, database: Database) -> None:
        """Whoever holds an old epoch can neither seal, release, cut nor report."""
        job = store_job(database)
        plan(database, job, 4)
        lost = lease(database, job)
        with database.write() as transaction:
            objects = chunks.release_leased_chunks(transaction, job.number)
        assert lost is not None

        def try_everything() -> list[bool]:
            won = [
                seal(database, lost, done=2),
                seal(database, lost, done=4),
                release(database, lost),
                release(database, lost, is_attempt=True, is_cut=True),
            ]
            with database.write() as transaction:
                chunks.save_progress(transaction, lost, 0.5)
            return won

        unleased = unsealed(database, job)
        assert objects == 4
        assert try_everything() == [False] * 4
        assert unsealed(database, job) == unleased
        holder = lease(database, job)
        assert try_everything() == [False] * 4
        assert unsealed(database, job) == [holder]
        assert holder is not None
        assert seal(database, holder, done=4)

    def test_chunk_progress_is_kept(self, database: Database) -> None:
        """A holder's progress is stored, and begins anew with the next lease."""
        job = store_job(database)
        plan(database, job, 4)
        chunk = lease(database, job)
        assert chunk is not None

        with database.write() as transaction:
            chunks.save_progress(transaction, chunk, 0.25)

        assert [one.progress for one in unsealed(database, job)] == [0.25]
        release(database, chunk)
        again = lease(database, job)
        assert again is not None
        assert again.progress == 0.0

    def test_chunk_release_of_a_dead_engine_counts_its_objects(self, database: Database) -> None:
        """Every leased chunk of the job goes back, of no other job and no other state."""
        job = store_job(database)
        other = store_job(database, make_job(id=make_id("b", 2)))
        plan(database, job, 1, 2, 3)
        plan(database, other, 5)
        lease(database, job)
        lease(database, job)
        held = lease(database, other)

        with database.write() as transaction:
            objects = chunks.release_leased_chunks(transaction, job.number)
            nothing = chunks.release_leased_chunks(transaction, job.number)

        assert (objects, nothing) == (3, 0)
        assert {one.state for one in unsealed(database, job)} == {ChunkState.PLANNED}
        assert unsealed(database, other) == [held]

    def test_chunk_cancel_closes_what_is_planned(self, database: Database) -> None:
        """Planned chunks end unrun and are counted; leased and sealed ones stay."""
        job = store_job(database)
        plan(database, job, 1, 2, 3, 4)
        sealed = lease(database, job)
        assert sealed is not None
        seal(database, sealed, done=1)
        held = lease(database, job)

        objects = cancel_planned(database, job, now_ms=NOW_MS + 7)

        found = unsealed(database, job)
        assert objects == 7
        assert [one.state for one in found] == [
            ChunkState.LEASED,
            ChunkState.CANCELLED,
            ChunkState.CANCELLED,
        ]
        assert found[0] == held
        assert found[1].ended_ms == NOW_MS + 7
        assert lease(database, job) is None
        assert cancel_planned(database, job) == 0

    def test_chunk_of_an_address_is_found_after_several_cuts(self, database: Database) -> None:
        """Each object belongs to one piece, whatever was cut, sealed and cut again."""
        job = store_job(database)
        plan(database, job, 3, 10)
        lease(database, job)
        first = lease(database, job, most_objects=6)
        assert first is not None
        release(database, first, is_attempt=True, is_cut=True)
        second = lease(database, job, most_objects=3)
        assert second is not None
        seal(database, second, done=1)

        pieces: dict[int, tuple[int, int]] = {}
        for index in range(10):
            piece = chunk_of(database, job, 1, index)
            assert piece is not None
            pieces[index] = (piece.start, piece.size)

        sealed = chunk_of(database, job, 1, 0)
        assert sealed is not None
        assert sealed.state is ChunkState.SEALED
        assert [pieces[index] for index in range(10)] == (
            [(0, 1)] + [(1, 2)] * 2 + [(3, 3)] * 3 + [(6, 4)] * 4
        )
        assert chunk_of(database, job, 1, 10) is None
        assert chunk_of(database, job, 0, 3) is None
        assert chunk_of(database, job, 2, 0) is None

    @pytest.mark.parametrize("page", [1, 2, 100])
    def test_chunks_stream_in_the_order_of_addresses(self, database: Database, page: int) -> None:
        """Pieces come in the order of their objects both ways, from any origin, by any page."""
        job = store_job(database)
        plan(database, job, 6, 1, 4)
        lease_all(database, job, most_objects=2)
        first = chunk_of(database, job, 0, 0)
        assert first is not None
        seal(database, first, done=1)

        def places(*, is_ascending: bool, beyond: int | None = None) -> list[tuple[int, int]]:
            with database.read() as transaction:
                return [
                    (one.origin, one.start)
                    for one in chunks.unsealed_chunks(
                        transaction,
                        job.number,
                        is_ascending=is_ascending,
                        beyond=beyond,
                        page=page,
                    )
                ]

        rising = [(0, 1), (0, 2), (0, 4), (1, 0), (2, 0), (2, 2)]
        assert places(is_ascending=True) == rising
        assert places(is_ascending=False) == rising[::-1]
        assert places(is_ascending=True, beyond=1) == rising[3:]
        assert places(is_ascending=False, beyond=1) == rising[3::-1]

    @pytest.mark.slow
    def test_chunks_of_any_history_cover_every_object_once(self, database: Database) -> None:
        """Leases, partial seals, cuts and crashes in any order lose and double no object."""

        class Machine(ChunkMachine):
            """The machine on this database."""

            def __init__(self) -> None:
                super().__init__(database)

        run_state_machine_as_test(
            Machine, settings=settings(max_examples=40, stateful_step_count=15, deadline=None)
        )


class ExecutionContract:
    """Executions: inserted once, read by address and in order."""

    def test_execution_is_found_by_its_address(self, database: Database) -> None:
        """A row comes back as it was inserted; a neighbouring address has none."""
        node = NodeOutcome(
            number=1,
            state=ExecutionState.FAILED,
            code="InvalidArgument",
            message="no",
            outputs=(OutputObject(BUCKET, "out/a", 3, "e"),),
            facts={"MediaInfo": {"Format": ["x"]}},
        )
        job = store_job(database)
        row = make_row(job=job.number, chunk=2, position=5, nodes=pack_outcomes([node]))
        insert(database, [row])

        with database.read() as transaction:
            found = executions.find_execution(transaction, job.number, 2, 5)
            beside = executions.find_execution(transaction, job.number, 2, 4)

        assert found == row
        assert unpack_outcomes(row.nodes) == [node]
        assert beside is None

    def test_executions_stream_in_order_both_ways(self, database: Database) -> None:
        """More rows than one query reads come in the order of addresses, from any place on."""
        job = store_job(database)
        rows = [
            make_row(job=job.number, chunk=number // 90, position=number % 90)
            for number in range(450)
        ]
        insert(database, rows[::-1])
        insert(database, [make_row(job=job.number + 1)])

        assert recorded(database, job) == rows
        assert recorded(database, job, is_ascending=False) == rows[::-1]
        assert recorded(database, job, after=(1, 89)) == rows[180:]
        assert recorded(database, job, is_ascending=False, after=(2, 0)) == rows[179::-1]
        assert recorded(database, job, after=(4, 89)) == []

    def test_executions_are_filtered_by_state_and_object(self, database: Database) -> None:
        """A stream may be narrowed to states and to one object."""
        job = store_job(database)
        failed = make_row(
            job=job.number, position=1, state=ExecutionState.FAILED, object_key="in/b.jpg"
        )
        rows = [make_row(job=job.number), failed, make_row(job=job.number, position=2)]
        insert(database, rows)

        assert recorded(database, job, states=(ExecutionState.FAILED,)) == [failed]
        assert recorded(database, job, states=tuple(ExecutionState)) == rows
        assert recorded(database, job, object_key="in/b.jpg") == [failed]
        assert recorded(database, job, object_key="in/%") == []

    def test_execution_is_recorded_once(self, database: Database) -> None:
        """A second outcome for an address is refused, and so is all that came with it."""
        job = store_job(database)
        row = make_row(job=job.number)
        insert(database, [row])

        with pytest.raises(BackendError):
            insert(database, [make_row(job=job.number, position=1), row])

        assert recorded(database, job) == [row]

    def test_execution_that_has_not_ended_is_never_stored(self, database: Database) -> None:
        """The database refuses a state that is no end."""
        job = store_job(database)

        with pytest.raises(BackendError):
            insert(database, [make_row(job=job.number, state=ExecutionState.RUNNING)])

        assert recorded(database, job) == []

    def test_executions_of_nothing_may_be_inserted(self, database: Database) -> None:
        """An outcome without rows is no error."""
        job = store_job(database)

        insert(database, [])

        assert recorded(database, job) == []


class ResourceContract:
    """Buckets, workflows, templates, queues."""

    def test_bucket_is_bound_and_bound_anew(self, database: Database) -> None:
        """A binding takes the place of an earlier one; buckets are listed by name."""
        with database.write() as transaction:
            resources.bind_bucket(transaction, "b", "file:///b", NOW_MS)
            resources.bind_bucket(transaction, "a", "file:///a", NOW_MS)
            resources.bind_bucket(transaction, "b", "file:///c", NOW_MS + 1)

        with database.read() as transaction:
            assert resources.list_buckets(transaction) == [
                ("a", "file:///a", NOW_MS),
                ("b", "file:///c", NOW_MS),
            ]
            assert resources.bucket_url(transaction, "b") == "file:///c"
            assert resources.bucket_url(transaction, "c") is None

    def test_workflow_comes_back_and_is_replaced_while_paused(self, database: Database) -> None:
        """A new version is stored over a paused workflow, and over no other."""
        workflow = make_workflow()
        changed = make_workflow(name="changed", topology={"Nodes": {}}, updated_ms=NOW_MS + 1)
        with database.write() as transaction:
            workflows.insert_workflow(transaction, workflow)
            stored_first = workflows.find_workflow(transaction, BUCKET, workflow.id)

            won = workflows.replace_workflow_if_paused(transaction, changed)
            workflows.set_workflow_state(
                transaction, workflow.id, WorkflowState.ACTIVE, NOW_MS + 2
            )
            lost = workflows.replace_workflow_if_paused(transaction, workflow)
            kept = workflows.delete_workflow_if_paused(transaction, workflow.id)
            found = workflows.find_workflow(transaction, BUCKET, workflow.id)
            elsewhere = workflows.find_workflow(transaction, OTHER_BUCKET, workflow.id)

        assert stored_first == workflow
        assert (won, lost, kept) == (True, False, False)
        assert found == make_workflow(
            name="changed",
            topology={"Nodes": {}},
            state=WorkflowState.ACTIVE,
            updated_ms=NOW_MS + 2,
        )
        assert elsewhere is None

    def test_workflow_is_deleted_while_paused(self, database: Database) -> None:
        """A paused workflow is removed once."""
        workflow = make_workflow()
        with database.write() as transaction:
            workflows.insert_workflow(transaction, workflow)

            first = workflows.delete_workflow_if_paused(transaction, workflow.id)
            second = workflows.delete_workflow_if_paused(transaction, workflow.id)

        assert (first, second) == (True, False)

    def test_workflow_list_counts_and_pages(self, database: Database) -> None:
        """A page tells how many match, oldest first; the name filter is a plain part."""
        made = [
            make_workflow(id=make_id("w", number), name=name, created_ms=NOW_MS + number)
            for number, name in enumerate(["web-a", "100%", "web-b"])
        ]
        with database.write() as transaction:
            for workflow in reversed(made):
                workflows.insert_workflow(transaction, workflow)
            workflows.insert_workflow(
                transaction, make_workflow(id=make_id("w", 9), bucket=OTHER_BUCKET)
            )

        def listed(
            ids: Sequence[str] = (), name: str = "", offset: int = 0, limit: int = 10
        ) -> tuple[int, list[str]]:
            with database.read() as transaction:
                total, found = workflows.list_workflows(
                    transaction, BUCKET, ids=list(ids), name=name, offset=offset, limit=limit
                )
            return total, [workflow.name for workflow in found]

        assert listed() == (3, ["web-a", "100%", "web-b"])
        assert listed(offset=1, limit=1) == (3, ["100%"])
        assert listed(name="eb-") == (2, ["web-a", "web-b"])
        assert listed(name="%") == (1, ["100%"])
        assert listed(ids=[made[2].id, make_id("w", 9)]) == (1, ["web-b"])

    def test_template_has_a_name_of_its_own(self, database: Database) -> None:
        """A second template of the same name in a bucket is not stored."""
        with database.write() as transaction:
            first = resources.insert_template_if_name_free(transaction, make_template())
            second = resources.insert_template_if_name_free(
                transaction, make_template(id=make_id("t", 2))
            )
            elsewhere = resources.insert_template_if_name_free(
                transaction, make_template(id=make_id("t", 3), bucket=OTHER_BUCKET)
            )
            listed = resources.list_templates(transaction, BUCKET)

        assert (first, second, elsewhere) == (True, False, True)
        assert listed == [make_template()]

    def test_template_is_found_and_deleted_in_its_bucket(self, database: Database) -> None:
        """A template belongs to one bucket; another neither sees nor removes it."""
        template = make_template()
        with database.write() as transaction:
            resources.insert_template_if_name_free(transaction, template)

            elsewhere = resources.find_template(transaction, OTHER_BUCKET, template.id)
            kept = resources.delete_template(transaction, OTHER_BUCKET, template.id)
            found = resources.find_template(transaction, BUCKET, template.id)
            removed = resources.delete_template(transaction, BUCKET, template.id)
            again = resources.delete_template(transaction, BUCKET, template.id)

        assert elsewhere is None
        assert found == template
        assert (kept, removed, again) == (False, True, False)

    def test_queue_is_one_a_family_and_category(self, database: Database) -> None:
        """Opening a service twice makes one queue; its settings can be replaced."""
        queue = make_queue()
        paused = make_queue(is_paused=True, name="later", notify={"State": "On"})
        with database.write() as transaction:
            resources.insert_queue_if_missing(transaction, queue)
            resources.insert_queue_if_missing(transaction, make_queue(id=make_id("p", 2)))
            first = resources.list_queues(transaction, BUCKET)

            resources.replace_queue(transaction, paused)
            second = resources.list_queues(transaction, BUCKET)

        assert first == [queue]
        assert second == [paused]

    def test_queue_limits_are_zero_while_paused(self, database: Database) -> None:
        """A paused queue runs nothing, an active one what it was given."""
        with database.write() as transaction:
            resources.insert_queue_if_missing(transaction, make_queue(max_concurrent=7))
            resources.insert_queue_if_missing(
                transaction, make_queue(id=make_id("p", 2), category="x", is_paused=True)
            )

            limits = resources.queue_limits(transaction)

        assert limits == {make_id("p", 1): 7, make_id("p", 2): 0}


class DatabaseContract:
    """Transactions."""

    def test_transaction_that_fails_leaves_nothing(self, database: Database) -> None:
        """An error inside a write undoes all of it and reaches the caller as it is."""

        def write_and_fail() -> None:
            with database.write() as transaction:
                resources.bind_bucket(transaction, "a", "file:///a", NOW_MS)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            write_and_fail()

        with database.read() as transaction:
            assert resources.list_buckets(transaction) == []

    def test_reader_sees_one_state(self, database: Database) -> None:
        """What is written while a read goes on is not seen by it."""
        with database.read() as reader:
            before = resources.list_buckets(reader)
            with database.write() as writer:
                resources.bind_bucket(writer, "a", "file:///a", NOW_MS)

            during = resources.list_buckets(reader)

        with database.read() as reader:
            after = resources.list_buckets(reader)
        assert before == during == []
        assert [name for name, _, _ in after] == ["a"]

    def test_trees_keep_their_order_and_odd_text(self, database: Database) -> None:
        """A topology comes back with its names in order, whatever its text holds."""
        tree = {"z": {"b": "\ud800", "a": ["1", {"x": "图"}]}, "a": ""}

        with database.write() as transaction:
            workflows.insert_workflow(transaction, make_workflow(topology=tree))
            found = workflows.find_workflow(transaction, BUCKET, make_id("w", 1))

        assert found is not None
        assert json.dumps(found.topology) == json.dumps(tree)


class StateContract(
    JobContract, ChunkContract, ExecutionContract, ResourceContract, DatabaseContract
):
    """The whole suite."""


def insert(database: Database, rows: Sequence[ExecutionRow]) -> None:
    """Record executions."""
    with database.write() as transaction:
        insert_executions(transaction, rows)
