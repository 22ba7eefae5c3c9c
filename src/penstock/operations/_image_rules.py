"""Parses the rule language of pictures: text in, a `Rule` or all of its faults out.

    rule  = stage *9( "|" stage )
    stage = "imageMogr2" 1*( "/" verb [ "/" argument ] )
          / "imageView2/" mode *( "/" name "/" argument )
          / "watermark/" ( "1" / "2" ) *( "/" name "/" argument )
          / "imageSlim" / "imageInfo" / "exif" / "imageAve"

Words may be percent-encoded. What the vendor offers and this build does not is refused here,
by name, so that a job learns of it when it is submitted.
"""

from typing import Any
from urllib.parse import unquote

from penstock.domain.errors import InvalidArgumentError
from penstock.operations._image_arguments import Arguments
from penstock.operations._image_steps import Rule, Saving, Step
from penstock.operations._image_view import parse_view
from penstock.operations._mark_rules import parse_mark
from penstock.operations._mogr_rules import MogrStage

MAX_STAGES = 10
INFORMATION = ("imageInfo", "exif", "imageAve")
_NOT_OFFERED = ("style", "svgCompress", "guetzli")


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
    information = ""
    for stage in stages:
        name, *words = [unquote(word) for word in stage.strip().strip("/").split("/")]
        if name in INFORMATION:
            information = name
            if len(stages) > 1 or words:
                faults.append(f"{name} must stand alone")
        else:
            _parse_stage(Arguments(name, words, faults), steps, saving)
    if faults:
        raise InvalidArgumentError(*faults)
    return Rule(steps=tuple(steps), saving=Saving(**saving), information=information)


def _parse_stage(arguments: Arguments, steps: list[Step], saving: dict[str, Any]) -> None:
    match arguments.stage:
        case "imageMogr2":
            MogrStage(arguments, steps, saving).parse()
        case "imageView2":
            parse_view(arguments, steps, saving)
        case "watermark":
            steps.extend(parse_mark(arguments))
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
