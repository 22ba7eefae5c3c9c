"""Executions on the wire (`wire.md` sections 5.12 and 5.13).

The vendor has no word for an object that a node cannot read. A skipped node is shown as `Cancel`
with the code `Skipped`; an execution in which nothing failed is a `Success`, and its tasks say
which of them were skipped.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.states import ExecutionState
from penstock.domain.trees import text
from penstock.domain.views import Execution, NodeView
from penstock.wire.times import execution_time
from penstock.wire.xml import Content


def encode_execution_entry(execution: Execution) -> dict[str, Content]:
    """One `WorkflowExecutionList` of a list."""
    return {
        "RunId": execution.run_id,
        "WorkflowId": execution.workflow.id,
        "State": _execution_state(execution.state),
        "Object": execution.object_key,
        "CreateTime": execution_time(execution.created_ms),
        "CreationTime": execution_time(execution.created_ms),
    }


def encode_execution(execution: Execution, region: str) -> dict[str, Content]:
    """The `WorkflowExecution` of one execution.

    Args:
        region: The region to name in the URLs of results.
    """
    return {
        "RunId": execution.run_id,
        "WorkflowId": execution.workflow.id,
        "Name": execution.workflow.name,
        "WorkflowName": execution.workflow.name,
        "State": _execution_state(execution.state),
        "Code": execution.code,
        "Message": execution.message,
        "Object": execution.object_key,
        "CreateTime": execution_time(execution.created_ms),
        "Topology": execution.workflow.topology,
        "Tasks": [encode_task(execution, view, region) for view in execution.nodes],
    }


def encode_task(
    execution: Execution,
    view: NodeView,
    region: str,
    *,
    time: Callable[[int | None], str] = execution_time,
) -> dict[str, Content]:
    """One of the `Tasks` of an execution.

    Args:
        time: Writes its times.
    """
    outcome = view.outcome
    is_skipped = outcome.state is ExecutionState.SKIPPED
    encoded: dict[str, Content] = {
        "Type": view.node.type,
        "Name": view.node.name,
        "JobId": view.job_id,
        "CreateTime": time(execution.created_ms),
        "StartTime": time(outcome.started_ms),
        "EndTime": time(outcome.ended_ms),
        "State": ExecutionState.CANCEL if is_skipped else _state_of(outcome),
        "Code": outcome.code,
        "Message": outcome.message,
    }
    template_id = text(view.node.operation, "TemplateId")
    if template_id:
        encoded["TemplateId"] = template_id
    if outcome.outputs:
        encoded["ResultInfo"] = _encode_results(outcome.outputs, region)
    if "MediaInfo" in outcome.facts and not outcome.outputs:
        encoded["FileInfo"] = [_encode_file(execution.object_key, outcome.facts["MediaInfo"])]
    if "JudgementResult" in outcome.facts:
        encoded["JudgementInfo"] = _encode_judgements(execution, outcome, region)
    told = {"MediaInfo", "JudgementResult"}
    encoded.update({name: value for name, value in outcome.facts.items() if name not in told})
    return encoded


def _state_of(outcome: NodeOutcome) -> str:
    """Its state; the vendor's word where a condition was true of some inputs and not of all."""
    judged = {entry["State"] for entry in outcome.facts.get("JudgementResult", ())}
    is_split = outcome.state is ExecutionState.SUCCESS and len(judged) > 1
    return "PartialSuccess" if is_split else outcome.state


def _encode_judgements(
    execution: Execution, outcome: NodeOutcome, region: str
) -> dict[str, Content]:
    """What a condition said of each of its inputs."""
    buckets = {made.key: made.bucket for view in execution.nodes for made in view.outcome.outputs}
    judgements: list[Content] = [
        {
            "ObjectName": entry["ObjectName"],
            "ObjectUrl": _object_url(
                buckets.get(entry["ObjectName"], execution.job.bucket), entry["ObjectName"], region
            ),
            "State": entry["State"],
            "InputObjectInfo": entry["InputObjectInfo"],
        }
        for entry in outcome.facts["JudgementResult"]
    ]
    return {"ObjectCount": len(judgements), "JudgementResult": judgements}


def _encode_results(outputs: Sequence[OutputObject], region: str) -> dict[str, Content]:
    sprites = [output for output in outputs if output.target == "SpriteObject"]
    others = [output for output in outputs if output.target != "SpriteObject"]
    return {
        "ObjectCount": len(others),
        "SpriteObjectCount": len(sprites),
        "ObjectInfo": [_encode_result(output, region) for output in others],
        "SpriteObjectInfo": [_encode_result(output, region) for output in sprites],
    }


def _encode_result(output: OutputObject, region: str) -> dict[str, Content]:
    return {
        "ObjectName": output.key,
        "ObjectUrl": _object_url(output.bucket, output.key, region),
        "InputObjectName": output.input_key,
        "Code": "0",
        "Message": "",
    }


def _object_url(bucket: str, key: str, region: str) -> str:
    path = quote(key.encode(errors="surrogateescape"))
    return f"http://{bucket}.cos.{region}.myqcloud.com/{path}"


def _encode_file(key: str, facts: Mapping[str, Any]) -> dict[str, Content]:
    """`FileInfo`: the first stream of each kind, and the whole of what was found."""
    stream = facts.get("Stream", {})
    first: dict[str, Content] = {
        name: next(iter(stream.get(name) or ()), {}) for name in ("Video", "Audio")
    }
    return {
        "BasicInfo": {"Object": key, "Size": facts.get("Format", {}).get("Size", "")},
        "MediaInfo": {**first, "Format": facts.get("Format", {}), "Stream": stream},
    }


def _execution_state(state: ExecutionState) -> ExecutionState:
    return ExecutionState.SUCCESS if state is ExecutionState.SKIPPED else state
