"""Runs an operation that treats pictures, and looks at what was published."""

from typing import Any

from penstock.domain.trees import Tree, Value
from penstock.operations.base import Operation
from tests.operations.made_media import Made
from tests.operations.workspace import FolderWorkspace

FINE: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "2"}
"""Pictures that are encoded with next to no loss."""


def tree_of(
    operation: Operation[Any], params: Tree, video: Tree = FINE, /, **beside: Value
) -> Tree:
    """A node's tree with `Transcode` beside the block, as on the wire."""
    encoding: Tree = {"Container": {"Format": "mp4"}, "Video": video}
    output: Tree = {"Region": "r", "Bucket": "b", "Object": "out.${Ext}"}
    return {operation.block: params, "Transcode": encoding, "Output": output, **beside}


def run_treated(
    operation: Operation[Any], workspace: FolderWorkspace, params: Tree, video: Tree = FINE, /
) -> Made:
    """Run it on a workspace's input."""
    result = operation.run(operation.parse(tree_of(operation, params, video)), workspace)
    assert set(result.facts) == {"MediaInfo"}
    assert workspace.reports == sorted(workspace.reports)
    (output,) = result.outputs
    return Made(workspace.published / output.key)
