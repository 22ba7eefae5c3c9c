"""Splitting CSV inventories, against `csv`."""

import csv
import io
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.storage._inventory_fields import cut_lines, split_runs

FIELD = st.text(st.sampled_from('",\n\r a%'), max_size=4)
LINES = st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=6)
LENGTHS = st.lists(st.integers(1, 3), max_size=6)


def write_rows(rows: Iterable[list[str]], quoting: int, line_end: str) -> str:
    """Rows as `csv` writes them."""
    target = io.StringIO()
    csv.writer(target, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    return target.getvalue()


def split_all(text: str, width: int, lengths: Iterable[int] = ()) -> list[list[str]]:
    """The rows of a text by our splitter; it comes in pieces of so many lines, then the rest."""
    lines = text.split("\n")[:-1]
    texts = []
    for length in lengths:
        texts.append("\n".join(lines[:length]))
        lines = lines[length:]
        if not lines:
            break
    if lines:
        texts.append("\n".join(lines))
    rows = []
    for run in split_runs(iter(texts), width):
        starts = range(0, run.size * (width + 1), width + 1)
        found = [run.fields[start : start + width] for start in starts]
        assert all(found[place] == [""] * width for place in run.wrong)
        rows += [run.wrong.get(place, row) for place, row in enumerate(found)]
    return rows


@given(
    rows=LINES,
    # With "\n" as its line end, `csv` writes lone "\r" unquoted, and cannot read that again.
    style=st.sampled_from(
        [(csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_MINIMAL, "\r\n")]
    ),
    width=st.integers(1, 4),
    lengths=LENGTHS,
)
def test_splitter_equals_csv_on_what_csv_writes(
    rows: list[list[str]], style: tuple[int, str], width: int, lengths: list[int]
) -> None:
    """Whatever the fields hold and however the text comes, its rows are those of `csv`."""
    text = write_rows(rows, *style)

    expected = [row for row in csv.reader(_lines(text)) if row]

    assert split_all(text, width, lengths) == expected


@given(
    rows=st.lists(st.lists(st.text(st.sampled_from('",\na')), min_size=2, max_size=2), max_size=6),
    lengths=LENGTHS,
)
@example(rows=[["a", "b"], ["c", "d"], ["e", "f"]], lengths=[2])
def test_splitter_equals_csv_on_rows_of_one_width(
    rows: list[list[str]], lengths: list[int]
) -> None:
    """A text all of whose rows are as wide as expected is split as `csv` splits it."""
    text = write_rows(rows, csv.QUOTE_ALL, "\n")

    assert split_all(text, 2, lengths) == rows


@given(
    text=st.text(st.sampled_from('",\r\na')).map(lambda text: text + "\n"),
    width=st.integers(1, 3),
    lengths=LENGTHS,
)
@example(text='"",","\n', width=2, lengths=[])
@example(text='"a\n","b"\n', width=2, lengths=[])
@example(text='"a\n","b"\n', width=2, lengths=[1])
@example(text='"\n', width=1, lengths=[])
@example(text='"a","\n","b"\n', width=3, lengths=[])
@example(text='"\n"\n', width=1, lengths=[])
@example(text='"a"\n"b","c","d"\n', width=2, lengths=[])
@example(text='"a"\n"b","\n","c"\n', width=2, lengths=[])
def test_splitter_equals_csv_on_any_text(text: str, width: int, lengths: list[int]) -> None:
    """Even malformed text is split as `csv` splits it, or refused where `csv` refuses."""
    try:
        expected = [row for row in csv.reader(_lines(text)) if row]
    except csv.Error:
        with pytest.raises(ValueError, match="new-line"):
            split_all(text, width, lengths)
        return

    assert split_all(text, width, lengths) == expected


@given(blocks=st.lists(st.binary(min_size=1, max_size=5), max_size=6))
@example(blocks=[b"a\n", b"\n"])
@example(blocks=[b"\xe6", b"\x97\xa5\nb"])
def test_lines_do_not_depend_on_blocks(blocks: list[bytes]) -> None:
    """However a file's bytes come, the lines are those of the whole, and bad bytes stay exact."""
    content = b"".join(blocks)

    text = "\n".join(cut_lines(blocks))

    whole = content.removesuffix(b"\n") if content != b"\n" else b""
    assert text.encode("utf-8", "surrogateescape") == whole


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n")[:-1]:
        yield line + "\n"
