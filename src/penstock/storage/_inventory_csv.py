"""Pages of CSV inventories, made column by column."""

import re
from binascii import unhexlify
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import repeat
from typing import BinaryIO, NamedTuple, TypeVar, cast

from isal import igzip

from penstock.domain.errors import KeyNotStorableError
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.storage._inventory_fields import Run, cut_lines, split_runs
from penstock.storage.pages import FailedEntry, RowsRead, make_failed
from penstock.storage.times import parse_times_ms

_BLOCK_BYTES = 256 << 10
_GZIP_MAGIC = b"\x1f\x8b"
_INVALID_ROW = "InvalidContent"
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")

T = TypeVar("T")


class _Rows(NamedTuple):
    """Rows `first` to `last`, the latter not included, of a run; places count from `first`."""

    run: Run
    width: int
    first: int
    last: int

    def column(self, number: int) -> list[str]:
        step = self.width + 1
        return self.run.fields[self.first * step + number : self.last * step : step]

    def text(self, place: int) -> str:
        start = (self.first + place) * (self.width + 1)
        return ",".join(self.run.fields[start : start + self.width])

    def wrong(self) -> dict[int, FailedEntry]:
        failed = {}
        for place in range(self.first, self.last) if self.run.wrong else ():
            row = self.run.wrong.get(place)
            if row is not None:
                fault = f"the row has {len(row)} columns, expected {self.width}"
                failed[place - self.first] = make_failed(",".join(row), _INVALID_ROW, fault)
        return failed


class CsvRows:
    """How the CSV files of one inventory are read."""

    def __init__(self, columns: Sequence[str], *, has_plus_for_blank: bool) -> None:
        """Columns by their normalised names (see `manifest`), in file order.

        Args:
            has_plus_for_blank: Whether `+` in a key stands for a blank, as S3 writes it.
        """
        places = {name: place for place, name in reversed(list(enumerate(columns)))}
        self._width = len(columns)
        self._has_plus_for_blank = has_plus_for_blank
        self._key = places["key"]
        self._size = places.get("size")
        self._time = places.get("lastmodifieddate")
        self._etag = places.get("etag")
        self._latest = places.get("islatest")
        self._deleted = places.get("isdeletemarker")

    def read_pages(
        self, file: BinaryIO, *, skip: int, page_size: int, only: ObjectFilter | None
    ) -> Iterator[RowsRead]:
        """The rows of a file, plain or gzip, after the first `skip` of them.

        Args:
            only: Objects whose time it refuses are left out.

        Raises:
            ValueError: A line or field is longer than any key could make it.
            OSError: The file is no valid gzip file.
            EOFError: The gzip file ends early.
        """
        for run in split_runs(cut_lines(_read_blocks(file)), self._width):
            for first in range(skip, run.size, page_size):
                last = min(first + page_size, run.size)
                yield self._read_page(_Rows(run, self._width, first, last), only)
            skip = max(skip - run.size, 0)

    def _read_page(self, rows: _Rows, only: ObjectFilter | None) -> RowsRead:
        size = rows.last - rows.first
        failed = rows.wrong()
        places = self._find_current(rows, failed)
        keys = self._decode_together(rows)
        if keys is None:
            keys = self._decode_each(rows, places, failed)
            places = [place for place in places if place not in failed]
        times = [-1] * size if self._time is None else parse_times_ms(rows.column(self._time))
        if only is not None:
            places = _meet(places, only.places_in_time(times), size)
        columns = zip(
            _pick(keys, places),
            self._read_sizes(rows, places),
            _pick(times, places),
            self._read_etags(rows, places),
            strict=False,  # columns that are not there do not end
        )
        objects = list(map(ObjectInfo._make, columns))
        return RowsRead(objects, [failed[place] for place in sorted(failed)], size)

    def _read_sizes(self, rows: _Rows, places: Sequence[int]) -> Iterable[int]:
        if self._size is None:
            return repeat(-1)
        texts = _pick(rows.column(self._size), places)
        return [int(text) if text.isdecimal() else -1 for text in texts]

    def _read_etags(self, rows: _Rows, places: Sequence[int]) -> Iterable[str]:
        if self._etag is None:
            return repeat("")
        return [text.strip('"') for text in _pick(rows.column(self._etag), places)]

    def _find_current(self, rows: _Rows, failed: Collection[int]) -> Sequence[int]:
        """The places of rows that are right, and neither old versions nor delete markers."""
        places: Sequence[int] = range(rows.last - rows.first)
        if failed:
            places = [place for place in places if place not in failed]
        for number, word in ((self._latest, "false"), (self._deleted, "true")):
            if number is not None:
                values = rows.column(number)
                old = {value for value in set(values) if value.lower() == word}
                if old:
                    places = [place for place in places if values[place] not in old]
        return places

    def _decode_together(self, rows: _Rows) -> list[str] | None:
        """The keys of all rows; None if one of them has to be looked at by itself.

        A newline is no part of an escape and of no character but itself, so keys that are joined
        by it are decoded, or are not UTF-8, as they would be alone.
        """
        texts = rows.column(self._key)
        try:
            keys = self._decode("\n".join(texts)).split("\n")
        except UnicodeError:
            return None
        return keys if len(keys) == len(texts) and "" not in keys else None

    def _decode_each(
        self, rows: _Rows, places: Iterable[int], failed: dict[int, FailedEntry]
    ) -> list[str]:
        """The keys of the rows at some places; those that name no object go to `failed`."""
        texts = rows.column(self._key)
        keys = [""] * len(texts)
        for place in places:
            text = texts[place]
            try:
                keys[place] = self._decode(text)
            except UnicodeError:
                code = KeyNotStorableError.code
                failed[place] = make_failed(text, code, "the key is not UTF-8")
            else:
                if not text:
                    fault = "the row has no key"
                    failed[place] = make_failed(rows.text(place), _INVALID_ROW, fault)
        return keys

    def _decode(self, text: str) -> str:
        """The key that a text stands for; UnicodeError if it is not UTF-8."""
        if self._has_plus_for_blank and "+" in text:
            text = text.replace("+", " ")
        if "%" in text:
            return _ESCAPES.sub(_unescape, text.encode()).decode()
        if not text.isascii():
            text.encode()
        return text


def _unescape(found: re.Match[bytes]) -> bytes:
    return unhexlify(found[0].replace(b"%", b""))


def _meet(places: Sequence[int], others: Sequence[int], size: int) -> Sequence[int]:
    """The places that both name, in order; one that names `size` of them names all."""
    if len(places) == size:
        return others
    if len(others) == size:
        return places
    known = frozenset(others)
    return [place for place in places if place in known]


def _pick(values: list[T], places: Sequence[int]) -> list[T]:
    if len(places) == len(values):
        return values
    return [values[place] for place in places]


def _read_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The content of a file, plain or gzip."""
    file.seek(0)
    magic = file.read(len(_GZIP_MAGIC))
    file.seek(0)
    source = _open_gzip(file) if magic == _GZIP_MAGIC else file
    while block := source.read(_BLOCK_BYTES):
        yield block


def _open_gzip(file: BinaryIO) -> BinaryIO:
    open_gzip = cast("Callable[[BinaryIO], BinaryIO]", igzip.open)  # it has no types
    return open_gzip(file)
