"""Parses one `watermark` stage of a mark that is not seen: hiding it (3) and reading it (4)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.operations._image_arguments import Arguments
from penstock.operations._image_steps import BlindKind, BlindMark

MAX_TEXT = 256
_PLAIN = re.compile(r"[A-Za-z0-9]*")
# What each version of a text asks of the sides of a picture.
_LEAST_SIDES = {"1.0": 64, "2.0": 512, "3.0": 64}
_VERSIONS = {
    BlindKind.SEMI: (),
    BlindKind.FULL: ("1.0", "2.0"),
    BlindKind.TEXT: tuple(_LEAST_SIDES),
}
_Reader = Callable[[Arguments, str], Any]
_READERS: dict[str, _Reader] = {
    "type": lambda words, name: words.choice(name, tuple(BlindKind)),
    "image": lambda words, name: words.base64(name),
    "text": lambda words, name: words.base64(name),
    "level": lambda words, name: words.whole(name, 1, 3),
    "version": lambda words, name: words.choice(name, tuple(_LEAST_SIDES)),
}


def parse_hiding(words: Arguments) -> BlindMark | None:
    """Read what follows `watermark/3`; None when it has faults that leave no mark."""
    found = _read(words, _READERS)
    kind = _kind(words, found)
    if kind is None:
        return None
    if kind is BlindKind.TEXT:
        return _text(words, found)
    url = _url(words, found)
    # Of other kinds the vendor has the level without effect.
    return BlindMark(kind=kind, url=url, level=found.get("level", 1))


def parse_reading(words: Arguments) -> BlindMark | None:
    """Read what follows `watermark/4`; None when it has faults that leave nothing to read."""
    found = _read(words, _READERS | {"text": lambda words, _: words.take()})  # no effect
    kind = _kind(words, found)
    if kind is None:
        return None
    return BlindMark(kind=kind, url="" if kind is BlindKind.TEXT else _url(words, found))


def _read(words: Arguments, readers: Mapping[str, _Reader]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not words.is_empty:
        name = words.take()
        if name in readers:
            found[name] = readers[name](words, name)
        elif name:
            words.complain(f"{name[:80]}: there is no such parameter")
            words.skip_to(readers.keys())
    return found


def _kind(words: Arguments, found: Mapping[str, Any]) -> BlindKind | None:
    if not found.get("type"):
        words.complain("type must be given")
        return None
    kind = BlindKind(found["type"])
    version = found.get("version")
    if version and version not in _VERSIONS[kind]:
        known = f"one of {', '.join(_VERSIONS[kind])}" if _VERSIONS[kind] else "absent"
        words.complain(f"version must be {known} with type/{kind}")
    return kind


def _url(words: Arguments, found: Mapping[str, Any]) -> str:
    if "image" not in found:
        words.complain("image must be given")
    return str(found.get("image", ""))


def _text(words: Arguments, found: Mapping[str, Any]) -> BlindMark:
    text, version = found.get("text", ""), found.get("version") or "1.0"
    if "text" not in found:
        words.complain("text must be given")
    if len(text) > MAX_TEXT or "\0" in text:
        words.complain(f"text must have at most {MAX_TEXT} characters, none of them U+0000")
    elif version == "1.0" and not _PLAIN.fullmatch(text):
        words.complain("text must be letters A to Z and digits with version/1.0")
    return BlindMark(kind=BlindKind.TEXT, text=text, least_side=_LEAST_SIDES[version])
