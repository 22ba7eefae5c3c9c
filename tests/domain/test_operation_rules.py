from penstock.domain.workflows import parse_topology
from tests.factories import make_hash_rule


def test_rule_becomes_a_topology_of_one_node() -> None:
    """The one node is named and typed by the tag, reads the source, and has the settings."""
    rule = make_hash_rule()

    (node,) = parse_topology(rule.topology).nodes

    assert (node.number, node.name, node.type) == (1, "FileHashCode", "FileHashCode")
    assert node.predecessors == (0,)
    assert node.operation == rule.operation
