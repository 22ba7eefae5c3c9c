"""Makes what readers see of an execution out of what is recorded of it."""

from collections.abc import Callable, Mapping

from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Job, PinnedWorkflow
from penstock.domain.records import ExecutionRow, unpack_outcomes
from penstock.domain.states import ExecutionState
from penstock.domain.views import Execution, NodeView
from penstock.domain.workflows import parse_topology

FamilyLetter = Callable[[str], str]
"""From a node type to the first letter of the ids of its jobs."""


def show_recorded(
    job: Job,
    row: ExecutionRow,
    *,
    planned_ms: int | None,
    letter_of: FamilyLetter,
    with_nodes: bool = True,
) -> Execution:
    """An execution that has come to its end.

    Args:
        planned_ms: When its chunk was planned; None where the chunk is gone.
        with_nodes: Whether the nodes are wanted; they cost the most.
    """
    workflow = job.workflows[row.position % len(job.workflows)]
    outcomes = {one.number: one for one in unpack_outcomes(row.nodes)} if with_nodes else {}
    return Execution(
        run_id=job.address(row.chunk, row.position).encode("i"),
        job=job,
        workflow=workflow,
        object_key=row.object_key,
        state=ExecutionState(row.state),
        code=row.code,
        message=row.message,
        created_ms=row.started_ms if planned_ms is None else planned_ms,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        progress=1.0,
        nodes=show_nodes(job, workflow, (row.chunk, row.position), outcomes, letter_of=letter_of)
        if with_nodes
        else (),
    )


def show_nodes(
    job: Job,
    workflow: PinnedWorkflow,
    place: tuple[int, int],
    outcomes: Mapping[int, NodeOutcome],
    *,
    letter_of: FamilyLetter,
    state: ExecutionState = ExecutionState.CANCEL,
) -> tuple[NodeView, ...]:
    """The nodes of an execution; those without an outcome are in `state`.

    Args:
        place: Chunk and position of the execution.
    """
    code = "Cancel" if state is ExecutionState.CANCEL else "Success"
    return tuple(
        NodeView(
            node=node,
            job_id=job.address(*place, node.number).encode(letter_of(node.type)),
            outcome=outcomes.get(node.number)
            or NodeOutcome(number=node.number, state=state, code=code),
        )
        for node in parse_topology(workflow.topology).nodes
    )
