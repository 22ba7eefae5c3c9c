"""SDRtoHDR: a video of standard dynamic range as HDR10 or HLG.

Input: one video. Output: one object, as Transcode makes it, of H.265 with 10 bits a sample.

    {"type": "SDRtoHDR", "output": "hdr/${InputName}.${Ext}", "params": {
        "HdrMode": "HDR10",
        "Transcode": {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.265"}}}}

An approximation: the vendor's model makes lights brighter and colours richer than they were
recorded, this converts the signal and invents nothing. White is shown at 203 nits, the reference
of ITU-R BT.2408 (58 % of the PQ signal, 75 % of HLG), colours are those of the source, within
BT.2020. The picture looks as it did, on a screen that is told how bright it is meant; sun and
lamps do not shine. A source that is HDR already fails. A source without labels of colour is taken
for BT.709, one of low resolution for BT.601. On the wire `Transcode` stands beside the block; it
may stand inside as well.
"""

from dataclasses import dataclass
from pathlib import Path

from penstock.domain.trees import Tree
from penstock.operations import _transcode_params as transcode_params
from penstock.operations._hdr import hdr_encoding, to_hdr
from penstock.operations._transcode_run import run_treated
from penstock.operations._treatment_params import read_encoding, read_hdr_mode
from penstock.operations._treatments import Treatment
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "SDRtoHDR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which kind of HDR, and how it is encoded.

    Attributes:
        mode: `HLG` or `HDR10`.
        encoding: What Transcode is told.
    """

    mode: str
    encoding: transcode_params.Params

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the blocks `SDRtoHDR` and `Transcode`.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        mode = read_hdr_mode(top.block(_BLOCK))
        encoding = read_encoding(tree, _BLOCK, top, is_hdr=True)
        top.finish()
        return cls(mode=mode, encoding=hdr_encoding(encoding, mode))


def run(params: Params, workspace: Workspace) -> Result:
    """Convert, encode, check the labels as well, publish.

    Raises:
        UnsupportedInputError: The input is broken, has no video, or is HDR already.
        InvalidParamsError: The params do not fit this input.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """

    def treat(treatment: Treatment, path: Path) -> Treatment:
        return to_hdr(treatment, params.mode, path, workspace.key)

    return run_treated(params.encoding, workspace, treat)


OPERATION = Operation(
    tag="SDRtoHDR",
    block=_BLOCK,
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
