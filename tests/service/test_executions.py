import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Counters, Job
from penstock.domain.records import pack_outcomes
from penstock.domain.refusals import BucketNotBoundError, ResourceNotFoundError
from penstock.domain.requests import ExecutionQuery
from penstock.domain.selection import ObjectInfo
from penstock.domain.states import ExecutionState, JobEvent
from penstock.domain.trees import child
from penstock.domain.views import Execution
from penstock.state import chunks
from penstock.state.database import insert_executions
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_hash_topology,
    make_node,
    make_packed,
    make_request,
    make_row,
    make_topology,
)
from tests.service.desk import Desk
from tests.state.stored import add_counters, cancel_planned, move, stored

OTHER = "other-1250000000"


def new_job(desk: Desk, *, workflows: int = 1) -> Job:
    """A job of some workflows that an engine has taken up."""
    ids = tuple(desk.workflow(name=f"w{number}").id for number in range(workflows))
    job = desk.jobs.create(make_request(topology={}, workflow_ids=ids))
    move(desk.database, job, JobEvent.START)
    return stored(desk.database, job)


def page(desk: Desk, **choices: object) -> tuple[list[Execution], str]:
    """One page of executions."""
    query = ExecutionQuery(**{"bucket": BUCKET, **choices})  # type: ignore[arg-type]
    return desk.executions.page(query)


def keys(found: Sequence[Execution]) -> list[str]:
    """The numbers in the keys of executions."""
    return [one.object_key.removeprefix("in/").removesuffix(".jpg").lstrip("0") for one in found]


def listed(desk: Desk, **choices: object) -> list[Execution]:
    """All executions that a list shows, on one page."""
    found, token = page(desk, **{"limit": 1000, **choices})
    assert token == ""
    return found


def test_executions_of_a_plan_are_read_from_its_chunks(desk: Desk) -> None:
    """Before anything ran every planned object is there, waiting, in the order of planning."""
    job = new_job(desk)
    desk.plan(job, 2, 1)

    found = listed(desk, is_ascending=True)

    assert keys(found) == ["", "1", "2"]
    assert {one.state for one in found} == {ExecutionState.SUBMITTED}
    assert {(one.created_ms, one.started_ms, one.ended_ms) for one in found} == {(NOW_MS, 0, 0)}


def test_executions_merge_what_is_recorded_and_what_is_not(desk: Desk) -> None:
    """Ended, running and waiting executions come in one order, both ways."""
    job = new_job(desk)
    desk.plan(job, 6)
    first = desk.lease(job, most_objects=2)
    second = desk.lease(job, most_objects=2)
    assert first is not None
    assert second is not None
    desk.record(job, second, done=1, state="Failed")

    rising = listed(desk, is_ascending=True)
    falling = listed(desk)

    assert [one.state for one in rising] == [
        ExecutionState.RUNNING,
        ExecutionState.RUNNING,
        ExecutionState.FAILED,
        ExecutionState.SUBMITTED,
        ExecutionState.SUBMITTED,
        ExecutionState.SUBMITTED,
    ]
    assert falling == rising[::-1]


def test_executions_of_several_jobs_come_job_by_job(desk: Desk) -> None:
    """The newest job comes first, or last; filters choose a job or a time."""
    first = new_job(desk)
    desk.clock.move(10)
    second = new_job(desk)
    desk.plan(first, 2)
    desk.plan(second, 1, first=5)

    assert keys(listed(desk)) == ["5", "1", ""]
    assert keys(listed(desk, is_ascending=True)) == ["", "1", "5"]
    assert keys(listed(desk, job_id=first.id)) == ["1", ""]
    assert keys(listed(desk, created_from_ms=NOW_MS + 1)) == ["5"]
    assert keys(listed(desk, created_to_ms=NOW_MS)) == ["1", ""]


