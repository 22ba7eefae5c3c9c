from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.listings import ListingPage, ListingQuery
from penstock.domain.selection import ObjectInfo
from penstock.service.listings import list_page
from penstock.storage.base import ObjectStore


class CountingStore:
    """A listing over given keys that counts what is read of it."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = sorted(keys)
        self.read = 0

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Count every key handed out."""
        for key in self.keys:
            if key.startswith(prefix) and key > start_after:
                self.read += 1
                yield ObjectInfo(key)


def page_of(store: CountingStore, query: ListingQuery) -> ListingPage:
    """One page of a counting store."""
    return list_page(cast(ObjectStore, store), query)


@pytest.mark.parametrize("marker", ["", "a/000005"])
def test_listing_does_not_read_what_is_rolled_up(marker: str) -> None:
    """A common prefix with many keys costs one stretch of reading on, not all its keys."""
    keys = [f"{folder}/{number:06}" for folder in "abc" for number in range(5000)]
    store = CountingStore(keys)

    page = page_of(store, ListingQuery(delimiter="/", marker=marker))

    assert page.common_prefixes == ("a/", "b/", "c/")
    assert store.read < 3 * 1002


def test_listing_skips_odd_keys_behind_the_jump() -> None:
    """A key that sorts behind the place jumped to still belongs to its common prefix."""
    keys = [f"a/{number:06}" for number in range(1500)] + ["a/\U0010ffff\U0010ffff", "b"]

    page = page_of(CountingStore(keys), ListingQuery(delimiter="/"))

    assert page.common_prefixes == ("a/",)
    assert [found.key for found in page.contents] == ["b"]


KEYS = st.lists(st.text("ab/", min_size=1, max_size=6), unique=True, max_size=12)


@given(keys=KEYS, prefix=st.text("ab/", max_size=2), size=st.integers(1, 4))
def test_listing_pages_add_up(keys: list[str], prefix: str, size: int) -> None:
    """Pages of any size name every key once, either itself or by its common prefix."""
    store = CountingStore(keys)
    found: list[str] = []
    marker = ""
    while True:
        query = ListingQuery(prefix=prefix, delimiter="/", marker=marker, max_keys=size)
        page = page_of(store, query)
        names = [entry.key for entry in page.contents] + list(page.common_prefixes)
        assert len(names) <= size
        found += sorted(names)
        marker = page.next_marker
        if not page.is_truncated:
            break

    expected = set()
    for key in keys:
        if key.startswith(prefix):
            head, slash, _ = key.removeprefix(prefix).partition("/")
            expected.add(prefix + head + slash)
    assert found == sorted(expected)
