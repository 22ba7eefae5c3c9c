"""SuperResolution: a video with larger pictures, transcoded.

Input: one video. Output: one object, as Transcode makes it.

    {"type": "SuperResolution", "output": "hd/${InputName}.${Ext}", "params": {
        "Resolution": "sdtohd", "Version": "Enhance",
        "Transcode": {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}}}}

An approximation: the vendor's model draws detail that was never recorded, this enlarges what is
there by a Lanczos filter, and `Enhance` sharpens the result. Edges are smoother and more true than
by plain enlarging, but faces, hair and writing gain nothing. Pictures become twice as large, at
most 1920x1080 for `sdtohd` and 3840x2160 for `hdto4k` (upright ones 1080x1920 and 2160x3840), or
with `EnableScaleUp` as large as that, whatever their size. A source that is as large already
fails. `Width` and `Height` of Transcode, where given, have the last word. On the wire `Transcode`
stands beside the block; it may stand inside as well.
"""

from dataclasses import dataclass
from pathlib import Path

from penstock.domain.trees import Tree
from penstock.operations import _transcode_params as transcode_params
from penstock.operations._transcode_run import run_treated
from penstock.operations._treatment_params import Enlarging, read_encoding, read_enlarging
from penstock.operations._treatments import Treatment, enlarged
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "SuperResolution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How large pictures become, and how they are encoded.

    Attributes:
        enlarging: How large.
        encoding: What Transcode is told.
    """

    enlarging: Enlarging
    encoding: transcode_params.Params

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the blocks `SuperResolution` and `Transcode`.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        params = cls(
            enlarging=read_enlarging(top.block(_BLOCK)),
            encoding=read_encoding(tree, _BLOCK, top),
        )
        top.finish()
        return params


def run(params: Params, workspace: Workspace) -> Result:
    """Enlarge, encode, check, publish.

    Raises:
        UnsupportedInputError: The input is broken, or has no video.
        InvalidParamsError: The source is as large already, or the params do not fit it.
        InputLimitError: A picture has too many pixels, or the output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """

    def treat(treatment: Treatment, _path: Path) -> Treatment:
        return enlarged(treatment, params.enlarging)

    return run_treated(params.encoding, workspace, treat)


OPERATION = Operation(
    tag="SuperResolution",
    block=_BLOCK,
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
