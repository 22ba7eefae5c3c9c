from penstock.domain.records import pack_outcomes
from penstock.domain.showing import show_nodes, show_recorded
from penstock.domain.states import ExecutionState
from tests.factories import (
    NOW_MS,
    make_job,
    make_node,
    make_outcome,
    make_pinned,
    make_row,
    make_topology,
)

TWO_NODES = make_pinned(topology=make_topology({"a": make_node("A"), "b": make_node("B")}))
JOB = make_job(number=3, workflows=(make_pinned(id="w0"), TWO_NODES))


def letter_of(tag: str) -> str:
    """The family of `B` has another letter than that of everything else."""
    return "c" if tag == "B" else "j"


def test_showing_takes_the_workflow_of_the_position() -> None:
    """Positions go round the workflows of a job; ids are addresses."""
    row = make_row(job=3, chunk=2, position=5, nodes=pack_outcomes([make_outcome()]))

    found = show_recorded(JOB, row, planned_ms=7, letter_of=letter_of)

    assert found.workflow is TWO_NODES
    assert found.run_id == JOB.address(2, 5).encode("i")
    assert (found.created_ms, found.started_ms) == (7, NOW_MS)
    assert [view.job_id for view in found.nodes] == [
        JOB.address(2, 5, 1).encode("j"),
        JOB.address(2, 5, 2).encode("c"),
    ]


def test_showing_gives_nodes_without_outcome_a_state() -> None:
    """What was recorded of a node is shown; the others were cancelled, or are as told."""
    recorded = show_nodes(JOB, TWO_NODES, (0, 1), {1: make_outcome()}, letter_of=letter_of)
    pending = show_nodes(
        JOB, TWO_NODES, (0, 1), {}, letter_of=letter_of, state=ExecutionState.RUNNING
    )

    assert [view.outcome.state for view in recorded] == ["Success", "Cancel"]
    assert recorded[1].outcome.code == "Cancel"
    assert [view.outcome.state for view in pending] == ["Running", "Running"]
    assert pending[0].outcome.code == "Success"


def test_showing_does_without_nodes_and_chunk() -> None:
    """Nodes can be left out; without its chunk an execution counts from its start."""
    found = show_recorded(
        JOB, make_row(nodes="not read"), planned_ms=None, letter_of=letter_of, with_nodes=False
    )

    assert found.nodes == ()
    assert found.created_ms == NOW_MS
