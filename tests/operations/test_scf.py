"""SCF: what a function is told, and which answers can be used."""

from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import (
    FunctionRejectedError,
    InvalidArgumentError,
    ObjectNotFoundError,
)
from penstock.operations.base import Result
from penstock.operations.scf import MOST_OBJECTS, OPERATION
from tests.operations.workspace import FolderWorkspace


@pytest.fixture
def workspace(tmp_path: Path) -> FolderWorkspace:
    """A bucket with an input and what a function may have made of it."""
    for key in ("in.bin", "made.txt"):
        (tmp_path / key).write_text(key)
    return FolderWorkspace(tmp_path, "in.bin")


def run(workspace: FolderWorkspace, answer: Any = None, **words: str) -> Result:  # noqa: ANN401
    """Call the function `work`, which answers this."""
    workspace.answer = answer
    return OPERATION.run(OPERATION.parse({"SCF": {"FunctionName": "work", **words}}), workspace)


def test_scf_tells_a_function_what_the_node_says(workspace: FolderWorkspace) -> None:
    """All that is given is passed on, and nothing that is not."""
    run(workspace, {}, Region="ap-x", Namespace="default", Alias="")

    assert workspace.called == [
        ("work", {"Region": "ap-x", "FunctionName": "work", "Namespace": "default"})
    ]


def test_scf_takes_over_what_a_function_made(workspace: FolderWorkspace) -> None:
    """The objects that it names are outputs, with their facts, each once."""
    result = run(workspace, {"Objects": ["made.txt", "made.txt"], "More": 1})

    (output,) = result.outputs
    assert (output.key, output.size_bytes, output.input_key) == ("made.txt", 8, "in.bin")
    assert result.hands_on


@pytest.mark.parametrize("answer", [{}, {"Objects": None}, {"Message": "done"}])
def test_scf_lets_the_input_flow_on(workspace: FolderWorkspace, answer: object) -> None:
    """A function that names nothing changes nothing."""
    assert run(workspace, answer) == Result()


def test_scf_may_end_the_branch(workspace: FolderWorkspace) -> None:
    """No objects at all means that nothing flows on."""
    assert run(workspace, {"Objects": []}) == Result(hands_on=False, outputs=[])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "JSON that is no object"),
        ("made.txt", "JSON that is no object"),
        (None, "JSON that is no object"),
        ({"Objects": "made.txt"}, "no list of keys"),
        ({"Objects": [""]}, "no list of keys"),
        ({"Objects": [7]}, "no list of keys"),
        ({"Objects": ["图" * 342]}, "no list of keys"),
        ({"Objects": [f"{number}" for number in range(MOST_OBJECTS + 1)]}, "more than 1000"),
    ],
)
def test_scf_refuses_answers_that_cannot_be_used(
    workspace: FolderWorkspace, answer: object, words: str
) -> None:
    """Another shape than the documented one is a failure that names the function."""
    with pytest.raises(FunctionRejectedError, match=words) as caught:
        run(workspace, answer)

    assert "'work'" in str(caught.value)


def test_scf_finds_out_that_an_object_is_not_there(workspace: FolderWorkspace) -> None:
    """A function cannot claim what it has not written."""
    with pytest.raises(ObjectNotFoundError, match=r"lost\.txt"):
        run(workspace, {"Objects": ["made.txt", "lost.txt"]})


def test_scf_needs_a_name_and_no_output() -> None:
    """Both faults are told at once."""
    with pytest.raises(InvalidArgumentError) as caught:
        OPERATION.parse({"SCF": {"Region": "x"}, "Output": {"Object": "a"}})

    assert list(caught.value.faults) == [
        "SCF.FunctionName must be given",
        "Output must be absent: this build does not offer it",
    ]
