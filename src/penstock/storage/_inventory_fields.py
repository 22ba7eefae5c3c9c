"""Splits the text of CSV inventories: at the quotes where that is safe, by `csv` where it is not.

A text of `n` whole lines is even if it begins and ends with a quote, has exactly two quotes a
field, and splits at `","` and at line ends between quotes into `n` rows as wide as expected.
These separators then use up every quote, so no field holds one, and none of the row ends lies in
a field: the split is what `csv` would give. In a text that is not even the same holds for each
physical line alone. A field cannot reach over the end of such a line: up to a line end inside a
quoted field the number of quotes is odd. Any other line, with all that follow it as far as the
row goes, is read by `csv`. A last line without a line end is read as if it had one.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

MAX_LINE_CHARACTERS = 1 << 20

_ROW_END = "\n"
_RUN_FIELDS = 64 << 10  # of a text that is not even, whose rows may be short and many


class Run(NamedTuple):
    """The fields of some rows of one file; empty lines are no rows.

    Attributes:
        size: How many rows.
        fields: Their fields in order, and one more behind each row but perhaps the last.
        wrong: Rows that are not as wide as expected, by their place; their fields are empty.
    """

    size: int
    fields: list[str]
    wrong: Mapping[int, list[str]]


def split_runs(texts: Iterator[str], width: int) -> Iterator[Run]:
    """The rows of each text in one or more runs; a row may end in a text after its own.

    Args:
        texts: The lines of a file, cut only between lines; without the last newline of each.
        width: Columns that a row is expected to have.

    Raises:
        ValueError: A field is longer than `csv` allows.
    """
    most = max(1, _RUN_FIELDS // (width + 1))
    for text in texts:
        even = _split_even(text, width)
        if even is not None:
            yield even
            continue
        rows = _split_lines(text, texts, width)
        while part := list(islice(rows, most)):
            yield _collect(part, width)


def cut_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """The text of a file, cut at line ends, which are left out; bad bytes are surrogate escapes.

    Raises:
        ValueError: A line is longer than any key could make it.
    """
    pending = b""
    for block in blocks:
        end = block.rfind(b"\n")
        if end < 0:
            pending += block
            if len(pending) > MAX_LINE_CHARACTERS:
                fault = f"a line is over {MAX_LINE_CHARACTERS} bytes"
                raise ValueError(fault)
            continue
        text = pending + block[:end]
        pending = block[end + 1 :]
        yield text.decode("utf-8", "surrogateescape")
    if pending:
        yield pending.decode("utf-8", "surrogateescape")


def _split_even(text: str, width: int) -> Run | None:
    """The rows of an even text; None if it is not."""
    size = text.count("\n") + 1
    if text[:1] != '"' or text[-1:] != '"' or text.count('"') != 2 * width * size:
        return None
    fields = text.replace('"\n"', '","\n","')[1:-1].split('","')
    step = width + 1
    if len(fields) != step * size - 1 or fields[width::step].count(_ROW_END) != size - 1:
        return None
    return Run(size, fields, {})


def _collect(rows: list[list[str]], width: int) -> Run:
    fields: list[str] = []
    wrong = {}
    for place, row in enumerate(rows):
        if len(row) != width:
            wrong[place] = row
            fields += [""] * width
        else:
            fields += row
        fields.append(_ROW_END)
    return Run(len(rows), fields, wrong)


def _split_lines(text: str, following: Iterator[str], width: int) -> Iterator[list[str]]:
    """The rows of a text line by line; takes more texts while a row goes on."""
    quotes = 2 * width
    lines = deque(text.split("\n"))
    more = _take_lines(lines, following)
    while lines:
        whole = lines.popleft()
        line = whole.removesuffix("\r")
        row = line[1:-1].split('","')
        if line and len(row) == width and line[0] == '"' == line[-1] and line.count('"') == quotes:
            yield row
        elif '"' in line or "\r" in line:
            yield from _read_one_row(whole, more)
        elif line:
            yield line.split(",")


def _take_lines(lines: deque[str], following: Iterator[str]) -> Iterator[str]:
    while True:
        while lines:
            yield lines.popleft()
        text = next(following, None)
        if text is None:
            return
        lines.extend(text.split("\n"))


def _read_one_row(line: str, lines: Iterator[str]) -> Iterator[list[str]]:
    """The row that begins with `line`, by `csv`; takes more lines where a field goes on."""
    try:
        row = next(csv.reader(_with_ends(line, lines)), None)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if row:
        yield row


def _with_ends(line: str, lines: Iterator[str]) -> Iterator[str]:
    yield line + "\n"
    for following in lines:
        yield following + "\n"
