"""Batch jobs on the wire (`wire.md` sections 2 and 3)."""

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import MOST_WEIGHT, InputKind, Job, JobType
from penstock.domain.node_jobs import WITHOUT_INPUT
from penstock.domain.operation_rules import OperationCheck, OperationRule
from penstock.domain.requests import JobRequest, name_faults, read_input
from penstock.domain.trees import Tree, child, text
from penstock.wire.operation_rules import read_rule
from penstock.wire.times import job_time, parse_time
from penstock.wire.xml import Content

_NO_TIME = {"", "0", "-"}


def decode_job(bucket: str, tree: Tree, check: OperationCheck) -> JobRequest:
    """Read the body of `POST /inventorytriggerjob`.

    Args:
        check: Tells what is wrong with the tag and the settings of a job of one operation.

    Raises:
        InvalidArgumentError: Something is missing or wrong; names every fault.
    """
    faults = name_faults(text(tree, "Name"))
    type_ = text(tree, "Type") or JobType.WORKFLOW
    if type_ not in {JobType.WORKFLOW, JobType.JOB}:
        faults.append(f"Type must be Workflow or Job, not {type_!r}")
    job_input = read_input({kind: text(child(tree, "Input"), kind) for kind in InputKind}, faults)
    operation = child(tree, "Operation")
    ids = tuple(part.strip() for part in text(operation, "WorkflowIds").split(",") if part.strip())
    if type_ == JobType.WORKFLOW and not ids:
        faults.append("Operation.WorkflowIds must be given")
    rule = _read_operation(operation, check, faults) if type_ == JobType.JOB else None
    interval = child(operation, "TimeInterval")
    start_ms = _read_time(interval, "Start", faults)
    end_ms = _read_time(interval, "End", faults)
    weight = _read_weight(tree, faults)
    if faults:
        raise InvalidArgumentError(*faults)
    return JobRequest(
        bucket=bucket,
        name=text(tree, "Name"),
        type=JobType(type_),
        input=job_input,
        rule=operation,
        operation=rule,
        workflow_ids=ids if rule is None else (),
        modified_from_ms=start_ms,
        modified_to_ms=end_ms,
        is_up_to_now=True,
        weight=weight,
    )


def encode_job(job: Job) -> dict[str, Content]:
    """The `JobsDetail` of a batch job; every field is there, also when it is empty."""
    counters = job.counters
    progress = counters.ended * 100 // counters.total if counters.total else 0
    return {
        "Code": job.code,
        "Message": job.message,
        "Type": job.type,
        "Name": job.name,
        "JobId": job.id,
        "State": job.state,
        "CreationTime": job_time(job.created_ms),
        "StartTime": job_time(job.started_ms),
        "EndTime": job_time(job.ended_ms),
        "Progress": 100 if job.state == "Success" else progress,
        "Input": {job.input.kind: job.input.value},
        "Operation": job.rule,
        "Counters": {
            "IsExpanded": str(job.is_expanded).lower(),
            "Total": counters.total,
            "Succeeded": counters.succeeded,
            "Failed": counters.failed,
            "Skipped": counters.skipped,
            "Cancelled": counters.cancelled,
            "Waiting": counters.waiting,
            "Running": counters.running,
        },
    }


def _read_time(interval: Tree, name: str, faults: list[str]) -> int | None:
    value = text(interval, name)
    if value in _NO_TIME:
        return None
    try:
        return parse_time(value, name=f"Operation.TimeInterval.{name}")
    except InvalidArgumentError as error:
        faults += error.faults
        return None


def _read_weight(tree: Tree, faults: list[str]) -> int:
    """Penstock's own element: the vendor's batch jobs have no shares."""
    value = text(tree, "Weight") or "1"
    if value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= MOST_WEIGHT:
        return int(value)
    faults.append(f"Weight must be a whole number from 1 to {MOST_WEIGHT}, not {value!r}")
    return 1


def _read_operation(
    operation: Tree, check: OperationCheck, faults: list[str]
) -> OperationRule | None:
    """The one operation of a job; None where it is wrong."""
    if text(operation, "Tag") in WITHOUT_INPUT:
        faults.append(
            f"Operation.Tag must not be {text(operation, 'Tag')}, which reads no object of a batch"
        )
    if "JobParam" not in operation:
        faults.append("Operation.JobParam must be given; it may be empty")
    try:
        return read_rule(text(operation, "Tag"), child(operation, "JobParam"), operation, check)
    except InvalidArgumentError as error:
        faults += (f"Operation: {fault}" for fault in error.faults)
        return None
