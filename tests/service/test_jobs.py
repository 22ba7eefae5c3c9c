import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import JobType
from penstock.domain.refusals import (
    BucketNotBoundError,
    ResourceNotFoundError,
    TargetNotBoundError,
    TemplateNotFoundError,
)
from penstock.domain.requests import JobQuery
from penstock.domain.states import ExecutionState, JobEvent, JobState
from penstock.domain.trees import Tree, child, children, text
from penstock.domain.workflows import WorkflowState
from penstock.service.jobs import is_ended
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_hash_topology,
    make_id,
    make_node,
    make_request,
    make_topology,
)
from tests.service.desk import Desk
from tests.state.stored import move, stored

OTHER = "other-1250000000"


def picture(output: Tree) -> Tree:
    """A topology of one node that writes pictures."""
    rule = {"PicProcess": {"ProcessRule": "imageMogr2/format/png"}, "Output": output}
    return make_topology({"thumb": make_node("PicProcess", after_type=rule)})


def only(kind: str) -> Tree:
    """A topology that takes one kind of object."""
    return make_topology(start={"ExtFilter": {"State": "On", kind: "true"}})


def test_job_is_stored_as_it_was_asked_for(desk: Desk) -> None:
    """A new job waits for an engine, with its input, rule and pinned workflow."""
    workflow = desk.workflow()
    request = make_request(
        topology={}, workflow_ids=(workflow.id,), rule={"WorkflowIds": workflow.id}
    )

    job = desk.jobs.create(request)

    assert desk.jobs.get(BUCKET, job.id) == job
    assert job.state is JobState.SUBMITTED
    assert (job.input, job.rule, job.created_ms) == (request.input, request.rule, NOW_MS)
    assert [(one.id, one.name) for one in job.workflows] == [(workflow.id, workflow.name)]
    assert not is_ended(job)


def test_job_pins_the_version_of_its_workflow(desk: Desk) -> None:
    """A workflow that is changed or deleted later does not change the job."""
    workflow = desk.workflow(make_hash_topology("MD5"))
    request = make_request(topology={}, workflow_ids=(workflow.id,))
    job = desk.jobs.create(request)

    desk.workflows.update(
        BUCKET, workflow.id, "other", WorkflowState.PAUSED, make_hash_topology("SHA1")
    )
    later = desk.jobs.create(request)
    desk.workflows.delete(BUCKET, workflow.id)

    assert desk.jobs.get(BUCKET, job.id) == job
    assert job.workflows[0].topology == make_hash_topology("MD5")
    assert later.workflows[0].topology == make_hash_topology("SHA1")
    assert later.workflows[0].digest != job.workflows[0].digest


def test_job_pins_the_params_of_its_templates(desk: Desk) -> None:
    """A template's body is put into the pinned topology and outlives the template."""
    template = desk.templates.create(BUCKET, "sum", "FileHashCode", {"Type": "SHA1"})
    node = make_node("FileHashCode", after_type={"TemplateId": template.id})
    workflow = desk.workflow(make_topology({"hash": node}))
    job = desk.jobs.create(make_request(topology={}, workflow_ids=(workflow.id,)))

    desk.templates.delete(BUCKET, template.id)

    pinned = desk.jobs.get(BUCKET, job.id).workflows[0].topology
    operation = child(child(child(pinned, "Nodes"), "hash"), "Operation")
    assert text(child(operation, "FileHashCodeConfig"), "Type") == "SHA1"
    assert desk.jobs.warnings(job) == []


def test_job_pins_the_marks_of_its_templates(desk: Desk) -> None:
    """Up to three templates of marks win over marks that are written out."""
    ids: list[str | Tree] = [
        desk.templates.create(BUCKET, f"mark{size}", "Watermark", _text_mark(size)).id
        for size in ("10", "20")
    ]
    operation: Tree = {
        "Transcode": {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}},
        "Watermark": _text_mark("30"),
        "WatermarkTemplateId": ids,
        "Output": {"Object": "a.mp4"},
    }
    workflow = desk.workflow(make_topology({"n": make_node("Transcode", after_type=operation)}))

    job = desk.jobs.create(make_request(topology={}, workflow_ids=(workflow.id,)))

    nodes = child(job.workflows[0].topology, "Nodes")
    marks = children(child(child(nodes, "n"), "Operation"), "Watermark")
    assert [text(child(mark, "Text"), "FontSize") for mark in marks] == ["10", "20"]


def test_marks_must_come_from_templates_of_marks(desk: Desk) -> None:
    """A template of something else, or of nothing, cannot be laid over a video."""
    other = desk.templates.create(BUCKET, "sum", "FileHashCode", {"Type": "SHA1"})
    for wanted, error in ((other.id, InvalidArgumentError), ("t9", TemplateNotFoundError)):
        operation: Tree = {
            "Transcode": {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}},
            "WatermarkTemplateId": wanted,
            "Output": {"Object": "a.mp4"},
        }

        with pytest.raises(error, match=wanted):
            desk.workflow(make_topology({"n": make_node("Transcode", after_type=operation)}))


