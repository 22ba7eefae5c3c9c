"""The four inputs of a job behind one face; see `Source` in `pages`."""

from collections.abc import Iterator
from itertools import islice

from penstock.domain.errors import OperationError
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.storage.base import ObjectStore
from penstock.storage.manifest import ManifestSource
from penstock.storage.object_urls import resolve_key
from penstock.storage.pages import (
    PAGE_SIZE,
    FailedEntry,
    Page,
    Source,
    make_failed,
    read_cursor,
    taken,
    write_cursor,
)
from penstock.storage.url_list import UrlListSource

__all__ = [
    "FailedEntry",
    "ListingSource",
    "ManifestSource",
    "ObjectSource",
    "Page",
    "Source",
    "UrlListSource",
    "resolve_key",
]


class ListingSource:
    """Every object whose key begins with a prefix, in the order of the keys.

    Objects stored while the listing runs are in it or not; none that was there all along is
    left out or named twice.
    """

    def __init__(self, store: ObjectStore, prefix: str = "") -> None:
        self._store = store
        self._prefix = prefix

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The objects after a cursor.

        Raises:
            InvalidArgumentError: The cursor is none of a listing.
            StoreError: The store failed.
            StoreAccessDeniedError: The store refuses.
        """
        after = read_cursor(cursor, {"after": str})["after"] if cursor else ""
        listed = self._store.list_objects(self._prefix, start_after=after)
        while objects := list(islice(listed, page_size)):
            yield Page(taken(objects, only), write_cursor(after=objects[-1].key), [])


class ObjectSource:
    """One object that is named by its key."""

    def __init__(self, store: ObjectStore, key: str, *, with_facts: bool = False) -> None:
        """A key of the store.

        Args:
            with_facts: Whether to ask the store for size, time and tag. An object that is
                not there is then a failed entry; otherwise it fails when it is fetched.
        """
        self._store = store
        self._key = key
        self._with_facts = with_facts

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """One page before the object, none after it.

        Raises:
            InvalidArgumentError: The cursor is none of a single object.
            StoreError: The store failed.
        """
        if cursor:
            read_cursor(cursor, {"key": str})
            return
        after = write_cursor(key=self._key)
        try:
            found = self._store.head(self._key) if self._with_facts else ObjectInfo(self._key)
        except OperationError as error:
            yield Page([], after, [make_failed(self._key, error.code, str(error))])
        else:
            yield Page(taken([found], only), after, [])
