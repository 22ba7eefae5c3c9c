"""The `Input` of a Start node (`wire.md` 5.3): its faults, and the uploads that it takes."""

import re
from collections.abc import Iterator

from penstock.domain.callback_rules import notify_faults
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.domain.trees import Tree, child, text, texts
from penstock.domain.workflows import extensions_of_filter

MOST_CUSTOM_EXTENSIONS = 10
_PLACE = "Start.Input"
_FLAGS = ("Video", "Audio", "Image", "ContentType", "Custom", "AllFile")
_EXTENSION = re.compile(r"\.?\w[\w\-+]*")


def start_faults(start: Tree) -> list[str]:
    """What is wrong with a Start node's `Input`, one sentence each."""
    return [
        *_filter_faults(child(start, "ExtFilter"), f"{_PLACE}.ExtFilter"),
        *_sampling_faults(child(start, "SamplingConfig"), f"{_PLACE}.SamplingConfig"),
        *notify_faults(child(start, "NotifyConfig"), f"{_PLACE}.NotifyConfig"),
    ]


def takes_upload(start: Tree, stored: ObjectInfo) -> bool:
    """Whether an object that was just stored starts the workflow.

    Its key must begin with `ObjectPrefix`, whose one leading slash is ignored, and its extension
    must pass `ExtFilter`. Folder placeholders start nothing.
    """
    prefix = text(start, "ObjectPrefix").removeprefix("/")
    chosen = ObjectFilter(extensions=extensions_of_filter(start))
    return stored.key.startswith(prefix) and any(chosen.select([stored]))


def custom_extensions(ext_filter: Tree) -> list[str]:
    """The extensions of `CustomExts`, as written."""
    listed = text(ext_filter, "CustomExts").replace(",", "/").split("/")
    return [word.strip() for word in listed if word.strip()]


def _filter_faults(ext_filter: Tree, place: str) -> Iterator[str]:
    state = text(ext_filter, "State")
    if state.lower() not in {"", "on", "off"}:
        yield f"{place}.State must be On or Off, not {state!r}"
    for name in _FLAGS:
        if text(ext_filter, name).lower() not in {"", "true", "false"}:
            yield f"{place}.{name} must be true or false, not {text(ext_filter, name)!r}"
    listed = custom_extensions(ext_filter)
    if text(ext_filter, "Custom").lower() == "true" and not listed:
        yield f"{place}.CustomExts must be given where Custom is true"
    if len(listed) > MOST_CUSTOM_EXTENSIONS:
        yield (
            f"{place}.CustomExts may hold {MOST_CUSTOM_EXTENSIONS} extensions, not {len(listed)}"
        )
    wrong = [word for word in listed if not _EXTENSION.fullmatch(word)]
    if wrong:
        yield f"{place}.CustomExts: no extensions are {', '.join(map(repr, wrong))}"
    if any(texts(ext_filter, "AutoContentType")):
        yield f"{place}.AutoContentType is not offered; use Custom with CustomExts"


def _sampling_faults(sampling: Tree, place: str) -> Iterator[str]:
    if text(sampling, "State").lower() == "on":
        yield f"{place} is not offered: every object that matches is taken"
