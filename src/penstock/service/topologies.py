"""Checks a topology against what this build offers, and resolves its templates."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from penstock.domain.decision_nodes import condition_faults, function_faults
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.packages import node_settings, package_faults
from penstock.domain.refusals import TemplateNotFoundError
from penstock.domain.trees import Tree, child, text, texts
from penstock.domain.workflows import Node, extensions_of_filter, parse_topology
from penstock.operations.base import Family, Operation
from penstock.operations.registry import absence, find

FindTemplate = Callable[[str], "tuple[str, Tree] | None"]
"""From a template id to its tag and body; None when there is no such template."""

# They treat pictures and have Transcode encode them, by a template of its own.
_ENCODING = frozenset({"SDRtoHDR", "SuperResolution", "VideoEnhance", "VideoProcess"})
# Up to three marks stand beside what is encoded; no other template is named more than once.
_MARK, _MARK_LEAF = "Watermark", "WatermarkTemplateId"


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


def check_topology(
    tree: Tree, find_template: FindTemplate, *, functions: Collection[str] | None = None
) -> CheckedTopology:
    """Check every node; resolve every template.

    Args:
        functions: Names of the functions that there are; None leaves their names unchecked.

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
            faults.append(f"{node.name}: {absence(node.type)}")
            continue
        families.add(operation.family)
        resolved[node.name] = _resolved(node, operation, find_template, faults)
    nodes = [replace(one, operation=resolved.get(one.name, {})) for one in topology.nodes]
    for node in nodes:
        operation = find(node.type)
        if operation is not None:
            faults += _faults(node, operation, node_settings(node, nodes))
    faults += package_faults(nodes)
    faults += condition_faults(nodes)
    faults += function_faults(nodes, functions) if functions is not None else ()
    extensions = None
    try:
        extensions = extensions_of_filter(topology.start)
    except InvalidArgumentError as error:
        faults += error.faults
    if faults:
        raise InvalidArgumentError(*faults)
    definitions = {
        name: {**definition, "Operation": resolved[name]} if name in resolved else definition
        for name, definition in child(tree, "Nodes").items()
        if isinstance(definition, Mapping)
    }
    outputs = {node.name: child(node.operation, "Output") for node in topology.nodes}
    return CheckedTopology(
        tree={**tree, "Nodes": definitions},
        start=topology.start,
        families=families,
        buckets={text(output, "Bucket") for output in outputs.values() if output},
        extensions=extensions,
    )


def object_patterns(nodes: Iterable[Node]) -> dict[str, str]:
    """The pattern of the chief output of each node, by node name; empty where it has none."""
    return {node.name: text(child(node.operation, "Output"), "Object") for node in nodes}


def _resolved(
    node: Node, operation: Operation[object], find_template: FindTemplate, faults: list[str]
) -> Tree:
    """The node's `Operation` with each template's body in its block; templates win."""
    wanted = [("TemplateId", operation.template_tag or node.type, operation.block)]
    if node.type in _ENCODING:
        wanted.append(("TranscodeTemplateId", "Transcode", "Transcode"))
    resolved = dict(node.operation)
    wanted.append((_MARK_LEAF, _MARK, _MARK))
    for leaf, tag, block in wanted:
        ids = list(texts(node.operation, leaf))
        bodies = []
        for template_id in ids if leaf == _MARK_LEAF else ids[:1]:
            template = find_template(template_id)
            if template is None:
                raise TemplateNotFoundError(template_id)
            if template[0] != tag:
                fault = f"template {template_id} is for {template[0]}, not for {tag}"
                faults.append(f"{node.name}: {fault}")
            bodies.append(template[1])
        if bodies:
            resolved[block] = bodies[0] if len(bodies) == 1 else [*bodies]
    return resolved


def _faults(node: Node, operation: Operation[object], tree: Tree) -> list[str]:
    faults = []
    if operation.needs_output and not child(tree, "Output"):
        faults.append(f"{node.name}: Output must be given")
    try:
        operation.parse(tree)
    except InvalidArgumentError as error:
        faults += [f"{node.name}: {fault}" for fault in error.faults]
    return faults
