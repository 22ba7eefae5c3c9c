"""Parses the verbs that say how a result is written; shared by the kinds of stage."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.operations._image_arguments import Arguments
from penstock.operations._image_steps import DRAWING, Quality, QualityMode

FORMATS = (
    "jpg",
    "jpeg",
    "yjpeg",
    "png",
    "webp",
    "gif",
    "bmp",
    "tif",
    "tiff",
    "avif",
    "heif",
    "psd",
    DRAWING,
)
_NOT_OFFERED = frozenset({"tpg", "heic", "jp2", "jxl", "apng", "astc"})
_BEST = 100
_LABEL_NAMES = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ReservedCode2",
    "ContentPropagator",
    "PropagateID",
)
_QUALITY = re.compile(r"([0-9]{1,3})(!?)")
_LIMIT = re.compile(r"([0-9]{1,9})([km])(!?)", re.IGNORECASE)
_UNIT_BYTES = {"k": 1 << 10, "m": 1 << 20}


def _format(words: Arguments, verb: str) -> dict[str, Any]:
    word = words.take().lower()
    if word in _NOT_OFFERED:
        words.complain(f"{verb}/{word}: this build does not offer it")
    elif word not in FORMATS:
        words.fault(verb, f"one of {', '.join(FORMATS)}", word)
    return {"format": word}


def _quality(words: Arguments, verb: str, mode: QualityMode) -> dict[str, Any]:
    word = words.take()
    found = _QUALITY.fullmatch(word)
    may_force = mode is QualityMode.AT_MOST
    if not found or int(found[1]) > _BEST or (found[2] and not may_force):
        words.fault(verb, f"a whole number from 0 to {_BEST}{' or Q!' * may_force}", word)
        return {}
    mode = QualityMode.FORCED if found[2] else mode
    return {"quality": Quality(value=int(found[1]), mode=mode)}


def _size_limit(words: Arguments, verb: str) -> dict[str, Any]:
    word = words.take()
    found = _LIMIT.fullmatch(word)
    if not found or not int(found[1]):
        words.fault(verb, "Nk or Nm with N of at least 1, optionally with !", word)
        return {}
    limit = int(found[1]) * _UNIT_BYTES[found[2].lower()]
    return {"limit_bytes": limit, "keeps_smaller_source": bool(found[3])}


def _strip(words: Arguments, _verb: str) -> dict[str, Any]:
    words.take_if_digits()
    return {"is_stripped": True}


def _animation_frames(words: Arguments, verb: str) -> dict[str, Any]:
    number = words.whole(verb, 1, 100)
    return {"animation_frames": 30 if number == 1 else number}


def _label(words: Arguments, verb: str) -> dict[str, Any]:
    """Names, each with a base64 behind it, up to the first word that is none of the names."""
    found: dict[str, str] = {}
    while name := words.take_if(_LABEL_NAMES):
        found[name] = words.base64(f"{verb}/{name}", SAVING_VERBS.keys() | set(_LABEL_NAMES))
    for name in _LABEL_NAMES[:3]:
        if name not in found:
            words.complain(f"{verb}: {name} must be given")
    return {"label": tuple(found.items())}


SavingVerb = Callable[[Arguments, str], dict[str, Any]]

QUALITY_VERBS: Mapping[str, SavingVerb] = {
    "quality": lambda words, verb: _quality(words, verb, QualityMode.AT_MOST),
    "rquality": lambda words, verb: _quality(words, verb, QualityMode.RELATIVE),
    "lquality": lambda words, verb: _quality(words, verb, QualityMode.AT_LEAST),
}
SAVING_VERBS: Mapping[str, SavingVerb] = {
    **QUALITY_VERBS,
    "format": _format,
    "interlace": lambda words, verb: {"is_interlaced": words.flag(verb)},
    "strip": _strip,
    "size-limit": _size_limit,
    "ignore-error": lambda words, verb: {"ignores_errors": words.flag(verb)},
    "cgif": _animation_frames,
    "AIGCMetadata": _label,
}
VIEW_VERBS: Mapping[str, SavingVerb] = {
    "format": _format,
    "q": QUALITY_VERBS["quality"],
    "rq": QUALITY_VERBS["rquality"],
    "lq": QUALITY_VERBS["lquality"],
    "interlace": SAVING_VERBS["interlace"],
    "ignore-error": SAVING_VERBS["ignore-error"],
}
