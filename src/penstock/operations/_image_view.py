"""Parses one `imageView2` stage and lowers its five modes to resize and crop."""

from typing import Any

from penstock.operations._image_arguments import Arguments
from penstock.operations._image_saving import VIEW_VERBS
from penstock.operations._image_steps import Crop, Fit, Gravity, Resize, Step

_MODES = ("1", "2", "3", "4", "5")
_NAMES = VIEW_VERBS.keys() | {"w", "h"}


def parse_view(words: Arguments, steps: list[Step], saving: dict[str, Any]) -> None:
    """Read one stage; a stage without a mode may only say how the result is written."""
    has_mode = words.take_if_digits()
    if words.is_empty and not has_mode:
        words.complain("a mode from 1 to 5 must be given")
    if has_mode and has_mode not in _MODES:
        words.fault("mode", "a whole number from 1 to 5", has_mode)
    sides = {"w": 0, "h": 0}
    while not words.is_empty:
        name = words.take()
        if name in sides:
            sides[name] = words.side(name)
        elif name in VIEW_VERBS:
            saving.update(VIEW_VERBS[name](words, name))
        elif name:
            words.complain(f"{name[:80]}: there is no such parameter")
            words.skip_to(_NAMES)
    if any(sides.values()):
        if not has_mode:
            words.complain("a mode from 1 to 5 must be given with w or h")
        steps.extend(_lowered(has_mode, sides["w"], sides["h"]))


def _lowered(mode: str, width: int, height: int) -> list[Step]:
    if mode == "2":
        return [Resize(fit=Fit.INSIDE_SHRINK, width=width, height=height)]
    width, height = width or height, height or width
    to_edges = mode in "45"
    fit = Fit.EDGES if to_edges else Fit.COVER
    steps: list[Step] = [Resize(fit=fit, width=width, height=height)]
    if mode in "15":
        steps.append(
            Crop(width=width, height=height, gravity=Gravity.CENTER, to_edges=to_edges),
        )
    return steps
