"""What callers ask for, decoded and checked, before it becomes a record."""

import re
from dataclasses import dataclass, field

from penstock.domain.jobs import InputKind, JobInput, JobType
from penstock.domain.operation_rules import OperationRule
from penstock.domain.states import ExecutionState, JobState
from penstock.domain.trees import Tree

MOST_NAME_CHARACTERS = 128
_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff\u3400-\u4dbf_\-\u2014]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A batch job as a caller wants it.

    Attributes:
        bucket: The bucket that it reads.
        name: For people.
        type: Workflow or Job.
        input: How it names its objects.
        rule: The `Operation` tree, for echoing.
        operation: The one operation to run, in place of workflows; None where there is none.
        workflow_ids: Stored workflows to run, in order.
        topology: A topology that the request brings along, in place of workflow ids.
        topology_name: The name of that topology.
        modified_from_ms: Earliest last modification; None for no bound.
        modified_to_ms: Latest last modification; None for no bound.
        excluded_prefix: Keys that begin with it are left out; empty for none.
        is_up_to_now: Whether objects stored after the request are left out where there is no
            upper bound, so that a job never takes up its own results.
        weight: Share of the workers' time among jobs of the same priority.
        is_dry_run: Whether to stop after planning.
        request_digest: Names the command that asks; empty for requests of the wire.
    """

    bucket: str
    name: str
    type: JobType
    input: JobInput
    rule: Tree = field(default_factory=dict)
    operation: OperationRule | None = None
    workflow_ids: tuple[str, ...] = ()
    topology: Tree = field(default_factory=dict)
    topology_name: str = ""
    modified_from_ms: int | None = None
    modified_to_ms: int | None = None
    excluded_prefix: str = ""
    is_up_to_now: bool = False
    weight: int = 1
    is_dry_run: bool = False
    request_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs a list shows.

    Attributes:
        bucket: Jobs of this bucket.
        types: Only these types.
        states: Only these states; empty for all.
        job_id: Only this one; empty for all.
        name: Only jobs of exactly this name; empty for all.
        workflow_id: Only jobs that run this workflow; empty for all.
        created_from_ms: Created at or after; None for no bound.
        created_to_ms: Created at or before; None for no bound.
        is_ascending: Oldest first.
        after: Number of the last job of the page before; None for the first page.
        limit: Most jobs to return.
    """

    bucket: str
    types: tuple[JobType, ...]
    states: tuple[JobState, ...] = ()
    job_id: str = ""
    name: str = ""
    workflow_id: str = ""
    created_from_ms: int | None = None
    created_to_ms: int | None = None
    is_ascending: bool = False
    after: int | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuery:
    """Which executions a list shows.

    Attributes:
        bucket: Executions over objects of this bucket.
        workflow_id: Only of this workflow; empty for all.
        job_id: Only of this job; empty for all.
        object_key: Only of this object; empty for all.
        states: Only these; empty for all.
        created_from_ms: Of jobs created at or after; None for no bound.
        created_to_ms: Of jobs created at or before; None for no bound.
        is_ascending: Oldest first.
        token: Where the page before ended; empty for the first page.
        limit: Most executions to return.
    """

    bucket: str
    workflow_id: str = ""
    job_id: str = ""
    object_key: str = ""
    states: tuple[ExecutionState, ...] = ()
    created_from_ms: int | None = None
    created_to_ms: int | None = None
    is_ascending: bool = False
    token: str = ""
    limit: int = 10


def name_faults(name: str, what: str = "Name") -> list[str]:
    """What is wrong with the name of a job, workflow or trigger (`wire.md` 2.1)."""
    if not name:
        return [f"{what} must be given"]
    faults = []
    if len(name) > MOST_NAME_CHARACTERS:
        faults.append(f"{what} must have at most 128 characters, not {len(name)}")
    if not _NAME.fullmatch(name):
        faults.append(
            f"{what} may hold letters, digits, Chinese characters, '-', '—' and '_', "
            f"not {name[:MOST_NAME_CHARACTERS]!r}"
        )
    return faults


def read_input(values: dict[InputKind, str], faults: list[str]) -> JobInput:
    """Choose the one way in which a request names its objects.

    Exactly one must be given: a request with several is refused, since whichever were taken, the
    caller might have meant another (`wire.md` 4.1). One leading slash of a prefix is dropped, so
    that `/` is the whole bucket.

    Args:
        values: What was given, by kind; empty values count as not given.
        faults: Where to note what is wrong.
    """
    given = [(kind, value) for kind, value in values.items() if value]
    if len(given) != 1:
        names = ", ".join(InputKind)
        found = ", ".join(kind for kind, _ in given) or "none"
        faults.append(f"Input must have exactly one of {names}; it has {found}")
        return JobInput(kind=InputKind.OBJECT, value="")
    kind, value = given[0]
    if kind in {InputKind.PREFIX, InputKind.OBJECT}:
        value = value.removeprefix("/")
    return JobInput(kind=kind, value=value)
