"""Which resources a chunk asks a cluster for: the most that a node of its job needs. Pure."""

from collections.abc import Mapping

from penstock.domain.jobs import Job
from penstock.domain.trees import child, text
from penstock.domain.workflows import END, START
from penstock.operations.base import Needs
from penstock.operations.registry import find


def needs_of(job: Job, overrides: Mapping[str, Needs]) -> Needs:
    """What a worker needs while it runs a chunk of a job.

    Args:
        overrides: What the operator has set, by operation; counts in place of what the operation
            says of itself.
    """
    found = [_needs(tag, overrides) for tag in _tags(job)] or [Needs()]
    return Needs(*map(max, zip(*found, strict=True)))


def _tags(job: Job) -> set[str]:
    """The operations of all nodes."""
    nodes = (child(pinned.topology, "Nodes") for pinned in job.workflows)
    return {text(child(tree, name), "Type") for tree in nodes for name in tree} - {START, END}


def _needs(tag: str, overrides: Mapping[str, Needs]) -> Needs:
    if tag in overrides:
        return overrides[tag]
    operation = find(tag)
    return Needs() if operation is None else operation.needs
