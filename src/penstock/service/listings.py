"""Cut one page out of a bucket's listing without reading what lies below common prefixes."""

from collections.abc import Iterator

from penstock.domain.listings import ListingPage, ListingQuery
from penstock.domain.selection import ObjectInfo
from penstock.storage.base import ObjectStore

# How many keys below one common prefix are read on before the listing is started anew behind
# it: a new start costs a request, and the keys of one page are there already.
_READ_ON_KEYS = 1000
_LAST_CHARACTER = "\U0010ffff"


def list_page(store: ObjectStore, query: ListingQuery) -> ListingPage:
    """One page of a listing; reads at most a few thousand keys, whatever the bucket holds.

    Raises:
        StoreError: The store failed.
        StoreAccessDeniedError: The store refuses.
    """
    contents: list[ObjectInfo] = []
    prefixes: list[str] = []
    last = ""
    if query.max_keys:
        for common, found in _entries(store, query):
            if len(contents) + len(prefixes) == query.max_keys:
                return _page(contents, prefixes, next_marker=last)
            last = common or found.key
            if common:
                prefixes.append(common)
            else:
                contents.append(found)
    return _page(contents, prefixes, next_marker="")


def _page(contents: list[ObjectInfo], prefixes: list[str], *, next_marker: str) -> ListingPage:
    return ListingPage(
        contents=tuple(contents), common_prefixes=tuple(prefixes), next_marker=next_marker
    )


def _entries(store: ObjectStore, query: ListingQuery) -> Iterator[tuple[str, ObjectInfo]]:
    """Objects, and the first object of every common prefix together with that prefix."""
    common = query.marker if _common_prefix(query, query.marker) == query.marker else ""
    start_after = _behind(common) if common else query.marker
    while True:
        skipped = 0
        for found in store.list_objects(query.prefix, start_after=start_after):
            if not common or not found.key.startswith(common):
                common = _common_prefix(query, found.key)
                skipped = 0
                yield common, found
                continue
            skipped += 1
            if skipped == _READ_ON_KEYS and start_after != _behind(common):
                start_after = _behind(common)
                break
        else:
            return


def _behind(common: str) -> str:
    """A place behind all but the oddest keys below a common prefix."""
    return common + _LAST_CHARACTER


def _common_prefix(query: ListingQuery, key: str) -> str:
    """What a key is rolled up into; empty if it is not."""
    if not query.delimiter or not key.startswith(query.prefix):
        return ""
    at = key.find(query.delimiter, len(query.prefix))
    return "" if at < 0 else key[: at + len(query.delimiter)]
