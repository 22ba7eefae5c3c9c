"""A batch job: which objects, which workflows, how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.domain.executions import Address
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.domain.states import JobState
from penstock.domain.trees import Tree

MOST_WEIGHT = 100


class JobType(StrEnum):
    """What a job was made by.

    `Trigger` is one object through one workflow (`POST /triggerworkflow`) or one operation
    (`POST /jobs`); it is no batch job on the wire, but planned, leased and recorded in the same
    way.
    """

    WORKFLOW = "Workflow"
    JOB = "Job"
    TRIGGER = "Trigger"


_TIME_MS = 1000  # stores tell times of change to the second


class InputKind(StrEnum):
    """The four ways in which a job names its objects."""

    OBJECT = "Object"
    URL_FILE = "UrlFile"
    MANIFEST = "Manifest"
    PREFIX = "Prefix"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """How a job names its objects.

    Attributes:
        kind: Which of the four ways.
        value: A key, the key or URL of a list, or a prefix (empty for the whole bucket).
    """

    kind: InputKind
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedWorkflow:
    """A workflow as it was when the job was made, templates resolved.

    Attributes:
        id: Id of the stored workflow; empty where the job brought its own topology.
        name: Its name.
        digest: Names this version of the topology.
        topology: The tree that the engine runs.
    """

    id: str
    name: str
    digest: str
    topology: Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How many executions of a job are in which state.

    `total = succeeded + failed + skipped + cancelled + waiting + running` holds after every
    transaction; the database checks it.
    """

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    waiting: int = 0
    running: int = 0

    @property
    def ended(self) -> int:
        """Executions that have come to an end."""
        return self.succeeded + self.failed + self.skipped + self.cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One batch request.

    Attributes:
        number: Counts up; the job's part of an address. 0 before it is stored.
        id: `b` and 32 hex digits.
        bucket: The bucket it reads.
        type: Workflow, Job or Trigger.
        name: At most 128 characters.
        input: How it names its objects.
        rule: The `Operation` tree as the client sent it, for echoing.
        workflows: What is run over each object, in order.
        buckets: Storage URL of every bucket that it reads or writes, by name.
        filter: Which of the named objects it takes.
        queue_ids: Queues it passes through; a pause of any of them holds it.
        priority: Larger runs first, from 0.
        weight: Share of the workers' time among jobs of its priority, from 1 to `MOST_WEIGHT`.
        is_dry_run: Whether it stops after planning.
        request_digest: Names the command that made it, so that the same command finds it again;
            empty for jobs of the wire.
        state: See `domain.states`.
        code: `Success`, or why the job itself could not be carried out.
        message: One sentence for a person; may be empty.
        created_ms: Milliseconds since 1970 UTC.
        started_ms: When an engine took it up; None before.
        ended_ms: When it came to an end; None before.
        cancel_requested_ms: When a client asked to cancel it; None when nobody has.
        cursor: Where its selection goes on after a restart; empty at the beginning.
        is_expanded: Whether every selected object is in a chunk.
        seconds_per_object: Measured working time of one object; None before the first chunk.
        epoch: Counts the claims of engines; the number that fences out an earlier holder.
        counters: Executions by state.
    """

    number: int = 0
    id: str
    bucket: str
    type: JobType
    name: str
    input: JobInput
    rule: Tree = field(default_factory=dict)
    workflows: tuple[PinnedWorkflow, ...]
    buckets: Mapping[str, str]
    filter: ObjectFilter
    queue_ids: tuple[str, ...] = ()
    priority: int = 0
    weight: int = 1
    is_dry_run: bool = False
    request_digest: str = ""
    state: JobState = JobState.SUBMITTED
    code: str = "Success"
    message: str = ""
    created_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    cancel_requested_ms: int | None = None
    cursor: str = ""
    is_expanded: bool = False
    seconds_per_object: float | None = None
    epoch: int = 0
    counters: Counters = Counters()

    @property
    def tag(self) -> str:
        """Six digits of the id that every address of this job carries."""
        return self.id[-6:]

    @property
    def is_single(self) -> bool:
        """Whether it is one operation on one object, and so shown as a node job only."""
        return self.type is JobType.TRIGGER and not self.workflows[0].id

    def takes(self, found: ObjectInfo) -> bool:
        """Whether an object of its bucket was there to be taken by its prefix when it was made.

        An object of an unknown time may have been. What a list names is not known here, and
        what was written in the last second before the job cannot be told from its own results.
        """
        return (
            self.input.kind is InputKind.PREFIX
            and found.key.startswith(self.input.value)
            and found.modified_ms < self.created_ms - _TIME_MS
            and any(self.filter.select([found]))
        )

    def address(self, chunk: int, position: int, node: int = 0) -> Address:
        """Where one of the job's executions, or a node of it, is recorded."""
        return Address(self.number, chunk, position, node, self.tag)


def closing_message(counters: Counters) -> str:
    """What a job that was carried out says at its end; empty when all went well."""
    if counters.total == 0:
        return "no object matched the input and the filters"
    parts = [
        f"{number} {word}"
        for number, word in (
            (counters.failed, "failed"),
            (counters.skipped, "skipped"),
            (counters.cancelled, "cancelled"),
        )
        if number
    ]
    if not parts:
        return ""
    return f"{counters.succeeded} of {counters.total} succeeded, {', '.join(parts)}"
