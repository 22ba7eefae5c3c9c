"""Small things that tests of stores share: odd keys, and putting, getting and listing."""

import io
from contextlib import closing

from penstock.storage.base import ObjectStore

ODD_KEYS = [
    "o//double",
    "o/trail/",
    "/leading",
    "o/../dots",
    "o/./dot",
    "..",
    "tab\tkey",
    "new\nline",
    "return\rkey",
    "percent%41%zz%",
    "plus+and blank",
    " blank ends ",
    "nfc-\u00e9",
    "nfd-e\u0301",
    "emoji-\U0001f600",
    "quotes\"'`",
    "a&b<c>d",
    "back\\slash",
    "~tilde",
    "st*ar",
    "qu?ery=1&x",
    "ha#sh",
    "comma,;=@:$!()[]{}|^",
    "control\x01\x7f",
    "long/" * 190 + "name",
    "l" * 900,
    "日本語/ключ",
]


def put(store: ObjectStore, key: str, content: bytes = b"content") -> None:
    """Store a few bytes."""
    store.put_stream(key, io.BytesIO(content), size_bytes=len(content))


def get(store: ObjectStore, key: str, *, start: int = 0, length: int | None = None) -> bytes:
    """Read an object, or a range of it."""
    with closing(store.open(key, start=start, length=length)) as reader:
        return reader.read()


def list_keys(store: ObjectStore, prefix: str = "", *, start_after: str = "") -> list[str]:
    """The keys of a listing."""
    return [found.key for found in store.list_objects(prefix, start_after=start_after)]
