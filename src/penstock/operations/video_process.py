"""VideoProcess: a video with stronger colours, sharper edges, or both, transcoded.

Input: one video. Output: one object, as Transcode makes it.

    {"type": "VideoProcess", "output": "better/${InputName}.${Ext}", "params": {
        "ColorEnhance": {"Enable": "true", "Contrast": "40"}, "MsSharpen": {"Enable": "true"},
        "Transcode": {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}}}}

An approximation of the vendor's, which looks at what a picture shows: here the same is done to
every picture. `Contrast` and `Saturation` spread brightness and colours about their middle by at
most a half and the whole of what they are; `Correction` takes out a cast of colour, measured in
each picture as its mean, which weakens the colours of pictures that are meant to have one;
`SharpenLevel` is an unsharp mask. A value that is absent is a quarter of the most, or level 3. On
the wire `Transcode` stands beside the block; it may stand inside as well.
"""

from dataclasses import dataclass
from pathlib import Path

from penstock.domain.trees import Tree
from penstock.operations import _transcode_params as transcode_params
from penstock.operations._transcode_run import run_treated
from penstock.operations._treatment_params import (
    Colours,
    read_colours,
    read_encoding,
    read_sharpness,
)
from penstock.operations._treatments import Treatment, coloured, sharpened
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "VideoProcess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is done to pictures, and how they are encoded.

    Attributes:
        colours: None leaves them as they are.
        sharpness: 0 to 10; None leaves edges as they are.
        encoding: What Transcode is told.
    """

    colours: Colours | None
    sharpness: float | None
    encoding: transcode_params.Params

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the blocks `VideoProcess` and `Transcode`.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        reader = top.block(_BLOCK)
        if not any(map(reader.is_given, ("ColorEnhance", "MsSharpen"))):
            reader.fault("ColorEnhance or MsSharpen", "given")
        colours, sharpness = read_colours(reader), read_sharpness(reader)
        encoding = read_encoding(tree, _BLOCK, top)
        top.finish()
        return cls(colours=colours, sharpness=sharpness, encoding=encoding)


def run(params: Params, workspace: Workspace) -> Result:
    """Treat, encode, check, publish.

    Raises:
        UnsupportedInputError: The input is broken, or has no video.
        InvalidParamsError: The params do not fit this input.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """

    def treat(treatment: Treatment, _path: Path) -> Treatment:
        if params.colours is not None:
            treatment = coloured(treatment, params.colours)
        if params.sharpness is not None:
            treatment = sharpened(treatment, params.sharpness)
        return treatment

    return run_treated(params.encoding, workspace, treat)


OPERATION = Operation(
    tag="VideoProcess",
    block=_BLOCK,
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