def test_executions_are_filtered_by_workflow(desk: Desk) -> None:
    """Of a job with two workflows only the executions of one may be asked for."""
    job = new_job(desk, workflows=2)
    desk.plan(job, 2)
    chunk = desk.lease(job, most_objects=1)
    assert chunk is not None
    desk.record(job, chunk)

    found = listed(desk, workflow_id=job.workflows[1].id)

    assert [one.workflow.id for one in found] == [job.workflows[1].id] * 2
    assert [one.state for one in found] == [ExecutionState.SUBMITTED, ExecutionState.SUCCESS]
    assert len(listed(desk)) == 4


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((ExecutionState.SUCCESS,), [""]),
        ((ExecutionState.FAILED,), ["1"]),
        ((ExecutionState.RUNNING,), ["2"]),
        ((ExecutionState.SUBMITTED,), ["3"]),
        ((ExecutionState.SUCCESS, ExecutionState.SUBMITTED), ["", "3"]),
        ((ExecutionState.PAUSE,), []),
        ((ExecutionState.SKIPPED, ExecutionState.CANCEL), []),
        (tuple(ExecutionState), ["", "1", "2", "3"]),
    ],
)
def test_executions_are_filtered_by_state(
    desk: Desk, states: tuple[ExecutionState, ...], expected: list[str]
) -> None:
    """Each state is found where it is kept: in rows, or in chunks."""
    job = new_job(desk)
    desk.plan(job, 4)
    for state in ("Success", "Failed"):
        chunk = desk.lease(job, most_objects=1)
        assert chunk is not None
        desk.record(job, chunk, state=state)
    desk.lease(job, most_objects=1)

    assert keys(listed(desk, states=states, is_ascending=True)) == expected


def test_executions_of_a_paused_job_say_so(desk: Desk) -> None:
    """What waits in a paused job is shown as paused."""
    job = new_job(desk)
    desk.plan(job, 1)

    move(desk.database, job, JobEvent.PAUSE)

    assert [one.state for one in listed(desk)] == [ExecutionState.PAUSE]
    assert listed(desk, states=(ExecutionState.SUBMITTED,)) == []


def test_executions_that_were_cancelled_unrun_say_so(desk: Desk) -> None:
    """Objects of cancelled chunks are Cancel in lists and alone, with the time of the end."""
    job = new_job(desk)
    desk.plan(job, 2)
    cancel_planned(desk.database, job, now_ms=NOW_MS + 9)

    found = listed(desk, states=(ExecutionState.CANCEL,))

    assert [(one.state, one.code, one.ended_ms) for one in found] == [
        (ExecutionState.CANCEL, "Cancel", NOW_MS + 9)
    ] * 2
    alone = desk.executions.get(BUCKET, found[0].run_id)
    assert alone.state is ExecutionState.CANCEL
    assert {view.outcome.state for view in alone.nodes} == {ExecutionState.CANCEL}


def test_executions_of_one_object_are_found_before_and_after_its_end(desk: Desk) -> None:
    """The key as it is shown finds an object in every state, an undecodable one too."""
    job = new_job(desk)
    odd = ObjectInfo("in/\udcff.jpg")
    with desk.database.write() as transaction:
        chunks.insert_chunks(
            transaction, job.number, [make_packed([ObjectInfo("in/a.jpg"), odd])], NOW_MS
        )
    add_counters(desk.database, job, Counters(total=2, waiting=2))
    shown = "in/\\udcff.jpg"

    before = listed(desk, object_key=shown)
    chunk = desk.lease(job)
    assert chunk is not None
    with desk.database.write() as transaction:
        chunks.seal_chunk_if_leased(transaction, chunk, done=2, seconds=1.0, now_ms=NOW_MS)
        insert_executions(
            transaction,
            [
                tuple(make_row(job=job.number, position=0, object_key="in/a.jpg")),
                tuple(make_row(job=job.number, position=1, object_key=shown)),
            ],
        )
    after = listed(desk, object_key=shown)

    assert [one.object_key for one in before] == [shown]
    assert [one.run_id for one in before] == [one.run_id for one in after]


