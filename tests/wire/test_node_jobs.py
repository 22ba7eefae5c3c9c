from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.executions import OutputObject
from penstock.domain.jobs import JobType
from penstock.domain.states import ExecutionState
from penstock.domain.trees import Tree
from penstock.domain.workflows import Node
from penstock.wire.node_jobs import decode_node_jobs, encode_node_job
from tests.factories import (
    BUCKET,
    make_execution,
    make_id,
    make_job,
    make_node_job,
    make_node_view,
    make_outcome,
    make_pinned,
)

REGION = "ap-test"
CREATED = "2023-11-15T06:13:20+0800"


def accept(_tag: str, _operation: Tree) -> list[str]:
    """Find nothing wrong with any operation."""
    return []


def body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any tree
    """A single job that hashes an object."""
    params = {"FileHashCodeConfig": {"Type": "MD5"}}
    return {"Tag": "FileHashCode", "Input": {"Object": "a.txt"}, "Operation": params, **changes}


def test_single_job_is_decoded_in_the_words_of_a_batch_job() -> None:
    """What stands beside Operation here, and inside of it in a batch job, is echoed inside."""
    operation = {
        "TemplateId": "t1",
        "Output": {"Object": "o"},
        "UserData": "x",
        "JobLevel": "1",
    }
    outer = {"QueueId": "p1", "CallBack": "http://h/", "CallBackFormat": "JSON"}

    request = decode_node_jobs(BUCKET, body(Operation=operation, **outer), accept)

    (rule,) = request.rules
    assert (request.bucket, request.object_key, request.url) == (BUCKET, "a.txt", "")
    assert (rule.tag, rule.queue_id, rule.priority) == ("FileHashCode", "p1", 1)
    assert rule.operation == {"TemplateId": "t1", "Output": {"Object": "o"}}
    assert rule.echo == {
        "Tag": "FileHashCode",
        "JobParam": {"TemplateId": "t1"},
        "Output": {"Object": "o"},
        "UserData": "x",
        "JobLevel": "1",
        **outer,
    }


def test_single_job_may_have_several_operations() -> None:
    """Without a tag of its own, a request has one rule for each of its operations."""
    operations = [{"Tag": "MediaInfo"}, {"Tag": "Noop", "JobLevel": "2"}]

    request = decode_node_jobs(BUCKET, body(Tag="", Operation=operations), accept)

    assert [(rule.tag, rule.priority) for rule in request.rules] == [("MediaInfo", 0), ("Noop", 2)]


def test_single_job_without_operation_has_a_rule() -> None:
    """An operation without settings may leave Operation out."""
    request = decode_node_jobs(BUCKET, {"Tag": "MediaInfo", "Input": {"Object": "a"}}, accept)

    assert [rule.tag for rule in request.rules] == ["MediaInfo"]
    assert request.rules[0].operation == {}


def test_single_job_may_name_its_object_by_url() -> None:
    """A URL is kept as it is; whether it may be used depends on the operation."""
    request = decode_node_jobs(BUCKET, body(Input={"Url": "https://b/a.txt"}), accept)

    assert (request.object_key, request.url) == ("", "https://b/a.txt")


def test_single_job_drops_one_leading_slash_of_its_object() -> None:
    """A key is taken as in the other calls."""
    assert decode_node_jobs(BUCKET, body(Input={"Object": "/a"}), accept).object_key == "a"


def test_single_job_faults_are_named_at_once() -> None:
    """Every fault of every operation is named, with the operation's number."""
    operations = [{"JobLevel": "7"}, {"UserData": "é"}]

    with pytest.raises(InvalidArgumentError) as caught:
        decode_node_jobs(BUCKET, body(Input="", Operation=operations), lambda *_: ["no tag"])

    assert caught.value.faults == (
        "Input.Object must be given",
        "Operation 1: no tag",
        "Operation 1: JobLevel must be one of 0, 1, 2, not '7'",
        "Operation 2: no tag",
        "Operation 2: UserData must be at most 1024 printable ASCII characters",
    )


@pytest.mark.parametrize("given", [{}, {"Input": {"Object": "ignored"}}])
def test_single_job_that_packs_needs_no_input(given: dict[str, Any]) -> None:
    """FileCompress is told by its params what to read."""
    tree = {"Tag": "FileCompress", "Operation": {}, **given}

    (rule,) = decode_node_jobs(BUCKET, tree, accept).rules

    assert rule.tag == "FileCompress"


def test_single_job_that_packs_among_others_needs_an_input() -> None:
    """One operation that reads an object is enough to ask for it."""
    tree: Tree = {"Operation": [{"Tag": "FileCompress"}, {"Tag": "FileHashCode"}]}

    with pytest.raises(InvalidArgumentError, match=r"Input\.Object"):
        decode_node_jobs(BUCKET, tree, accept)


def test_node_job_without_an_object_tells_no_input() -> None:
    """A job that reads no object shows none."""
    execution = make_execution(object_key="")

    assert encode_node_job(make_node_job(execution=execution), REGION)["Input"] is None


def test_single_job_has_six_operations_at_most() -> None:
    """A seventh operation is refused."""
    with pytest.raises(InvalidArgumentError, match="at most 6 times"):
        decode_node_jobs(BUCKET, body(Operation=[{"A": "b"}] * 7), accept)


