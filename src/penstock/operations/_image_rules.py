"""Parses the rule language of pictures: text in, a `Rule` or all of its faults out.

    rule  = stage *9( "|" stage )
    stage = "imageMogr2" 1*( "/" verb [ "/" argument ] )
          / "imageView2/" mode *( "/" name "/" argument )
          / "watermark/" ( "1" / "2" / "3" / "4" ) *( "/" name "/" argument )
          / "imageSlim" / "imageInfo" / "exif" / "imageAve"

Words may be percent-encoded. What the vendor offers and this build does not is refused here,
by name, so that a job learns of it when it is submitted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from penstock.domain.errors import InvalidArgumentError
from penstock.operations._blind_rules import parse_hiding, parse_reading
from penstock.operations._image_arguments import Arguments
from penstock.operations._image_steps import DRAWING, BlindMark, Rule, Saving, Step
from penstock.operations._image_view import parse_view
from penstock.operations._mark_rules import parse_mark
from penstock.operations._mogr_rules import MogrStage

MAX_STAGES = 10
INFORMATION = ("imageInfo", "exif", "imageAve")
_NOT_OFFERED = ("style", "svgCompress", "guetzli")
_LETS_SOURCE_THROUGH = {"ignores_errors": "ignore-error", "keeps_smaller_source": "size-limit/…!"}


def parse_rule(text: str) -> Rule:
    """Read a whole rule.

    Raises:
        InvalidArgumentError: The rule is not of the grammar, or this build does not offer a part
            of it; names every fault.
    """
    stages = text.strip().lstrip("?").replace("%7C", "|").replace("%7c", "|").split("|")
    if len(stages) > MAX_STAGES:
        message = f"a rule has at most {MAX_STAGES} stages, not {len(stages)}"
        raise InvalidArgumentError(message)
    faults: list[str] = []
    steps: list[Step] = []
    saving: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for stage in stages:
        name, *words = [unquote(word) for word in stage.strip().strip("/").split("/")]
        if name in INFORMATION:
            found["information"] = name
            if len(stages) > 1 or words:
                faults.append(f"{name} must stand alone")
        elif name == "watermark":
            found |= _parse_mark(Arguments(name, words, faults), steps)
        else:
            _parse_stage(Arguments(name, words, faults), steps, saving)
    if "reading" in found and len(stages) > 1:
        faults.append("watermark/4 must stand alone")
    faults += [*_misplaced(steps, saving)]
    if faults:
        raise InvalidArgumentError(*faults)
    return Rule(steps=tuple(steps), saving=Saving(**saving), **found)


def _misplaced(steps: Sequence[Step], saving: Mapping[str, Any]) -> Iterator[str]:
    """What is right by itself, and not beside the rest of the rule."""
    if any(isinstance(step, BlindMark) for step in steps[:-1]):
        yield "watermark/3 must be the last step of a rule: another one might wipe the mark off"
    if steps and isinstance(steps[-1], BlindMark):
        for name, word in _LETS_SOURCE_THROUGH.items():
            if saving.get(name):
                yield f"{word} must not be with watermark/3: the result might be unmarked"
    if saving.get("format") == DRAWING and (steps or saving.keys() != {"format"}):
        yield f"format/{DRAWING} must stand alone: a drawing is made smaller, and stays as it is"


def _parse_mark(arguments: Arguments, steps: list[Step]) -> dict[str, Any]:
    kind = arguments.take()
    arguments.stage = f"watermark/{kind[:80]}"
    if kind == "4":
        return {"reading": parse_reading(arguments)}
    if kind == "3":
        mark = parse_hiding(arguments)
        steps.extend([mark] if mark else [])
    else:
        steps.extend(parse_mark(arguments, kind))
    return {}


def _parse_stage(arguments: Arguments, steps: list[Step], saving: dict[str, Any]) -> None:
    match arguments.stage:
        case "imageMogr2":
            MogrStage(arguments, steps, saving).parse()
        case "imageView2":
            parse_view(arguments, steps, saving)
        case "imageSlim":
            saving["is_slim"] = True
            if not arguments.is_empty:
                arguments.complain("it takes no arguments")
        case name if name in _NOT_OFFERED or name.startswith("ci-process"):
            arguments.complain("this build does not offer it")
        case name:
            known = ", ".join(("imageMogr2", "imageView2", "watermark", "imageSlim", *INFORMATION))
            arguments.stage = "rule"
            arguments.complain(f"a stage must begin with one of {known}, not {name[:80]!r}")
