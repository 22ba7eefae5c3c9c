"""The bodies of callbacks (`wire.md` section 9), in XML and JSON.

In JSON the names are the same, every leaf is a string, what may be repeated is an array, and an
empty leaf is an empty string.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

from penstock.domain.callbacks import CallbackEvent, CallbackFormat
from penstock.domain.states import ExecutionState
from penstock.domain.trees import text
from penstock.domain.views import Execution, NodeJob, NodeView
from penstock.wire.executions import encode_task
from penstock.wire.node_jobs import encode_node_job
from penstock.wire.times import callback_time
from penstock.wire.xml import Content, write

Json: TypeAlias = "str | Mapping[str, Json] | Sequence[Json]"

CONTENT_TYPES = {
    CallbackFormat.XML: "application/xml",
    CallbackFormat.JSON: "application/json",
}


def encode_task_finish(found: NodeJob, region: str) -> dict[str, Content]:
    """Tells that a node has come to its end: the answer of `GET /jobs/<id>`, and what happened.

    Args:
        region: The region to name where the request named none.
    """
    return {
        "EventName": CallbackEvent.TASK_FINISH,
        "JobsDetail": [encode_node_job(found, region)],
    }


def encode_workflow_finish(
    execution: Execution, region: str, *, template_names: Mapping[str, str]
) -> dict[str, Content]:
    """Tells that an execution has come to its end, well unless something failed.

    Args:
        region: The region to name in the URLs of results.
        template_names: Names of the templates that nodes took their params from, by id.
    """
    is_failed = execution.state is ExecutionState.FAILED
    return {
        "EventName": CallbackEvent.WORKFLOW_FINISH,
        "WorkflowExecution": {
            "WorkflowId": execution.workflow.id,
            "WorkflowName": execution.workflow.name,
            "RunId": execution.run_id,
            "State": ExecutionState.FAILED if is_failed else ExecutionState.SUCCESS,
            "BucketId": execution.job.bucket,
            "Object": execution.object_key,
            "CreateTime": callback_time(execution.created_ms),
            "Tasks": [
                _encode_task(execution, view, region, template_names) for view in execution.nodes
            ],
        },
    }


def write_body(tree: Mapping[str, Content], form: CallbackFormat) -> bytes:
    """The bytes of a body, in UTF-8."""
    if form is CallbackFormat.XML:
        return write("Response", tree)
    return json.dumps(_as_json(tree), ensure_ascii=False).encode("utf-8", "replace")


def sign_body(secret: str, time_ms: int, body: bytes) -> str:
    """A signature that only holders of the secret can make: `t=<seconds>,v1=<64 hex digits>`.

    The digits are HMAC-SHA256 over the seconds, a full stop and the body.

    Args:
        time_ms: The present time, so that receivers can refuse what was sent long ago.
    """
    seconds = str(time_ms // 1000)
    signed = b".".join((seconds.encode(), body))
    return f"t={seconds},v1={hmac.new(secret.encode(), signed, sha256).hexdigest()}"


def _encode_task(
    execution: Execution, view: NodeView, region: str, template_names: Mapping[str, str]
) -> dict[str, Content]:
    encoded = encode_task(execution, view, region, time=callback_time)
    template_id = text(view.node.operation, "TemplateId")
    if template_id in template_names:
        encoded["TemplateName"] = template_names[template_id]
    return encoded


def _as_json(value: Content) -> Json:
    if isinstance(value, Mapping):
        return {name: _as_json(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
