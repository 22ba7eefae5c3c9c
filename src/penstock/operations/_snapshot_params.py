"""What a Snapshot node asks for: which moments of a video, as single pictures or sheets."""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, child, text
from penstock.operations._colours import parse_colour
from penstock.operations._image_rules import parse_rule
from penstock.operations._image_steps import Rule
from penstock.operations.params import ParamReader, is_empty

MAX_COUNT = 10_000
_MAX_SECONDS = 10_000_000
_INDEXED = re.compile(r"\$\{(number|time)\}", re.IGNORECASE)
_NUMBERED = re.compile(r"\$\{number\}", re.IGNORECASE)
_OUT_MODES = ("OnlySnapshot", "OnlySprite", "SnapshotAndSprite")


class Mode(StrEnum):
    """How the moments are chosen."""

    INTERVAL = "Interval"
    AVERAGE = "Average"
    KEY_FRAME = "KeyFrame"


class Fit(StrEnum):
    """How a picture fits its cell of a sheet."""

    STRETCH = "DirectScale"
    PAD = "MaxWHScaleAndPad"
    INSIDE = "MaxWHScale"


class BlackCheck(NamedTuple):
    """When a frame counts as black.

    Attributes:
        percent: Least share of dark pixels.
        threshold: Luma below which a pixel is dark, from 0 to 255.
    """

    percent: float
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """How the sheets are laid out; lengths in pixels.

    Attributes:
        cell_width: None follows from the height, or is that of a snapshot.
        cell_height: None follows from the width, or is that of a snapshot.
        padding: Between two cells.
        margin: Around the cells.
        colour: Red, green and blue of all that is not covered.
        columns: Cells in a line.
        lines: Lines in a sheet.
        fit: How pictures fit cells; matters where both cell sides are given.
    """

    cell_width: int | None
    cell_height: int | None
    padding: int
    margin: int
    colour: tuple[int, int, int]
    columns: int
    lines: int
    fit: Fit

    @property
    def cells(self) -> int:
        """Pictures that one sheet holds."""
        return self.columns * self.lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which pictures to take and where they go.

    Attributes:
        mode: How the moments are chosen.
        start: Seconds, exact to the millisecond.
        interval: Seconds between two pictures; None takes every frame (mode Interval).
        count: How many at most; None is as many as there are, up to 10000.
        width: In pixels; None keeps the ratio, or the source's size.
        height: In pixels; None keeps the ratio, or the source's size.
        rule: Picture rule applied to every single picture; None leaves them as they are.
        is_count_checked: Whether a video too short for `count` intervals is divided evenly.
        black: When to skip black frames at the beginning; None does not.
        has_snapshots: Whether single pictures are published.
        sprite: How sheets are made; None makes none.
    """

    mode: Mode
    start: Fraction
    interval: Fraction | None
    count: int | None
    width: int | None
    height: int | None
    rule: Rule | None
    is_count_checked: bool
    black: BlackCheck | None
    has_snapshots: bool
    sprite: Sprite | None

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `Snapshot`, and check that `Output` can tell the results apart.

        Raises:
            InvalidArgumentError: Some leaves are wrong; names them all.
        """
        top = ParamReader(tree)
        reader = top.block("Snapshot")
        mode = Mode(reader.choice("Mode", list(Mode), Mode.INTERVAL))
        out_mode = reader.choice("SnapshotOutMode", _OUT_MODES, _OUT_MODES[0])
        params = cls(
            mode=mode,
            start=_exact(reader.decimal("Start", 0, _MAX_SECONDS)) or Fraction(0),
            interval=_exact(reader.decimal("TimeInterval", 0, 3600, above_low=True)),
            count=reader.integer("Count", 1, MAX_COUNT),
            width=reader.integer("Width", 128, 4096),
            height=reader.integer("Height", 128, 4096),
            rule=_rule(reader),
            is_count_checked=reader.flag("IsCheckCount"),
            black=_black(reader),
            has_snapshots=out_mode != "OnlySprite",
            sprite=None if out_mode == "OnlySnapshot" else _sprite(reader),
        )
        params._check_count(reader)
        params._check_output(top)
        top.finish()
        return params

    def _check_count(self, reader: ParamReader) -> None:
        """Demand a count where nothing else ends the pictures."""
        is_open = self.mode is Mode.INTERVAL and self.interval is None
        is_needed = is_open or self.mode is Mode.AVERAGE
        if is_needed and not text(reader.tree, "Count"):
            reader.fault("Count", "given")

    def _check_output(self, top: ParamReader) -> None:
        """Demand patterns, and placeholders where there can be several results."""
        output = child(top.tree, "Output")
        if is_empty(output):
            return
        block = top.block("Output")
        if self.has_snapshots:
            pattern = block.required_text("Object")
            if self.count != 1 and pattern and not _INDEXED.search(pattern):
                block.fault("Object", "a pattern with ${Number}: there can be several results")
        if self.sprite is not None:
            pattern = block.required_text("SpriteObject")
            is_single = self.count is not None and self.count <= self.sprite.cells
            if not is_single and pattern and not _NUMBERED.search(pattern):
                block.fault("SpriteObject", "a pattern with ${Number}: there can be several")


def _exact(seconds: float | None) -> Fraction | None:
    """A number of seconds, rounded to the millisecond but never to nothing."""
    if seconds is None:
        return None
    return Fraction(max(round(seconds * 1000), 1 if seconds else 0), 1000)


def _rule(reader: ParamReader) -> Rule | None:
    rule_text = reader.text("CIParam")
    if not rule_text:
        return None
    try:
        rule = parse_rule(rule_text)
    except InvalidArgumentError as error:
        reader.fault("CIParam", f"a picture rule ({error})")
        return None
    if not rule.makes_picture:
        reader.fault("CIParam", "a rule that makes a picture")
    return rule


def _black(reader: ParamReader) -> BlackCheck | None:
    """Defaults are those of ffmpeg's `blackframe`."""
    percent = reader.decimal("BlackLevel", 30, 100)
    threshold = reader.integer("PixelBlackThreshold", 0, 255)
    if not reader.flag("IsCheckBlack"):
        return None
    return BlackCheck(
        percent=98.0 if percent is None else percent,
        threshold=32 if threshold is None else threshold,
    )


def _sprite(reader: ParamReader) -> Sprite:
    block = reader.block("SpriteSnapshotConfig")
    name = block.required_text("Color")
    colour = parse_colour(name)
    if name and colour is None:
        block.fault("Color", f"a colour name or 0xRRGGBB, not {name!r}")
    return Sprite(
        cell_width=block.integer("CellWidth", 8, 4096),
        cell_height=block.integer("CellHeight", 8, 4096),
        padding=block.integer("Padding", 0, 1024) or 0,
        margin=block.integer("Margin", 0, 1024) or 0,
        colour=colour or (0, 0, 0),
        columns=_required_integer(block, "Columns"),
        lines=_required_integer(block, "Lines"),
        fit=Fit(block.choice("ScaleMethod", list(Fit), Fit.STRETCH)),
    )


def _required_integer(block: ParamReader, name: str) -> int:
    block.required_text(name)
    return block.integer(name, 1, MAX_COUNT) or 1
