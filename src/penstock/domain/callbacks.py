"""Callbacks: who is told that an execution, or one of its nodes, has come to its end.

The nearest configuration wins as a whole: the job's own (`CallBack…` of its rule), else the
workflow's (`NotifyConfig` of its Start node), else that of the queue that a node's family passes
through. One that is switched off counts: nothing behind it is asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.domain.jobs import Job, JobType, PinnedWorkflow
from penstock.domain.resources import Queue
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
    """

    workflows: tuple[WorkflowTargets, ...]
    undelivered: frozenset[str]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    """One configuration, read.

    Attributes:
        type: Url, TDMQ or Kafka; None when it is switched off.
        url: Where events go.
        format: How bodies are written.
        events: What it asks for.
    """

    type: str | None
    url: str = ""
    format: CallbackFormat = CallbackFormat.XML
    events: frozenset[str] = frozenset(CallbackEvent)


_OFF = _Config(type=None)


def resolve_targets(
    job: Job, queues: Sequence[Queue], family_of: Callable[[str], str]
) -> JobTargets:
    """Who is told about a job's executions.

    Args:
        queues: The queues that the job passes through, in its order.
        family_of: From a node type to its service family.
    """
    own = _of_rule(job.rule)
    given = CallbackFormat(text(job.rule, "CallBackFormat")) if own is None and text(
        job.rule, "CallBackFormat"
    ) in set(CallbackFormat) else None
    undelivered: set[str] = set()
    workflows = tuple(
        _Resolving(own, given, queues, family_of, undelivered).targets(pinned, job.type)
        for pinned in job.workflows
    )
    return JobTargets(workflows=workflows, undelivered=frozenset(undelivered))
