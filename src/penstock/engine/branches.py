"""What nodes keep for the node that joins them, and what that one publishes in their names."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from penstock.domain.executions import NodeOutcome
from penstock.engine.control import Control
from penstock.engine.plan import PlannedNode
from penstock.engine.workspace import NodeInput, NodeResults, NodeWorkspace, SourceObject
from penstock.operations.base import Branch, Result


class Branches:
    """The branches of one execution."""

    def __init__(
        self,
        source: SourceObject,
        control: Control,
        names: Callable[[PlannedNode], Mapping[str, str]],
    ) -> None:
        self._source = source
        self._control = control
        self._names = names
        self._kept: dict[int, tuple[PlannedNode, NodeInput, Path]] = {}
        self._joined: dict[str, Result] = {}

    def take(self, planned: PlannedNode, handed: NodeInput, result: Result) -> None:
        """Remember what a node kept, or published in the names of others."""
        if result.kept is not None:
            self._kept[planned.node.number] = planned, handed, result.kept
        if result.joined:
            self._joined.update(result.joined)

    def before(self, planned: PlannedNode) -> list[Branch]:
        """What the nodes before one have kept, each with a new window of its own."""
        if not self._kept:
            return []
        kept = [self._kept[one] for one in planned.node.predecessors if one in self._kept]
        return [self._branch(*one) for one in kept]

    def told(self, nodes: Sequence[PlannedNode], outcomes: list[NodeOutcome]) -> list[NodeOutcome]:
        """The outcomes of nodes, each with what was published in its name."""
        return list(map(self._told, nodes, outcomes)) if self._joined else outcomes

    def _told(self, planned: PlannedNode, outcome: NodeOutcome) -> NodeOutcome:
        joined = self._joined.get(planned.node.name)
        if joined is None:
            return outcome
        return outcome._replace(outputs=tuple(joined.outputs), facts=joined.facts)

    def _branch(self, planned: PlannedNode, handed: NodeInput, path: Path) -> Branch:
        results = NodeResults(names=lambda: self._names(planned))
        workspace = NodeWorkspace(
            self._source, handed, planned.destination, results, self._control
        )
        return Branch(name=planned.node.name, path=path, workspace=workspace)