def test_executions_of_another_bucket_are_not_shown(desk: Desk) -> None:
    """A list is of one bucket; a bucket that is not bound has none."""
    desk.plan(new_job(desk), 1)
    desk.bind(OTHER)

    assert listed(desk, bucket=OTHER) == []
    with pytest.raises(BucketNotBoundError):
        page(desk, bucket="unknown-1250000000")


@pytest.mark.parametrize(
    "token", ["x", "1-2", "1-2-3-4", "1-2-x", "-1-2-3", "1--2-3", "1-2-" + "9" * 30, "²-1-1"]
)
def test_executions_refuse_a_token_that_is_not_theirs(desk: Desk, token: str) -> None:
    """A token that no page gave is an error of the caller, whatever it holds."""
    desk.plan(new_job(desk), 1)

    with pytest.raises(InvalidArgumentError, match="nextToken"):
        page(desk, token=token)


def test_execution_is_found_in_every_state(desk: Desk) -> None:
    """One id leads to an execution from its planning to its end."""
    job = new_job(desk)
    desk.plan(job, 1, 3)
    run_id = job.address(1, 2).encode("i")

    waiting = desk.executions.get(BUCKET, run_id)
    desk.lease(job)
    chunk = desk.lease(job)
    assert chunk is not None
    running = desk.executions.get(BUCKET, run_id)
    desk.give_back(job, chunk, is_attempt=True)
    cut = desk.executions.get(BUCKET, run_id)
    while (chunk := desk.lease(job)) is not None:
        desk.record(job, chunk)
    ended = desk.executions.get(BUCKET, run_id)

    found = [waiting, running, cut, ended]
    assert [one.state for one in found] == [
        ExecutionState.SUBMITTED,
        ExecutionState.RUNNING,
        ExecutionState.SUBMITTED,
        ExecutionState.SUCCESS,
    ]
    assert {one.run_id for one in found} == {run_id}
    assert keys(found) == ["3"] * 4
    assert {len(one.nodes) for one in found} == {1}


def test_execution_shows_its_nodes_with_ids(desk: Desk) -> None:
    """Each node has an id of its own; one without an outcome has not run."""
    topology = make_topology(
        {**child(make_hash_topology(), "Nodes"), "nothing": make_node()},  # type: ignore[dict-item]  # all are nodes
        {"Start": "hash", "hash": "nothing", "nothing": "End"},
    )
    job = desk.jobs.create(make_request(topology=topology))
    desk.plan(job, 1)
    chunk = desk.lease(job)
    assert chunk is not None
    outcome = NodeOutcome(number=1, state=ExecutionState.FAILED, code="X", message="no")
    with desk.database.write() as transaction:
        chunks.seal_chunk_if_leased(transaction, chunk, done=1, seconds=1.0, now_ms=NOW_MS)
        row = make_row(job=job.number, state="Failed", nodes=pack_outcomes([outcome]))
        insert_executions(transaction, [tuple(row)])

    found = desk.executions.get(BUCKET, job.address(0, 0).encode("i"))

    first, second = found.nodes
    assert first.outcome == outcome
    assert first.job_id == job.address(0, 0, node=1).encode("f")
    assert (second.node.name, second.outcome.state) == ("nothing", ExecutionState.CANCEL)
    assert second.job_id == job.address(0, 0, node=2).encode("f")


