"""Ranges and preconditions of object calls (RFC 9110)."""

import re

from penstock.api.requests import Call
from penstock.domain.refusals import InvalidRangeError, PreconditionFailedError
from penstock.domain.selection import ObjectInfo
from penstock.wire.times import parse_http_date

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def resolve_range(text: str, size_bytes: int) -> tuple[int, int] | None:
    """The first byte and the number of bytes that a Range header asks for.

    Returns:
        None for the whole object: there is no header, or it is malformed or has several ranges,
        which a server may ignore.

    Raises:
        InvalidRangeError: The object has none of these bytes.
    """
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None or found[1] == found[2] == "":
        return None
    first, last = found[1], found[2]
    if not first:
        start, end = max(size_bytes - int(last), 0), size_bytes
    else:
        start = int(first)
        end = min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= end:
        raise InvalidRangeError(size_bytes=size_bytes)
    return start, end - start


def check_conditions(call: Call, found: ObjectInfo) -> bool:
    """Hold an object against `If-…` headers.

    Returns:
        Whether the client's copy is current, so that 304 is the answer.

    Raises:
        PreconditionFailedError: `If-Match` or `If-Unmodified-Since` is not met.
    """
    modified_s = found.modified_ms // 1000
    if_match = call.header("if-match")
    if if_match and not _matches(if_match, found.etag):
        header = "If-Match"
        raise PreconditionFailedError(header)
    unmodified_since = _seconds(call.header("if-unmodified-since"))
    if not if_match and unmodified_since is not None and modified_s > unmodified_since:
        header = "If-Unmodified-Since"
        raise PreconditionFailedError(header)
    if_none_match = call.header("if-none-match")
    if if_none_match:
        return _matches(if_none_match, found.etag)
    modified_since = _seconds(call.header("if-modified-since"))
    return modified_since is not None and modified_s <= modified_since


def is_range_current(call: Call, found: ObjectInfo) -> bool:
    """Whether `If-Range` allows a part to be sent; true without the header."""
    text = call.header("if-range")
    date = _seconds(text)
    if date is not None:
        return found.modified_ms // 1000 == date
    return not text or _matches(text, found.etag)


def _matches(text: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in text.split(",")}
    return "*" in tags or (bool(etag) and etag in tags)


def _seconds(text: str) -> int | None:
    date_ms = parse_http_date(text) if text else None
    return None if date_ms is None else date_ms // 1000
