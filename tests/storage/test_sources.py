"""Listings and single objects as sources, and what all sources share."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError, StoreError
from penstock.domain.selection import ObjectInfo
from penstock.storage.folder import FolderStore
from penstock.storage.object_urls import find_key, resolve_key
from penstock.storage.pages import FailedEntry, make_failed
from penstock.storage.sources import ListingSource, ObjectSource
from penstock.storage.times import parse_http_time_ms, parse_time_ms
from tests.storage.objects import put

BUCKETS = {"demo-1"}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """An empty bucket."""
    (tmp_path / "bucket").mkdir()
    return FolderStore(tmp_path / "bucket")


def test_listing_comes_in_pages(store: FolderStore) -> None:
    """Pages are full but for the last, in order, and within the prefix."""
    for key in ("a/1", "a/2", "a/3", "b"):
        put(store, key)

    pages = list(ListingSource(store, "a").pages(page_size=2))

    assert [[found.key for found in page.objects] for page in pages] == [["a/1", "a/2"], ["a/3"]]
    assert all(page.failed == [] for page in pages)
    assert all(found.size_bytes == 7 for page in pages for found in page.objects)


def test_empty_listing_has_no_pages(store: FolderStore) -> None:
    """Nothing found is no page, not an empty one; a missing folder is an error."""
    assert list(ListingSource(store).pages()) == []
    with pytest.raises(StoreError):
        list(ListingSource(FolderStore(Path("/nonexistent/folder"))).pages())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    keys=st.sets(st.text(st.sampled_from("aé-/\udce9😀"), min_size=1, max_size=5), max_size=8),
    page_size=st.integers(1, 4),
)
def test_any_cursor_of_a_listing_gives_the_rest(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], page_size: int
) -> None:
    """Going on from the cursor of any page gives exactly the pages after it."""
    store = FolderStore(tmp_path_factory.mktemp("listing"))
    for key in keys:
        try:
            put(store, key)
        except Exception:  # noqa: BLE001, S112 - keys that a folder cannot hold are not the point
            continue

    pages = list(ListingSource(store).pages(page_size=page_size))

    for place, page in enumerate(pages):
        assert page.cursor.isascii()
        rest = ListingSource(store).pages(cursor=page.cursor, page_size=page_size)
        assert list(rest) == pages[place + 1 :]


def test_single_object_is_one_page(store: FolderStore) -> None:
    """A key is passed on unseen, once."""
    source = ObjectSource(store, "k")

    [page] = source.pages()

    assert page.objects == [ObjectInfo("k")]
    assert list(source.pages(cursor=page.cursor)) == []


def test_single_object_with_facts_is_looked_up(store: FolderStore) -> None:
    """Where facts are asked for, a missing object is a failed entry."""
    put(store, "k")

    [page] = ObjectSource(store, "k", with_facts=True).pages()
    [missing] = ObjectSource(store, "absent", with_facts=True).pages()

    assert page.objects == [store.head("k")]
    assert missing.objects == []
    assert [(entry.entry, entry.code) for entry in missing.failed] == [
        ("absent", "ResourceNotFound")
    ]


@pytest.mark.parametrize("cursor", ["x", "{}", '{"after":1}', '{"after":"a","b":1}', "[]", "1"])
def test_foreign_cursor_is_refused(store: FolderStore, cursor: str) -> None:
    """A cursor of another source, or none at all, is the caller's mistake."""
    with pytest.raises(InvalidArgumentError):
        next(ListingSource(store).pages(cursor=cursor))
    with pytest.raises(InvalidArgumentError):
        next(ObjectSource(store, "k").pages(cursor=cursor))


def test_failed_entry_is_short_and_printable() -> None:
    """What is shown of an entry fits into a report, whatever it holds."""
    entry = make_failed("\udcff" * 5000, "InvalidUrl", "m")

    assert len(entry.entry) == 1024
    assert entry.entry.isascii()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://demo-1.cos.ap-x.myqcloud.com/a%20b+c.txt?x=1", "a b+c.txt"),
        ("HTTP://DEMO-1.x//lead", "/lead"),
        ("https://user:secret@demo-1.cos.x:443/k#f", "k"),
        ("http://demo-1/k", "k"),
        ("http://127.0.0.1:80/demo-1/k", "k"),
        ("http://[::1]/demo-1/k", "k"),
        ("http://localhost/demo-1/k", "k"),
        ("https://s3.eu.amazonaws.com/demo-1/k", "k"),
        ("https://cos.ap-x.myqcloud.com/demo-1/k", "k"),
        ("https://demo-1.x/%zz%", "%zz%"),
        ("https://other.x/demo-1/k", "InvalidHost"),
        ("https://other@demo-2.x/k", "InvalidHost"),
        ("http://127.0.0.1/other/k", "InvalidHost"),
        ("https://demo-1.x", "InvalidUrl"),
        ("http://127.0.0.1/demo-1", "InvalidUrl"),
        ("ftp://demo-1.x/k", "InvalidUrl"),
        ("//demo-1.x/k", "InvalidUrl"),
        ("https:///k", "InvalidUrl"),
        ("https://demo-1.x/%e9", "InvalidKey"),
    ],
)
def test_key_is_found_in_its_url(url: str, expected: str) -> None:
    """The host, or behind some hosts the path, must name the bucket; the rest is the key."""
    found = find_key(url, BUCKETS)

    assert (found.code if isinstance(found, FailedEntry) else found) == expected


def test_input_may_be_a_key_or_a_url() -> None:
    """Only what begins like a URL is one; a URL of another bucket is refused."""
    assert resolve_key("lists/https://x", BUCKETS) == "lists/https://x"
    assert resolve_key("https://demo-1.x/lists/a%20b", BUCKETS) == "lists/a b"
    with pytest.raises(InvalidArgumentError, match="demo-2"):
        resolve_key("https://demo-2.x/k", BUCKETS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02T03:04:05.678Z", 1_704_164_645_678),
        ("2024-01-02T03:04:05Z", 1_704_164_645_000),
        ("2024-01-02T03:04:05", 1_704_164_645_000),
        ("2024-01-02 11:04:05+0800", 1_704_164_645_000),
        ("2024-01-02T11:04:05.678901+08:00", 1_704_164_645_678),
        ("1969-12-31T23:59:59.999Z", -1),
        ("", -1),
        ("yesterday", -1),
    ],
)
def test_times_of_inventories_are_read(text: str, expected: int) -> None:
    """ISO 8601 with and without offset and fraction; anything else is unknown."""
    assert parse_time_ms(text) == expected


def test_times_of_headers_are_read() -> None:
    """HTTP dates count whole seconds; anything else is unknown."""
    assert parse_http_time_ms("Tue, 02 Jan 2024 03:04:05 GMT") == 1_704_164_645_000
    assert parse_http_time_ms("") == -1