def test_execution_ids_that_name_nothing_are_not_found(desk: Desk) -> None:
    """Wrong ids, ids of other buckets, of other databases and of nodes name no execution."""
    job = new_job(desk)
    desk.plan(job, 1)
    desk.bind(OTHER)
    address = job.address(0, 0)
    wrong = [
        "",
        "i",
        "i" + "f" * 32,
        address._replace(job=job.number + 1).encode("i"),
        address._replace(chunk=7).encode("i"),
        address._replace(position=1).encode("i"),
        address._replace(node=1).encode("i"),
        address._replace(tag="abcdef").encode("i"),
        address.encode("x"),
    ]

    assert desk.executions.get(BUCKET, address.encode("i")).object_key == "in/000000.jpg"
    for run_id in wrong:
        with pytest.raises(ResourceNotFoundError):
            desk.executions.get(BUCKET, run_id)
    with pytest.raises(ResourceNotFoundError):
        desk.executions.get(OTHER, address.encode("i"))


def test_executions_of_a_job_stream_with_their_nodes(desk: Desk) -> None:
    """What is recorded of a job comes whole and in order, perhaps of some states only."""
    job = new_job(desk)
    desk.plan(job, 3)
    for state in ("Success", "Failed"):
        chunk = desk.lease(job, most_objects=1)
        assert chunk is not None
        desk.record(job, chunk, state=state)

    found = list(desk.executions.of_job(job))
    failed = list(desk.executions.of_job(job, [ExecutionState.FAILED]))

    assert keys(found) == ["", "1"]
    assert all(one.nodes for one in found)
    assert keys(failed) == ["1"]


@pytest.mark.parametrize(("most", "expected"), [(0, 0), (1, 1), (3, 3), (4, 4), (99, 5)])
def test_first_keys_show_the_beginning_of_a_plan(desk: Desk, most: int, expected: int) -> None:
    """At most so many keys, in the order of planning, over chunk after chunk."""
    job = new_job(desk)
    desk.plan(job, 2, 2, 1)

    found = desk.executions.first_keys(job, most)

    assert found == [f"in/{number:06}.jpg" for number in range(expected)]


# --- pages while the job goes on ----------------------------------------------------------


@contextmanager
def new_desk() -> Iterator[Desk]:
    """Services over a database of their own."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        try:
            desk.bind()
            yield desk
        finally:
            desk.database.close()


STEPS = st.lists(
    st.tuples(st.sampled_from(["lease", "record", "cut", "plan"]), st.integers(1, 5)), max_size=6
)


def take_step(desk: Desk, job: Job, step: str, size: int, planned: int) -> int:
    """One thing that an engine does; how many objects it planned."""
    if step == "plan":
        desk.plan(job, size, first=planned)
        return size
    chunk = desk.lease(job, most_objects=size)
    if chunk is not None and step == "record":
        desk.record(job, chunk, done=min(size, chunk.size))
    elif chunk is not None and step == "cut":
        desk.give_back(job, chunk, is_attempt=True)
    return 0


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    rounds=st.lists(STEPS, min_size=1, max_size=12),
    limit=st.integers(1, 4),
    workflows=st.integers(1, 2),
    is_ascending=st.booleans(),
)
def test_execution_pages_lose_and_double_nothing_while_the_job_goes_on(
    sizes: list[int],
    rounds: list[list[tuple[str, int]]],
    limit: int,
    workflows: int,
    *,
    is_ascending: bool,
) -> None:
    """Whatever happens between pages, each execution of the first plan is shown once, in order."""
    with new_desk() as desk:
        job = new_job(desk, workflows=workflows)
        desk.plan(job, *sizes)
        planned = sum(sizes)
        at_first = [one.run_id for one in listed(desk, is_ascending=is_ascending)]
        turns = iter(rounds)
        found: list[str] = []
        token = ""
        while True:
            shown, token = page(desk, is_ascending=is_ascending, token=token, limit=limit)
            assert len(shown) <= limit
            found += [one.run_id for one in shown]
            if not token:
                break
            for step, size in next(turns, []):
                planned += take_step(desk, job, step, size, planned)

        assert len(at_first) == sum(sizes) * workflows
        assert found == sorted(found, reverse=not is_ascending)
        assert len(found) == len(set(found))
        assert [run_id for run_id in found if run_id in set(at_first)] == at_first
