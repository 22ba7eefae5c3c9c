"""Parses one `watermark` stage of a mark that is seen: a picture (1) or a text (2)."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.operations._image_arguments import Arguments
from penstock.operations._image_steps import (
    MAX_SIDE,
    Oversize,
    PictureMark,
    Placement,
    ScaleBy,
    TextMark,
)

# A longer or larger text would be drawn over more pixels than a picture may have.
_MAX_TEXT = 1000
_MAX_TEXT_PIXELS = 50_000

_MAX_AREA = 250  # permille

_Reader = Callable[[Arguments, str], Any]

_PLACEMENT: Mapping[str, tuple[str, _Reader]] = {
    "gravity": ("gravity", lambda words, name: words.gravity(name)),
    "dx": ("dx", lambda words, name: words.whole(name, 0, MAX_SIDE)),
    "dy": ("dy", lambda words, name: words.whole(name, 0, MAX_SIDE)),
    "dissolve": ("opacity", lambda words, name: words.whole(name, 1, 100)),
    "batch": ("is_tiled", lambda words, name: words.flag(name)),
    "degree": ("degrees", lambda words, name: words.whole(name, 0, 360)),
}
_PICTURE: Mapping[str, tuple[str, _Reader]] = {
    "image": ("url", lambda words, name: words.base64(name, _PICTURE.keys() | _PLACEMENT.keys())),
    "blogo": ("oversize", lambda words, name: Oversize(words.choice(name, ("1", "2")) or "2")),
    "scatype": (
        "scale_by",
        lambda words, name: ScaleBy(words.choice(name, tuple(ScaleBy)) or "1"),
    ),
    "spcent": ("permille", lambda words, name: words.whole(name, 1, 1000)),
}
_TEXT: Mapping[str, tuple[str, _Reader]] = {
    "text": ("text", lambda words, name: words.base64(name, _TEXT.keys() | _PLACEMENT.keys())),
    "font": ("font", lambda words, name: words.base64(name, _TEXT.keys() | _PLACEMENT.keys())),
    "fontsize": ("points", lambda words, name: words.whole(name, 1, 1000)),
    "fill": ("colour", lambda words, name: words.colour(name)),
    "shadow": ("shadow", lambda words, name: words.whole(name, 0, 100)),
}


def parse_mark(words: Arguments, kind: str) -> list[PictureMark | TextMark]:
    """Read what follows a kind; an empty list when it has faults that leave no mark."""
    if kind == "1":
        return _picture(words)
    if kind == "2":
        return _text(words)
    words.complain(
        "a watermark is 1 for a picture, 2 for a text, 3 to hide a mark or 4 to read one"
    )
    return []


def _picture(words: Arguments) -> list[PictureMark | TextMark]:
    own, placement = _read(words, _PICTURE)
    if ("scale_by" in own) != ("permille" in own):
        words.complain("scatype and spcent must be given together")
    elif own.get("scale_by") is ScaleBy.AREA and own["permille"] > _MAX_AREA:
        words.complain(f"spcent must be at most {_MAX_AREA} with scatype/3")
    if "url" not in own:
        words.complain("image must be given")
        return []
    return [PictureMark(placement=placement, **own)]


def _text(words: Arguments) -> list[PictureMark | TextMark]:
    own, placement = _read(words, _TEXT)
    text = own.get("text", "")
    points = own.get("points", 13)
    if len(text) > _MAX_TEXT or len(text) * points > _MAX_TEXT_PIXELS:
        words.complain(
            f"text must have at most {_MAX_TEXT} characters, "
            f"and {_MAX_TEXT_PIXELS // points} at fontsize {points}",
        )
    if "text" not in own:
        words.complain("text must be given")
        return []
    return [TextMark(placement=placement, **own)]


def _read(
    words: Arguments,
    readers: Mapping[str, tuple[str, _Reader]],
) -> tuple[dict[str, Any], Placement]:
    own: dict[str, Any] = {}
    placement: dict[str, Any] = {}
    while not words.is_empty:
        name = words.take()
        if name in readers:
            field, read = readers[name]
            own[field] = read(words, name)
        elif name in _PLACEMENT:
            field, read = _PLACEMENT[name]
            placement[field] = read(words, name)
        elif name:
            words.complain(f"{name[:80]}: there is no such parameter")
            words.skip_to(readers.keys() | _PLACEMENT.keys())
    return own, Placement(**placement)
