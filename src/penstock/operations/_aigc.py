"""The label of generated content: a JSON text under the name `AIGC` among a file's tags.

`nodes.md` 4.10. Only containers that hold tags of any name can carry it.
"""

import json
import re
from collections.abc import Iterator, Mapping

from penstock.operations.params import ParamReader, is_empty

_NAME = "AIGC"
_REQUIRED = ("Label", "ContentProducer", "ProduceID")
_OPTIONAL = ("ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_MOST_LETTERS = 1024
_LABELLED = frozenset({"mp4", "mov", "mkv", "webm", "flv", "mp3", "flac"})
_TAGS_OF_ANY_NAME = frozenset({"mp4", "mov"})


def read_label(reader: ParamReader, extension: str) -> str:
    """Read `AIGCMetadata`; the label as JSON, empty where none is asked for.

    Args:
        extension: Of the container that is to carry it.
    """
    block = reader.block("AIGCMetadata")
    if is_empty(block.tree):
        return ""
    if extension not in _LABELLED:
        reader.fault("AIGCMetadata", f"absent: a .{extension} holds no such tag")
    for name in _REQUIRED:
        block.required_text(name)
    values = {name: block.text(name) for name in (*_REQUIRED, *_OPTIONAL)}
    for name, value in values.items():
        if len(value) > _MOST_LETTERS or not value.isprintable():
            block.fault(name, f"at most {_MOST_LETTERS} printable letters")
        if name.startswith("Reserved") and not _BASE64.fullmatch(value):
            block.fault(name, "base64")
    kept = {name: value for name, value in values.items() if value}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def label_options(label: str, extension: str) -> Iterator[str]:
    """What ffmpeg is told to write the label; nothing where there is none."""
    if not label:
        return
    if extension in _TAGS_OF_ANY_NAME:
        yield from ("-movflags", "+faststart+use_metadata_tags")
    yield from ("-metadata", f"{_NAME}={label}")


def part_label_options(label: str, extension: str) -> Iterator[str]:
    """The same for every part of an output that ffmpeg splits."""
    flags = "+faststart"
    if label:
        yield from ("-metadata", f"{_NAME}={label}")
        flags += "+use_metadata_tags"
    if extension in _TAGS_OF_ANY_NAME:
        yield from ("-segment_format_options", f"movflags={flags}")


def has_label(tags: Mapping[str, str], label: str) -> bool:
    """Whether the tags of a finished file carry the label, under whatever case of its name."""
    return label in {value for name, value in tags.items() if name.upper() == _NAME}
