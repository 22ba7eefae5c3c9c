"""A job's workflows made ready to run: nodes with their operations and parsed params."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job, PinnedWorkflow
from penstock.domain.trees import child, text
from penstock.domain.workflows import Node, extensions_of_filter, parse_topology
from penstock.operations.base import Operation
from penstock.operations.registry import find


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
class PlannedWorkflow:
    """One workflow of a job, ready to run.

    Attributes:
        nodes: In order of execution.
        extensions: Extensions that its filter lets through; None lets everything through.
    """

    nodes: tuple[PlannedNode, ...]
    extensions: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker needs to know of a job.

    Attributes:
        job: The job.
        workflows: Its workflows, in order.
    """

    job: Job
    workflows: tuple[PlannedWorkflow, ...]


def prepare(job: Job) -> Plan:
    """Resolve a job's workflows against the operations of this build.

    Raises:
        InvalidArgumentError: A workflow names an operation or params that this build does not
            have; the service refuses these before they are stored.
    """
    return Plan(job=job, workflows=tuple(_workflow(job, pinned) for pinned in job.workflows))


def _workflow(job: Job, pinned: PinnedWorkflow) -> PlannedWorkflow:
    topology = parse_topology(pinned.topology)
    return PlannedWorkflow(
        nodes=tuple(_planned(job, node) for node in topology.nodes),
        extensions=extensions_of_filter(topology.start),
    )


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
        letter=operation.family.letter,
    )
