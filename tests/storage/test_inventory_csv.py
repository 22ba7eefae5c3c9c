"""Rows of CSV inventories."""

import csv
import io
from collections.abc import Sequence
from urllib.parse import quote, quote_plus, unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.selection import ObjectInfo
from penstock.storage._inventory_csv import CsvRows
from penstock.storage.pages import RowsRead

KEYS = st.lists(
    st.one_of(
        st.sampled_from(["", "%ff", "a%", "%e6%97%A5", "%0A", "a+b", 'q"', "%E6", "%97", "日"]),
        st.text(st.sampled_from('a%0A+\n"')),
    ),
    max_size=6,
)


def read_all(content: bytes, columns: Sequence[str], *, skip: int = 0) -> list[RowsRead]:
    """What the rows of one data file come to, a thousand a page."""
    rows = CsvRows(columns, has_plus_for_blank=False)
    return list(rows.read_pages(io.BytesIO(content), skip=skip, page_size=1000, only=None))


def write_keys(keys: Sequence[str]) -> bytes:
    """A file of keys alone, in quotes."""
    target = io.StringIO()
    writer = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([key] for key in keys)
    return target.getvalue().encode("utf-8", "surrogateescape")


@given(keys=st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_any_key_survives_both_encodings(keys: list[str]) -> None:
    """Percent-encoding and form encoding are undone exactly."""
    for has_plus, encode in ((False, quote), (True, quote_plus)):
        rows = CsvRows(["key"], has_plus_for_blank=has_plus)
        file = io.BytesIO(write_keys([encode(key) for key in keys]))
        [page] = rows.read_pages(file, skip=0, page_size=1000, only=None)
        assert page == ([ObjectInfo(key) for key in keys], [], len(keys))


@given(keys=KEYS)
def test_keys_are_decoded_as_each_would_be_alone(keys: list[str]) -> None:
    """What stands beside a key changes neither the key nor what is wrong with it."""
    expected = []
    failed = []
    for key in keys:
        try:
            decoded = unquote_to_bytes(key.encode()).decode()
        except UnicodeDecodeError:
            failed.append("InvalidKey")
            continue
        if decoded:
            expected.append(decoded)
        else:
            failed.append("InvalidContent")

    pages = read_all(write_keys(keys), ["key"])

    assert [found.key for page in pages for found in page.objects] == expected
    assert [entry.code for page in pages for entry in page.failed] == failed


def test_keys_of_undecodable_bytes_are_failed() -> None:
    """Raw bytes that are not UTF-8 make no key, and harm none beside them."""
    [page] = read_all(b'"a"\n"\xff"\n"%E6%97%A5"\n', ["key"])

    assert [found.key for found in page.objects] == ["a", "日"]
    assert [entry.message for entry in page.failed] == ["the key is not UTF-8"]


def test_short_rows_of_a_wide_schema_are_failed_one_by_one() -> None:
    """Rows that are far from as wide as the schema cost their own length, and all are told."""
    columns = ["key", *(f"column{number}" for number in range(20_000))]

    pages = read_all(b"a\n" * 2000, columns)

    assert sum(page.size for page in pages) == sum(len(page.failed) for page in pages) == 2000
    assert pages[0].failed[0].message == "the row has 1 columns, expected 20001"


def test_skipping_past_the_end_gives_nothing() -> None:
    """A cursor at the end of a data file has nothing after it."""
    assert read_all(b"a\nb\n", ["key"], skip=2) == []
    assert read_all(b"a\nb\n", ["key"], skip=5) == []
