"""The jobs of `/jobs` and its kin on the wire (`wire.md` 8.6); TaskFinish has the same shape."""

import re
from collections.abc import Iterator, Sequence

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.executions import OutputObject
from penstock.domain.jobs import JobType
from penstock.domain.node_jobs import MOST_OPERATIONS, NodeJobRequest
from penstock.domain.operation_rules import OperationCheck, OperationRule
from penstock.domain.planning import input_names, output_key
from penstock.domain.selection import extension_of
from penstock.domain.states import ExecutionState
from penstock.domain.trees import Tree, child, children, text
from penstock.domain.views import NodeJob
from penstock.wire.operation_rules import read_rule
from penstock.wire.times import job_time
from penstock.wire.xml import Content

_ECHOED = ("UserData", "JobLevel")
_NUMBER = re.compile(r"\$\{number\}", re.IGNORECASE)
_MD5 = re.compile(r"[0-9a-f]{32}")
_NUMBERED = frozenset({"Snapshot", "Segment"})  # names are told without what they share
_WITHOUT_MD5 = frozenset({"Snapshot", "SmartCover"})
_SPRITE = "SpriteObject"
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
    faults = [] if object_key or url else ["Input.Object must be given"]
    operations = list(children(tree, "Operation")) or [{}]
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
        tag = text(operation, "Tag") or text(tree, "Tag")
        params = {name: value for name, value in operation.items() if name not in _NO_PARAMS}
        kept = {name: operation[name] for name in ("Output", *_ECHOED) if name in operation}
        echo: Tree = {"Tag": tag, "JobParam": params, **kept, **shared}
        try:
            yield read_rule(tag, params, echo, check)
        except InvalidArgumentError as error:
            place = f"Operation {number}: " if len(operations) > 1 else ""
            faults += (f"{place}{fault}" for fault in error.faults)


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
        "Input": {"BucketId": job.bucket, "Region": region, "Object": execution.object_key},
        "Operation": _encode_operation(found, region),
        "Workflow": _encode_workflow(found),
        "InventoryTriggerJobId": None if job.type is JobType.TRIGGER else job.id,
    }


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
        encoded["MediaResult"] = {"OutputFile": _encode_files(found, region)}
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


def _encode_files(found: NodeJob, region: str) -> dict[str, Content]:
    outputs = found.view.outcome.outputs
    sprites = [output for output in outputs if output.target == _SPRITE]
    encoded = _encode_file(found, [one for one in outputs if one.target != _SPRITE], region)
    if sprites:
        encoded["SpriteOutputFile"] = _encode_file(found, sprites, region)
    return encoded


def _encode_file(
    found: NodeJob, outputs: Sequence[OutputObject], region: str
) -> dict[str, Content]:
    node = found.view.node
    prefix = _shared_prefix(found, outputs) if node.type in _NUMBERED else ""
    md5s: list[Content] = [_encode_md5(output) for output in outputs]
    return {
        "Bucket": found.view.outcome.outputs[0].bucket,
        "Region": text(child(node.operation, "Output"), "Region") or region,
        "ObjectPrefix": prefix,
        "ObjectName": [output.key.removeprefix(prefix) for output in outputs],
        "Md5Info": "" if node.type in _WITHOUT_MD5 else md5s,
    }


def _encode_md5(output: OutputObject) -> dict[str, Content]:
    """The MD5 of an output; empty where the store's tag is another thing."""
    return {
        "ObjectName": output.key,
        "Md5": output.etag if _MD5.fullmatch(output.etag) else "",
    }


def _shared_prefix(found: NodeJob, outputs: Sequence[OutputObject]) -> str:
    """What stands before the number in every key (`nodes.md` 4.2); empty where nothing does."""
    first = next(iter(outputs), None)
    pattern = "" if first is None else _pattern(found, first)
    number = _NUMBER.search(pattern)
    if first is None or number is None:
        return ""
    prefix = output_key(pattern[: number.start()], _names(found, first))
    return prefix if all(output.key.startswith(prefix) for output in outputs) else ""


def _pattern(found: NodeJob, output: OutputObject) -> str:
    return text(child(found.view.node.operation, "Output"), output.target)


def _names(found: NodeJob, output: OutputObject) -> dict[str, str]:
    """What placeholders stood for when the output was named."""
    return {
        **input_names(output.input_key),
        "runid": found.execution.run_id,
        "jobid": found.view.job_id,
        "inventorytriggerjobid": found.execution.job.id,
        "ext": extension_of(output.key),
    }
