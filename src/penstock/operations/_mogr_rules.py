"""Parses one `imageMogr2` stage: verbs in the order written."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from penstock.operations._image_arguments import Arguments
from penstock.operations._image_saving import SAVING_VERBS
from penstock.operations._image_steps import (
    MAX_SIDE,
    WHITE,
    AutoOrient,
    Blur,
    Bright,
    Colour,
    Contrast,
    Crop,
    Cut,
    Fit,
    Flip,
    Grayscale,
    Pad,
    Resize,
    Rotate,
    Round,
    Sharpen,
    Step,
)

_THUMBNAIL = re.compile(
    r"""!(?P<both>\d{1,6})p | !(?P<wide>\d{1,6})px | !x(?P<high>\d{1,6})p
    | (?P<area>\d{1,12})@
    | !(?P<cover_width>\d{1,9})x(?P<cover_height>\d{1,9})r
    | (?P<exact_width>\d{1,9})x(?P<exact_height>\d{1,9})!
    | (?P<width>\d{1,9})?x(?P<height>\d{1,9})?(?P<only>[<>])?""",
    re.VERBOSE | re.ASCII,
)
_CUT = re.compile(r"(\d{1,9})x(\d{1,9})x(\d{1,9})x(\d{1,9})", re.ASCII)
_BLUR = re.compile(r"(\d{1,3})x(\d{1,4}(?:\.\d{1,6})?)", re.ASCII)
_MAX_BLUR = 50  # pixels
_NOT_OFFERED = frozenset({"scrop"})
_THUMBNAIL_FORMS = "one of !Sp, !Spx, !xSp, Wx, xH, WxH, WxH>, WxH<, !WxHr, WxH!, Area@"


class MogrStage:
    """Appends the steps of one stage, and notes its settings of the result file.

    `gravity`, `dx` and `dy` belong to the crop before them, or to the next one where none came
    yet; `color` belongs to `pad`, and `pad` to the last `thumbnail` that names both sides.
    """

    def __init__(self, words: Arguments, steps: list[Step], saving: dict[str, Any]) -> None:
        self._words = words
        self._steps = steps
        self._saving = saving
        self._crop: int | None = None
        self._anchor: dict[str, Any] = {}
        self._box: int | None = None
        self._is_padded = False
        self._colour: Colour = WHITE
        self._verbs: dict[str, Callable[[], None]] = {
            "thumbnail": self._thumbnail,
            "pad": self._pad,
            "color": self._color,
            "cut": self._cut,
            "crop": self._take_crop,
            "gravity": lambda: self._anchor_crop("gravity", words.gravity()),
            "dx": lambda: self._anchor_crop("dx", words.whole("dx", 0, MAX_SIDE)),
            "dy": lambda: self._anchor_crop("dy", words.whole("dy", 0, MAX_SIDE)),
            "iradius": lambda: self._round("iradius"),
            "rradius": lambda: self._round("rradius"),
            "rotate": self._rotate,
            "auto-orient": self._auto_orient,
            "flip": self._flip,
            "blur": self._blur,
            "sharpen": lambda: self._add(Sharpen(percent=words.whole("sharpen", 10, 300))),
            "bright": lambda: self._add(Bright(percent=words.whole("bright", -100, 100))),
            "contrast": lambda: self._add(Contrast(percent=words.whole("contrast", -100, 100))),
            "grayscale": self._grayscale,
        }

    def parse(self) -> None:
        """Read every verb of the stage."""
        words = self._words
        if words.is_empty:
            words.complain("at least one verb must be given")
        while not words.is_empty:
            verb = words.take()
            if verb in self._verbs:
                self._verbs[verb]()
            elif verb in SAVING_VERBS:
                self._saving.update(SAVING_VERBS[verb](words, verb))
            elif verb:
                known = verb in _NOT_OFFERED
                refusal = "this build does not offer it" if known else "there is no such verb"
                words.complain(f"{verb[:80]}: {refusal}")
                words.skip_to(self._verbs.keys() | SAVING_VERBS.keys())
        self._finish_pad()

    def _add(self, step: Step) -> None:
        self._steps.append(step)

    def _thumbnail(self) -> None:
        word = self._words.take()
        found = _THUMBNAIL.fullmatch(word)
        step = _thumbnail({name: int(n) for name, n in _numbers(found)}, word) if found else None
        if step is None:
            self._words.fault("thumbnail", f"{_THUMBNAIL_FORMS} with numbers above 0", word)
            return
        if step.height and step.width and step.fit not in {Fit.PERCENT, Fit.AREA}:
            self._box = len(self._steps)
        self._add(step)

    def _pad(self) -> None:
        self._is_padded = self._words.flag("pad")

    def _color(self) -> None:
        self._colour = self._words.colour("color")

    def _finish_pad(self) -> None:
        if not self._is_padded:
            return
        box = None if self._box is None else self._steps[self._box]
        if self._box is None or not isinstance(box, Resize):
            self._words.complain("pad needs a thumbnail/WxH in the same stage")
            return
        pad = Pad(width=box.width, height=box.height, colour=self._colour)
        self._steps.insert(self._box + 1, pad)

    def _cut(self) -> None:
        word = self._words.take()
        found = _CUT.fullmatch(word)
        width, height, left, top = (int(part) for part in found.groups()) if found else (0,) * 4
        if not width or not height:
            self._words.fault("cut", "WxHxDXxDY with sides of at least 1", word)
            return
        self._add(
            Cut(width=min(width, MAX_SIDE), height=min(height, MAX_SIDE), left=left, top=top),
        )

    def _take_crop(self) -> None:
        width, height = self._words.sides("crop")
        self._crop = len(self._steps)
        self._add(Crop(width=width, height=height, **self._anchor))

    def _anchor_crop(self, name: str, value: object) -> None:
        crop = None if self._crop is None else self._steps[self._crop]
        if self._crop is not None and isinstance(crop, Crop):
            changes: dict[str, Any] = {name: value}
            self._steps[self._crop] = replace(crop, **changes)
        else:
            self._anchor[name] = value

    def _round(self, verb: str) -> None:
        radius = self._words.side(verb)
        self._add(Round(radius=radius, is_circle=verb == "iradius"))

    def _rotate(self) -> None:
        self._add(Rotate(degrees=self._words.whole("rotate", 0, 360)))

    def _auto_orient(self) -> None:
        self._words.take_if_digits()
        self._add(AutoOrient())

    def _flip(self) -> None:
        direction = self._words.choice("flip", ("vertical", "horizontal"))
        self._add(Flip(is_vertical=direction == "vertical"))

    def _blur(self) -> None:
        word = self._words.take()
        found = _BLUR.fullmatch(word)
        if found and 1 <= int(found[1]) <= _MAX_BLUR and float(found[2]) > 0:
            self._add(Blur(radius=int(found[1]), sigma=float(found[2])))
        else:
            self._words.fault("blur", f"RxS with R from 1 to {_MAX_BLUR} and S above 0", word)

    def _grayscale(self) -> None:
        if self._words.flag("grayscale"):
            self._add(Grayscale())


def _numbers(found: re.Match[str]) -> list[tuple[str, str]]:
    return [(k, v) for k, v in found.groupdict().items() if v is not None and v.isdigit()]


def _thumbnail(numbers: dict[str, int], word: str) -> Resize | None:
    if not numbers or not all(numbers.values()):
        return None
    if "area" in numbers:
        return Resize(fit=Fit.AREA, width=numbers["area"])
    plain = {">": Fit.INSIDE_SHRINK, "<": Fit.INSIDE_ENLARGE}.get(word[-1], Fit.INSIDE)
    fit, wide, high = next(
        (fit, wide, high)
        for fit, wide, high in (
            (Fit.PERCENT, "both", "both"),
            (Fit.PERCENT, "wide", "high"),
            (Fit.COVER, "cover_width", "cover_height"),
            (Fit.EXACT, "exact_width", "exact_height"),
            (plain, "width", "height"),
        )
        if wide in numbers or high in numbers
    )
    width, height = (min(numbers.get(name, 0), MAX_SIDE) for name in (wide, high))
    return Resize(fit=fit, width=width, height=height)
