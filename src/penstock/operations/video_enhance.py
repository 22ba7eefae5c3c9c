"""VideoEnhance: several improvements of a video at once, transcoded.

Input: one video. Output: one object, as Transcode makes it.

    {"type": "VideoEnhance", "output": "best/${InputName}.${Ext}", "params": {
        "ColorEnhance": {"Enable": "true"}, "SuperResolution": {"Resolution": "sdtohd"},
        "FrameEnhance": {"FrameDoubling": "true"},
        "Transcode": {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}}}}

Everything is what VideoProcess, SuperResolution and SDRtoHDR do, with the same bounds, in this
order: colours, size, sharpness, frames, HDR. An approximation like those. `FrameDoubling` puts a
frame between every two, made by following blocks of pixels, at 8 bits a sample; where things move
fast or hide each other it smears more than the vendor's model, and it takes long.
"""

from dataclasses import dataclass
from pathlib import Path

from penstock.domain.trees import Tree
from penstock.operations import _transcode_params as transcode_params
from penstock.operations._hdr import hdr_encoding, to_hdr
from penstock.operations._transcode_run import run_treated
from penstock.operations._treatment_params import (
    Colours,
    Enlarging,
    read_colours,
    read_encoding,
    read_enlarging,
    read_hdr_mode,
    read_sharpness,
)
from penstock.operations._treatments import Treatment, coloured, doubled, enlarged, sharpened
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "VideoEnhance"
_PARTS = ("ColorEnhance", "FrameEnhance", "MsSharpen", "SDRtoHDR", "SuperResolution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is done to pictures, and how they are encoded.

    Attributes:
        colours: None leaves them as they are.
        enlarging: None leaves the size as it is.
        sharpness: 0 to 10; None leaves edges as they are.
        is_doubling: Whether there are twice as many frames.
        hdr_mode: `HLG` or `HDR10`; empty keeps the range.
        encoding: What Transcode is told.
    """

    colours: Colours | None
    enlarging: Enlarging | None
    sharpness: float | None
    is_doubling: bool
    hdr_mode: str
    encoding: transcode_params.Params

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `VideoEnhance`, and `Transcode` in it or beside it.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        reader = top.block(_BLOCK)
        if not any(map(reader.is_given, _PARTS)):
            reader.fault(" or ".join(_PARTS), "given")
        is_larger = reader.is_given("SuperResolution")
        is_hdr = reader.is_given("SDRtoHDR")
        mode = read_hdr_mode(reader.block("SDRtoHDR")) if is_hdr else ""
        encoding = read_encoding(tree, _BLOCK, top, is_hdr=is_hdr)
        params = cls(
            colours=read_colours(reader),
            enlarging=read_enlarging(reader.block("SuperResolution")) if is_larger else None,
            sharpness=read_sharpness(reader),
            is_doubling=reader.block("FrameEnhance").flag("FrameDoubling"),
            hdr_mode=mode,
            encoding=hdr_encoding(encoding, mode) if is_hdr else encoding,
        )
        top.finish()
        return params


def run(params: Params, workspace: Workspace) -> Result:
    """Treat, encode, check, publish.

    Raises:
        UnsupportedInputError: The input is broken, has no video, or is HDR already.
        InvalidParamsError: The source is as large already, or the params do not fit it.
        InputLimitError: A picture has too many pixels, or the output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """

    def treat(treatment: Treatment, path: Path) -> Treatment:
        if params.colours is not None:
            treatment = coloured(treatment, params.colours)
        if params.enlarging is not None:
            treatment = enlarged(treatment, params.enlarging)
        if params.sharpness is not None:
            treatment = sharpened(treatment, params.sharpness)
        if params.is_doubling:
            treatment = doubled(treatment, workspace.key)
        if params.hdr_mode:
            treatment = to_hdr(treatment, params.hdr_mode, path, workspace.key)
        return treatment

    return run_treated(params.encoding, workspace, treat)


OPERATION = Operation(
    tag="VideoEnhance",
    block=_BLOCK,
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
