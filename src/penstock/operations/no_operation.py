"""Noop: does nothing to an object and never reads it.

For measuring what planning, scheduling and recording cost without any work. Input: one object
of any kind. Output: none.

    {"type": "Noop"}
"""

from dataclasses import dataclass

from penstock.domain.trees import Tree
from penstock.operations.base import Family, Kind, Operation, Result, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Noop takes no params."""

    @classmethod
    def parse(cls, _tree: Tree) -> "Params":
        """Accept anything."""
        return _PARAMS


_PARAMS = Params()
_RESULT = Result()


def run(_params: Params, _workspace: Workspace) -> Result:
    """Succeed at once; touches nothing."""
    return _RESULT


OPERATION = Operation(
    tag="Noop",
    block="Noop",
    family=Family.FILE,
    reads=frozenset(Kind),
    needs_output=False,
    parse=Params.parse,
    run=run,
)
