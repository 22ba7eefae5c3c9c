import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job, JobType
from penstock.domain.refusals import BucketNotBoundError
from penstock.domain.states import ExecutionState
from tests.factories import BUCKET, NOW_MS, make_hash_rule, make_request, make_rule
from tests.service.desk import Desk
from tests.service.node_jobs import (
    create,
    create_one,
    end,
    ids,
    listed,
    new_batch,
    page,
    put,
    take_up,
    two_nodes,
)

SUCCESS, FAILED, SKIPPED = (
    ExecutionState.SUCCESS,
    ExecutionState.FAILED,
    ExecutionState.SKIPPED,
)


@pytest.fixture(autouse=True)
def source(desk: Desk) -> None:
    """The objects that single jobs read."""
    put(desk)
    put(desk, "in/b.jpg")


def test_list_shows_the_nodes_of_everything(desk: Desk) -> None:
    """Nodes of batches, of triggered workflows and single jobs stand in one order."""
    batch = new_batch(desk)
    desk.plan(batch, 1)
    run_id = desk.jobs.trigger(BUCKET, desk.workflow(two_nodes()).id, "in/a.jpg", "")
    triggered = desk.executions.get(BUCKET, run_id)
    single = create_one(desk)

    rising = ids(listed(desk, is_ascending=True))
    falling = ids(listed(desk))

    assert rising == [
        batch.address(0, 0, 1).encode("f"),
        batch.address(0, 0, 2).encode("j"),
        *(view.job_id for view in triggered.nodes),
        single.view.job_id,
    ]
    assert falling == rising[::-1]


def test_list_is_filtered_by_family_and_tag(desk: Desk) -> None:
    """Of an execution with nodes of two families, each filter shows its own."""
    job = new_batch(desk)
    desk.plan(job, 1)
    hashed, looked = job.address(0, 0, 1).encode("f"), job.address(0, 0, 2).encode("j")

    assert ids(listed(desk, family="file")) == [hashed]
    assert ids(listed(desk, family="media")) == [looked]
    assert ids(listed(desk, family="pic")) == []
    assert ids(listed(desk, tag="MediaInfo")) == [looked]
    assert ids(listed(desk, tag="Transcode")) == []


def test_list_is_filtered_by_queue(desk: Desk) -> None:
    """A queue is named by its id, or by its category where no id is given."""
    job = new_batch(desk)
    desk.plan(job, 1)
    (queue,) = desk.queues.of_family(BUCKET, "media")
    looked = [job.address(0, 0, 2).encode("j")]

    assert ids(listed(desk, queue_id=queue.id)) == looked
    assert ids(listed(desk, queue_type="Transcoding")) == looked
    assert ids(listed(desk, queue_id=queue.id, queue_type="other")) == looked
    assert ids(listed(desk, queue_type="SpeedTranscoding")) == []
    assert ids(listed(desk, queue_id="p9")) == []


def test_list_is_filtered_by_origin(desk: Desk) -> None:
    """Jobs are found by workflow and by batch job; a trigger is no batch job."""
    batch = new_batch(desk)
    desk.plan(batch, 1)
    single = create_one(desk)
    nodes = [batch.address(0, 0, 2).encode("j"), batch.address(0, 0, 1).encode("f")]

    assert ids(listed(desk, workflow_id=batch.workflows[0].id)) == nodes
    assert ids(listed(desk, batch_job_id=batch.id)) == nodes
    assert ids(listed(desk, batch_job_id=single.execution.job.id)) == []
    assert ids(listed(desk, workflow_id="w9")) == []


def test_list_is_filtered_by_object(desk: Desk) -> None:
    """An object is compared exactly, whether its job has ended or not."""
    first, second = create_one(desk), create_one(desk, key="in/b.jpg")
    job, chunk = take_up(desk, first)
    end(desk, job, chunk, SUCCESS)

    assert ids(listed(desk, object_key="in/a.jpg")) == [first.view.job_id]
    assert ids(listed(desk, object_key="in/b.jpg")) == [second.view.job_id]
    assert ids(listed(desk, object_key="in/")) == []


@pytest.mark.parametrize(
    ("states", "numbers"),
    [
        ((SUCCESS,), ["1:1", "2:1"]),
        ((FAILED,), ["2:2", "6:1"]),
        ((ExecutionState.CANCEL,), ["1:2", "5:1"]),
        ((ExecutionState.RUNNING,), ["3:1", "3:2"]),
        ((ExecutionState.SUBMITTED,), ["4:1", "4:2"]),
        ((ExecutionState.PAUSE,), []),
        ((SUCCESS, ExecutionState.RUNNING), ["1:1", "2:1", "3:1", "3:2"]),
    ],
)
def test_list_is_filtered_by_state(
    desk: Desk, states: tuple[ExecutionState, ...], numbers: list[str]
) -> None:
    """Each node counts by itself, and by the state that it is shown in."""
    outcomes = [(SUCCESS, SKIPPED), (SUCCESS, FAILED)]
    made = []
    for number in range(4):
        job = new_batch(desk)
        made.append(job.number)
        desk.plan(job, 1)
        chunk = desk.lease(job) if number < 3 else None
        if chunk is not None and number < 2:
            end(desk, job, chunk, *outcomes[number])
    singles = [create_one(desk), create_one(desk)]
    made += [one.execution.job.number for one in singles]
    desk.node_jobs.cancel(BUCKET, singles[0].view.job_id)
    end(desk, *take_up(desk, singles[1]), SKIPPED)

    found = listed(desk, states=states, is_ascending=True)

    places = [(made.index(one.execution.job.number) + 1, one.view.node.number) for one in found]
    assert [f"{job}:{node}" for job, node in places] == numbers


