"""Decides: what a chunk holds, how long it is, and which key an output gets."""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence

from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree, children, text

LARGEST_CHUNK = 1000
FIRST_CHUNK = 16
TARGET_SECONDS = 2.0
_LEAST_SECONDS = 0.25

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z]+)\}|\{(Ext|ext)\}")
_PLACE = frozenset({"Region", "Bucket"})
_SLASHES = re.compile(r"/{2,}")


def pack_objects(objects: Sequence[ObjectInfo]) -> bytes:
    """Compress the objects of a chunk; exact for every key, also undecodable ones."""
    columns = list(zip(*objects, strict=True))
    text = json.dumps(columns, ensure_ascii=False)  # escapes would join two lone surrogates
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def unpack_objects(packed: bytes, start: int = 0, size: int | None = None) -> list[ObjectInfo]:
    """Read back the objects of a chunk, or `size` of them from index `start` on."""
    end = None if size is None else start + size
    columns = [column[start:end] for column in json.loads(zlib.decompress(packed))]
    return list(map(ObjectInfo._make, zip(*columns, strict=True)))


def planned_chunk_size(previous: int, seconds_per_object: float | None) -> int:
    """How many objects the next planned chunk holds, from 1 to `LARGEST_CHUNK`.

    Starts small and doubles until the job has measured its work, then aims at two seconds.
    """
    if seconds_per_object is None:
        return min(previous * 2, LARGEST_CHUNK) if previous else FIRST_CHUNK
    return _within(TARGET_SECONDS / max(seconds_per_object, 1e-9))


def leased_chunk_size(seconds_per_object: float | None) -> int:
    """How many objects of a planned chunk one worker takes at once.

    The first lease of a job measures one object; later ones take about two seconds of work. A
    planned chunk that is longer is cut, so that one worker never sits on an hour of transcodes.
    """
    if seconds_per_object is None:
        return 1
    return _within(TARGET_SECONDS / max(seconds_per_object, 1e-9))


def last_chunk_size(size: int, seconds_per_object: float, *, left: int, sharers: int) -> int:
    """How many of the last objects of a job one worker takes, so that all end together.

    Half of a fair share, again and again, down to a quarter of a second of work.

    Args:
        size: What it would take if many objects were left.
        left: How many are left.
        sharers: How many workers take of them.
    """
    least = math.ceil(_LEAST_SECONDS / max(seconds_per_object, 1e-9))
    return max(1, min(size, max(least, math.ceil(left / (2 * sharers)))))


def blend_seconds(before: float | None, measured: float) -> float:
    """The running mean of the time per object; recent chunks weigh more."""
    return measured if before is None else before * 0.7 + measured * 0.3


def _within(size: float) -> int:
    return int(min(max(size, 1), LARGEST_CHUNK))


def input_names(key: str) -> dict[str, str]:
    """What the placeholders that speak of the input stand for, by lower-case name.

    `${InputPath}` has no slash at either end, so that `${InputPath}/${InputName}` works for keys
    in folders and at the root alike.
    """
    folder, _, name = key.rpartition("/")
    dot = name.rfind(".")
    return {
        "inputpath": folder.strip("/"),
        "inputname": name[:dot] if dot > 0 else name,
        "inputnameandext": name,
    }


def output_key(pattern: str, names: Mapping[str, str]) -> str:
    """The key that a pattern gives: placeholders replaced, doubled slashes collapsed.

    Placeholder names are matched without case; one that is unknown stays as it is. Depends on
    its arguments alone, so that every attempt at an object writes the same key.

    Args:
        pattern: Such as `thumbs/${InputName}.${Ext}`.
        names: What placeholders stand for, by lower-case name.
    """

    def replace(match: re.Match[str]) -> str:
        name = (match[1] or match[2]).lower()
        return names.get(name, match[0])

    return _SLASHES.sub("/", _PLACEHOLDER.sub(replace, pattern)).lstrip("/")


def output_patterns(output: Tree) -> dict[str, str]:
    """The patterns of a node's `Output`, by the child that holds each.

    A child that is repeated holds an `Object` in each entry; these go by the child's name and
    their place, such as `StreamExtract.0`.
    """
    patterns = {}
    for name in output:
        if name in _PLACE:
            continue
        nested = [text(entry, "Object") for entry in children(output, name)]
        if nested:
            patterns.update({f"{name}.{place}": found for place, found in enumerate(nested)})
        else:
            patterns[name] = text(output, name)
    return patterns


def has_placeholder(pattern: str, *names: str) -> bool:
    """Whether a pattern contains at least one of the placeholders named."""
    found = {(match[1] or match[2]).lower() for match in _PLACEHOLDER.finditer(pattern)}
    return any(name.lower() in found for name in names)


def numbered_key(key: str, number: int) -> str:
    """A key with `_<number>` before its extension, for results that would share one key."""
    folder, slash, name = key.rpartition("/")
    dot = name.rfind(".")
    stem, extension = (name[:dot], name[dot:]) if dot > 0 else (name, "")
    return f"{folder}{slash}{stem}_{number}{extension}"


def plan_warnings(patterns: Mapping[str, str]) -> list[str]:
    """What is wrong with where a plan writes, one sentence each.

    Args:
        patterns: Output patterns by a name that tells the node.
    """
    return [
        f"{where}: the output {pattern!r} is the same for every object; each result overwrites "
        "the one before"
        for where, pattern in patterns.items()
        if pattern
        and not has_placeholder(pattern, "InputName", "InputNameAndExt", "RunId", "JobId")
    ]
