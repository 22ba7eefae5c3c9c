"""Callbacks: who is told that an execution, or one of its nodes, has come to its end.

The nearest configuration wins as a whole: the job's own (`CallBack…` of its rule), else the
workflow's (`NotifyConfig` of its Start node), else that of the queue that a node's family passes
through. One that is switched off counts: nothing behind it is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.domain.jobs import Job, JobType, PinnedWorkflow
from penstock.domain.resources import Queue, queue_of
from penstock.domain.states import DeliveryState
from penstock.domain.trees import Tree, child, text
from penstock.domain.workflows import parse_topology

SUPPRESSED = "no"


class CallbackEvent(StrEnum):
    """What callbacks tell of."""

    TASK_FINISH = "TaskFinish"
    WORKFLOW_FINISH = "WorkflowFinish"


class CallbackFormat(StrEnum):
    """How the body of a callback is written."""

    XML = "XML"
    JSON = "JSON"


class CallbackType(StrEnum):
    """By which way callbacks leave; all but `Url` are accepted and not delivered."""

    URL = "Url"
    TDMQ = "TDMQ"
    KAFKA = "Kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTarget:
    """Where one kind of event goes.

    Attributes:
        url: An `http` or `https` URL.
        format: How the body is written.
    """

    url: str
    format: CallbackFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowTargets:
    """Who is told about the executions of one workflow.

    Attributes:
        nodes: Where TaskFinish goes, by node number; nodes that nobody asks about are not in it.
        execution: Where WorkflowFinish goes; None when nobody asks.
    """

    nodes: Mapping[int, CallbackTarget]
    execution: CallbackTarget | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTargets:
    """Who is told about the executions of a job.

    Attributes:
        workflows: One for each workflow of the job, in order.
        undelivered: Types that are asked for and not delivered.
        tells_skipped: Whether a node that was not run is told of as well: who asks for one
            operation on one object waits for its end, whatever that is.
    """

    workflows: tuple[WorkflowTargets, ...]
    undelivered: frozenset[str]
    tells_skipped: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether nobody is told anything."""
        return not any(one.nodes or one.execution for one in self.workflows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One callback in the outbox.

    Attributes:
        number: Counts up, also over restarts; never used again.
        job: Number of the job.
        chunk: With `position` the address of the execution.
        position: See `ExecutionRow`.
        node: 0 for the end of the execution, else the node's number.
        url: Where it goes.
        format: How the body is written.
        created_ms: When the execution was recorded, milliseconds since 1970 UTC.
        attempts: Tries that have begun; fences out a sender whose lease has run out.
        state: Waiting, Delivered or Expired.
        answer: What became of the last try; empty before.
    """

    number: int
    job: int
    chunk: int
    position: int
    node: int
    url: str
    format: CallbackFormat
    created_ms: int
    attempts: int
    state: DeliveryState
    answer: str


def event_id(number: int, tag: str) -> str:
    """What receivers recognise a repeated event by: `e` and 32 hex digits.

    Args:
        number: The event's number; below 2^104.
        tag: The tag of its job, so that an event of another database has another id.
    """
    return f"e{number:026x}{tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    """One configuration, read.

    Attributes:
        events: What it asks for; nothing when it is switched off.
        type: By which way they leave.
        url: Where they go, when they leave by URL.
        format: How bodies are written.
    """

    events: frozenset[str]
    type: str = CallbackType.URL
    url: str = ""
    format: CallbackFormat = CallbackFormat.XML


_OFF = _Config(events=frozenset())


def resolve_targets(
    job: Job, queues: Sequence[Queue], family_of: Callable[[str], str]
) -> JobTargets:
    """Who is told about a job's executions.

    Args:
        queues: The queues that the job passes through, in its order.
        family_of: From a node type to its service family.
    """
    undelivered: set[str] = set()

    def target(config: _Config) -> CallbackTarget | None:
        if config.type != CallbackType.URL:
            undelivered.add(config.type)
            return None
        format_ = text(job.rule, "CallBackFormat")
        return CallbackTarget(url=config.url, format=_format(format_) or config.format)

    workflows = []
    for pinned in job.workflows:
        execution, nodes = _asking(job, pinned, queues, family_of)
        told = {number: target(config) for number, config in nodes.items()}
        workflows.append(
            WorkflowTargets(
                nodes={number: one for number, one in told.items() if one is not None},
                execution=None if execution is None else target(execution),
            )
        )
    return JobTargets(
        workflows=tuple(workflows),
        undelivered=frozenset(undelivered),
        tells_skipped=job.is_single,
    )


def _asking(
    job: Job,
    pinned: PinnedWorkflow,
    queues: Sequence[Queue],
    family_of: Callable[[str], str],
) -> tuple[_Config | None, dict[int, _Config]]:
    """What asks for the end of an execution, and for the end of each of its nodes.

    A job of one operation is no workflow: its executions have no WorkflowFinish. Where queues
    are asked, WorkflowFinish goes where the first of the nodes' queues that wants it says.
    """
    topology = parse_topology(pinned.topology)
    nearest = _of_rule(job.rule) or _of_workflow(child(topology.start, "NotifyConfig"))
    asked = {
        node.number: nearest or _of_queue(queue_of(queues, family_of(node.type), topology.start))
        for node in topology.nodes
    }
    of_execution = [
        config for config in asked.values() if CallbackEvent.WORKFLOW_FINISH in config.events
    ]
    is_workflow = job.type is not JobType.JOB and not job.is_single
    return of_execution[0] if of_execution and is_workflow else None, {
        number: config
        for number, config in asked.items()
        if CallbackEvent.TASK_FINISH in config.events
    }


def _of_rule(rule: Tree) -> _Config | None:
    """What the job's own rule says; None when it is silent."""
    url, type_ = text(rule, "CallBack"), text(rule, "CallBackType") or CallbackType.URL
    if url == SUPPRESSED:
        return _OFF
    if not url and type_ == CallbackType.URL:
        return None
    return _Config(events=frozenset(CallbackEvent), type=type_, url=url)


def _of_workflow(notify: Tree) -> _Config | None:
    """What a Start node says; None when it is silent."""
    if not any(notify.values()):
        return None
    return _OFF if text(notify, "State").lower() == "off" else _read(notify)


def _of_queue(queue: Queue | None) -> _Config:
    """What a queue says; one that is not switched on says nothing."""
    is_on = queue is not None and text(queue.notify, "State").lower() == "on"
    return _read(queue.notify) if queue is not None and is_on else _OFF


def _read(notify: Tree) -> _Config:
    words = {word.strip() for word in text(notify, "Event").split(",")}
    return _Config(
        events=frozenset(words & set(CallbackEvent)),
        type=text(notify, "Type") or CallbackType.URL,
        url=text(notify, "Url"),
        format=_format(text(notify, "ResultFormat")) or CallbackFormat.XML,
    )


def _format(word: str) -> CallbackFormat | None:
    return CallbackFormat(word) if word in set(CallbackFormat) else None