def _text_mark(size: str) -> Tree:
    text = {"Text": "a", "FontSize": size, "FontType": "arial.ttf", "FontColor": "0x000000"}
    place = {"Type": "Text", "Pos": "Top", "LocMode": "Absolute"}
    return {**place, "Text": {**text, "Transparency": "100"}}


def test_job_runs_several_workflows_in_order(desk: Desk) -> None:
    """Workflows keep the order of the request; the job takes what any of them takes."""
    first = desk.workflow(only("Image"), "pictures")
    second = desk.workflow(only("Audio"), "sounds")

    job = desk.jobs.create(make_request(topology={}, workflow_ids=(second.id, first.id)))

    extensions = job.filter.extensions
    assert [one.name for one in job.workflows] == ["sounds", "pictures"]
    assert extensions is not None
    assert {"jpg", "mp3"} <= extensions
    assert "mp4" not in extensions


def test_job_takes_everything_when_one_workflow_does(desk: Desk) -> None:
    """A workflow without a filter opens the selection of the whole job."""
    first = desk.workflow(only("Image"))
    second = desk.workflow()

    job = desk.jobs.create(make_request(topology={}, workflow_ids=(first.id, second.id)))

    assert job.filter.extensions is None


def test_job_of_an_unknown_workflow_is_refused(desk: Desk) -> None:
    """A workflow that the bucket does not have is named; nothing is stored."""
    workflow = desk.workflow()
    unknown = make_id("w", 99)

    with pytest.raises(ResourceNotFoundError, match=unknown):
        desk.jobs.create(make_request(topology={}, workflow_ids=(workflow.id, unknown)))

    assert desk.jobs.page(JobQuery(bucket=BUCKET, types=tuple(JobType))) == ([], None)


def test_job_without_a_workflow_is_refused_with_its_other_faults(desk: Desk) -> None:
    """A missing workflow and a wrong name come in one answer."""
    with pytest.raises(InvalidArgumentError) as caught:
        desk.jobs.create(make_request(topology={}, name="a b"))

    assert len(caught.value.faults) == 2


def test_job_of_an_unbound_bucket_is_refused(desk: Desk) -> None:
    """A job needs a bucket to read from."""
    with pytest.raises(BucketNotBoundError):
        desk.jobs.create(make_request(bucket=OTHER))


def test_job_that_writes_to_an_unbound_bucket_is_refused(desk: Desk) -> None:
    """The bucket that a node writes to must be bound too; then its URL is pinned."""
    topology = picture({"Bucket": OTHER, "Object": "${InputName}.png"})

    with pytest.raises(TargetNotBoundError, match=OTHER):
        desk.jobs.create(make_request(topology=topology))
    folder = desk.bind(OTHER)
    job = desk.jobs.create(make_request(topology=topology))

    assert set(job.buckets) == {BUCKET, OTHER}
    assert job.buckets[OTHER] == f"file://{folder}"


def test_job_keeps_where_its_buckets_were(desk: Desk) -> None:
    """A bucket that is bound anew does not move a job that was made before."""
    job = desk.jobs.create(make_request())
    elsewhere = desk.folder / "elsewhere"
    elsewhere.mkdir()

    desk.buckets.bind(BUCKET, f"file://{elsewhere}")

    assert desk.jobs.get(BUCKET, job.id).buckets == job.buckets


def test_job_passes_through_one_queue_a_family(desk: Desk) -> None:
    """A job waits for the queues of its operations and for no other, each once."""
    topologies = [picture({"Object": "${InputName}.png"}), make_hash_topology()]
    ids = tuple(desk.workflow(topology).id for topology in [*topologies, *topologies])

    job = desk.jobs.create(make_request(topology={}, workflow_ids=ids))

    (pictures,) = desk.queues.of_family(BUCKET, "pic")
    (files,) = desk.queues.of_family(BUCKET, "file")
    assert sorted(job.queue_ids) == sorted([pictures.id, files.id])


@pytest.mark.parametrize(
    ("bound_ms", "is_up_to_now", "expected"),
    [(None, True, NOW_MS), (None, False, None), (7, True, 7)],
)
def test_job_leaves_out_what_is_stored_later_when_it_is_told(
    desk: Desk, bound_ms: int | None, expected: int | None, *, is_up_to_now: bool
) -> None:
    """Without a bound of its own such a job ends with the objects of this moment."""
    job = desk.jobs.create(make_request(modified_to_ms=bound_ms, is_up_to_now=is_up_to_now))

    assert job.filter.modified_to_ms == expected


def test_job_of_another_bucket_is_not_found(desk: Desk) -> None:
    """An id is good in its own bucket only."""
    job = desk.jobs.create(make_request())
    desk.bind(OTHER)

    with pytest.raises(ResourceNotFoundError):
        desk.jobs.get(OTHER, job.id)
    with pytest.raises(ResourceNotFoundError):
        desk.jobs.cancel(OTHER, job.id)
    assert not is_ended(stored(desk.database, job))


