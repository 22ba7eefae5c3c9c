"""One function for each kind of step: prepares it for a size, and returns what does it.

A step is prepared once and applied to each frame. Frames are 8-bit, grey or sRGB, with or
without alpha; what a step uncovers is transparent, and white where a format has no alpha.
"""

from collections.abc import Callable, Mapping
from math import exp, pi, tan
from typing import Any, TypeAlias

from penstock.operations._blind_marks import hidden_mark
from penstock.operations._image_bench import Bench
from penstock.operations._image_geometry import Size, cropped, cut, padded, resized
from penstock.operations._image_marks import picture_mark, text_mark
from penstock.operations._image_steps import (
    AutoOrient,
    BlindMark,
    Blur,
    Bright,
    Contrast,
    Crop,
    Cut,
    Flip,
    Grayscale,
    Pad,
    PictureMark,
    Resize,
    Rotate,
    Round,
    Sharpen,
    Step,
    TextMark,
)
from penstock.operations._vips import Picture, turned, vips

Change: TypeAlias = Callable[[Picture], Picture]

# No kernel of 50 pixels tells a larger sigma from this one; libvips has a bound.
_FLAT = 1000
# It takes no smaller one, and silently falls back to a fifth.
_LEAST_AMPLITUDE = 1e-3

# Steps that read a picture from top to bottom, and so can work while it is decoded.
STREAMED = (Resize, Pad, Cut, Crop, Sharpen, Bright, Contrast, Grayscale, PictureMark, TextMark)


def prepared(step: Step, size: Size, bench: Bench) -> Change:
    """What a step does to each frame of this size.

    Raises:
        InvalidParamsError: The step does not fit a picture of this size.
    """
    return _VERBS[type(step)](step, size, bench)


def _resize(step: Resize, size: Size, _bench: Bench) -> Change:
    width, height = resized(step, size)
    if (width, height) == size:
        return lambda image: image
    return lambda image: image.thumbnail_image(width, height=height, size="force", no_rotate=True)


def _pad(step: Pad, size: Size, _bench: Bench) -> Change:
    width, height = padded(step.width, step.height, size)

    def pad(image: Picture) -> Picture:
        colour = list(step.colour) + [255] * image.hasalpha()
        return image.colourspace("srgb").gravity(
            "centre", width, height, extend="background", background=colour
        )

    return pad


def _cut(step: Cut, size: Size, _bench: Bench) -> Change:
    box = cut(step, size)
    return lambda image: image.crop(*box)


def _crop(step: Crop, size: Size, _bench: Bench) -> Change:
    box = cropped(step, size)
    return lambda image: image.crop(*box)


def _round(step: Round, size: Size, _bench: Bench) -> Change:
    radius = min(step.radius, max(1, min(size) // 2))
    width, height = (2 * radius, 2 * radius) if step.is_circle else size
    width, height = min(width, size.width), min(height, size.height)
    edges = {"a": [-0.5, -0.5], "b": [width - 0.5, height - 0.5]}  # pixels have their middle at 0
    distance = vips().Image.sdf(width, height, "rounded-box", corners=[radius] * 4, **edges)
    mask = distance.linear(-255, 127.5, uchar=True)
    left, top = (size.width - width) // 2, (size.height - height) // 2

    def keep_inside(image: Picture) -> Picture:
        image = image.crop(left, top, width, height)
        if not image.hasalpha():
            return image.bandjoin(mask)
        colour, alpha = _split(image)
        return colour.bandjoin((alpha * mask / 255).cast("uchar"))

    return keep_inside


def _rotate(step: Rotate, _size: Size, _bench: Bench) -> Change:
    return lambda image: turned(image, step.degrees)


def _auto_orient(_step: AutoOrient, _size: Size, _bench: Bench) -> Change:
    return lambda image: image.autorot()


def _flip(step: Flip, _size: Size, _bench: Bench) -> Change:
    direction = "vertical" if step.is_vertical else "horizontal"
    return lambda image: image.flip(direction)


def _blur(step: Blur, _size: Size, _bench: Bench) -> Change:
    sigma = min(step.sigma, _FLAT)
    # libvips takes the amplitude at which the kernel ends, not its radius.
    smallest = max(_LEAST_AMPLITUDE, exp(-(step.radius**2) / (2 * sigma**2)) * 0.9999)

    def blur(image: Picture) -> Picture:
        if not image.hasalpha():
            return image.gaussblur(sigma, min_ampl=smallest)
        blurred = image.premultiply().gaussblur(sigma, min_ampl=smallest)
        return _like(image, blurred.unpremultiply())

    return blur


def _sharpen(step: Sharpen, _size: Size, _bench: Bench) -> Change:
    amount = step.percent / 100

    def sharpen(image: Picture) -> Picture:
        blurred = image.gaussblur(1.0, min_ampl=0.05)
        return _like(image, image.linear(1 + amount, 0) - blurred.linear(amount, 0))

    return lambda image: _on_colour(image, sharpen)


def _bright(step: Bright, _size: Size, _bench: Bench) -> Change:
    return _levels(1, 255 * step.percent / 100)


def _contrast(step: Contrast, _size: Size, _bench: Bench) -> Change:
    # The line through middle grey at this angle; at 100 percent it would stand upright.
    slope = tan(pi / 4 * (1 + min(step.percent, 99) / 100))
    return _levels(slope, 127.5 * (1 - slope))


def _levels(slope: float, offset: float) -> Change:
    return lambda image: _on_colour(image, lambda colour: colour.linear(slope, offset, uchar=True))


def _grayscale(_step: Grayscale, _size: Size, _bench: Bench) -> Change:
    def drop_colours(image: Picture) -> Picture:
        gray = image.colourspace("b-w")
        if "icc-profile-data" in gray.get_fields():
            gray = gray.copy()
            gray.remove("icc-profile-data")
        return gray

    return drop_colours


def _split(image: Picture) -> tuple[Picture, Picture]:
    return image.extract_band(0, n=image.bands - 1), image.extract_band(image.bands - 1)


def _on_colour(image: Picture, change: Change) -> Picture:
    if not image.hasalpha():
        return change(image)
    colour, alpha = _split(image)
    return change(colour).bandjoin(alpha)


def _like(image: Picture, changed: Picture) -> Picture:
    return changed.cast("uchar").copy(interpretation=image.interpretation)


_VERBS: Mapping[type[Step], Callable[[Any, Size, Bench], Change]] = {
    Resize: _resize,
    Pad: _pad,
    Cut: _cut,
    Crop: _crop,
    Round: _round,
    Rotate: _rotate,
    AutoOrient: _auto_orient,
    Flip: _flip,
    Blur: _blur,
    Sharpen: _sharpen,
    Bright: _bright,
    Contrast: _contrast,
    Grayscale: _grayscale,
    PictureMark: picture_mark,
    TextMark: text_mark,
    BlindMark: hidden_mark,
}
