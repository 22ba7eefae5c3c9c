"""What is laid over a video, and what is wiped off it (`nodes.md` 4.6 and 4.7)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from penstock.operations._image_steps import Colour, Gravity
from penstock.operations.params import ParamReader, is_empty

MAX_SIDE = 4096
MOST_WATERMARKS = 3
FONTS = (
    "simfang.ttf", "simhei.ttf", "simkai.ttf", "simsun.ttc", "STHeiti-Light.ttc",
    "STHeiti-Medium.ttc", "youyuan.TTF", "ariblk.ttf", "arial.ttf", "ahronbd.ttf",
    "Helvetica.dfont", "HelveticaNeue.dfont",
)  # fmt: skip
"""The vendor's names of fonts; other fonts stand in for those that a machine lacks."""

_MAX_SECONDS = 10_000_000
_MOST_LETTERS = 64
_COLOUR = re.compile(r"0[xX]([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})")
_POSITIONS: Mapping[str, Gravity] = {
    "TopLeft": Gravity.NORTHWEST,
    "Top": Gravity.NORTH,
    "TopRight": Gravity.NORTHEAST,
    "Left": Gravity.WEST,
    "Center": Gravity.CENTER,
    "Right": Gravity.EAST,
    "BottomLeft": Gravity.SOUTHWEST,
    "Bottom": Gravity.SOUTH,
    "BottomRight": Gravity.SOUTHEAST,
}


class Sizing(StrEnum):
    """What the width and height of a picture mark mean."""

    ORIGINAL = "Original"
    PROPORTION = "Proportion"
    FIXED = "Fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureContent:
    """A mark that is a picture, still or moving.

    Attributes:
        url: A key of the bucket, or a URL that names one.
        sizing: What the sides mean.
        width: Pixels, or percent of the video's; None follows the height, or the picture.
        height: Likewise.
        is_background: Whether it lies behind the video, which then is placed on it.
    """

    url: str
    sizing: Sizing
    width: float | None
    height: float | None
    is_background: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TextContent:
    """A mark that is a line of text.

    Attributes:
        text: At most 64 letters.
        font: One of `FONTS`.
        pixels: Size of the letters.
        colour: Red, green and blue.
    """

    text: str
    font: str
    pixels: int
    colour: Colour


Content: TypeAlias = PictureContent | TextContent


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When something is to be seen, on the time line of the output.

    Attributes:
        start_seconds: From when on.
        end_seconds: Until when; None is to the end.
    """

    start_seconds: float = 0.0
    end_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """How a mark moves from left to right, and from top to bottom.

    Attributes:
        across: Hundredths of the video's width a second; 0 stays at the left.
        down: Hundredths of the video's height a second; 0 stays at the top.
    """

    across: int
    down: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """One visible mark.

    Attributes:
        content: What is laid over the video.
        gravity: Where it is anchored.
        dx: Distance from the anchor's side, in pixels or percent of the video's width.
        dy: Likewise, of its height.
        is_percent: Whether distances are percent.
        opacity: In percent, 1 to 100.
        span: When it is seen.
        slide: How it moves; None stands still.
    """

    content: Content
    gravity: Gravity
    dx: float
    dy: float
    is_percent: bool
    opacity: int
    span: Span
    slide: Slide | None

    @property
    def is_background(self) -> bool:
        """Whether it lies behind the video."""
        return isinstance(self.content, PictureContent) and self.content.is_background


@dataclass(frozen=True, slots=True, kw_only=True)
class Delogo:
    """A rectangle of the source that is filled from its surroundings, in pixels.

    Attributes:
        left: Of the rectangle.
        top: Of the rectangle.
        width: At least 1.
        height: At least 1.
        span: When it is filled.
    """

    left: int
    top: int
    width: int
    height: int
    span: Span


def read_watermarks(reader: ParamReader) -> tuple[Watermark, ...]:
    """Read every `Watermark`; ids of templates have been replaced by their bodies before."""
    if reader.is_given("WatermarkTemplateId") and not reader.is_given("Watermark"):
        reader.fault("WatermarkTemplateId", "the id of a template that can be looked up here")
    blocks = [block for block in reader.blocks("Watermark") if not is_empty(block.tree)]
    if reader.is_given("Watermark") and not blocks:
        reader.fault("Watermark", "a block")
    if len(blocks) > MOST_WATERMARKS:
        reader.fault("Watermark", f"given at most {MOST_WATERMARKS} times, not {len(blocks)}")
    marks = [_watermark(block) for block in blocks]
    return tuple(mark for mark in marks if mark is not None)


def read_delogo(reader: ParamReader) -> Delogo | None:
    """Read `RemoveWatermark`, or `DelogoParam` with its switch; None where nothing is wiped."""
    block = reader.block("RemoveWatermark")
    if is_empty(block.tree):
        block = reader.block("DelogoParam")
        if not block.flag("Switch"):
            return None
    sides = [_required_whole(block, name, 0) for name in ("Dx", "Dy")]
    sides += [_required_whole(block, name, 1) for name in ("Width", "Height")]
    left, top, width, height = sides
    # The vendor's own spelling, and the one that a person would try.
    end = "EndTime" if block.is_given("EndTime") else "Endtime"
    start = next((name for name in ("StartTime", "Startime") if block.is_given(name)), "Starttime")
    span = read_seconds(block, start, end)
    return Delogo(left=left, top=top, width=width, height=height, span=span)


def read_seconds(block: ParamReader, start_name: str, end_name: str) -> Span:
    """Read when something begins and ends, in seconds."""
    start = block.decimal(start_name, 0, _MAX_SECONDS) or 0.0
    end = block.decimal(end_name, 0, _MAX_SECONDS, above_low=True)
    if end is not None and end <= start:
        block.fault(end_name, f"above {start_name}, not {end:g}")
    return Span(start_seconds=start, end_seconds=end)


def during(span: Span) -> str:
    """The option that switches one of ffmpeg's filters on for a while; empty for always."""
    if not span.start_seconds and span.end_seconds is None:
        return ""
    begin = f"gte(t,{span.start_seconds:.3f})"
    end = "" if span.end_seconds is None else f"*lt(t,{span.end_seconds:.3f})"
    return f":enable='{begin}{end}'"


