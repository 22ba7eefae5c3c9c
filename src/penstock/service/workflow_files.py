"""Workflow files: a topology in a friendly dress, errors with line and column.

    name: web-previews
    input: {extensions: [jpg, png]}
    nodes:
      thumb:
        type: PicProcess
        params: {ProcessRule: imageMogr2/thumbnail/320x320>/format/webp}
        output: thumbs/${InputPath}/${InputName}.${Ext}

`params` are the operation's own under the vendor's names; `template` names a stored template in
their place, and `when` the expression of a Condition. `after` names the node or nodes before,
`Start` by default. `output` is a key pattern, or a mapping of them (`Object`, `SpriteObject`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import yaml

from penstock.domain.condition_parser import parse_condition
from penstock.domain.decision_nodes import CONDITION
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.packages import node_settings
from penstock.domain.refusals import TemplateNotFoundError
from penstock.domain.requests import name_faults
from penstock.domain.trees import Tree, Value, child
from penstock.domain.trees import text as text_of
from penstock.domain.watching import WatchedTree
from penstock.domain.workflows import END, START, parse_topology
from penstock.operations.registry import absence, available, find
from penstock.service.topologies import check_topology

_FILE_KEYS = {"name", "input", "nodes"}
_INPUT_KEYS = {"extensions", "prefix"}
_NODE_KEYS = {"type", "params", "template", "after", "output", "when"}
_RESERVED = {START, END}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """A workflow read from a file.

    Attributes:
        name: Its name.
        topology: The same topology as the wire has it.
        warnings: Params that nothing looks at, with file, line and column.
    """

    name: str
    topology: Tree
    warnings: tuple[str, ...] = ()


def read_workflow_file(text: str, file_name: str) -> WorkflowFile:
    """Read and check a workflow file whose templates, if any, are not looked up.

    Raises:
        InvalidArgumentError: Something is wrong; every fault begins with file, line and column.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        message = f"{_place_of(text, error.position, file_name)}: {error.reason}"
        raise InvalidArgumentError(message) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file_name}:{mark.line + 1}:{mark.column + 1}" if mark else file_name
        message = f"{place}: {error.problem or error.context}"
        raise InvalidArgumentError(message) from error
    reader = _Reader(file_name)
    found = reader.read(root)
    if reader.faults:
        raise InvalidArgumentError(*reader.faults)
    try:
        check_topology(found.topology, lambda _id: None)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(*map(reader.placed, error.faults)) from error
    except TemplateNotFoundError as error:
        raise InvalidArgumentError(reader.placed_template(error.name)) from error
    return replace(found, warnings=tuple(reader.unused_params(found.topology)))


def _place_of(text: str, index: int, file_name: str) -> str:
    """File, line and column of a character."""
    before = text[:index]
    return f"{file_name}:{before.count(chr(10)) + 1}:{index - before.rfind(chr(10))}"


