import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Counters, JobType
from penstock.domain.node_jobs import NodeJobRequest
from penstock.domain.refusals import (
    BucketNotBoundError,
    QueueNotFoundError,
    ResourceNotFoundError,
    TargetNotBoundError,
    TemplateNotFoundError,
)
from penstock.domain.requests import ExecutionQuery
from penstock.domain.states import ChunkState, ExecutionState, JobEvent, JobState
from penstock.state import chunks
from tests.factories import BUCKET, NOW_MS, make_hash_rule, make_request, make_rule
from tests.service.desk import Desk
from tests.service.node_jobs import (
    KEY,
    create,
    create_one,
    end,
    ids,
    new_batch,
    put,
    take_up,
    two_nodes,
)
from tests.state.stored import cancel_planned, move, stored

SUCCESS, FAILED, SKIPPED = (
    ExecutionState.SUCCESS,
    ExecutionState.FAILED,
    ExecutionState.SKIPPED,
)
UNKNOWN = "f" + "0" * 32


@pytest.fixture(autouse=True)
def source(desk: Desk) -> None:
    """The object that single jobs read."""
    put(desk)


def test_single_job_is_planned_at_once(desk: Desk) -> None:
    """It waits in its family's queue with its level, over the one object, under a node's id."""
    (queue,) = desk.queues.of_family(BUCKET, "file")

    made = create_one(desk, make_hash_rule(priority=2))

    job = stored(desk.database, made.execution.job)
    assert made.view.job_id == job.address(0, 0, 1).encode("f")
    assert (made.state, made.queue_id, made.execution.object_key) == (
        ExecutionState.SUBMITTED,
        queue.id,
        KEY,
    )
    assert (job.type, job.is_single, job.priority, job.is_expanded) == (
        JobType.TRIGGER,
        True,
        2,
        True,
    )
    assert job.rule == make_hash_rule().echo
    assert job.counters == Counters(total=1, waiting=1)


def test_single_job_letters_tell_the_family(desk: Desk) -> None:
    """Each operation of one request becomes a job of its own, in order."""
    made = create(desk, make_rule(tag="MediaInfo"), make_hash_rule(), make_rule())

    assert [one.view.node.type for one in made] == ["MediaInfo", "FileHashCode", "Noop"]
    assert [job_id[0] for job_id in ids(made)] == ["j", "f", "f"]
    assert len({one.execution.job.number for one in made}) == 3


def test_single_jobs_are_made_together_or_not_at_all(desk: Desk) -> None:
    """When one operation cannot be stored, none is."""
    with pytest.raises(TemplateNotFoundError):
        create(desk, make_hash_rule(), make_rule(operation={"TemplateId": "t1"}))

    with desk.database.read() as transaction:
        assert not list(chunks.unsealed_chunks(transaction, 1, is_ascending=True))


def test_single_job_of_what_does_not_exist_is_refused(desk: Desk) -> None:
    """Bucket, object, queue and output bucket must exist before anything is stored."""
    output = {"Region": "r", "Bucket": "other-1", "Object": "o.png"}
    operation = {"PicProcess": {"ProcessRule": "imageMogr2/format/png"}, "Output": output}

    with pytest.raises(ResourceNotFoundError, match="in/none"):
        create(desk, key="in/none.jpg")
    with pytest.raises(QueueNotFoundError, match="p9"):
        create(desk, make_hash_rule(queue_id="p9"))
    with pytest.raises(TargetNotBoundError):
        create(desk, make_rule(tag="PicProcess", operation=operation))
    with pytest.raises(BucketNotBoundError):
        desk.node_jobs.create(
            NodeJobRequest(bucket="other-1", object_key=KEY, rules=(make_hash_rule(),))
        )


def test_single_job_that_packs_names_no_object(desk: Desk) -> None:
    """FileCompress is planned over nothing, beside operations that read the object named."""
    config = {"Flatten": "0", "Format": "zip", "Prefix": "in/"}
    operation = {
        "FileCompressConfig": config,
        "Output": {"Region": "r", "Bucket": BUCKET, "Object": "o"},
    }
    rule = make_rule(tag="FileCompress", operation=operation)
    both = NodeJobRequest(bucket=BUCKET, object_key=KEY, rules=(rule, make_hash_rule()))
    alone = NodeJobRequest(bucket=BUCKET, object_key="", rules=(rule,))

    made = [*desk.node_jobs.create(both), *desk.node_jobs.create(alone)]

    assert [one.execution.object_key for one in made] == ["", KEY, ""]
    assert desk.node_jobs.get(BUCKET, made[2].view.job_id) == made[2]


def test_single_job_goes_through_the_queue_that_it_names(desk: Desk) -> None:
    """A queue id is taken instead of the family's default."""
    (queue,) = desk.queues.of_family(BUCKET, "file")

    made = create_one(desk, make_hash_rule(queue_id=queue.id))

    assert made.execution.job.queue_ids == (queue.id,)


