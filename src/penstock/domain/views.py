"""An execution as readers see it: recorded or not, with its workflow and its nodes."""

from dataclasses import dataclass

from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Job, PinnedWorkflow
from penstock.domain.states import ExecutionState
from penstock.domain.workflows import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node of an execution and what it came to.

    Attributes:
        node: The node.
        job_id: Its own id.
        outcome: What it came to; its state is Submitted or Running before its end.
    """

    node: Node
    job_id: str
    outcome: NodeOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One object going through one workflow.

    Attributes:
        run_id: Its id.
        job: The job that it belongs to.
        workflow: The workflow as it was pinned.
        object_key: The source object.
        state: What it came to, or how far it is.
        code: `Success`, or what went wrong.
        message: One sentence for a person; may be empty.
        created_ms: When it was planned, milliseconds since 1970 UTC.
        started_ms: When it began; 0 before.
        ended_ms: When it ended; 0 before.
        nodes: Its nodes in order; empty in lists.
    """

    run_id: str
    job: Job
    workflow: PinnedWorkflow
    object_key: str
    state: ExecutionState
    code: str
    message: str
    created_ms: int
    started_ms: int
    ended_ms: int
    nodes: tuple[NodeView, ...] = ()
