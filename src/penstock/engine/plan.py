"""A job's workflows made ready to run: nodes with their operations and parsed params."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job, PinnedWorkflow
from penstock.domain.trees import child, text
from penstock.domain.workflows import Node, parse_topology
from penstock.operations.base import Operation
from penstock.operations.registry import find

JOB_LETTERS = {"media": "j", "pic": "c", "doc": "d", "ai": "a", "asr": "s", "file": "f"}
"""The first letter of a node's job id, by the family of its operation (`wire.md` 1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """One node, ready to run.

    Attributes:
        node: The node as the topology has it.
        operation: What runs it.
        params: What the operation parsed.
        bucket: Where its results go.
        patterns: Output patterns by child of `Output`, such as `Object`.
        letter: First letter of its job ids.
    """

    node: Node
    operation: Operation[Any]
    params: object
    bucket: str
    patterns: Mapping[str, str]
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker needs to know of a job.

    Attributes:
        job: The job.
        workflows: The nodes of each of its workflows, in order of execution.
    """

    job: Job
    workflows: tuple[tuple[PlannedNode, ...], ...]


def prepare(job: Job) -> Plan:
    """Resolve a job's workflows against the operations of this build.

    Raises:
        InvalidArgumentError: A workflow names an operation or params that this build does not
            have; the service refuses these before they are stored.
    """
    return Plan(job=job, workflows=tuple(_nodes(job, pinned) for pinned in job.workflows))


def _nodes(job: Job, pinned: PinnedWorkflow) -> tuple[PlannedNode, ...]:
    return tuple(_planned(job, node) for node in parse_topology(pinned.topology).nodes)


def _planned(job: Job, node: Node) -> PlannedNode:
    operation = find(node.type)
    if operation is None:
        message = f"{node.name}: this build has no operation {node.type!r}"
        raise InvalidArgumentError(message)
    output = child(node.operation, "Output")
    return PlannedNode(
        node=node,
        operation=operation,
        params=operation.parse(node.operation),
        bucket=text(output, "Bucket") or job.bucket,
        patterns={name: text(output, name) for name in output if name not in {"Region", "Bucket"}},
        letter=JOB_LETTERS[operation.family],
    )
