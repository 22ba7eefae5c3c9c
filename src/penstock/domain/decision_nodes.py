"""Rules for nodes of the types Condition and SCF, which decide and leave the service."""

from collections.abc import Collection, Iterator, Sequence

from penstock.domain.trees import child, text
from penstock.domain.workflows import Node

CONDITION = "Condition"
FUNCTION = "SCF"


def condition_faults(nodes: Sequence[Node]) -> Iterator[str]:
    """Conditions that decide nothing, since nothing stands behind them (`nodes.md` 2.3).

    Args:
        nodes: Every node of a topology but Start.
    """
    followed = {number for node in nodes for number in node.predecessors}
    for node in nodes:
        if node.type == CONDITION and node.number not in followed:
            yield f"{node.name}: a {CONDITION} must be followed by another node, not by End"


def function_faults(nodes: Sequence[Node], known: Collection[str]) -> Iterator[str]:
    """Functions that the operator's table does not have.

    Args:
        nodes: Every node of a topology but Start.
        known: The names in the table.
    """
    for node in nodes:
        name = text(child(node.operation, FUNCTION), "FunctionName")
        if node.type == FUNCTION and name and name not in known:
            listed = ", ".join(sorted(known)) or "none"
            yield f"{node.name}: there is no function {name!r}; the setting functions has {listed}"
