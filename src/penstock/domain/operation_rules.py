"""One operation as a request asks for it: what is done, and in which lane.

Batch jobs of type Job and single jobs ask in nearly the same words. Either becomes a topology of
one node, so that planning, running and recording know nothing but topologies.
"""

from collections.abc import Callable
from dataclasses import dataclass

from penstock.domain.trees import Tree
from penstock.domain.workflows import END, START

OperationCheck = Callable[[str, Tree], list[str]]
"""From a tag and an `Operation` tree to what is wrong with them, one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRule:
    """One operation, its settings and its lane.

    Attributes:
        tag: Which operation.
        operation: The `Operation` tree of its node: params, template id, output.
        queue_id: The queue to pass through; empty for the default one of the family.
        queue_type: The category of that queue, where no id is given; empty for the default one.
        priority: 0, 1 or 2; larger runs first.
        echo: What was asked for, in the words of a batch job's `Operation`.
    """

    tag: str
    operation: Tree
    queue_id: str = ""
    queue_type: str = ""
    priority: int = 0
    echo: Tree

    @property
    def topology(self) -> Tree:
        """A topology of this one node."""
        return {
            "Dependencies": {START: self.tag, self.tag: END},
            "Nodes": {
                START: {"Type": START},
                self.tag: {"Type": self.tag, "Operation": self.operation},
            },
        }
