"""Streams the node jobs that match a query, in the order of their addresses, which never move."""

from collections.abc import Iterator
from typing import NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job, JobType, PinnedWorkflow
from penstock.domain.node_jobs import NodeJobQuery
from penstock.domain.requests import ExecutionQuery
from penstock.domain.states import ExecutionState as State
from penstock.domain.views import NodeJob
from penstock.domain.workflows import parse_topology
from penstock.operations.registry import family_of
from penstock.service.executions import Place, matching
from penstock.service.node_job_reader import NodeJobReader
from penstock.state.database import Transaction

# Which executions may have a node in a state. A single job whose object cannot be read is
# recorded as Skipped and told as Failed.
_EXECUTION_STATES = {
    State.SUCCESS: {State.SUCCESS, State.FAILED, State.CANCEL},
    State.FAILED: {State.FAILED, State.SKIPPED},
    State.CANCEL: {State.SUCCESS, State.FAILED, State.SKIPPED, State.CANCEL},
}
_MOST_DIGITS = 18  # what any database takes for a number


class Token(NamedTuple):
    """Where a page ended.

    Attributes:
        place: The execution.
        node: The node's number.
    """

    place: Place
    node: int


class NodeJobListing:
    """Streams the node jobs that match a query."""

    def __init__(self, transaction: Transaction, query: NodeJobQuery) -> None:
        self._transaction = transaction
        self._query = query
        self._reader = NodeJobReader(transaction, query.bucket)

    def node_jobs(self, after: Token | None) -> Iterator[tuple[Token, NodeJob]]:
        """Node jobs behind a place, in the order of their addresses."""
        query = self._query
        begin = None if after is None else _just_before(after.place, query.is_ascending)
        for place, make in matching(
            self._transaction, _execution_query(query), begin, takes=self._takes
        ):
            execution = make(self._transaction, with_nodes=True)
            if not _is_within(query, execution.created_ms):
                continue
            views = execution.nodes if query.is_ascending else reversed(execution.nodes)
            for view in views:
                here = Token(place, view.node.number)
                is_beyond = after is None or (here > after if query.is_ascending else here < after)
                if is_beyond and self._takes_node(
                    execution.job, execution.workflow, view.node.type
                ):
                    found = self._reader.node_job(execution, view)
                    if not query.states or found.state in query.states:
                        yield here, found

    def _takes(self, job: Job) -> bool:
        """Whether any node of a job can match; spares reading what it has recorded."""
        query = self._query
        if query.batch_job_id and job.type is JobType.TRIGGER:
            return False
        if (
            query.created_from_ms is not None
            and job.ended_ms is not None
            and job.ended_ms < query.created_from_ms
        ):
            return False
        return any(
            self._takes_node(job, workflow, node.type)
            for workflow in job.workflows
            for node in parse_topology(workflow.topology).nodes
        )

    def _takes_node(self, job: Job, workflow: PinnedWorkflow, tag: str) -> bool:
        query = self._query
        if query.tag and tag != query.tag:
            return False
        if query.family and family_of(tag) != query.family:
            return False
        if not query.queue_id and not query.queue_type:
            return True
        queue_id = self._reader.queue_id(job, workflow, tag)
        if query.queue_id:
            return queue_id == query.queue_id
        return bool(queue_id) and self._reader.queues[queue_id].category == query.queue_type


def _execution_query(query: NodeJobQuery) -> ExecutionQuery:
    states = {
        state for wanted in query.states for state in _EXECUTION_STATES.get(wanted, {wanted})
    }
    return ExecutionQuery(
        bucket=query.bucket,
        workflow_id=query.workflow_id,
        job_id=query.batch_job_id,
        object_key=query.object_key,
        states=tuple(sorted(states)),
        created_to_ms=query.created_to_ms,  # nothing is planned before its job is created
        is_ascending=query.is_ascending,
    )


def _is_within(query: NodeJobQuery, created_ms: int) -> bool:
    low, high = query.created_from_ms, query.created_to_ms
    return (low is None or created_ms >= low) and (high is None or created_ms <= high)


def _just_before(place: Place, is_ascending: bool) -> Place:  # noqa: FBT001  # a direction
    """The place behind which a list begins that has to show more nodes of the same execution."""
    return place._replace(position=place.position - (1 if is_ascending else -1))


def write_token(token: Token) -> str:
    """A place as clients carry it from page to page."""
    return "-".join(map(str, (*token.place, token.node)))


def read_token(text: str) -> Token | None:
    """Read back what `write_token` made; None for the first page.

    Raises:
        InvalidArgumentError: The text is none of that.
    """
    if not text:
        return None
    parts = text.split("-")
    if len(parts) != len(Place._fields) + 1 or not all(
        part.isascii() and part.isdecimal() and len(part) <= _MOST_DIGITS for part in parts
    ):
        message = f"nextToken is none of this list: {text!r}"
        raise InvalidArgumentError(message)
    *place, node = map(int, parts)
    return Token(Place(*place), node)