def test_single_job_reads_a_url_only_where_the_vendor_does(desk: Desk) -> None:
    """Elsewhere an object has to be named by its key."""
    url = f"https://{BUCKET}.cos.r.myqcloud.com/{KEY}"
    request = NodeJobRequest(bucket=BUCKET, object_key="", url=url, rules=(make_hash_rule(),))

    with pytest.raises(InvalidArgumentError, match=r"FileHashCode does not read Input\.Url"):
        desk.node_jobs.create(request)


def test_single_job_url_must_name_an_object_of_the_bucket(desk: Desk) -> None:
    """No server but the bucket's own is ever asked for an object."""
    rule = make_rule(tag="SpeechRecognition")

    with pytest.raises(InvalidArgumentError, match=r"example\.org"):
        desk.node_jobs.create(
            NodeJobRequest(
                bucket=BUCKET, object_key="", url="http://example.org/a.wav", rules=(rule,)
            )
        )
    with pytest.raises(ResourceNotFoundError, match=r"in/b\.wav"):
        desk.node_jobs.create(
            NodeJobRequest(
                bucket=BUCKET, object_key="", url=f"http://{BUCKET}.x/in/b.wav", rules=(rule,)
            )
        )


def test_single_job_is_no_execution_of_a_workflow(desk: Desk) -> None:
    """The list of executions leaves single jobs out."""
    create(desk)

    found, _ = desk.executions.page(ExecutionQuery(bucket=BUCKET))

    assert found == []


def test_single_job_tells_the_name_of_its_template(desk: Desk) -> None:
    """The template that the params came from is named as long as it exists."""
    template = desk.templates.create(BUCKET, "sums", "FileHashCode", {"Type": "SHA1"})
    rule = make_hash_rule(operation={"TemplateId": template.id})
    job_id = create_one(desk, rule).view.job_id

    before = desk.node_jobs.get(BUCKET, job_id)
    desk.templates.delete(BUCKET, template.id)
    after = desk.node_jobs.get(BUCKET, job_id)

    assert (before.template_name, after.template_name) == ("sums", "")
    assert after.view.node.operation["FileHashCodeConfig"] == {"Type": "SHA1"}


def test_batch_job_of_one_operation_has_its_level_and_queue(desk: Desk) -> None:
    """JobLevel becomes the priority, and the queue is the one that is named."""
    (queue,) = desk.queues.of_family(BUCKET, "file")
    rule = make_hash_rule(priority=1, queue_id=queue.id)

    job = desk.jobs.create(make_request(type=JobType.JOB, topology={}, operation=rule))

    assert (job.priority, job.queue_ids) == (1, (queue.id,))
    assert [(one.id, one.name) for one in job.workflows] == [("", "FileHashCode")]
    assert job.workflows[0].topology == rule.topology
    with pytest.raises(QueueNotFoundError):
        desk.jobs.create(make_request(topology={}, operation=make_hash_rule(queue_id="p9")))


def test_node_job_is_found_in_every_state(desk: Desk) -> None:
    """One id leads to a node of an execution from its planning to its end."""
    job = new_batch(desk)
    desk.plan(job, 2)
    job_id = job.address(0, 1, 2).encode("j")

    seen = [desk.node_jobs.get(BUCKET, job_id)]
    chunk = desk.lease(job)
    assert chunk is not None
    seen.append(desk.node_jobs.get(BUCKET, job_id))
    end(desk, job, chunk, SUCCESS, FAILED)
    seen.append(desk.node_jobs.get(BUCKET, job_id))

    assert [one.state for one in seen] == [
        ExecutionState.SUBMITTED,
        ExecutionState.RUNNING,
        ExecutionState.FAILED,
    ]
    assert {one.view.job_id for one in seen} == {job_id}
    assert {one.execution.object_key for one in seen} == {"in/000001.jpg"}
    assert {one.view.node.name for one in seen} == {"facts"}


def test_node_job_of_a_trigger_is_found(desk: Desk) -> None:
    """A node of a single run of a workflow is a job like any other."""
    run_id = desk.jobs.trigger(BUCKET, desk.workflow(two_nodes()).id, KEY, "")
    shown = [view.job_id for view in desk.executions.get(BUCKET, run_id).nodes]

    found = [desk.node_jobs.get(BUCKET, job_id) for job_id in shown]

    assert [one.execution.run_id for one in found] == [run_id, run_id]
    assert [one.view.node.name for one in found] == ["hash", "facts"]


def test_node_job_ids_that_name_nothing_are_not_found(desk: Desk) -> None:
    """Wrong ids, executions, ids of other buckets and ids with a wrong letter name no job."""
    made = create_one(desk)
    address = made.execution.job.address(0, 0, 1)
    desk.bind("other-1")
    wrong = [
        "",
        UNKNOWN,
        made.execution.run_id,
        address.encode("j"),
        address._replace(node=2).encode("f"),
        address._replace(job=9).encode("f"),
        address._replace(tag="abcdef").encode("f"),
    ]

    for job_id in wrong:
        with pytest.raises(ResourceNotFoundError):
            desk.node_jobs.get(BUCKET, job_id)
    with pytest.raises(ResourceNotFoundError):
        desk.node_jobs.get("other-1", made.view.job_id)


