"""Rows of CSV inventories: split at the quotes where that is safe, by `csv` where it is not.

A physical line that begins and ends with a quote, holds exactly two quotes a column, and splits
at `","` into as many fields as there are columns has no quote inside a field, so the split is
what `csv` would give. A field cannot reach over the end of such a line: up to a line end inside a
quoted field the number of quotes is odd. Any other line, with all that follow it as far as the
row goes, is read by `csv`. A last line without a line end is read as if it had one.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, cast
from urllib.parse import unquote_to_bytes

from isal import igzip

from penstock.domain.errors import KeyNotStorableError
from penstock.domain.selection import ObjectInfo
from penstock.storage.pages import FailedEntry, make_failed
from penstock.storage.times import parse_time_ms

MAX_LINE_CHARACTERS = 1 << 20

_BLOCK_BYTES = 256 << 10
_GZIP_MAGIC = b"\x1f\x8b"
_INVALID_ROW = "InvalidContent"


class CsvRows:
    """How the CSV files of one inventory are read."""

    def __init__(self, columns: Sequence[str], *, has_plus_for_blank: bool) -> None:
        """Columns by their normalised names (see `manifest`), in file order.

        Args:
            has_plus_for_blank: Whether `+` in a key stands for a blank, as S3 writes it.
        """
        places = {name: place for place, name in reversed(list(enumerate(columns)))}
        self._width = len(columns)
        self._decode = _decode_form if has_plus_for_blank else _decode_percent
        self._key = places["key"]
        self._size = places.get("size", -1)
        self._time = places.get("lastmodifieddate", -1)
        self._etag = places.get("etag", -1)
        self._latest = places.get("islatest", -1)
        self._deleted = places.get("isdeletemarker", -1)

    def read_rows(self, file: BinaryIO, skip: int) -> Iterator[list[str]]:
        """The rows of a file, plain or gzip, after the first `skip` of them.

        Raises:
            ValueError: A line or field is longer than any key could make it.
            OSError: The file is no valid gzip file.
            EOFError: The gzip file ends early.
        """
        rows = split_rows(_read_lines(file), self._width)
        for _ in range(skip):
            if next(rows, None) is None:
                break
        return rows

    def select(self, rows: Iterable[list[str]]) -> tuple[list[ObjectInfo], list[FailedEntry]]:
        """The objects of rows, and the rows that name none; old versions are left out."""
        objects: list[ObjectInfo] = []
        failed: list[FailedEntry] = []
        for row in rows:
            if len(row) != self._width:
                fault = f"the row has {len(row)} columns, expected {self._width}"
                failed.append(make_failed(",".join(row), _INVALID_ROW, fault))
            elif not self._is_old(row):
                found = self._read_object(row)
                if isinstance(found, FailedEntry):
                    failed.append(found)
                else:
                    objects.append(found)
        return objects, failed

    def _is_old(self, row: list[str]) -> bool:
        return (self._deleted >= 0 and row[self._deleted].lower() == "true") or (
            self._latest >= 0 and row[self._latest].lower() == "false"
        )

    def _read_object(self, row: list[str]) -> ObjectInfo | FailedEntry:
        text = row[self._key]
        try:
            key = self._decode(text)
            if not key.isascii():
                key.encode()
        except UnicodeError:
            return make_failed(text, KeyNotStorableError.code, "the key is not UTF-8")
        if not key:
            return make_failed(",".join(row), _INVALID_ROW, "the row has no key")
        size = row[self._size] if self._size >= 0 else ""
        return ObjectInfo(
            key,
            int(size) if size.isdecimal() else -1,
            parse_time_ms(row[self._time]) if self._time >= 0 else -1,
            row[self._etag].strip('"') if self._etag >= 0 else "",
        )


def split_rows(lines: Iterator[str], width: int) -> Iterator[list[str]]:
    """The rows of CSV lines without their line ends; empty lines are left out.

    Args:
        width: Columns that a row is expected to have; rows with others come as they are.

    Raises:
        ValueError: A field is longer than `csv` allows.
    """
    quotes = 2 * width
    for line in lines:
        text = line[:-1] if line[-1:] == "\r" else line
        row = text[1:-1].split('","')
        if text and len(row) == width and text[0] == '"' == text[-1] and text.count('"') == quotes:
            yield row
        elif '"' in text or "\r" in text:
            yield from _read_one_row(line, lines)
        elif text:
            yield text.split(",")


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


def _read_lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file, plain or gzip, without newlines; bad bytes are surrogate escapes."""
    file.seek(0)
    magic = file.read(len(_GZIP_MAGIC))
    file.seek(0)
    source = _open_gzip(file) if magic == _GZIP_MAGIC else file
    return _split_lines(lambda: source.read(_BLOCK_BYTES))


def _open_gzip(file: BinaryIO) -> BinaryIO:
    open_gzip = cast("Callable[[BinaryIO], BinaryIO]", igzip.open)  # it has no types
    return open_gzip(file)


def _split_lines(read_block: Callable[[], bytes]) -> Iterator[str]:
    pending = b""
    while block := read_block():
        end = block.rfind(b"\n")
        if end < 0:
            pending += block
            if len(pending) > MAX_LINE_CHARACTERS:
                fault = f"a line is over {MAX_LINE_CHARACTERS} bytes"
                raise ValueError(fault)
            continue
        text = pending + block[:end]
        pending = block[end + 1 :]
        yield from text.decode("utf-8", "surrogateescape").split("\n")
    if pending:
        yield pending.decode("utf-8", "surrogateescape")


def _decode_percent(text: str) -> str:
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode()


def _decode_form(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode()
