"""Checks a topology against what this build offers, and resolves its templates."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import TemplateNotFoundError
from penstock.domain.trees import Tree, child, text
from penstock.domain.workflows import Node, extensions_of_filter, parse_topology
from penstock.operations.base import Family, Operation
from penstock.operations.registry import find

FindTemplate = Callable[[str], "tuple[str, Tree] | None"]
"""From a template id to its tag and body; None when there is no such template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTopology:
    """A topology that can be run.

    Attributes:
        tree: The topology with the bodies of its templates put in place.
        start: The Start node's `Input`.
        families: Families of its operations.
        buckets: Buckets that its nodes write to; an empty name is the source's own.
        extensions: What its filter lets through; None lets everything through.
    """

    tree: Tree
    start: Tree
    families: set[Family]
    buckets: set[str]
    extensions: frozenset[str] | None


def check_topology(tree: Tree, find_template: FindTemplate) -> CheckedTopology:
    """Check every node; resolve every template.

    Raises:
        InvalidArgumentError: The graph, a node type or its params are wrong; names all faults.
        TemplateNotFoundError: A node names a template that does not exist.
    """
    topology = parse_topology(tree)
    faults: list[str] = []
    families: set[Family] = set()
    resolved: dict[str, Tree] = {}
    for node in topology.nodes:
        operation = find(node.type)
        if operation is None:
            faults.append(f"{node.name}: this build has no operation {node.type!r}")
            continue
        families.add(operation.family)
        resolved[node.name] = _resolved(node, operation.block, find_template, faults)
        faults += _faults(node, operation, resolved[node.name])
    extensions = None
    try:
        extensions = extensions_of_filter(topology.start)
    except InvalidArgumentError as error:
        faults += error.faults
    if faults:
        raise InvalidArgumentError(*faults)
    nodes = {
        name: {**definition, "Operation": resolved[name]} if name in resolved else definition
        for name, definition in child(tree, "Nodes").items()
        if isinstance(definition, Mapping)
    }
    outputs = {node.name: child(node.operation, "Output") for node in topology.nodes}
    return CheckedTopology(
        tree={**tree, "Nodes": nodes},
        start=topology.start,
        families=families,
        buckets={text(output, "Bucket") for output in outputs.values() if output},
        extensions=extensions,
    )


def object_patterns(nodes: Iterable[Node]) -> dict[str, str]:
    """The pattern of the chief output of each node, by node name; empty where it has none."""
    return {node.name: text(child(node.operation, "Output"), "Object") for node in nodes}


def _resolved(node: Node, block: str, find_template: FindTemplate, faults: list[str]) -> Tree:
    """The node's `Operation` with the template's body in its block; the template wins."""
    template_id = text(node.operation, "TemplateId")
    if not template_id:
        return node.operation
    template = find_template(template_id)
    if template is None:
        raise TemplateNotFoundError(template_id)
    tag, body = template
    if tag != node.type:
        faults.append(f"{node.name}: template {template_id} is for {tag}, not for {node.type}")
    return {**node.operation, block: body}


def _faults(node: Node, operation: Operation[object], tree: Tree) -> list[str]:
    faults = []
    if operation.needs_output and not child(tree, "Output"):
        faults.append(f"{node.name}: Output must be given")
    try:
        operation.parse(tree)
    except InvalidArgumentError as error:
        faults += [f"{node.name}: {fault}" for fault in error.faults]
    return faults
