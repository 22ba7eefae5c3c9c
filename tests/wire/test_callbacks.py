import hmac
import json
from hashlib import sha256
from typing import Any

import pytest

from penstock.domain.callbacks import CallbackFormat
from penstock.domain.executions import OutputObject
from penstock.domain.states import ExecutionState
from penstock.domain.views import Execution, NodeJob, NodeView
from penstock.domain.workflows import Node
from penstock.wire.callbacks import (
    encode_task_finish,
    encode_workflow_finish,
    sign_body,
    write_body,
)
from penstock.wire.executions import encode_execution
from penstock.wire.node_jobs import encode_node_job
from penstock.wire.xml import Content, parse
from tests.factories import BUCKET, make_execution, make_id, make_outcome

REGION = "ap-chongqing"
CREATED_MS = 1_706_839_200_000  # 2024-02-02T10:00:00+0800
TEMPLATE = make_id("t", 7)


def finished(state: ExecutionState = ExecutionState.SUCCESS, **changes: Any) -> Execution:  # noqa: ANN401  # any field
    """An execution of one transcode, ended as told."""
    node = Node(
        number=1,
        name="Transcode_1",
        type="Transcode",
        operation={"TemplateId": TEMPLATE, "Output": {"Object": "done/${InputName}.mp4"}},
        predecessors=(0,),
    )
    outcome = make_outcome(
        state=state,
        code="Success" if state is ExecutionState.SUCCESS else "ResourceNotSupported",
        message="" if state is ExecutionState.SUCCESS else "no film",
        started_ms=CREATED_MS + 1000,
        ended_ms=CREATED_MS + 9000,
        outputs=(OutputObject(BUCKET, "done/a.mp4", 3, "e", "Object", "upload/a.mov"),),
    )
    execution = make_execution(
        object_key="upload/a.mov",
        state=state,
        created_ms=CREATED_MS,
        nodes=(NodeView(node=node, job_id=make_id("j", 9), outcome=outcome),),
    )
    return make_execution(**{**_fields(execution), **changes})


def _fields(execution: Execution) -> dict[str, Any]:
    return {name: getattr(execution, name) for name in Execution.__dataclass_fields__}


def workflow_finish(execution: Execution) -> Any:  # noqa: ANN401  # a tree to be looked into
    """The body of the execution's end, as a receiver of JSON reads it."""
    tree = encode_workflow_finish(execution, REGION, template_names={TEMPLATE: "mp4-720"})
    return json.loads(write_body(tree, CallbackFormat.JSON))


def node_job(execution: Execution) -> NodeJob:
    """The one node of an execution as a job of its own."""
    return NodeJob(
        execution=execution,
        view=execution.nodes[0],
        queue_id=make_id("p", 1),
        template_name="mp4-720",
    )


def test_workflow_finish_has_the_fields_of_the_reference() -> None:
    """Every field stands where `wire.md` 9.3 has it, with its own format of time."""
    execution = finished()

    body = workflow_finish(execution)

    (task,) = body["WorkflowExecution"].pop("Tasks")
    assert body == {
        "EventName": "WorkflowFinish",
        "WorkflowExecution": {
            "WorkflowId": execution.workflow.id,
            "WorkflowName": "previews",
            "RunId": execution.run_id,
            "State": "Success",
            "BucketId": BUCKET,
            "Object": "upload/a.mov",
            "CreateTime": "2024-02-02 10:00:00+0800",
        },
    }
    assert task == {
        "Type": "Transcode",
        "Name": "Transcode_1",
        "JobId": make_id("j", 9),
        "CreateTime": "2024-02-02 10:00:00+0800",
        "StartTime": "2024-02-02 10:00:01+0800",
        "EndTime": "2024-02-02 10:00:09+0800",
        "State": "Success",
        "Code": "Success",
        "Message": "",
        "TemplateId": TEMPLATE,
        "TemplateName": "mp4-720",
        "ResultInfo": {
            "ObjectCount": "1",
            "SpriteObjectCount": "0",
            "ObjectInfo": [
                {
                    "ObjectName": "done/a.mp4",
                    "ObjectUrl": f"http://{BUCKET}.cos.{REGION}.myqcloud.com/done/a.mp4",
                    "InputObjectName": "upload/a.mov",
                    "Code": "0",
                    "Message": "",
                }
            ],
            "SpriteObjectInfo": [],
        },
    }


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (ExecutionState.SUCCESS, "Success"),
        (ExecutionState.SKIPPED, "Success"),
        (ExecutionState.FAILED, "Failed"),
    ],
)
def test_workflow_finish_is_a_success_or_a_failure(state: ExecutionState, shown: str) -> None:
    """The vendor has two words for the end of an execution."""
    assert workflow_finish(finished(state))["WorkflowExecution"]["State"] == shown


def test_workflow_finish_leaves_out_templates_that_are_gone() -> None:
    """The id stays, the name is left out."""
    tree = encode_workflow_finish(finished(), REGION, template_names={})

    (task,) = json.loads(write_body(tree, CallbackFormat.JSON))["WorkflowExecution"]["Tasks"]

    assert task["TemplateId"] == TEMPLATE
    assert "TemplateName" not in task


