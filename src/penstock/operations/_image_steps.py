"""What a picture rule asks for, as records: steps in order, and how the result is saved.

A rule is lowered to one flat list of steps, whichever of its spellings it came in, so that a
pipeline of stages decodes its picture once. Settings of the file, such as format and quality,
are not steps: the last one given in a rule holds.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

MAX_SIDE = 10_000
DRAWING = "svgc"
_EXTENSIONS = {"yjpeg": "jpg", DRAWING: "svg"}


class Fit(StrEnum):
    """How a picture is fitted to the sides that a `Resize` names."""

    PERCENT = "percent"
    INSIDE = "inside"
    INSIDE_SHRINK = "inside, only to shrink"
    INSIDE_ENLARGE = "inside, only to enlarge"
    COVER = "cover"
    EDGES = "cover, sides named as long and short"
    EXACT = "exact"
    AREA = "area"


class Gravity(StrEnum):
    """A point of the 3x3 grid over a picture."""

    NORTHWEST = "northwest"
    NORTH = "north"
    NORTHEAST = "northeast"
    WEST = "west"
    CENTER = "center"
    EAST = "east"
    SOUTHWEST = "southwest"
    SOUTH = "south"
    SOUTHEAST = "southeast"


Colour: TypeAlias = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Change the size.

    Attributes:
        fit: What the two numbers mean.
        width: Pixels, percent for `PERCENT`, the long edge for `EDGES`, or the area in pixels
            for `AREA`; 0 leaves the side to follow in proportion (100 percent: unchanged).
        height: As `width`; the short edge for `EDGES`, unused for `AREA`.
    """

    fit: Fit
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Centre the picture on a canvas; a side that the picture exceeds stays as it is."""

    width: int
    height: int
    colour: Colour = WHITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Take a rectangle out, by its top left corner."""

    width: int
    height: int
    left: int
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Take a rectangle out at an anchor.

    Attributes:
        width: Pixels; 0, or more than there are, keeps the picture's.
        height: As `width`.
        gravity: The anchor, both in the picture and in the rectangle.
        dx: Pixels inwards from the anchor.
        dy: As `dx`, downwards or upwards.
        to_edges: Whether width and height mean the long and the short edge.
    """

    width: int = 0
    height: int = 0
    gravity: Gravity = Gravity.NORTHWEST
    dx: int = 0
    dy: int = 0
    to_edges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Round the corners off, or keep only the circle of that radius round the centre."""

    radius: int
    is_circle: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """Turn clockwise; the canvas grows."""

    degrees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoOrient:
    """Turn as the EXIF orientation says, and reset it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Mirror top to bottom, or left to right."""

    is_vertical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """Gaussian blur; both in pixels."""

    radius: int
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpen:
    """Unsharp mask; 10 to 300 percent."""

    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bright:
    """Lighter or darker; -100 to 100 percent."""

    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """More or less contrast; -100 to 100 percent."""

    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grayscale:
    """Drop the colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where and how strongly a mark lies on a picture.

    Attributes:
        gravity: The anchor, both in the picture and in the mark.
        dx: Pixels inwards from the anchor; between tiles when `is_tiled`.
        dy: As `dx`, downwards or upwards.
        opacity: 1 to 100 percent.
        is_tiled: Whether the mark is repeated over the whole picture.
        degrees: Clockwise turn of the mark.
    """

    gravity: Gravity = Gravity.SOUTHEAST
    dx: int = 0
    dy: int = 0
    opacity: int = 90
    is_tiled: bool = False
    degrees: int = 0


class Oversize(StrEnum):
    """What becomes of a mark that is larger than the picture."""

    SCALE = "1"
    CUT = "2"


