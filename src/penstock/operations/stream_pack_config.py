"""StreamPackConfig: what kind of adaptive package the nodes behind make, and where it goes.

Input: one video object, which is handed on to the VideoStream nodes behind. Output: none of its
own; its `output` names the index of the package, which StreamPack makes.

    {"type": "StreamPackConfig", "output": "hls/${InputName}.${Ext}",
     "params": {"PackType": "HLS"}}
"""

from penstock.domain.trees import Tree
from penstock.operations._pack_config import PackConfig, check_output, read_config
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader


def parse(tree: Tree) -> PackConfig:
    """Read the block `StreamPackConfig`.

    Raises:
        InvalidArgumentError: Some leaves are wrong; names them all.
    """
    top = ParamReader(tree)
    config = read_config(top)
    check_output(top)
    top.finish()
    return config


def run(params: PackConfig, workspace: Workspace) -> Result:
    """Do nothing: the nodes behind read the input, and what this one says of their package."""
    del params
    workspace.checkpoint()
    return Result()


OPERATION = Operation(
    tag="StreamPackConfig",
    block="StreamPackConfig",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    hands_on_input=True,
    is_node_only=True,
    parse=parse,
    run=run,
)
