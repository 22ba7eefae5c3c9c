"""What callers ask for at `/jobs` and its kin: operations on one object, lists of node jobs."""

from dataclasses import dataclass

from penstock.domain.operation_rules import OperationRule
from penstock.domain.states import ExecutionState

MOST_OPERATIONS = 6  # wire.md 14
WITHOUT_INPUT = frozenset({"FileCompress"})  # nodes.md 8.2: their params name what they read


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeJobRequest:
    """Operations to run on one object now, each as a job of its own.

    Attributes:
        bucket: The bucket that holds the object.
        object_key: The object; empty where a URL names it, or no operation needs one.
        url: A URL of an object of this bucket; empty where a key is given.
        rules: What to do with it, from one to six operations.
    """

    bucket: str
    object_key: str
    url: str = ""
    rules: tuple[OperationRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeJobQuery:
    """Which node jobs a list shows.

    Attributes:
        bucket: Jobs over objects of this bucket.
        family: Only of this service family; empty for all.
        tag: Only of this operation; empty for all.
        queue_id: Only of this queue; empty for all.
        queue_type: Only of queues of this category, where no id is given; empty for all.
        workflow_id: Only of executions of this workflow; empty for all.
        batch_job_id: Only of this batch job; empty for all.
        object_key: Only of this object; empty for all.
        states: Only these; empty for all.
        created_from_ms: Planned at or after; None for no bound.
        created_to_ms: Planned at or before; None for no bound.
        is_ascending: Oldest first.
        token: Where the page before ended; empty for the first page.
        limit: Most jobs to return.
    """

    bucket: str
    family: str = ""
    tag: str = ""
    queue_id: str = ""
    queue_type: str = ""
    workflow_id: str = ""
    batch_job_id: str = ""
    object_key: str = ""
    states: tuple[ExecutionState, ...] = ()
    created_from_ms: int | None = None
    created_to_ms: int | None = None
    is_ascending: bool = False
    token: str = ""
    limit: int = 10
