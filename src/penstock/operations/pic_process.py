"""Changes a picture by a rule: scale, crop, turn, mark, convert, compress.

Input: a JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIF (HEVC inside, as phones store it), BMP or PSD, told
by its content and not by its name; an SVG for `format/svgc` alone. Output: one picture in the
rule's `format/`, else in the source's own; for the rules `imageInfo`, `exif` and `imageAve` one
JSON document instead, for `watermark/4` the mark that was read: a PNG or a text.
Animations stay animations from and to GIF and WebP; any other format gets the first frame.

Example, of a node that makes half-size WebP files with a signature:

    PicProcess:
      ProcessRule: imageMogr2/thumbnail/!50p/format/webp|watermark/2/text/UGVuc3RvY2s
    Output:
      Object: small/${InputName}.${Ext}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.selection import extension_of
from penstock.domain.trees import Tree
from penstock.operations._blind_marks import read_mark
from penstock.operations._drawings import minified
from penstock.operations._ffmpeg import ffmpeg_on
from penstock.operations._image_bench import Bench
from penstock.operations._image_facts import (
    drawing_facts,
    information,
    result_facts,
    source_facts,
)
from penstock.operations._image_rendering import plainly_named, render
from penstock.operations._image_result import Rendered
from penstock.operations._image_rules import parse_rule
from penstock.operations._image_steps import Rule
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_EXTENSIONS = {"jpeg": "jpg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is done to each picture.

    Attributes:
        rule: The parsed `ProcessRule`.
        tells_source: `IsPicInfo`: whether the result describes the source too.
    """

    rule: Rule
    tells_source: bool = False

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read a node's `Operation` tree.

        Raises:
            InvalidArgumentError: The rule is missing, or not one that this build carries out.
        """
        reader = ParamReader(tree)
        block = reader.block("PicProcess")
        tells_source = block.flag("IsPicInfo")
        text = block.required_text("ProcessRule")
        reader.finish()
        try:
            rule = parse_rule(text)
        except InvalidArgumentError as error:
            faults = (f"PicProcess.ProcessRule: {fault}" for fault in error.faults)
            raise InvalidArgumentError(*faults) from error
        return cls(rule=rule, tells_source=tells_source)


class _Made(NamedTuple):
    """What a rule made.

    Attributes:
        picture: None for an answer in JSON or a text.
        facts: What was found out beside it.
    """

    path: Path
    picture: Rendered | None = None
    facts: Mapping[str, str] = {}


def run(params: Params, workspace: Workspace) -> Result:
    """Carry out the rule on one picture and publish what it makes."""
    source = workspace.fetch()
    bench = Bench(
        key=workspace.key,
        folder=workspace.scratch,
        limits=workspace.limits,
        fetch_other=workspace.fetch_other,
        checkpoint=workspace.checkpoint,
        run_ffmpeg=ffmpeg_on(workspace),
    )
    bench.checkpoint()
    made = _made(params.rule, source, bench, workspace)
    original: dict[str, Any] = {"Key": workspace.key, "Etag": f'"{workspace.etag()}"'}
    original["ETag"] = original["Etag"]
    if params.tells_source:
        drawing = made.picture if params.rule.is_drawing else None
        original["ImageInfo"] = drawing_facts(drawing) if drawing else source_facts(source, bench)
    bench.checkpoint()
    extension = params.rule.extension(extension_of(workspace.key))
    if made.picture and not extension:
        extension = _EXTENSIONS.get(made.picture.format, made.picture.format)
    output = workspace.publish(made.path, extension=extension)
    facts = result_facts(output, made.picture, original, made.facts)
    return Result(outputs=(output,), facts=facts)


def _made(rule: Rule, source: Path, bench: Bench, workspace: Workspace) -> _Made:
    if rule.information:
        answer = information(rule.information, source, bench)
        path = bench.folder / "result.json"
        path.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
        return _Made(path)
    if rule.reading is not None:
        return _Made(*read_mark(rule.reading, plainly_named(source, bench.folder), bench))
    picture = minified(source, workspace) if rule.is_drawing else render(rule, source, bench)
    return _Made(picture.path, picture)


OPERATION = Operation(
    tag="PicProcess",
    block="PicProcess",
    family=Family.PICTURE,
    reads=frozenset({Kind.IMAGE}),
    parse=Params.parse,
    run=run,
)
