from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import InputKind, JobInput, JobType
from penstock.domain.requests import JobRequest
from penstock.domain.trees import Tree
from penstock.wire.jobs import decode_job, encode_job
from tests.factories import BUCKET, NOW_MS, make_job

OUTPUT = {"Region": "r", "Bucket": BUCKET, "Object": "${InputName}"}


def job_body(**operation: Any) -> dict[str, Any]:  # noqa: ANN401  # any tree
    """A batch job of one operation."""
    rule = {"Tag": "Concat", "JobParam": {"TemplateId": "t1"}, "Output": OUTPUT, **operation}
    return {"Name": "n", "Type": "Job", "Input": {"Prefix": "in/"}, "Operation": rule}


def decode(body: Tree, *faults: str) -> JobRequest:
    """Read a body; the operation has the faults named."""
    return decode_job(BUCKET, body, lambda _tag, _operation: list(faults))


def test_job_of_one_operation_is_decoded() -> None:
    """A job of type Job has an operation, and no workflows."""
    interval = {"Start": "2023-11-14T22:13:20Z", "End": "0"}
    body = job_body(JobLevel="1", TimeInterval=interval, WorkflowIds="w1")

    request = decode(body)

    assert (request.name, request.type, request.bucket) == ("n", JobType.JOB, BUCKET)
    assert request.input == JobInput(kind=InputKind.PREFIX, value="in/")
    assert request.rule == body["Operation"]
    assert request.workflow_ids == ()
    assert request.operation is not None
    assert request.operation.operation == {"TemplateId": "t1", "Output": OUTPUT}
    assert request.operation.priority == 1
    assert (request.modified_from_ms, request.modified_to_ms) == (NOW_MS, None)
    assert request.is_up_to_now


@pytest.mark.parametrize("param", ["", {}])
def test_job_params_may_be_empty(param: object) -> None:
    """An empty JobParam is one, since some operations need nothing."""
    request = decode(job_body(JobParam=param, Tag="MediaInfo", Output=""))

    assert request.operation is not None
    assert request.operation.operation == {}


def test_job_faults_are_named_at_once() -> None:
    """Faults of the job, of its operation and of its time interval come in one error."""
    body = job_body(JobLevel="9", TimeInterval={"Start": "soon"})
    del body["Operation"]["JobParam"]

    with pytest.raises(InvalidArgumentError) as caught:
        decode({**body, "Name": "", "Input": {}}, "Tag must be another")

    found = "\n".join(caught.value.faults)
    for word in ("Name", "Input", "JobParam", "Tag must be another", "JobLevel", "soon"):
        assert word in found


@pytest.mark.parametrize(("written", "weight"), [("", 1), ("1", 1), ("100", 100)])
def test_job_weight_is_decoded(written: str, weight: int) -> None:
    """A job has the share it asks for, and by default that of any other."""
    assert decode({**job_body(), "Weight": written}).weight == weight


@pytest.mark.parametrize("written", ["0", "101", "-1", "1.5", "much", "٣", "9" * 5000])
def test_job_weight_out_of_bounds_is_refused(written: str) -> None:
    """A share that is no whole number from 1 to 100 is a fault of the request."""
    with pytest.raises(InvalidArgumentError, match="Weight"):
        decode({**job_body(), "Weight": written})


def test_job_of_what_reads_no_object_is_refused() -> None:
    """A batch over objects has no use for an operation that looks at none of them."""
    operation = {"Tag": "FileCompress", "JobParam": ""}
    body: Tree = {"Name": "b", "Type": "Job", "Input": {"Prefix": "x/"}, "Operation": operation}

    with pytest.raises(InvalidArgumentError, match="must not be FileCompress"):
        decode_job(BUCKET, body, lambda _tag, _operation: [])


def test_job_of_workflows_reads_no_operation() -> None:
    """For a job of type Workflow, nobody asks whether its operation is right."""
    body = job_body(WorkflowIds="w1, w2")

    request = decode({**body, "Type": "Workflow"}, "never asked")

    assert request.operation is None
    assert request.workflow_ids == ("w1", "w2")


def test_job_of_workflows_needs_one() -> None:
    """A job of type Workflow without a workflow is refused."""
    with pytest.raises(InvalidArgumentError, match=r"Operation\.WorkflowIds must be given"):
        decode({**job_body(), "Type": ""})


def test_job_of_unknown_type_is_refused() -> None:
    """There are two types."""
    with pytest.raises(InvalidArgumentError, match="Type must be Workflow or Job, not 'Both'"):
        decode({**job_body(), "Type": "Both"})


def test_job_is_encoded_with_all_that_was_asked_for() -> None:
    """The Operation of a batch job is echoed as it came."""
    rule = {"Tag": "Concat", "JobParam": "", "QueueId": "p1", "UserData": "x", "JobLevel": "2"}

    encoded = encode_job(make_job(type=JobType.JOB, rule=rule))

    assert encoded["Type"] == "Job"
    assert encoded["Operation"] == rule