def test_list_is_filtered_by_time_of_planning(desk: Desk) -> None:
    """Both bounds belong to the interval, and it is the time that is shown that counts."""
    first = create_one(desk)
    desk.clock.move(10)
    second = create_one(desk)

    assert ids(listed(desk, created_from_ms=NOW_MS + 10_000)) == [second.view.job_id]
    assert ids(listed(desk, created_to_ms=NOW_MS)) == [first.view.job_id]
    assert len(listed(desk, created_from_ms=NOW_MS, created_to_ms=NOW_MS + 10_000)) == 2
    assert listed(desk, created_from_ms=NOW_MS + 1, created_to_ms=NOW_MS + 9_999) == []


def test_list_leaves_out_jobs_that_ended_before_the_interval(desk: Desk) -> None:
    """A job that ended before the interval has nothing in it."""
    made = create_one(desk)
    desk.node_jobs.cancel(BUCKET, made.view.job_id)

    assert listed(desk, created_from_ms=NOW_MS + 1) == []
    assert ids(listed(desk, created_from_ms=NOW_MS)) == [made.view.job_id]


def test_list_pages_part_the_nodes_of_one_execution(desk: Desk) -> None:
    """A page may end between two nodes of the same execution, in either direction."""
    job = new_batch(desk)
    desk.plan(job, 2)
    everything = ids(listed(desk))
    assert len(everything) == 4

    for is_ascending in (True, False):
        found: list[str] = []
        token = ""
        for _ in range(2):
            shown, token = page(desk, limit=3, token=token, is_ascending=is_ascending)
            found += ids(shown)
        assert token == ""
        assert found == (everything[::-1] if is_ascending else everything)


def test_list_of_an_unbound_bucket_is_refused(desk: Desk) -> None:
    """A bucket that the server does not have has no list."""
    with pytest.raises(BucketNotBoundError):
        page(desk, bucket="other-1")


@pytest.mark.parametrize("token", ["x", "1", "1-2-3", "1-2-3-4-5", "1-2-3--4", "1-2-3-²"])
def test_list_refuses_a_token_that_is_not_its_own(desk: Desk, token: str) -> None:
    """A token that no page gave is an error of the caller."""
    with pytest.raises(InvalidArgumentError, match="nextToken"):
        page(desk, token=token)


# --- pages while jobs are added and go on -------------------------------------------------


def take_step(desk: Desk, jobs: list[Job], step: str, number: int) -> None:
    """One thing that clients or engines do between two pages."""
    job = jobs[number % len(jobs)]
    if step == "batch":
        jobs.append(new_batch(desk))
    elif step == "single":
        create(desk, make_hash_rule(), make_rule())
    elif step == "cancel":
        desk.node_jobs.cancel(BUCKET, create_one(desk).view.job_id)
    elif step == "plan":
        desk.plan(job, number)
    else:
        chunk = desk.lease(job, most_objects=number)
        if chunk is not None and step == "record":
            end(desk, job, chunk, SUCCESS, FAILED, done=number)
        elif chunk is not None and step == "cut":
            desk.give_back(job, chunk, is_attempt=True)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["batch", "single", "cancel", "plan", "lease", "record", "cut"]),
        st.integers(1, 4),
    ),
    max_size=5,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    rounds=st.lists(STEPS, min_size=1, max_size=10),
    limit=st.integers(1, 5),
    tag=st.sampled_from(["", "MediaInfo"]),
    is_ascending=st.booleans(),
)
def test_list_pages_lose_and_double_nothing_while_jobs_are_added(
    sizes: list[int],
    rounds: list[list[tuple[str, int]]],
    limit: int,
    tag: str,
    *,
    is_ascending: bool,
) -> None:
    """Whatever happens between pages, each job of the beginning is shown once, in order."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        desk.bind()
        put(desk)
        jobs = [new_batch(desk) for _ in sizes]
        for job, size in zip(jobs, sizes, strict=True):
            desk.plan(job, size)
        at_first = ids(listed(desk, tag=tag, is_ascending=is_ascending))
        turns = iter(rounds)
        found: list[str] = []
        token = ""
        while True:
            shown, token = page(desk, tag=tag, is_ascending=is_ascending, token=token, limit=limit)
            assert len(shown) <= limit
            found += ids(shown)
            if not token:
                break
            for step, number in next(turns, []):
                take_step(desk, jobs, step, number)
        desk.database.close()

    addresses = [job_id[1:] for job_id in found]
    assert addresses == sorted(addresses, reverse=not is_ascending)
    assert len(found) == len(set(found))
    assert [job_id for job_id in found if job_id in set(at_first)] == at_first


def test_list_shows_jobs_of_one_operation(desk: Desk) -> None:
    """A batch of type Job is listed object by object."""
    job = desk.jobs.create(make_request(type=JobType.JOB, topology={}, operation=make_hash_rule()))
    desk.plan(job, 3)

    found = listed(desk, tag="FileHashCode", batch_job_id=job.id, is_ascending=True)

    assert ids(found) == [job.address(0, position, 1).encode("f") for position in range(3)]
