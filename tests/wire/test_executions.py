"""What conditions decided, on the wire."""

from typing import Any

import pytest

from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.views import Execution, NodeView
from penstock.domain.workflows import Node
from penstock.wire.executions import encode_execution
from penstock.wire.xml import parse, write
from tests.factories import BUCKET, make_execution, make_id, make_outcome

OTHER = "other-1250000000"


def view(number: int, type_: str, outcome: NodeOutcome) -> NodeView:
    """A node and what it came to."""
    node = Node(number=number, name=type_, type=type_, operation={}, predecessors=(number - 1,))
    return NodeView(node=node, job_id=make_id("j", number), outcome=outcome)


def judged(*entries: tuple[str, str]) -> Execution:
    """An execution in which a condition judged results of a node before it, and its source."""
    made = OutputObject(OTHER, "out/图.png", 3, "e", "Object", "a.png")
    facts = [
        {"ObjectName": key, "State": state, "InputObjectInfo": {"ImageWidth": "8"}}
        for key, state in entries
    ]
    return make_execution(
        object_key="a.png",
        nodes=(
            view(1, "PicProcess", make_outcome(outputs=(made,))),
            view(2, "Condition", make_outcome(number=2, facts={"JudgementResult": facts})),
        ),
    )


def task_of(execution: Execution) -> Any:  # noqa: ANN401  # a tree to be looked into
    """The task of the condition, as a client reads it."""
    _, tree = parse(write("Response", encode_execution(execution, "ap-x")))
    tasks: Any = tree["Tasks"]
    return tasks[1]


def test_judgement_has_the_fields_of_the_vendor() -> None:
    """Each input stands there with its place, the answer and what was looked up."""
    task = task_of(judged(("out/图.png", "Success"), ("a.png", "Success")))

    assert task["State"] == "Success"
    assert "JudgementResult" not in task
    assert task["JudgementInfo"] == {
        "ObjectCount": "2",
        "JudgementResult": [
            {
                "ObjectName": "out/图.png",
                "ObjectUrl": f"http://{OTHER}.cos.ap-x.myqcloud.com/out/%E5%9B%BE.png",
                "State": "Success",
                "InputObjectInfo": {"ImageWidth": "8"},
            },
            {
                "ObjectName": "a.png",
                "ObjectUrl": f"http://{BUCKET}.cos.ap-x.myqcloud.com/a.png",
                "State": "Success",
                "InputObjectInfo": {"ImageWidth": "8"},
            },
        ],
    }


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["Success", "Failed"], "PartialSuccess"),
        (["Failed", "Failed"], "Success"),
        (["Success"], "Success"),
    ],
)
def test_judgement_of_some_is_a_partial_success(states: list[str], expected: str) -> None:
    """A condition that was true of some of its inputs has the vendor's word for that."""
    task = task_of(judged(*((f"{number}.png", one) for number, one in enumerate(states))))

    assert task["State"] == expected
