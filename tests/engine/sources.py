"""Sources of objects for tests: lists cut into pages, some of which break."""

from collections.abc import Iterator

from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.storage.pages import (
    PAGE_SIZE,
    FailedEntry,
    Page,
    Source,
    read_cursor,
    taken,
    write_cursor,
)


class ListSource:
    """Objects and failed entries out of a list, a page at a time."""

    def __init__(
        self, entries: list[ObjectInfo | FailedEntry], *, page_size: int = PAGE_SIZE
    ) -> None:
        self._entries = entries
        self._page_size = page_size

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The entries after a cursor."""
        start = read_cursor(cursor, {"at": int})["at"] if cursor else 0
        size = min(page_size, self._page_size)
        for first in range(start, len(self._entries), size):
            part = self._entries[first : first + size]
            yield Page(
                taken([entry for entry in part if isinstance(entry, ObjectInfo)], only),
                write_cursor(at=first + len(part)),
                [entry for entry in part if isinstance(entry, FailedEntry)],
            )


class BreakingSource:
    """A source that breaks behind some pages of another."""

    def __init__(self, source: Source, *, pages: int, error: Exception) -> None:
        self._source = source
        self._pages = pages
        self._error = error

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """So many pages of the other source, then the error."""
        pages = self._source.pages(cursor=cursor, page_size=page_size, only=only)
        for number, page in enumerate(pages):
            if number == self._pages:
                raise self._error
            yield page
        raise self._error


class SmallPages:
    """Another source in smaller pages than it would choose."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = size

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The other source's pages."""
        size = min(self._size, page_size)
        return self._source.pages(cursor=cursor, page_size=size, only=only)
