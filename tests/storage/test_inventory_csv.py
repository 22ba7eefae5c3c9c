"""Rows of CSV inventories, against `csv`."""

import csv
import io
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.domain.selection import ObjectInfo
from penstock.storage._inventory_csv import CsvRows, split_rows

FIELD = st.text(st.sampled_from('",\n\r a%'), max_size=4)
LINES = st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=6)


def write_rows(rows: Iterable[list[str]], quoting: int, line_end: str) -> str:
    """Rows as `csv` writes them."""
    target = io.StringIO()
    csv.writer(target, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    return target.getvalue()


def split_all(text: str, width: int) -> list[list[str]]:
    """The rows of a text by our splitter."""
    return list(split_rows(iter(text.split("\n")[:-1]), width))


@given(
    rows=LINES,
    # With "\n" as its line end, `csv` writes lone "\r" unquoted, and cannot read that again.
    style=st.sampled_from(
        [(csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_MINIMAL, "\r\n")]
    ),
    width=st.integers(1, 4),
)
def test_splitter_equals_csv_on_what_csv_writes(
    rows: list[list[str]], style: tuple[int, str], width: int
) -> None:
    """Whatever the fields hold, the splitter gives the rows that `csv` gives."""
    text = write_rows(rows, *style)

    expected = [row for row in csv.reader(_lines(text)) if row]

    assert split_all(text, width) == expected


@given(
    text=st.text(st.sampled_from('",\r\na')).map(lambda text: text + "\n"), width=st.integers(1, 3)
)
@example(text='"",","\n', width=2)
@example(text='"a\n","b"\n', width=2)
@example(text='"\n', width=1)
def test_splitter_equals_csv_on_any_text(text: str, width: int) -> None:
    """Even malformed text is split as `csv` splits it, or refused where `csv` refuses."""
    try:
        expected = [row for row in csv.reader(_lines(text)) if row]
    except csv.Error:
        with pytest.raises(ValueError, match="new-line"):
            split_all(text, width)
        return

    assert split_all(text, width) == expected


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n")[:-1]:
        yield line + "\n"


@given(key=st.text(min_size=1).filter(lambda key: "\n" not in key and "\r" not in key))
def test_any_key_survives_both_encodings(key: str) -> None:
    """Percent-encoding and form encoding are undone exactly."""
    for has_plus, encoded in ((False, quote(key)), (True, quote_plus(key))):
        rows = CsvRows(["key"], has_plus_for_blank=has_plus)
        objects, failed = rows.select([[encoded]])
        assert (objects, failed) == ([ObjectInfo(key)], [])


def test_skipping_past_the_end_gives_nothing() -> None:
    """A cursor at the end of a data file has nothing after it."""
    rows = CsvRows(["key"], has_plus_for_blank=False)

    assert list(rows.read_rows(io.BytesIO(b"a\nb\n"), 2)) == []
    assert list(rows.read_rows(io.BytesIO(b"a\nb\n"), 5)) == []
