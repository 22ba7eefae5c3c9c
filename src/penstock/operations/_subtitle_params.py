"""Subtitles that a job brings along (`nodes.md` 5.1, `Subtitles`)."""

from dataclasses import dataclass

from penstock.operations._image_steps import Colour
from penstock.operations._watermark_params import FONTS, MAX_SIDE, read_colour
from penstock.operations.params import ParamReader, is_empty

SOFT_CODECS = {"mp4": "mov_text", "mov": "mov_text", "mkv": "subrip", "webm": "webvtt"}
"""How a container holds subtitles that a player can switch off, by container."""

_MOST_SUBTITLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtitle:
    """One file of subtitles.

    Attributes:
        url: A key of the bucket, or a URL that names one; SubRip.
        is_drawn: Whether it becomes part of the pictures, instead of a track of its own.
        font: One of the vendor's names; empty is any.
        pixels: Size of the letters; None is about an eighteenth of the height.
        colour: Of the letters; None is white.
        outline: Of their edges; None is black.
        bottom_pixels: Distance from the lower edge; None is about a thirtieth of the height.
    """

    url: str
    is_drawn: bool
    font: str
    pixels: int | None
    colour: Colour | None
    outline: Colour | None
    bottom_pixels: int | None


def read_subtitles(reader: ParamReader, format_name: str) -> tuple[Subtitle, ...]:
    """Read `Subtitles`; those that are not drawn need a container that can hold them."""
    outer = reader.block("Subtitles")
    blocks = [block for block in outer.blocks("Subtitle") if not is_empty(block.tree)]
    if reader.is_given("Subtitles") and not blocks:
        reader.fault("Subtitles", "a block with Subtitle")
    if len(blocks) > _MOST_SUBTITLES:
        outer.fault("Subtitle", f"given at most {_MOST_SUBTITLES} times, not {len(blocks)}")
    return tuple(_subtitle(block, format_name) for block in blocks)


def _subtitle(block: ParamReader, format_name: str) -> Subtitle:
    is_drawn = block.flag("Embed", default=True)
    if not is_drawn and format_name not in SOFT_CODECS:
        block.fault("Embed", f"true: {format_name} holds no subtitles of their own")
    return Subtitle(
        url=block.required_text("Url"),
        is_drawn=is_drawn,
        font=block.choice("FontType", FONTS),
        pixels=block.integer("FontSize", 5, 100),
        colour=read_colour(block, "FontColor"),
        outline=read_colour(block, "OutlineColor"),
        bottom_pixels=block.integer("VMargin", 0, MAX_SIDE),
    )