class ScaleBy(StrEnum):
    """Which measure of the picture a mark's size follows."""

    WIDTH = "1"
    HEIGHT = "2"
    AREA = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMark:
    """Lay another picture over this one.

    Attributes:
        url: Where the mark lies: a URL or key in the picture's own bucket.
        oversize: What to do with a mark larger than the picture.
        scale_by: What `permille` is a share of; None keeps the mark's own size.
        permille: 1 to 1000, at most 250 of the area.
    """

    url: str
    placement: Placement
    oversize: Oversize = Oversize.CUT
    scale_by: ScaleBy | None = None
    permille: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMark:
    """Write a text over the picture.

    Attributes:
        font: The family as asked for; substituted where it is not installed.
        points: Size of the letters; one point is one pixel.
        shadow: Strength of a dark shadow, 0 to 100 percent.
    """

    text: str
    placement: Placement
    font: str = "tahoma.ttf"
    points: int = 13
    colour: Colour = (0x3D, 0x3D, 0x3D)
    shadow: int = 0


class BlindKind(StrEnum):
    """What a blind mark is, and what it takes to read it."""

    SEMI = "1"
    FULL = "2"
    TEXT = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindMark:
    """Hide a mark in the picture; or, in `Rule.reading`, read it.

    Attributes:
        kind: A picture that is read with the unmarked source (`SEMI`), a picture that is looked
            for (`FULL`), or a text.
        url: Where the mark lies: a URL or key in the picture's own bucket; to read `SEMI`, where
            the unmarked source lies. Empty for a text.
        text: Letters and digits, or any, at most 256 characters; empty to read.
        level: How strongly a `FULL` mark is hidden, 1 to 3.
        least_side: How long both sides of a picture that gets a text must be, in pixels.
    """

    kind: BlindKind
    url: str = ""
    text: str = ""
    level: int = 1
    least_side: int = 64


Step: TypeAlias = (
    Resize
    | Pad
    | Cut
    | Crop
    | Round
    | Rotate
    | AutoOrient
    | Flip
    | Blur
    | Sharpen
    | Bright
    | Contrast
    | Grayscale
    | PictureMark
    | TextMark
    | BlindMark
)


class QualityMode(StrEnum):
    """How a quality relates to the one that the source was saved with."""

    AT_MOST = "the smaller of the two"
    AT_LEAST = "the larger of the two"
    RELATIVE = "percent of the source's"
    FORCED = "as given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A quality from 0 to 100, and what it is measured against."""

    value: int
    mode: QualityMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """How the result is written.

    Attributes:
        format: One of the words of `format/`; empty keeps the source's.
        quality: None keeps the source's.
        is_interlaced: Whether a JPEG is progressive; other formats ignore it.
        is_stripped: Whether metadata and colour profile are left out.
        limit_bytes: Largest size of a JPEG; 0 is no limit.
        keeps_smaller_source: Whether the source itself is the result where it is smaller.
        ignores_errors: Whether a rule that does not fit the picture leaves it unchanged.
        animation_frames: Most frames of a GIF; 0 keeps them all.
        is_slim: Whether the file is made smaller at some cost in quality.
        label: Names and values of the label for generated content; empty writes none.
    """

    format: str = ""
    quality: Quality | None = None
    is_interlaced: bool = False
    is_stripped: bool = False
    limit_bytes: int = 0
    keeps_smaller_source: bool = False
    ignores_errors: bool = False
    animation_frames: int = 0
    is_slim: bool = False
    label: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A whole rule.

    Attributes:
        steps: What is done to the picture, in order, over all stages.
        information: `imageInfo`, `exif` or `imageAve` for a rule that only looks; else empty.
        reading: The blind mark that is looked for by a rule that only reads it; else None.
    """

    steps: tuple[Step, ...] = ()
    saving: Saving = Saving()
    information: str = ""
    reading: BlindMark | None = None

    @property
    def makes_picture(self) -> bool:
        """Whether it makes a picture of pixels out of one, and nothing else."""
        return not self.information and self.reading is None and not self.is_drawing

    @property
    def is_drawing(self) -> bool:
        """Whether it makes a drawing smaller, without pixels."""
        return self.saving.format == DRAWING

    def extension(self, source_extension: str) -> str:
        """What `${Ext}` stands for: the rule's format, else the source's own extension."""
        if self.information:
            return "json"
        if self.reading is not None:
            return "txt" if self.reading.kind is BlindKind.TEXT else "png"
        return _EXTENSIONS.get(self.saving.format, self.saving.format) or source_extension
