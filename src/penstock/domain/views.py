"""An execution as readers see it: recorded or not, with its workflow and its nodes."""

from dataclasses import dataclass

from penstock.domain.errors import UnsupportedInputError
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
        progress: Share of its work that is done, from 0 to 1, as last heard.
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
    progress: float = 0.0
    nodes: tuple[NodeView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeJob:
    """A node of an execution as a job of its own: what `GET /jobs` and TaskFinish tell of.

    Attributes:
        execution: The execution that it belongs to.
        view: The node and what it came to.
        queue_id: The queue that it passes through; empty where its family has none.
        template_name: Name of the template that its params came from; empty where there is none,
            or it is gone.
    """

    execution: Execution
    view: NodeView
    queue_id: str
    template_name: str = ""

    @property
    def is_unreadable(self) -> bool:
        """Whether a job of one operation and one object was asked for in vain.

        In a batch or a workflow, an object of a kind that a node does not read is passed over;
        who names one object and one operation wants a result, and has to hear of an error.
        """
        return self.execution.job.is_single and self.view.outcome.state is ExecutionState.SKIPPED

    @property
    def state(self) -> ExecutionState:
        """One of the states that the vendor has a word for; never Skipped."""
        if self.is_unreadable:
            return ExecutionState.FAILED
        state = self.view.outcome.state
        return ExecutionState.CANCEL if state is ExecutionState.SKIPPED else state

    @property
    def code(self) -> str:
        """`Success`, or the code of what went wrong."""
        return UnsupportedInputError.code if self.is_unreadable else self.view.outcome.code

    @property
    def percent(self) -> int:
        """How much of its work is done, from 0 to 100; 100 only when it succeeded."""
        if self.state is ExecutionState.SUCCESS:
            return 100
        is_running = self.state is ExecutionState.RUNNING
        return min(int(self.execution.progress * 100), 99) if is_running else 0
