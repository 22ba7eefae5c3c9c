"""Palette: the colours that make up a picture.

Input: one picture. Output: a strip of swatches as PNG; the facts are a `PaletteResult`.

    {"type": "Palette", "params": {"Colours": 5, "Swatch": 64}}
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from penstock.plugins import (
    Family,
    InputLimitError,
    Kind,
    Operation,
    OutputRejectedError,
    ParamReader,
    Result,
    Tree,
    UnsupportedInputError,
    Workspace,
)
from penstock_palette.colours import Colour, draw_swatches, find_colours

_TAG = "Palette"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is asked for.

    Attributes:
        colours: How many colours at most.
        swatch: Pixels of a side of a swatch.
    """

    colours: int
    swatch: int

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `Palette`; all faults are told at once."""
        reader = ParamReader(tree).block(_TAG)
        colours = reader.integer("Colours", 2, 16)
        swatch = reader.integer("Swatch", 8, 256)
        reader.finish()
        return cls(colours=colours or 5, swatch=swatch or 64)


def run(params: Params, workspace: Workspace) -> Result:
    """Look at the picture, draw its colours, look at what was drawn, publish it."""
    colours = _colours(workspace, params.colours)
    workspace.checkpoint()
    path = workspace.scratch / "palette.png"
    draw_swatches(colours, params.swatch).save(path)
    _check(path, len(colours) * params.swatch, params.swatch)
    output = workspace.publish(path, extension="png")
    told = [{"Hex": colour.hex, "Share": f"{colour.share:.4f}"} for colour in colours]
    return Result(outputs=[output], facts={"PaletteResult": {"Colour": told}})


def _colours(workspace: Workspace, most: int) -> list[Colour]:
    try:
        with Image.open(workspace.fetch()) as picture:
            if picture.width * picture.height > workspace.limits.pixels:
                message = f"{workspace.key}: {picture.width}x{picture.height} pixels are too many"
                raise InputLimitError(message)
            picture.draft("RGB", (256, 256))  # a JPEG is decoded no larger than needed
            return find_colours(picture, most)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UnsupportedInputError(workspace.key, "cannot be read as a picture") from error


def _check(path: Path, width: int, height: int) -> None:
    """Read back what was written: what is published is what was asked for."""
    with Image.open(path) as made:
        made.load()
        if made.size != (width, height):
            message = f"expected {width}x{height} pixels, got {made.width}x{made.height}"
            raise OutputRejectedError(message)


OPERATION = Operation(
    tag=_TAG,
    block=_TAG,
    family=Family.PICTURE,
    reads=frozenset({Kind.IMAGE}),
    parse=Params.parse,
    run=run,
)
