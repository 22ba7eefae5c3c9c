"""Finds the colours that make up a picture, and draws them."""

from typing import NamedTuple

from PIL import Image, ImageDraw

_LOOKED_AT = (256, 256)  # a palette needs no more pixels, and many millions take long


class Colour(NamedTuple):
    """One colour of a palette.

    Attributes:
        rgb: Red, green and blue, each from 0 to 255.
        share: Part of the picture that has it, from 0 to 1.
    """

    rgb: tuple[int, ...]
    share: float

    @property
    def hex(self) -> str:
        """Such as `#ff8800`."""
        red, green, blue = self.rgb
        return f"#{red:02x}{green:02x}{blue:02x}"


def find_colours(picture: Image.Image, most: int) -> list[Colour]:
    """The colours of a picture over white, the largest share first.

    Args:
        most: How many colours at most, from 2; a picture of fewer gives fewer.
    """
    small = picture.convert("RGBA")
    small.thumbnail(_LOOKED_AT)
    paper = Image.new("RGBA", small.size, "white")
    plain = Image.alpha_composite(paper, small).convert("RGB")
    reduced = plain.quantize(most, method=Image.Quantize.MEDIANCUT)
    levels = reduced.getpalette() or []
    counts = reduced.histogram()[:most]
    found = [
        Colour(tuple(levels[3 * place : 3 * place + 3]), count / sum(counts))
        for place, count in enumerate(counts)
        if count
    ]
    return sorted(found, key=lambda colour: (-colour.share, colour.rgb))


def draw_swatches(colours: list[Colour], side: int) -> Image.Image:
    """The colours side by side.

    Args:
        side: Pixels of a side of each.
    """
    strip = Image.new("RGB", (side * len(colours), side))
    pen = ImageDraw.Draw(strip)
    for place, colour in enumerate(colours):
        left = place * side
        pen.rectangle((left, 0, left + side - 1, side - 1), fill=colour.rgb)
    return strip
