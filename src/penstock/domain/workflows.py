"""A workflow and its topology: read from the vendor's tree, checked as a graph.

A topology is a directed graph from `Start` to `End`. Nodes are numbered from 1 in an order in
which every node stands behind its predecessors; the number is part of the ids of node outcomes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.selection import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from penstock.domain.trees import Tree, child, text

START = "Start"
END = "End"
MAX_NODES = 255  # a node's number has two hex digits in its id


class WorkflowState(StrEnum):
    """Whether uploads start the workflow; batch jobs run it in either state."""

    ACTIVE = "Active"
    PAUSED = "Paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step of a topology.

    Attributes:
        number: From 1, in an order of execution.
        name: Its name, unique in the topology.
        type: Which operation it is.
        operation: The `Operation` tree: params, template id, output.
        predecessors: Numbers of the nodes whose results it reads; 0 is the source object.
    """

    number: int
    name: str
    type: str
    operation: Tree
    predecessors: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A checked graph of nodes.

    Attributes:
        nodes: Every node but Start, in order of execution.
        start: The `Input` tree of the Start node: prefix, queues, filter, callbacks.
    """

    nodes: tuple[Node, ...]
    start: Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A stored workflow.

    Attributes:
        id: `w` and 32 hex digits.
        bucket: The bucket it belongs to.
        name: At most 128 characters; need not be unique.
        state: Active or Paused.
        topology: The tree as its author sent it.
        created_ms: Milliseconds since 1970 UTC.
        updated_ms: Last change, milliseconds since 1970 UTC.
    """

    id: str
    bucket: str
    name: str
    state: WorkflowState
    topology: Tree
    created_ms: int
    updated_ms: int


def topology_digest(tree: Tree) -> str:
    """What a job pins: a digest that changes whenever the topology does."""
    return sha256(json.dumps(tree, ensure_ascii=True).encode()).hexdigest()[:16]


def parse_topology(tree: Tree) -> Topology:
    """Read and check a topology.

    Raises:
        InvalidArgumentError: It is not a graph from Start to End; names every fault found.
    """
    definitions = {name: node for name, node in child(tree, "Nodes").items() if name != END}
    edges = _edges(child(tree, "Dependencies"))
    faults = [*_node_faults(definitions), *_edge_faults(definitions, edges)]
    if faults:
        raise InvalidArgumentError(*faults)
    order = _order(edges)
    stuck = sorted(set(definitions) - set(order))
    if stuck:
        message = f"Topology: {', '.join(stuck)} cannot be reached from Start, or lie on a cycle"
        raise InvalidArgumentError(message)
    numbers = {name: number for number, name in enumerate(order)}
    nodes = [
        Node(
            number=numbers[name],
            name=name,
            type=text(_tree(definitions[name]), "Type"),
            operation=child(_tree(definitions[name]), "Operation"),
            predecessors=tuple(numbers[before] for before in order if name in edges[before]),
        )
        for name in order[1:]
    ]
    return Topology(nodes=tuple(nodes), start=child(_tree(definitions[START]), "Input"))


def extensions_of_filter(start: Tree) -> frozenset[str] | None:
    """The extensions that a Start node's `ExtFilter` lets through; None lets everything through.

    Raises:
        InvalidArgumentError: The filter is on, but lets nothing through.
    """
    ext_filter = child(start, "ExtFilter")
    if text(ext_filter, "State").lower() != "on" or _is_true(ext_filter, "AllFile"):
        return None
    extensions: set[str] = set()
    if _is_true(ext_filter, "Video") or _is_true(ext_filter, "ContentType"):
        extensions |= VIDEO_EXTENSIONS
    if _is_true(ext_filter, "Audio") or _is_true(ext_filter, "ContentType"):
        extensions |= AUDIO_EXTENSIONS
    if _is_true(ext_filter, "Image") or _is_true(ext_filter, "ContentType"):
        extensions |= IMAGE_EXTENSIONS
    if _is_true(ext_filter, "Custom"):
        listed = text(ext_filter, "CustomExts").replace(",", "/").split("/")
        extensions |= {word.strip().lstrip(".").lower() for word in listed if word.strip()}
    if not extensions:
        message = "Start.Input.ExtFilter is On but accepts nothing: set Video, Audio, Image, "
        raise InvalidArgumentError(message + "ContentType, Custom with CustomExts, or AllFile")
    return frozenset(extensions)


def _is_true(tree: Tree, name: str) -> bool:
    return text(tree, name).lower() == "true"


def _tree(value: object) -> Tree:
    return value if isinstance(value, Mapping) else {}


def _edges(dependencies: Tree) -> dict[str, list[str]]:
    """Successors by node; a name may be repeated in place of a comma list."""
    edges: dict[str, list[str]] = {}
    for name, value in dependencies.items():
        entries = value if isinstance(value, list) else [value]
        listed = [word for entry in entries if isinstance(entry, str) for word in entry.split(",")]
        edges[name] = [word.strip() for word in listed if word.strip()]
    return edges


def _node_faults(definitions: Mapping[str, object]) -> list[str]:
    faults = []
    if START not in definitions:
        faults.append("Topology.Nodes needs a node named Start")
    elif text(_tree(definitions[START]), "Type") not in {START, ""}:
        faults.append("Topology.Nodes.Start must be of type Start")
    if len(definitions) - (START in definitions) < 1:
        faults.append("Topology.Nodes needs a node besides Start")
    if len(definitions) > MAX_NODES:
        faults.append(f"Topology.Nodes has more than {MAX_NODES - 1} nodes")
    for name, node in definitions.items():
        if not isinstance(node, Mapping):
            faults.append(f"Topology.Nodes.{name} must hold a node")
        elif name != START and not text(node, "Type"):
            faults.append(f"Topology.Nodes.{name}.Type must be given")
        elif name != START and text(node, "Type") == START:
            faults.append(f"Topology.Nodes.{name}: only one node may be of type Start")
    return faults


def _edge_faults(definitions: Mapping[str, object], edges: dict[str, list[str]]) -> list[str]:
    faults = [
        f"Topology.Dependencies names {name}, which is not under Nodes"
        for name in _unique([*edges, *(after for row in edges.values() for after in row)])
        if name != END and name not in definitions
    ]
    if any(START in row for row in edges.values()):
        faults.append("Topology.Dependencies: nothing may lead back to Start")
    if END in edges:
        faults.append("Topology.Dependencies: nothing may follow End")
    faults += [
        f"Topology.Dependencies.{name} must name what follows {name}, or End"
        for name in definitions
        if not edges.get(name)
    ]
    if START in edges and END in edges[START]:
        faults.append("Topology.Dependencies.Start must not lead to End")
    return faults


def _unique(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _order(edges: dict[str, list[str]]) -> list[str]:
    """Nodes behind all of their predecessors, Start first; those on a cycle are left out."""
    waiting = {name: 0 for row in edges.values() for name in row if name != END}
    for row in edges.values():
        for name in set(row) - {END}:
            waiting[name] += 1
    order = [START]
    for name in order:
        for after in _unique(edges[name]):
            if after == END:
                continue
            waiting[after] -= 1
            if waiting[after] == 0:
                order.append(after)
    return order
