"""What chunks ask a cluster for follows from their nodes, and from what the operator has set."""

from penstock.engine.needs import needs_of
from penstock.operations.base import Needs
from tests.factories import make_id, make_job, make_node, make_pinned, make_topology

SET = {"Noop": Needs(cpus=0.5, memory_bytes=5), "FileHashCode": Needs(cpus=2, gpus=0.25)}


def test_needs_are_one_core_by_default() -> None:
    """An operation that asks for nothing gets a core."""
    assert needs_of(make_job(), {}) == Needs(cpus=1.0, gpus=0.0, memory_bytes=0)


def test_needs_are_what_was_set_for_an_operation() -> None:
    """The operator's word counts in place of the operation's own."""
    assert needs_of(make_job(), SET) == SET["Noop"]


def test_needs_are_the_most_of_all_nodes_of_all_workflows() -> None:
    """A worker runs every node of a chunk, one behind the other: the largest need counts."""
    other = make_topology({"sum": make_node("FileHashCode")})
    workflows = (make_pinned(), make_pinned(id=make_id("w", 2), topology=other))

    found = needs_of(make_job(workflows=workflows), SET)

    assert found == Needs(cpus=2, gpus=0.25, memory_bytes=5)


def test_needs_of_an_unknown_operation_are_those_of_any() -> None:
    """A plug-in that this machine lacks is placed like anything else; its worker says the rest."""
    topology = make_topology({"odd": make_node("NotHere")})

    assert needs_of(make_job(workflows=(make_pinned(topology=topology),)), SET) == Needs()
