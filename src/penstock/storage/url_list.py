"""Reading a URL file: one URL of an object a line.

Lines are trimmed, empty ones skipped, and a byte order mark at the start is ignored. A line that
names no object of the bucket is a failed entry, never dropped.
"""

from collections.abc import Collection, Iterator
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from penstock.domain.errors import InventoryError
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.storage.base import ObjectReader, ObjectStore
from penstock.storage.object_urls import find_key
from penstock.storage.pages import (
    PAGE_SIZE,
    FailedEntry,
    Page,
    make_failed,
    read_cursor,
    taken,
    write_cursor,
)

MAX_LINE_BYTES = 64 << 10

_BLOCK_BYTES = 256 << 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CURSOR = {"offset": int, "version": str}


class _Line(NamedTuple):
    end: int
    text: bytes


class UrlListSource:
    """The objects that a URL file names; see `Source`."""

    def __init__(
        self,
        store: ObjectStore,
        key: str,
        *,
        bucket_names: Collection[str],
        max_lines: int = 1_000_000,
        max_bytes: int = 256 << 20,
    ) -> None:
        """A URL file of the store.

        Args:
            bucket_names: Every name that the bucket has in hosts of URLs.
            max_lines: Lines that a file may have, empty ones included.
            max_bytes: Bytes that a file may have.
        """
        self._store = store
        self._key = key
        self._bucket_names = frozenset(bucket_names)
        self._max_lines = max_lines
        self._max_bytes = max_bytes

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The entries after a cursor; the file's limits are checked before the first page.

        Raises:
            InvalidArgumentError: The cursor is none of a URL file.
            InventoryError: The file is over a limit, or has changed since the cursor was made.
            ObjectNotFoundError: There is no such file.
            StoreError: The store failed.
            StoreAccessDeniedError: The store refuses.
        """
        found = self._store.head(self._key)
        version = _version_of(found)
        offset = 0
        if cursor:
            place = read_cursor(cursor, _CURSOR)
            offset = place["offset"]
            if place["version"] != version:
                raise InventoryError(self._key, "the file has changed since the job began")
        else:
            self._check_limits(found)
        if offset >= found.size_bytes:
            return
        with closing(self._store.open(self._key, start=offset)) as reader:
            if _version_of(reader.found) != version:
                raise InventoryError(self._key, "the file changes while it is read")
            lines = _read_lines(self._key, reader, offset)
            while page := list(islice(lines, page_size)):
                made = self._make_page(page, version)
                yield made._replace(objects=taken(made.objects, only))

    def _check_limits(self, found: ObjectInfo) -> None:
        if found.size_bytes > self._max_bytes:
            raise InventoryError(self._key, f"the file is over {self._max_bytes} bytes")
        count = 1
        with closing(self._store.open(self._key)) as reader:
            while block := reader.read(_BLOCK_BYTES):
                count += block.count(b"\n")
        if count - 1 > self._max_lines:
            raise InventoryError(self._key, f"the file has over {self._max_lines} lines")

    def _make_page(self, lines: list[_Line], version: str) -> Page:
        objects = []
        failed = []
        for line in lines:
            named = self._find_key(line.text)
            if isinstance(named, FailedEntry):
                failed.append(named)
            else:
                objects.append(ObjectInfo(named))
        return Page(objects, write_cursor(offset=lines[-1].end, version=version), failed)

    def _find_key(self, line: bytes) -> str | FailedEntry:
        try:
            return find_key(line.decode(), self._bucket_names)
        except UnicodeDecodeError:
            shown = line.decode("utf-8", "backslashreplace")
            return make_failed(shown, "InvalidUrl", "the line is not UTF-8 text")


def _version_of(found: ObjectInfo) -> str:
    return found.etag or f"{found.size_bytes}-{found.modified_ms}"


def _read_lines(key: str, reader: ObjectReader, offset: int) -> Iterator[_Line]:
    """The trimmed lines that are not empty, each with the offset of the byte after it."""
    pending = b""
    while block := reader.read(_BLOCK_BYTES):
        pending += block
        if not offset and pending.startswith(_BYTE_ORDER_MARK):
            offset = len(_BYTE_ORDER_MARK)
            pending = pending[offset:]
        lines = pending.split(b"\n")
        pending = lines.pop()
        if len(pending) > MAX_LINE_BYTES:
            raise InventoryError(key, f"a line is over {MAX_LINE_BYTES} bytes: no list of URLs")
        for line in lines:
            offset += len(line) + 1
            if text := line.strip():
                yield _Line(offset, text)
    if text := pending.strip():
        yield _Line(offset + len(pending), text)
