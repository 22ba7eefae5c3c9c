"""The options of the encoders that `Video.StdExtInfo` may set, with their bounds.

`name=value:name=value`, as the encoders write it themselves. Only what stands here is passed on,
written anew from the parsed value: nothing that names a file, sets threads or passes, places key
frames, or changes what is checked of the output (size, profile, colours, structure of the
stream). What one of the encoders would quietly leave out beside another setting is refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from penstock.operations._transcode_tables import VideoCodec

Options: TypeAlias = Mapping[str, str]
_Check: TypeAlias = Callable[[str], str]

_WHOLE = re.compile(r"-?\d{1,6}")
_DECIMAL = re.compile(r"\d{1,3}(\.\d{1,4})?")
_FLAGS = {"0": "0", "1": "1", "false": "0", "true": "1"}
_MAX_LETTERS = 1000


def whole(low: int, high: int) -> _Check:
    """A whole number within bounds, both inclusive."""

    def check(word: str) -> str:
        if _WHOLE.fullmatch(word) and low <= int(word) <= high:
            return str(int(word))
        message = f"a whole number from {low} to {high}"
        raise ValueError(message)

    return check


def decimal(low: float, high: float) -> _Check:
    """A decimal fraction within bounds, both inclusive."""

    def check(word: str) -> str:
        if _DECIMAL.fullmatch(word) and low <= float(word) <= high:
            return f"{float(word):g}"
        message = f"a number from {low:g} to {high:g}"
        raise ValueError(message)

    return check


def flag() -> _Check:
    """0 or 1."""

    def check(word: str) -> str:
        if word in _FLAGS:
            return _FLAGS[word]
        message = "0 or 1"
        raise ValueError(message)

    return check


def word(*choices: str) -> _Check:
    """One of these words."""

    def check(given: str) -> str:
        if given in choices:
            return given
        message = f"one of {', '.join(choices)}"
        raise ValueError(message)

    return check


ALLOWED: Mapping[VideoCodec, Mapping[str, _Check]] = {
    VideoCodec.H264: {
        "8x8dct": flag(),
        "aq-mode": whole(0, 3),
        "aq-strength": decimal(0.1, 3),
        "aud": flag(),
        "bframes": whole(0, 16),
        "cabac": flag(),
        "ipratio": decimal(1, 10),
        "mbtree": flag(),
        "me": word("dia", "hex", "umh"),
        "nr": whole(0, 1000),
        "psy": flag(),
        "qcomp": decimal(0, 1),
        "qpmax": whole(10, 51),
        "qpmin": whole(0, 51),
        "qpstep": whole(2, 51),
        "rc-lookahead": whole(0, 250),
        "ref": whole(1, 16),
        "single-pps": word("1"),
        "subme": whole(1, 9),
        "trellis": whole(0, 2),
        "weightb": flag(),
        "weightp": whole(0, 2),
    },
    VideoCodec.H265: {
        "aq-mode": whole(0, 4),
        "aq-strength": decimal(0.1, 3),
        "aud": flag(),
        "bframes": whole(0, 16),
        "cutree": flag(),
        "max-merge": whole(1, 5),
        "me": word("dia", "hex", "umh", "star"),
        "psy-rd": decimal(0, 5),
        "qcomp": decimal(0.5, 1),
        "qpmax": whole(10, 51),
        "qpmin": whole(0, 51),
        "rc-lookahead": whole(0, 250),
        "rd": whole(1, 6),
        "rect": flag(),
        "ref": whole(1, 8),
        "sao": flag(),
        "signhide": flag(),
        "single-pps": word("1"),
        "strong-intra-smoothing": flag(),
        "subme": whole(0, 7),
        "weightb": flag(),
        "weightp": flag(),
    },
}
"""What each option may be, by codec; a check returns the value as it is passed on."""

# Both encoders write a single one, whatever they are told, and know no such option.
_ALWAYS = frozenset({"single-pps"})
_BASELINE = {"8x8dct": "0", "bframes": "0", "cabac": "0", "weightp": "0", "weightb": "0"}
_MAIN = {"8x8dct": "0"}
_LEAST_PSY_RD = 3
_USUAL_BETWEEN = 4  # what x265 takes where nothing is said
_PROFILES = {"baseline": _BASELINE, "main": _MAIN}


def parse_options(text: str, codec: VideoCodec) -> tuple[dict[str, str], list[str]]:
    """Read `name=value:name=value`.

    Returns:
        Options by name, with values as they are passed on; and expectations that were not met.
    """
    if codec not in ALLOWED:
        return {}, ["absent: it is for H.264 and H.265"]
    if len(text) > _MAX_LETTERS:
        return {}, [f"at most {_MAX_LETTERS} letters"]
    allowed, options, faults = ALLOWED[codec], dict[str, str](), list[str]()
    for pair in text.split(":"):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name in options:
            faults.append(f"without a second {name}")
        elif name not in allowed:
            faults.append(f"of {', '.join(allowed)}, not {name[:80]!r}")
        else:
            try:
                options[name] = allowed[name](value)
            except ValueError as error:
                faults.append(f"with {name} as {error}, not {value[:80]!r}")
    return options, faults


def passed_on(options: Options) -> str:
    """What the encoder is told; empty for nothing."""
    return ":".join(f"{name}={value}" for name, value in options.items() if name not in _ALWAYS)


def clashes(
    options: Options, codec: VideoCodec, *, profile: str, has_roi: bool, is_interlaced: bool
) -> Iterator[str]:
    """Expectations that are not met beside other settings.

    Args:
        profile: Of H.264; empty for any.
        has_roi: Whether `Roi` sets how areas are weighed.
        is_interlaced: Whether fields are encoded.
    """
    for name, only in _PROFILES.get(profile, {}).items():
        if options.get(name, only) != only:
            yield f"with {name}={only} in the profile {profile}"
    if has_roi and {"aq-mode", "aq-strength"} & options.keys():
        yield "without aq-mode and aq-strength beside Roi"
    if is_interlaced and options.get("weightp", "0") != "0":
        yield "with weightp=0 beside Interlaced"
    if options.get("aq-mode") == "0" and "aq-strength" in options:
        yield "without aq-strength beside aq-mode=0"
    if int(options.get("qpmin", 0)) > int(options.get("qpmax", 51)):
        yield "with qpmin of at most qpmax"
    if float(options.get("psy-rd", 0)) and int(options.get("rd", _LEAST_PSY_RD)) < _LEAST_PSY_RD:
        yield f"with rd of at least {_LEAST_PSY_RD} beside psy-rd"
    yield from _between_frames(options, codec)


def _between_frames(options: Options, codec: VideoCodec) -> Iterator[str]:
    """What frames ahead and frames between depend on."""
    between = int(options.get("bframes", _USUAL_BETWEEN))
    if not between and options.get("weightb") == "1":
        yield "with weightb=0 beside bframes=0"
    if "rc-lookahead" not in options:
        return
    ahead = int(options["rc-lookahead"])
    if codec is VideoCodec.H265 and between and ahead <= between:
        yield f"with rc-lookahead above bframes, {between}"
    for tree in ("mbtree", "cutree"):
        if not ahead and options.get(tree) == "1":
            yield f"with rc-lookahead of at least 1 beside {tree}=1"
