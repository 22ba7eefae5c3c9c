"""Where nodes that decide or leave the service may stand."""

from penstock.domain.decision_nodes import condition_faults, function_faults
from penstock.domain.workflows import Node, parse_topology
from tests.factories import make_node, make_topology

CONDITION = make_node("Condition", after_type={"Condition": {"Express": "Size > 1"}})


def nodes(**definitions: object) -> tuple[Node, ...]:
    """The nodes of a chain of these."""
    row = ["Start", *definitions, "End"]
    edges = {name: row[place + 1] for place, name in enumerate(row[:-1])}
    return parse_topology(make_topology(definitions, edges)).nodes  # type: ignore[arg-type]


def test_condition_with_nothing_behind_it_is_a_fault() -> None:
    """A condition that only End follows decides nothing."""
    assert list(condition_faults(nodes(last=CONDITION))) == [
        "last: a Condition must be followed by another node, not by End"
    ]
    assert list(condition_faults(nodes(first=CONDITION, last=make_node()))) == []


def test_function_that_the_table_lacks_is_a_fault() -> None:
    """Unknown names are told with those that there are."""
    found = nodes(one=make_node("SCF", after_type={"SCF": {"FunctionName": "a"}}))

    assert list(function_faults(found, ["a", "b"])) == []
    assert list(function_faults(found, ["c", "b"])) == [
        "one: there is no function 'a'; the setting functions has b, c"
    ]
    assert list(function_faults(found, [])) == [
        "one: there is no function 'a'; the setting functions has none"
    ]


def test_function_without_a_name_is_no_fault_of_the_table() -> None:
    """The operation itself asks for a name."""
    assert list(function_faults(nodes(one=make_node("SCF"), two=make_node()), [])) == []
