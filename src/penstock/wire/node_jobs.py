"""The jobs of `/jobs` and its kin on the wire (`wire.md` 8.6); TaskFinish has the same shape."""

from collections.abc import Iterator, Sequence

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import JobType
from penstock.domain.node_jobs import MOST_OPERATIONS, WITHOUT_INPUT, NodeJobRequest
from penstock.domain.operation_rules import OperationCheck, OperationRule
from penstock.domain.states import ExecutionState
from penstock.domain.trees import Tree, child, children, text
from penstock.domain.views import NodeJob
from penstock.wire.operation_rules import read_rule
from penstock.wire.output_files import encode_files
from penstock.wire.times import job_time
from penstock.wire.xml import Content

_ECHOED = ("UserData", "JobLevel")
# What a single job says beside its `Operation`, and a batch job inside of it.
_OUTER = (
    "QueueId",
    "QueueType",
    "CallBack",
    "CallBackFormat",
    "CallBackType",
    "CallBackMqConfig",
    "CallBackKafkaConfig",
)
_NO_PARAMS = {"Tag", "Output", *_ECHOED}


def decode_node_jobs(bucket: str, tree: Tree, check: OperationCheck) -> NodeJobRequest:
    """Read the body of `POST /jobs` and its kin, with one `Operation` or several.

    Args:
        check: Tells what is wrong with a tag and its settings.

    Raises:
        InvalidArgumentError: Something is missing or wrong; names every fault.
    """
    source = child(tree, "Input")
    object_key, url = text(source, "Object").removeprefix("/"), text(source, "Url")
    operations = list(children(tree, "Operation")) or [{}]
    needs_input = any(_tag(tree, operation) not in WITHOUT_INPUT for operation in operations)
    faults = ["Input.Object must be given"] if needs_input and not (object_key or url) else []
    if len(operations) > MOST_OPERATIONS:
        faults.append(f"Operation may stand at most {MOST_OPERATIONS} times")
    rules = list(_read_rules(tree, operations, check, faults))
    if faults:
        raise InvalidArgumentError(*faults)
    return NodeJobRequest(bucket=bucket, object_key=object_key, url=url, rules=tuple(rules))


def _read_rules(
    tree: Tree, operations: Sequence[Tree], check: OperationCheck, faults: list[str]
) -> Iterator[OperationRule]:
    """The operations that are right; what is wrong with the others is noted."""
    shared = {name: tree[name] for name in _OUTER if name in tree}
    for number, operation in enumerate(operations, 1):
        tag = _tag(tree, operation)
        params = {name: value for name, value in operation.items() if name not in _NO_PARAMS}
        kept = {name: operation[name] for name in ("Output", *_ECHOED) if name in operation}
        echo: Tree = {"Tag": tag, "JobParam": params, **kept, **shared}
        try:
            yield read_rule(tag, params, echo, check)
        except InvalidArgumentError as error:
            place = f"Operation {number}: " if len(operations) > 1 else ""
            faults += (f"{place}{fault}" for fault in error.faults)


def _tag(tree: Tree, operation: Tree) -> str:
    return text(operation, "Tag") or text(tree, "Tag")


def encode_node_job(found: NodeJob, region: str) -> dict[str, Content]:
    """One `JobsDetail` of `/jobs`; what belongs to workflows only is left out elsewhere.

    Args:
        region: The region to name where the request named none.
    """
    execution, outcome = found.execution, found.view.outcome
    job = execution.job
    return {
        "Code": found.code,
        "Message": outcome.message,
        "JobId": found.view.job_id,
        "Tag": found.view.node.type,
        "State": found.state,
        "Progress": found.percent,
        "CreationTime": job_time(execution.created_ms),
        "StartTime": job_time(outcome.started_ms),
        "EndTime": job_time(outcome.ended_ms),
        "QueueId": found.queue_id,
        "Input": _encode_input(found, region),
        "Operation": _encode_operation(found, region),
        "Workflow": _encode_workflow(found),
        "InventoryTriggerJobId": None if job.type is JobType.TRIGGER else job.id,
    }


def _encode_input(found: NodeJob, region: str) -> Content:
    """The object; left out where the job was made without one."""
    key = found.execution.object_key
    if not key:
        return None
    return {"BucketId": found.execution.job.bucket, "Region": region, "Object": key}


def _encode_operation(found: NodeJob, region: str) -> dict[str, Content]:
    """The settings as they were asked for, and the results."""
    node, outcome = found.view.node, found.view.outcome
    rule = found.execution.job.rule
    encoded: dict[str, Content] = {**node.operation}
    if found.template_name:
        encoded["TemplateName"] = found.template_name
    encoded.update({name: text(rule, name) for name in _ECHOED if text(rule, name)})
    encoded.update(outcome.facts)
    is_media = found.view.job_id.startswith("j")
    if is_media and outcome.outputs and outcome.state is ExecutionState.SUCCESS:
        encoded["MediaResult"] = {"OutputFile": encode_files(found, region)}
    return encoded


def _encode_workflow(found: NodeJob) -> Content:
    execution = found.execution
    if execution.job.is_single or execution.job.type is JobType.JOB:
        return None
    return {
        "RunId": execution.run_id,
        "WorkflowId": execution.workflow.id,
        "WorkflowName": execution.workflow.name,
        "Name": found.view.node.name,
    }
