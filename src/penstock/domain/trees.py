"""The vendor's nested parameters as ordered trees of text.

A tree is what XML bodies, JSON bodies and YAML workflow files have in common: a mapping from
names to text, to another tree, or to a list of either (a repeated element). Leaves are text; an
empty leaf means "absent" (`wire.md` 1.2).
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

Value: TypeAlias = "str | Tree | list[str | Tree]"
Tree: TypeAlias = Mapping[str, "Value"]


def text(tree: Tree, name: str) -> str:
    """The text of a child, stripped; empty when it is absent, empty or not a leaf."""
    value = tree.get(name, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return value.strip() if isinstance(value, str) else ""


def child(tree: Tree, name: str) -> Tree:
    """A nested tree; an empty one when the child is absent, empty or a leaf."""
    value = tree.get(name, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, Mapping) else {}


def children(tree: Tree, name: str) -> Iterator[Tree]:
    """Every nested tree under a name that may be repeated."""
    value = tree.get(name, "")
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, Mapping):
            yield entry


def texts(tree: Tree, name: str) -> Iterator[str]:
    """Every non-empty text under a name that may be repeated."""
    value = tree.get(name, "")
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, str) and entry.strip():
            yield entry.strip()