def test_callback_times_do_not_change_those_of_other_answers() -> None:
    """The detail of an execution keeps its own format of time."""
    tasks: Any = encode_execution(finished(), REGION)["Tasks"]

    assert tasks[0]["StartTime"] == "2024-02-02T10:00:01+08:00"


def test_task_finish_is_what_the_job_call_answers() -> None:
    """JobsDetail is an array of one, the same as of `GET /jobs/<id>`."""
    found = node_job(finished())

    tree = encode_task_finish(found, REGION)

    assert tree == {"EventName": "TaskFinish", "JobsDetail": [encode_node_job(found, REGION)]}


def test_task_finish_has_the_fields_of_the_reference() -> None:
    """Every field of `wire.md` 9.2 is there, also for a failure."""
    found = node_job(finished(ExecutionState.FAILED))

    tree = encode_task_finish(found, REGION)
    (detail,) = json.loads(write_body(tree, CallbackFormat.JSON))["JobsDetail"]

    expected = {
        "Code": "ResourceNotSupported",
        "Message": "no film",
        "JobId": make_id("j", 9),
        "Tag": "Transcode",
        "State": "Failed",
        "CreationTime": "2024-02-02T10:00:00+0800",
        "StartTime": "2024-02-02T10:00:01+0800",
        "EndTime": "2024-02-02T10:00:09+0800",
        "QueueId": make_id("p", 1),
        "Input": {"BucketId": BUCKET, "Region": REGION, "Object": "upload/a.mov"},
    }
    assert {name: detail[name] for name in expected} == expected
    assert detail["Operation"]["TemplateId"] == TEMPLATE
    assert detail["Workflow"] == {
        "Name": "Transcode_1",
        "RunId": found.execution.run_id,
        "WorkflowId": found.execution.workflow.id,
        "WorkflowName": "previews",
    }


def test_bodies_say_the_same_in_both_formats() -> None:
    """What XML has, JSON has under the same names, and all leaves are texts."""
    tree = encode_task_finish(node_job(finished()), REGION)

    root, from_xml = parse(write_body(tree, CallbackFormat.XML))
    from_json = json.loads(write_body(tree, CallbackFormat.JSON))

    assert root == "Response"
    assert flat(from_xml) == flat(from_json)


def flat(value: Any) -> list[tuple[str, str]]:  # noqa: ANN401  # any tree
    """Paths and leaves of a tree; an array is its elements, one after the other."""
    if isinstance(value, dict):
        return [
            (f"{name}.{path}", leaf) for name, inner in value.items() for path, leaf in flat(inner)
        ]
    if isinstance(value, list):
        return [pair for inner in value for pair in flat(inner)]
    assert isinstance(value, str)
    return [("", value)]


def test_json_bodies_hold_texts_arrays_and_nothing_absent() -> None:
    """Numbers and truth values become texts, what is None is left out, keys keep their letters."""
    tree: dict[str, Content] = {
        "A": 1,
        "B": True,
        "C": None,
        "D": "",
        "E": ["x", {"F": 2}],
        "G": {},
        "H": "名",
    }

    body = write_body(tree, CallbackFormat.JSON)

    expected = {"A": "1", "B": "true", "D": "", "E": ["x", {"F": "2"}], "G": {}, "H": "名"}
    assert json.loads(body) == expected
    assert "名".encode() in body


def test_json_bodies_are_always_utf8() -> None:
    """A lone surrogate does not stop a callback."""
    assert json.loads(write_body({"Key": "a\udcff"}, CallbackFormat.JSON)) == {"Key": "a?"}


def test_signature_can_be_checked_with_the_secret() -> None:
    """The header has the time and the HMAC-SHA256 of time, full stop and body."""
    body = b"<Response></Response>"

    header = sign_body("s3cret", CREATED_MS, body)

    signed = b"1706839200." + body
    expected = hmac.new(b"s3cret", signed, sha256).hexdigest()
    assert header == f"t=1706839200,v1={expected}"


def test_signature_depends_on_everything() -> None:
    """Another secret, time or body gives another signature."""
    first = sign_body("a", 1000, b"x")

    assert len({first, sign_body("b", 1000, b"x"), sign_body("a", 2000, b"x")}) == 3
    assert sign_body("a", 1000, b"y") != first


def test_workflow_finish_of_many_nodes_has_all_of_them() -> None:
    """Tasks is an array also of one, and of many in their order."""
    one = finished()
    second = NodeView(
        node=Node(number=2, name="Sum", type="Noop", operation={}, predecessors=(0,)),
        job_id=make_id("j", 10),
        outcome=make_outcome(number=2, state=ExecutionState.SKIPPED, code="Skipped"),
    )

    body = workflow_finish(finished(nodes=(*one.nodes, second)))

    tasks = body["WorkflowExecution"]["Tasks"]
    assert [(task["Name"], task["State"]) for task in tasks] == [
        ("Transcode_1", "Success"),
        ("Sum", "Cancel"),
    ]