class _Reader:
    """Turns the nodes of a YAML document into a topology and notes faults with their place."""

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._marks: dict[str, yaml.Mark] = {}
        self._params: dict[str, yaml.Node] = {}
        self._templates: dict[str, yaml.Node] = {}
        self._around: list[yaml.Node] = []
        self.faults: list[str] = []

    def read(self, root: yaml.Node | None) -> WorkflowFile:
        """The whole file."""
        if root is None:
            self.faults.append(f"{self._file_name}:1:1: the file is empty")
            return WorkflowFile(name="", topology={})
        parts = dict(self._entries(root, "the file", _FILE_KEYS))
        name = self._text(parts["name"]) if "name" in parts else ""
        for fault in name_faults(name, "name"):
            self._fault(parts.get("name", root), fault)
        start = self._start(parts["input"]) if "input" in parts else {}
        if "nodes" not in parts:
            self._fault(root, "nodes must be given")
            return WorkflowFile(name=name, topology={})
        return WorkflowFile(name=name, topology=self._topology(parts["nodes"], start))

    def placed(self, fault: str) -> str:
        """A fault of the topology with the place of the node that it speaks of."""
        words = fault.removeprefix("Topology.Nodes.").removeprefix("Topology.Dependencies.")
        name = min(
            (one for one in self._marks if words.startswith((f"{one}:", f"{one} ", f"{one}."))),
            default="",
        )
        mark = self._marks.get(name)
        place = "1:1" if mark is None else f"{mark.line + 1}:{mark.column + 1}"
        return f"{self._file_name}:{place}: {fault}"

    def placed_template(self, template_id: str) -> str:
        """That a template is not known here, with the place where it is named."""
        mark = self._templates[template_id].start_mark
        return (
            f"{self._file_name}:{mark.line + 1}:{mark.column + 1}: there is no template "
            f"{template_id!r} here: write params in its place"
        )

    def unused_params(self, topology: Tree) -> Iterator[str]:
        """Params that their operation never asks for: misspelt, or without effect where they are.

        The vendor ignores them; a person who wrote a file wants to know.
        """
        nodes = parse_topology(topology).nodes
        for node in nodes:
            operation = find(node.type)
            if operation is None or node.name not in self._params:
                continue
            watched = WatchedTree(node_settings(node, nodes))
            operation.parse(watched)
            for path in watched.unknown_names():
                if path[0] == operation.block and path[1:]:
                    mark = _key_at(self._params[node.name], path[1:]).start_mark
                    yield (
                        f"{self._file_name}:{mark.line + 1}:{mark.column + 1}: {node.name}: "
                        f"{node.type} makes no use of {'.'.join(path[1:])} here"
                    )

    def _start(self, node: yaml.Node) -> Tree:
        parts = dict(self._entries(node, "input", _INPUT_KEYS))
        start: dict[str, Value] = {}
        if "prefix" in parts:
            start["ObjectPrefix"] = self._text(parts["prefix"])
        if "extensions" in parts:
            listed = "/".join(self._texts(parts["extensions"]))
            start["ExtFilter"] = {"State": "On", "Custom": "true", "CustomExts": listed}
        return start

    def _topology(self, node: yaml.Node, start: Tree) -> Tree:
        nodes: dict[str, Value] = {START: {"Type": START, "Input": start}}
        after: dict[str, list[str]] = {START: []}
        for name, value in self._entries(node, "nodes"):
            if name in _RESERVED:
                self._fault(value, f"a node cannot be named {name}")
                continue
            self._marks[name] = value.start_mark
            after[name] = []
            nodes[name] = self._node(name, value)
        for name, value in self._entries(node, "nodes", note=False):
            self._connect(name, value, after)
        dependencies = {name: ",".join(row or [END]) for name, row in after.items()}
        return {"Dependencies": dependencies, "Nodes": nodes}

    def _node(self, name: str, node: yaml.Node) -> Tree:
        parts = dict(self._entries(node, name, _NODE_KEYS))
        type_ = self._text(parts["type"]) if "type" in parts else ""
        operation = find(type_)
        if "type" not in parts:
            self._fault(node, f"{name}: type must be given")
        elif operation is None:
            offered = ", ".join(sorted(one.tag for one in available()))
            self._fault(parts["type"], f"{name}: {absence(type_)}; use {offered}")
        tree: dict[str, Value] = {}
        if "template" in parts:
            tree["TemplateId"] = template_id = self._text(parts["template"])
            self._templates[template_id] = parts["template"]
        if "params" in parts and operation is not None:
            tree[operation.block] = self._value(parts["params"])
            self._params[name] = parts["params"]
        if "when" in parts and type_ == CONDITION and not tree:
            tree[CONDITION] = {"Express": self._text(parts["when"])}
        elif "when" in parts:
            where = f"nodes of type {CONDITION}, in place of params and template"
            self._fault(parts["when"], f"{name}: when belongs to {where}")
        if type_ == CONDITION and (place := parts.get("when") or parts.get("params")):
            self._check_condition(name, place, tree)
        if "output" in parts:
            output = self._value(parts["output"])
            tree["Output"] = output if isinstance(output, Mapping) else {"Object": output}
        return {"Type": type_, "Operation": tree}

    def _check_condition(self, name: str, place: yaml.Node, tree: Tree) -> None:
        """Unlike on the wire, the expression of a condition must be one of our grammar."""
        express = text_of(child(tree, CONDITION), "Express")
        try:
            parse_condition(express)
        except InvalidArgumentError as error:
            if express:  # the operation asks for one that is missing
                self._fault(place, f"{name}: {error}")

    def _connect(self, name: str, node: yaml.Node, after: dict[str, list[str]]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        parts = dict(self._entries(node, name, note=False))
        before = self._texts(parts["after"]) if "after" in parts else [START]
        for one in before:
            if one in after:
                after[one].append(name)
            else:
                self._fault(parts["after"], f"{name}: after names {one!r}, which is no node")

    def _entries(
        self, node: yaml.Node, what: str, known: set[str] | None = None, *, note: bool = True
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Names and values of a mapping; unknown and repeated names are faults."""
        if not isinstance(node, yaml.MappingNode):
            if note:
                self._fault(node, f"{what} must be a mapping")
            return
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if note and known is not None and name not in known:
                self._fault(key, f"{what}: {name!r} is not one of {', '.join(sorted(known))}")
            elif note and name in seen:
                self._fault(key, f"{what}: {name!r} is given twice")
            else:
                seen.add(name)
                yield name, value

    def _value(self, node: yaml.Node) -> Value:
        """A params value as a tree; scalars stay the text that was written."""
        if isinstance(node, yaml.ScalarNode):
            return self._text(node)
        if any(node is outer for outer in self._around):
            self._fault(node, "a value cannot contain itself")
            return ""
        self._around.append(node)
        value: Value
        if isinstance(node, yaml.MappingNode):
            value = {name: self._value(inner) for name, inner in self._entries(node, "params")}
        else:
            values = map(self._value, node.value)
            value = [inner for inner in values if not isinstance(inner, list)]
        self._around.pop()
        return value

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._fault(node, "must be a text")
            return ""
        return "" if node.tag.endswith(":null") else str(node.value)

    def _texts(self, node: yaml.Node) -> list[str]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [self._text(one) for one in nodes]

    def _fault(self, node: yaml.Node, message: str) -> None:
        mark = node.start_mark
        self.faults.append(f"{self._file_name}:{mark.line + 1}:{mark.column + 1}: {message}")


def _key_at(node: yaml.Node, path: tuple[str, ...]) -> yaml.Node:
    """The key in a mapping that a path of names leads to, as far as it can be followed."""
    found = node
    for name in path:
        mappings = node.value if isinstance(node, yaml.SequenceNode) else [node]
        entries = [
            pair for one in mappings if isinstance(one, yaml.MappingNode) for pair in one.value
        ]
        for key, value in entries:
            if key.value == name:
                found, node = key, value
                break
    return found
