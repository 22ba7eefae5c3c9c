"""What every source of a selection gives: pages of objects, and a cursor to go on from."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.selection import ObjectFilter, ObjectInfo, showable

PAGE_SIZE = 1000
MAX_ENTRY_CHARACTERS = 1024


class FailedEntry(NamedTuple):
    """An entry of a URL file or an inventory that names no object of the bucket.

    Attributes:
        entry: The entry's text as far as it can be shown, at most 1,024 characters.
        code: The error code to report.
        message: What is wrong with it.
    """

    entry: str
    code: str
    message: str


class Page(NamedTuple):
    """A run of a source's entries.

    Attributes:
        objects: The objects named, in the source's order; may be empty.
        cursor: Where the source goes on after this page; JSON text in ASCII.
        failed: The entries that name no object, in order.
    """

    objects: list[ObjectInfo]
    cursor: str
    failed: list[FailedEntry]


class RowsRead(NamedTuple):
    """What a run of rows of an inventory's data file came to.

    Attributes:
        objects: The objects that they name, in order, but for those left out early.
        failed: The rows that name no object, in order.
        size: How many rows.
    """

    objects: list[ObjectInfo]
    failed: list[FailedEntry]
    size: int


class Source(Protocol):
    """The objects that a job's input names."""

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The entries after a cursor, at most `page_size` of them a page; streams.

        Going on from any page's cursor gives exactly the entries that came after that page; a
        source that holds no more ends at once.

        Args:
            only: The filter to put over the objects; None gives every one. A page of which it
                leaves nothing comes all the same, for its cursor. Pages, cursors and failed
                entries are those of the source without a filter.

        Raises:
            InvalidArgumentError: The cursor is none of this kind of source.
            InventoryError: The manifest or URL file cannot be used, or is not the one that the
                cursor was made for.
            ObjectNotFoundError: There is no such manifest or URL file.
            StoreError: The store failed.
            StoreAccessDeniedError: The store refuses.
        """


def taken(objects: list[ObjectInfo], only: ObjectFilter | None) -> list[ObjectInfo]:
    """The objects of a page that a filter passes on; all of them without one."""
    return objects if only is None else list(only.select(objects))


def make_failed(entry: str, code: str, message: str) -> FailedEntry:
    """A failed entry with its text made short and printable."""
    shown = showable(entry[:MAX_ENTRY_CHARACTERS])
    return FailedEntry(shown[:MAX_ENTRY_CHARACTERS], code, message)


def write_cursor(**place: str | int) -> str:
    """A cursor that names a place in a source."""
    return json.dumps(place, separators=(",", ":"))


def read_cursor(cursor: str, expected: Mapping[str, type]) -> dict[str, Any]:
    """The place that a cursor names.

    Raises:
        InvalidArgumentError: It does not have exactly the expected fields.
    """
    try:
        place = json.loads(cursor)
    except ValueError:
        place = None
    if not isinstance(place, dict) or {name: type(value) for name, value in place.items()} != dict(
        expected
    ):
        fault = f"the cursor {cursor[:100]!r} is not one of this source"
        raise InvalidArgumentError(fault)
    return place
