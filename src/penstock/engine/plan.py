"""A job's workflows made ready to run: nodes with their operations and parsed params."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job, PinnedWorkflow
from penstock.domain.packages import node_settings
from penstock.domain.planning import output_patterns
from penstock.domain.trees import Tree, child, text
from penstock.domain.workflows import Node, extensions_of_filter, parse_topology
from penstock.engine.workspace import Destination
from penstock.operations.base import Operation
from penstock.operations.registry import absence, find
from penstock.storage.base import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """One node, ready to run.

    Attributes:
        node: The node as the topology has it.
        operation: What runs it.
        params: What the operation parsed.
        destination: Where its results go.
        letter: First letter of its job ids.
    """

    node: Node
    operation: Operation[Any]
    params: object
    destination: Destination
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
        store: The bucket that it reads.
        workflows: Its workflows, in order.
    """

    job: Job
    store: ObjectStore
    workflows: tuple[PlannedWorkflow, ...]


def prepare(job: Job, open_store: Callable[[str], ObjectStore]) -> Plan:
    """Resolve a job's workflows against the operations and stores of this process.

    Args:
        open_store: From a storage URL to its store.

    Raises:
        InvalidArgumentError: A workflow names an operation or params that this build does not
            have; the service refuses these before they are stored.
    """
    stores = {name: open_store(url) for name, url in job.buckets.items()}
    return Plan(
        job=job,
        store=stores[job.bucket],
        workflows=tuple(_workflow(job, pinned, stores) for pinned in job.workflows),
    )


def _workflow(
    job: Job, pinned: PinnedWorkflow, stores: Mapping[str, ObjectStore]
) -> PlannedWorkflow:
    topology = parse_topology(pinned.topology)
    return PlannedWorkflow(
        nodes=tuple(
            _planned(job, node, node_settings(node, topology.nodes), stores)
            for node in topology.nodes
        ),
        extensions=extensions_of_filter(topology.start),
    )


def _planned(
    job: Job, node: Node, settings: Tree, stores: Mapping[str, ObjectStore]
) -> PlannedNode:
    operation = find(node.type)
    if operation is None:
        message = f"{node.name}: {absence(node.type)}"
        raise InvalidArgumentError(message)
    output = child(settings, "Output")
    bucket = text(output, "Bucket") or job.bucket
    return PlannedNode(
        node=node,
        operation=operation,
        params=operation.parse(settings),
        destination=Destination(
            store=stores[bucket],
            bucket=bucket,
            patterns=output_patterns(output),
            is_source=job.buckets[bucket] == job.buckets[job.bucket],
            takes=job.takes,
        ),
        letter=operation.family.letter,
    )
