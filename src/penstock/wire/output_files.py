"""What a media job wrote, on the wire (`nodes.md` 4.2)."""

import re
from collections.abc import Sequence

from penstock.domain.executions import OutputObject
from penstock.domain.planning import input_names, output_key
from penstock.domain.selection import extension_of
from penstock.domain.trees import child, text
from penstock.domain.views import NodeJob
from penstock.wire.xml import Content

_NUMBER = re.compile(r"\$\{number\}", re.IGNORECASE)
_MD5 = re.compile(r"[0-9a-f]{32}")
_NUMBERED = frozenset({"Snapshot", "Segment"})  # names are told without what they share
_WITHOUT_MD5 = frozenset({"Snapshot", "SmartCover"})
_SPRITE = "SpriteObject"


def encode_files(found: NodeJob, region: str) -> dict[str, Content]:
    """The `OutputFile` of a `MediaResult`.

    Args:
        region: The region to name where the request named none.
    """
    outputs = found.view.outcome.outputs
    sprites = [output for output in outputs if output.target == _SPRITE]
    encoded = _encode_file(found, [one for one in outputs if one.target != _SPRITE], region)
    if sprites:
        encoded["SpriteOutputFile"] = _encode_file(found, sprites, region)
    return encoded


def _encode_file(
    found: NodeJob, outputs: Sequence[OutputObject], region: str
) -> dict[str, Content]:
    node = found.view.node
    prefix = _shared_prefix(found, outputs) if node.type in _NUMBERED else ""
    md5s: list[Content] = [_encode_md5(output) for output in outputs]
    return {
        "Bucket": found.view.outcome.outputs[0].bucket,
        "Region": text(child(node.operation, "Output"), "Region") or region,
        "ObjectPrefix": prefix,
        "ObjectName": [output.key.removeprefix(prefix) for output in outputs],
        "Md5Info": "" if node.type in _WITHOUT_MD5 else md5s,
    }


def _encode_md5(output: OutputObject) -> dict[str, Content]:
    """The MD5 of an output; empty where the store's tag is another thing."""
    return {
        "ObjectName": output.key,
        "Md5": output.etag if _MD5.fullmatch(output.etag) else "",
    }


def _shared_prefix(found: NodeJob, outputs: Sequence[OutputObject]) -> str:
    """What stands before the number in every key (`nodes.md` 4.2); empty where nothing does."""
    first = next(iter(outputs), None)
    pattern = "" if first is None else _pattern(found, first)
    number = _NUMBER.search(pattern)
    if first is None or number is None:
        return ""
    prefix = output_key(pattern[: number.start()], _names(found, first))
    return prefix if all(output.key.startswith(prefix) for output in outputs) else ""


def _pattern(found: NodeJob, output: OutputObject) -> str:
    return text(child(found.view.node.operation, "Output"), output.target)


def _names(found: NodeJob, output: OutputObject) -> dict[str, str]:
    """What placeholders stood for when the output was named."""
    return {
        **input_names(output.input_key),
        "runid": found.execution.run_id,
        "jobid": found.view.job_id,
        "inventorytriggerjobid": found.execution.job.id,
        "ext": extension_of(output.key),
    }