def test_job_pages_go_on_where_the_last_one_ended(desk: Desk) -> None:
    """Pages name every job once, newest first, and the last page says so."""
    made = [desk.jobs.create(make_request()) for _ in range(5)]
    found: list[str] = []
    after: int | None = None
    sizes = []

    while True:
        page, after = desk.jobs.page(
            JobQuery(bucket=BUCKET, types=(JobType.WORKFLOW,), after=after, limit=2)
        )
        found += [job.id for job in page]
        sizes.append(len(page))
        if after is None:
            break

    assert found == [job.id for job in reversed(made)]
    assert sizes == [2, 2, 1]


def test_job_that_nobody_took_up_is_cancelled_at_once(desk: Desk) -> None:
    """Cancelling a submitted job ends it; cancelling it again changes nothing."""
    job = desk.jobs.create(make_request())

    desk.jobs.cancel(BUCKET, job.id)
    first = desk.jobs.get(BUCKET, job.id)
    desk.clock.move(1)
    desk.jobs.cancel(BUCKET, job.id)

    assert first.state is JobState.CANCEL
    assert is_ended(first)
    assert desk.jobs.get(BUCKET, job.id) == first


def test_job_that_runs_is_asked_to_cancel(desk: Desk) -> None:
    """A running job is its engine's to end; the first request is the one that counts."""
    job = desk.jobs.create(make_request())
    move(desk.database, job, JobEvent.START)

    desk.jobs.cancel(BUCKET, job.id)
    desk.clock.move(1)
    desk.jobs.cancel(BUCKET, job.id)

    found = desk.jobs.get(BUCKET, job.id)
    assert found.state is JobState.RUNNING
    assert found.cancel_requested_ms == NOW_MS


def test_job_is_found_by_the_command_that_made_it(desk: Desk) -> None:
    """The same command finds its open job again, and no other command does."""
    job = desk.jobs.create(make_request(request_digest="d1"))

    assert desk.jobs.find_open("d1") == job
    assert desk.jobs.find_open("d2") is None


def test_job_dry_run_is_confirmed(desk: Desk) -> None:
    """A confirmed job is no dry run any more."""
    job = desk.jobs.create(make_request(is_dry_run=True))

    desk.jobs.confirm(job)

    assert job.is_dry_run
    assert not desk.jobs.get(BUCKET, job.id).is_dry_run


def test_job_warns_of_outputs_that_overwrite_each_other(desk: Desk) -> None:
    """A pattern that is the same for every object is warned of, not refused."""
    job = desk.jobs.create(make_request(topology=picture({"Object": "out/x.png"})))

    (warning,) = desk.jobs.warnings(job)

    assert warning.startswith("thumb: the output 'out/x.png'")


def test_trigger_runs_one_object(desk: Desk) -> None:
    """A trigger is planned at once; its id finds the execution."""
    (desk.folder / BUCKET / "a.bin").write_bytes(b"abc")
    workflow = desk.workflow()

    run_id = desk.jobs.trigger(BUCKET, workflow.id, "/a.bin", "")

    found = desk.executions.get(BUCKET, run_id)
    assert (found.object_key, found.state) == ("a.bin", ExecutionState.SUBMITTED)
    assert found.job.counters.waiting == found.job.counters.total == 1
    assert found.job.is_expanded


def test_trigger_is_no_batch_job(desk: Desk) -> None:
    """The job behind a trigger is not shown among batch jobs."""
    (desk.folder / BUCKET / "a.bin").write_bytes(b"abc")
    run_id = desk.jobs.trigger(BUCKET, desk.workflow().id, "a.bin", "now")
    job = desk.executions.get(BUCKET, run_id).job

    with pytest.raises(ResourceNotFoundError):
        desk.jobs.get(BUCKET, job.id)


def test_trigger_of_what_does_not_exist_is_refused(desk: Desk) -> None:
    """A missing object, a missing workflow and missing parameters are told apart."""
    (desk.folder / BUCKET / "a.bin").write_bytes(b"abc")
    workflow = desk.workflow()

    with pytest.raises(ResourceNotFoundError, match=r"gone\.bin"):
        desk.jobs.trigger(BUCKET, workflow.id, "gone.bin", "")
    with pytest.raises(ResourceNotFoundError, match="w9"):
        desk.jobs.trigger(BUCKET, "w9", "a.bin", "")
    with pytest.raises(InvalidArgumentError, match=r"object must.*workflowId must"):
        desk.jobs.trigger(BUCKET, "", "", "")
    with pytest.raises(InvalidArgumentError):
        desk.jobs.trigger(BUCKET, workflow.id, "a//b", "")
    with pytest.raises(InvalidArgumentError, match="name may hold"):
        desk.jobs.trigger(BUCKET, workflow.id, "a.bin", "a b")
