"""MediaInfo: tells what a video or sound file holds.

Input: one video or sound object. Output: none; the result is the `MediaInfo` tree.

    {"type": "MediaInfo"}
"""

from dataclasses import dataclass

from penstock.domain.trees import Tree
from penstock.operations._probe import probe
from penstock.operations.base import Family, Kind, Operation, Result, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """MediaInfo takes no params."""

    @classmethod
    def parse(cls, _tree: Tree) -> "Params":
        """Accept anything: the vendor sends no block at all."""
        return cls()


def run(_params: Params, workspace: Workspace) -> Result:
    """Look into the input.

    Raises:
        UnsupportedInputError: The input is not video or sound, or is broken.
    """
    media = probe(workspace.fetch(), workspace.key)
    return Result(facts={"MediaInfo": media.facts})


OPERATION = Operation(
    tag="MediaInfo",
    block="MediaInfo",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    needs_output=False,
    parse=Params.parse,
    run=run,
)