def read_colour(block: ParamReader, name: str) -> Colour | None:
    """Read a colour of the form `0xRRGGBB`; None where absent or wrong."""
    value = block.text(name)
    found = _COLOUR.fullmatch(value)
    if found is None:
        if value:
            block.fault(name, f"a colour 0xRRGGBB, not {value!r}")
        return None
    return int(found[1], 16), int(found[2], 16), int(found[3], 16)


def _watermark(block: ParamReader) -> Watermark | None:
    kind = block.choice("Type", ("Text", "Image"))
    if not kind:
        if not block.text("Type"):
            block.fault("Type", "Text or Image")
        return None
    picture = block.block("Image")
    is_background = kind == "Image" and picture.flag("Background")
    slide = _slide(block.block("SlideConfig"))
    if slide is None:
        for name in ("Pos", "LocMode"):
            block.required_text(name)
    is_percent = block.choice("LocMode", ("Relativity", "Absolute")) == "Relativity"
    if slide is not None and is_background:
        block.fault("SlideConfig.SlideMode", "Default where the picture is a background")
    inner = picture if kind == "Image" else block.block("Text")
    opacity = inner.integer("Transparency", 1, 100)
    if opacity is None and not inner.text("Transparency"):
        inner.fault("Transparency", "given, from 1 to 100")
    return Watermark(
        content=_picture(picture, is_background=is_background)
        if kind == "Image"
        else _text(inner),
        gravity=_POSITIONS[block.choice("Pos", _POSITIONS, "TopLeft")],
        dx=_offset(block, "Dx", is_percent=is_percent, is_background=is_background),
        dy=_offset(block, "Dy", is_percent=is_percent, is_background=is_background),
        is_percent=is_percent,
        opacity=opacity or 100,
        span=read_seconds(block, "StartTime", "EndTime"),
        slide=slide,
    )


def _offset(block: ParamReader, name: str, *, is_percent: bool, is_background: bool) -> float:
    """A distance; a background reaches beyond the video, so that its distances are negative."""
    most = (300 if is_background else 100) if is_percent else MAX_SIDE
    low, high = (-most, 0) if is_background else (0, most)
    return block.decimal(name, low, high) or 0.0


def _slide(block: ParamReader) -> Slide | None:
    across = block.integer("XSlideSpeed", 0, 10) or 0
    down = block.integer("YSlideSpeed", 0, 10) or 0
    if block.choice("SlideMode", ("Default", "ScrollFromLeft"), "Default") == "Default":
        return None
    return Slide(across=across, down=down)


def _picture(block: ParamReader, *, is_background: bool) -> PictureContent:
    block.required_text("Mode")
    sizing = Sizing(block.choice("Mode", list(Sizing), Sizing.ORIGINAL))
    low, high = 8.0, float(MAX_SIDE)
    if sizing is Sizing.PROPORTION:
        low, high = (100.0, 300.0) if is_background else (1.0, 100.0)
    names = ("Width", "Height")
    sides = [block.decimal(name, low, high) for name in names]
    if sizing is Sizing.ORIGINAL:
        for name in names:
            if block.is_given(name):
                block.fault(name, "absent: Mode Original keeps the picture's own")
    elif not any(block.is_given(name) for name in names):
        block.fault("Width or Height", f"given: Mode is {sizing}")
    return PictureContent(
        url=block.required_text("Url"),
        sizing=sizing,
        width=sides[0],
        height=sides[1],
        is_background=is_background,
    )


def _text(block: ParamReader) -> TextContent:
    text = block.required_text("Text")
    if len(text) > _MOST_LETTERS or not text.isprintable():
        block.fault("Text", f"at most {_MOST_LETTERS} printable letters, not {text[:80]!r}")
    for name in ("FontSize", "FontType", "FontColor"):
        block.required_text(name)
    return TextContent(
        text=text,
        font=block.choice("FontType", FONTS, FONTS[0]),
        pixels=block.integer("FontSize", 5, 100) or 5,
        colour=read_colour(block, "FontColor") or (0, 0, 0),
    )


def _required_whole(block: ParamReader, name: str, low: int) -> int:
    block.required_text(name)
    return block.integer(name, low, MAX_SIDE) or low