def test_node_job_of_a_workflow_is_encoded() -> None:
    """A node of a batch of a workflow tells its workflow, its batch and its results."""
    facts = {"FileHashCodeResult": {"MD5": "0" * 32}}
    view = make_node_view(outcome=make_outcome(facts=facts))
    execution = make_execution()

    encoded = encode_node_job(make_node_job(execution=execution, view=view), REGION)

    assert encoded == {
        "Code": "Success",
        "Message": "",
        "JobId": make_id("f", 1),
        "Tag": "FileHashCode",
        "State": "Success",
        "Progress": 100,
        "CreationTime": CREATED,
        "StartTime": CREATED,
        "EndTime": CREATED,
        "QueueId": make_id("p", 1),
        "Input": {"BucketId": BUCKET, "Region": REGION, "Object": "in/photo.jpg"},
        "Operation": {"FileHashCodeConfig": {"Type": "MD5"}, **facts},
        "Workflow": {
            "RunId": execution.run_id,
            "WorkflowId": make_id("w", 1),
            "WorkflowName": "previews",
            "Name": "hash",
        },
        "InventoryTriggerJobId": execution.job.id,
    }


@pytest.mark.parametrize(
    ("type_", "workflow_id", "has_workflow", "has_batch"),
    [
        (JobType.WORKFLOW, "w1", True, True),
        (JobType.JOB, "", False, True),
        (JobType.TRIGGER, "w1", True, False),
        (JobType.TRIGGER, "", False, False),
    ],
)
def test_node_job_tells_what_it_belongs_to(
    *, type_: JobType, workflow_id: str, has_workflow: bool, has_batch: bool
) -> None:
    """Only nodes of workflows tell a workflow, and only those of batches a batch job."""
    job = make_job(type=type_, workflows=(make_pinned(id=workflow_id),))

    encoded = encode_node_job(make_node_job(execution=make_execution(job=job)), REGION)

    assert (encoded["Workflow"] is not None) == has_workflow
    assert (encoded["InventoryTriggerJobId"] is not None) == has_batch


def test_node_job_that_has_not_started_has_no_times_and_no_results() -> None:
    """What has not happened is a dash."""
    outcome = make_outcome(state=ExecutionState.SUBMITTED, started_ms=0, ended_ms=0)

    encoded = encode_node_job(make_node_job(view=make_node_view(outcome=outcome)), REGION)

    assert (encoded["StartTime"], encoded["EndTime"], encoded["Progress"]) == ("-", "-", 0)
    assert encoded["CreationTime"] == CREATED


def test_node_job_echoes_what_was_asked_for() -> None:
    """Params, template, output, level and user data are told, callbacks are not."""
    job = make_job(rule={"UserData": "x", "JobLevel": "1", "CallBack": "no", "Tag": "Noop"})
    operation: Tree = {"TemplateId": "t1", "Output": {"Object": "o"}}
    node = Node(number=1, name="n", type="Noop", operation=operation, predecessors=(0,))
    found = make_node_job(
        execution=make_execution(job=job), view=make_node_view(node=node), template_name="small"
    )

    encoded = encode_node_job(found, REGION)

    assert encoded["Operation"] == {
        **operation,
        "TemplateName": "small",
        "UserData": "x",
        "JobLevel": "1",
    }


@pytest.mark.parametrize(
    ("letter", "state", "has_files"),
    [("j", "Success", True), ("j", "Failed", False), ("c", "Success", False)],
)
def test_node_job_lists_the_files_of_media_jobs_that_succeeded(
    *, letter: str, state: str, has_files: bool
) -> None:
    """MediaResult is there exactly when a media job succeeded and wrote something."""
    output = OutputObject(BUCKET, "out/a.mp4", 3, "0" * 32)
    outcome = make_outcome(state=ExecutionState(state), outputs=(output,))
    view = make_node_view(job_id=make_id(letter, 1), outcome=outcome)

    encoded = encode_node_job(make_node_job(view=view), REGION)

    assert isinstance(encoded["Operation"], dict)
    assert ("MediaResult" in encoded["Operation"]) == has_files


def test_node_job_of_one_object_that_cannot_be_read_has_failed() -> None:
    """Who asks for one operation on one object hears that it cannot be carried out."""
    job = make_job(type=JobType.TRIGGER, workflows=(make_pinned(id=""),))
    outcome = make_outcome(state=ExecutionState.SKIPPED, code="Skipped", message="not read")
    found = make_node_job(execution=make_execution(job=job), view=make_node_view(outcome=outcome))

    encoded = encode_node_job(found, REGION)

    assert (encoded["State"], encoded["Code"]) == ("Failed", "ResourceNotSupported")
    assert (encoded["Message"], encoded["Progress"]) == ("not read", 0)


def test_node_job_that_is_passed_over_in_a_batch_shows_cancel() -> None:
    """The vendor has no word for a node that was skipped; the code tells it from a cancelled."""
    outcome = make_outcome(state=ExecutionState.SKIPPED, code="Skipped")

    encoded = encode_node_job(make_node_job(view=make_node_view(outcome=outcome)), REGION)

    assert (encoded["State"], encoded["Code"]) == ("Cancel", "Skipped")


def test_node_job_shows_its_progress_while_it_runs() -> None:
    """A running job is never shown as done."""
    outcome = make_outcome(state=ExecutionState.RUNNING, started_ms=0, ended_ms=0)
    view = make_node_view(outcome=outcome)

    shown = [
        encode_node_job(
            make_node_job(execution=make_execution(progress=progress), view=view), REGION
        )["Progress"]
        for progress in (0.0, 0.425, 1.0)
    ]

    assert shown == [0, 42, 99]
