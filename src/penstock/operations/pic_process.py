"""Changes a picture by a rule: scale, crop, turn, mark, convert, compress.

Input: a JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIF (HEVC inside, as phones store it), BMP or PSD, told
by its content and not by its name. Output: one picture in the rule's `format/`, else in the
source's own; for the rules `imageInfo`, `exif` and `imageAve` one JSON document instead.
Animations stay animations from and to GIF and WebP; any other format gets the first frame.

Example, of a node that makes half-size WebP files with a signature:

    PicProcess:
      ProcessRule: imageMogr2/thumbnail/!50p/format/webp|watermark/2/text/UGVuc3RvY2s
    Output:
      Object: small/${InputName}.${Ext}
"""

import json
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.selection import extension_of
from penstock.domain.trees import Tree
from penstock.operations._ffmpeg import ffmpeg_on
from penstock.operations._image_bench import Bench
from penstock.operations._image_facts import information, result_facts, source_facts
from penstock.operations._image_rendering import render
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
    made: Rendered | None = None
    if params.rule.information:
        answer = information(params.rule.information, source, bench)
        path = bench.folder / "result.json"
        path.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    else:
        made = render(params.rule, source, bench)
        path = made.path
    original: dict[str, Any] = {"Key": workspace.key, "Etag": f'"{workspace.etag()}"'}
    original["ETag"] = original["Etag"]
    if params.tells_source:
        original["ImageInfo"] = source_facts(source, bench)
    bench.checkpoint()
    extension = params.rule.extension(extension_of(workspace.key))
    if made and not extension:
        extension = _EXTENSIONS.get(made.format, made.format)
    output = workspace.publish(path, extension=extension)
    return Result(outputs=(output,), facts=result_facts(output, made, original))


OPERATION = Operation(
    tag="PicProcess",
    block="PicProcess",
    family=Family.PICTURE,
    reads=frozenset({Kind.IMAGE}),
    parse=Params.parse,
    run=run,
)
