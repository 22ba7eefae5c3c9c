"""The few XML bodies of S3, read by regular expressions.

A page of 1,000 keys has one flat form, whatever the server, and an XML parser takes longer for it
than the server does.
"""

import html
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from penstock.domain.selection import ObjectInfo
from penstock.storage.base import UploadedPart
from penstock.storage.times import parse_time_ms

_KEY = re.compile(r"<Key>([^<]*)</Key>")
_SIZE = re.compile(r"<Size>\s*(\d+)\s*</Size>")
_TIME = re.compile(r"<LastModified>\s*([^<]*?)\s*</LastModified>")
_ETAG = re.compile(r"<ETag>\s*([^<]*?)\s*</ETag>")
_PART = re.compile(r"<Part>(.*?)</Part>", re.S)
_NUMBER = re.compile(r"<PartNumber>\s*(\d+)\s*</PartNumber>")
_REFERENCE = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class ListPage(NamedTuple):
    """One page of a listing.

    Attributes:
        objects: The objects with their keys as stored, in order.
        is_truncated: Whether there is more.
        token: How to ask for it; empty where the server gives none.
    """

    objects: list[ObjectInfo]
    is_truncated: bool
    token: str


def parse_list_page(body: bytes, *, has_literal_plus: bool) -> ListPage:
    """Read a page of either version of the list call.

    Args:
        has_literal_plus: Whether '+' stands for itself where keys are URL-encoded.

    Raises:
        ValueError: The body is no such page.
    """
    text = body.decode("utf-8", "surrogateescape")
    first = text.find("<Contents>")
    head, contents = (text, "") if first < 0 else (text[:first], text[first:])
    tail = contents[contents.rfind("</Contents>") :] if contents else ""
    about = head + tail
    if "<ListBucketResult" not in head:
        fault = "the answer is no listing"
        raise ValueError(fault)
    is_encoded = find_text(about, "EncodingType").lower() == "url"
    return ListPage(
        _parse_contents(contents, is_encoded=is_encoded, has_literal_plus=has_literal_plus),
        find_text(about, "IsTruncated").lower() == "true",
        find_text(about, "NextContinuationToken"),
    )


def parse_parts(body: bytes) -> list[tuple[UploadedPart, int]]:
    """The parts of a multipart upload with their sizes in bytes."""
    return [
        (
            UploadedPart(int(_first(_NUMBER, part, "0")), _bare_etag(_first(_ETAG, part, ""))),
            int(_first(_SIZE, part, "-1")),
        )
        for part in _PART.findall(body.decode("utf-8", "replace"))
    ]


def write_completion(parts: list[UploadedPart]) -> bytes:
    """The body that joins the parts of an upload."""
    lines = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{html.escape(etag)}&quot;</ETag></Part>"
        for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()


def find_text(text: str, name: str) -> str:
    """The text of the first element of a name; empty where there is none."""
    found = re.search(rf"<{name}>\s*([^<]*?)\s*</{name}>", text)
    return _unescape(found[1]) if found else ""


def _parse_contents(text: str, *, is_encoded: bool, has_literal_plus: bool) -> list[ObjectInfo]:
    if is_encoded:
        # A quote in a key is %22; these stand around entity tags, and one by one cost most.
        text = text.replace("&quot;", "").replace("&#34;", "")
    keys = _KEY.findall(text)
    sizes = _SIZE.findall(text)
    times = _TIME.findall(text)
    etags = _ETAG.findall(text)
    if not len(keys) == len(sizes) == len(times) == len(etags):
        # A server leaves elements out of some entries: pair them one by one.
        entries = text.split("</Contents>")[:-1]
        keys = [_first(_KEY, entry, "") for entry in entries]
        sizes = [_first(_SIZE, entry, "-1") for entry in entries]
        times = [_first(_TIME, entry, "") for entry in entries]
        etags = [_first(_ETAG, entry, "") for entry in entries]
    if "&" in text:
        keys = [_unescape(key) if "&" in key else key for key in keys]
    if is_encoded:
        keys = [
            _decode(key, has_literal_plus=has_literal_plus) if "%" in key or "+" in key else key
            for key in keys
        ]
    return [
        ObjectInfo(key, int(size), parse_time_ms(time), _bare_etag(etag))
        for key, size, time, etag in zip(keys, sizes, times, etags, strict=True)
    ]


def _decode(key: str, *, has_literal_plus: bool) -> str:
    if not has_literal_plus:
        key = key.replace("+", " ")
    return unquote_to_bytes(key).decode("utf-8", "surrogateescape")


def _first(pattern: re.Pattern[str], text: str, default: str) -> str:
    found = pattern.search(text)
    return found[1] if found else default


def _bare_etag(etag: str) -> str:
    return (_unescape(etag) if "&" in etag else etag).strip('"')


def _unescape(text: str) -> str:
    return _REFERENCE.sub(_resolve, text)


def _resolve(found: re.Match[str]) -> str:
    if found[3]:
        return _NAMED.get(found[3], found[0])
    return chr(int(found[1], 16) if found[1] else int(found[2]))