def test_node_job_shows_how_far_its_object_is(desk: Desk) -> None:
    """Of a chunk that is half done, the first objects are done and the last have not begun."""
    job = new_batch(desk)
    desk.plan(job, 4)
    chunk = desk.lease(job)
    assert chunk is not None
    with desk.database.write() as transaction:
        chunks.save_progress(transaction, chunk, 0.375)

    shown = [
        desk.node_jobs.get(BUCKET, job.address(0, position, 1).encode("f")).percent
        for position in range(4)
    ]

    assert shown == [99, 50, 0, 0]


def test_single_job_waits_while_its_queue_is_paused(desk: Desk) -> None:
    """A job in a paused queue shows Pause, and can still be cancelled."""
    made = create_one(desk)
    job = made.execution.job
    for event in (JobEvent.START, JobEvent.PAUSE):
        move(desk.database, stored(desk.database, job), event)

    paused = desk.node_jobs.get(BUCKET, made.view.job_id)
    desk.node_jobs.cancel(BUCKET, made.view.job_id)

    assert paused.state is ExecutionState.PAUSE
    assert desk.node_jobs.get(BUCKET, made.view.job_id).state is ExecutionState.CANCEL


def test_single_job_that_nobody_took_up_is_cancelled_at_once(desk: Desk) -> None:
    """It ends, its counters say so, and no engine will find anything to do."""
    made = create_one(desk)

    desk.node_jobs.cancel(BUCKET, made.view.job_id)
    desk.node_jobs.cancel(BUCKET, made.view.job_id)

    job = stored(desk.database, made.execution.job)
    assert (job.state, job.counters) == (JobState.CANCEL, Counters(total=1, cancelled=1))
    assert desk.lease(job) is None
    found = desk.node_jobs.get(BUCKET, made.view.job_id)
    assert (found.state, found.execution.ended_ms) == (ExecutionState.CANCEL, NOW_MS)


def test_single_job_that_an_engine_holds_back_is_cancelled(desk: Desk) -> None:
    """A job that was taken up but whose object waits is taken out of the plan at once."""
    made = create_one(desk)
    move(desk.database, made.execution.job, JobEvent.START)

    desk.node_jobs.cancel(BUCKET, made.view.job_id)

    job = stored(desk.database, made.execution.job)
    assert (job.state, job.cancel_requested_ms) == (JobState.RUNNING, NOW_MS)
    assert job.counters == Counters(total=1, cancelled=1)
    with desk.database.read() as transaction:
        chunk = chunks.find_chunk_of(transaction, job.number, 0, 0)
    assert chunk is not None
    assert chunk.state is ChunkState.CANCELLED


@pytest.mark.parametrize("state", [SUCCESS, FAILED, SKIPPED])
def test_single_job_that_has_started_is_not_cancelled(desk: Desk, state: ExecutionState) -> None:
    """Neither a running nor an ended job can be cancelled, and nothing changes."""
    made = create_one(desk)
    job, chunk = take_up(desk, made)

    with pytest.raises(InvalidArgumentError, match="Running"):
        desk.node_jobs.cancel(BUCKET, made.view.job_id)
    end(desk, job, chunk, state)
    with pytest.raises(InvalidArgumentError, match="Success" if state is SUCCESS else "Failed"):
        desk.node_jobs.cancel(BUCKET, made.view.job_id)

    assert stored(desk.database, job).cancel_requested_ms is None


def test_node_of_a_batch_is_not_cancelled_alone(desk: Desk) -> None:
    """The answer names the batch job that can be cancelled."""
    job = new_batch(desk)
    desk.plan(job, 1)

    with pytest.raises(InvalidArgumentError, match=f"batch job {job.id}: cancel that"):
        desk.node_jobs.cancel(BUCKET, job.address(0, 0, 1).encode("f"))


def test_node_of_an_execution_is_not_cancelled_alone(desk: Desk) -> None:
    """A triggered run of a workflow cannot be cancelled in parts."""
    run_id = desk.jobs.trigger(BUCKET, desk.workflow(two_nodes()).id, KEY, "")
    job_id = desk.executions.get(BUCKET, run_id).nodes[0].job_id

    with pytest.raises(InvalidArgumentError, match=f"execution {run_id}"):
        desk.node_jobs.cancel(BUCKET, job_id)


def test_unknown_node_job_is_not_cancelled(desk: Desk) -> None:
    """An id that names nothing is refused."""
    with pytest.raises(ResourceNotFoundError, match=UNKNOWN):
        desk.node_jobs.cancel(BUCKET, UNKNOWN)


def test_node_job_of_a_cancelled_plan_is_cancelled(desk: Desk) -> None:
    """What a batch job never came to is shown as cancelled."""
    job = new_batch(desk)
    desk.plan(job, 1)
    cancel_planned(desk.database, job)

    found = desk.node_jobs.get(BUCKET, job.address(0, 0, 1).encode("f"))

    assert (found.state, found.code) == (ExecutionState.CANCEL, "Cancel")
