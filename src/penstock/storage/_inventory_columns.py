"""Pages of Parquet and ORC inventories, filtered by columns through pyarrow."""

# pyarrow has no types, and what it holds is Any throughout.
# ruff: noqa: ANN401

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, BinaryIO

from penstock.domain.errors import KeyNotStorableError
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.storage.pages import FailedEntry, RowsRead, make_failed
from penstock.storage.times import parse_time_ms

_BATCH_ROWS = 16_384
_NAMES = ("key", "size", "lastmodifieddate", "etag", "islatest", "isdeletemarker")
_OLD = {"islatest": "false", "isdeletemarker": "true"}


class ColumnRows:
    """How the Parquet or ORC files of one inventory are read.

    Raises:
        ImportError: pyarrow is not installed.
    """

    def __init__(self, *, is_orc: bool) -> None:
        import pyarrow.compute  # noqa: PLC0415 - an extra, and slow to load
        import pyarrow.orc  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415

        self._pyarrow = pyarrow
        self._is_orc = is_orc

    def read_pages(
        self, file: BinaryIO, *, skip: int, page_size: int, only: ObjectFilter | None
    ) -> Iterator[RowsRead]:
        """The rows of a file after the first `skip` of them.

        Args:
            only: Objects whose time it refuses are left out, unless the times are text.

        Raises:
            ValueError: The file is malformed or has no column of keys.
            OSError: The file cannot be decoded.
        """
        batches = self._read_orc(file) if self._is_orc else self._read_parquet(file)
        for batch in batches:
            if skip < batch.num_rows:
                yield from self._cut(batch.slice(skip), page_size, only)
            skip = max(skip - batch.num_rows, 0)

    def _read_parquet(self, file: BinaryIO) -> Iterator[Any]:
        source = self._pyarrow.parquet.ParquetFile(file)
        columns = _choose_columns(source.schema_arrow.names)
        return source.iter_batches(batch_size=_BATCH_ROWS, columns=columns)  # type: ignore[no-any-return]

    def _read_orc(self, file: BinaryIO) -> Iterator[Any]:
        source = self._pyarrow.orc.ORCFile(file)
        columns = _choose_columns(source.schema.names)
        for stripe in range(source.nstripes):
            batch = source.read_stripe(stripe, columns=columns)
            for start in range(0, batch.num_rows, _BATCH_ROWS):
                yield batch.slice(start, _BATCH_ROWS)

    def _cut(self, batch: Any, page_size: int, only: ObjectFilter | None) -> Iterator[RowsRead]:
        """The pages of a batch, which is filtered as a whole and cut by the places of its rows."""
        columns = {
            _normalise(name): self._to_plain(batch.column(name)) for name in batch.schema.names
        }
        kept = self._find_kept(columns, only)
        places = self._pyarrow.compute.indices_nonzero(kept).to_pylist()
        entries, has_failed = self._make_entries(
            {name: array.filter(kept) for name, array in columns.items()}
        )
        first = 0
        for start in range(0, batch.num_rows, page_size):
            size = min(page_size, batch.num_rows - start)
            last = bisect_left(places, start + size, first)
            page = entries[first:last]
            first = last
            failed: list[FailedEntry] = []
            if has_failed:
                failed = [entry for entry in page if isinstance(entry, FailedEntry)]
                page = [entry for entry in page if isinstance(entry, ObjectInfo)]
            yield RowsRead(page, failed, size)

    def _to_plain(self, array: Any) -> Any:
        """A column with times in milliseconds, and with text and keys in one type each."""
        pyarrow, types = self._pyarrow, self._pyarrow.types
        if types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if types.is_large_string(array.type) or types.is_string_view(array.type):
            return array.cast(pyarrow.string())
        if types.is_timestamp(array.type) or types.is_date(array.type):
            # Nanoseconds that are no whole milliseconds are cut, hence `safe=False`.
            array = array.cast(pyarrow.timestamp("ms"), safe=False)
            return array.cast(pyarrow.int64())
        return array.cast(pyarrow.int64()) if types.is_integer(array.type) else array

    def _find_kept(self, columns: Mapping[str, Any], only: ObjectFilter | None) -> Any:
        """Which rows name an object that may be taken, or name none."""
        compute = self._pyarrow.compute
        kept = self._find_in_time(columns, only)
        for name, word in _OLD.items():
            if name in columns:
                kept = compute.and_(kept, self._find_others(columns[name], word))
        return kept

    def _find_others(self, array: Any, word: str) -> Any:
        """Which values do not say the word, in upper or lower case; unknown ones do not."""
        if self._pyarrow.types.is_boolean(array.type):
            return self._pyarrow.compute.not_equal(array, word == "true").fill_null(True)  # noqa: FBT003
        return self._pyarrow.array(
            [str(value).lower() != word for value in array.to_pylist()], self._pyarrow.bool_()
        )

    def _find_in_time(self, columns: Mapping[str, Any], only: ObjectFilter | None) -> Any:
        """Which rows `only` may take by their time, or have no key, or one that is not UTF-8."""
        compute, types = self._pyarrow.compute, self._pyarrow.types
        keys, times = columns["key"], columns.get("lastmodifieddate")
        whole = self._pyarrow.repeat(True, len(keys))  # noqa: FBT003
        if only is None or times is None or not types.is_integer(times.type):
            return whole
        if not types.is_string(keys.type) or not self._is_utf8(keys):
            return whole
        kept = whole
        if only.modified_from_ms is not None:
            kept = compute.and_(kept, compute.greater_equal(times, only.modified_from_ms))
        if only.modified_to_ms is not None:
            kept = compute.and_(kept, compute.less_equal(times, only.modified_to_ms))
        kept = compute.or_(kept, compute.less(times, 0)).fill_null(True)  # noqa: FBT003
        has_no_key = compute.equal(compute.binary_length(keys), 0).fill_null(True)  # noqa: FBT003
        return compute.or_(kept, has_no_key)

    def _names_objects(self, keys: Any) -> bool:
        """Whether every value is a key."""
        compute, types = self._pyarrow.compute, self._pyarrow.types
        return (
            types.is_string(keys.type)
            and not keys.null_count
            and self._is_utf8(keys)
            and compute.min(compute.binary_length(keys)).as_py() != 0
        )

    def _is_utf8(self, array: Any) -> bool:
        try:
            array.validate(full=True)
        except self._pyarrow.ArrowInvalid:
            return False
        return True

    def _make_entries(self, columns: Mapping[str, Any]) -> tuple[list[Any], bool]:
        """What each row names, an `ObjectInfo` or a `FailedEntry`, and whether some are failed."""
        keys = self._read_keys(columns["key"])
        sizes, times, etags = map(columns.get, ("size", "lastmodifieddate", "etag"))
        rows = zip(
            keys,
            repeat(-1) if sizes is None else self._read_numbers(sizes, int),
            repeat(-1) if times is None else self._read_numbers(times, _read_time),
            repeat("") if etags is None else [(tag or "").strip('"') for tag in etags.to_pylist()],
            strict=False,  # columns that are not there do not end
        )
        if self._names_objects(columns["key"]):
            return list(map(ObjectInfo._make, rows)), False
        return [_find_fault(row[0]) or ObjectInfo._make(row) for row in rows], True

    def _read_keys(self, array: Any) -> list[str | bytes | None]:
        """The values of a column of keys; those that are not UTF-8 stay bytes."""
        if not self._pyarrow.types.is_string(array.type) or self._is_utf8(array):
            return array.to_pylist()  # type: ignore[no-any-return]
        return [_decode(value) for value in array.cast(self._pyarrow.binary()).to_pylist()]

    def _read_numbers(self, array: Any, read: Callable[[Any], int]) -> list[int]:
        """The values of a column of numbers, -1 for those that are unknown."""
        if self._pyarrow.types.is_integer(array.type):
            return array.fill_null(-1).to_pylist()  # type: ignore[no-any-return]
        try:
            return [-1 if value is None else read(value) for value in array.to_pylist()]
        except TypeError as error:
            raise ValueError(str(error)) from error


def _read_time(value: str | float) -> int:
    return parse_time_ms(value) if isinstance(value, str) else int(value)


def _find_fault(key: str | bytes | None) -> FailedEntry | None:
    """What is wrong with a key, if anything."""
    if isinstance(key, bytes):
        shown = key.decode("utf-8", "backslashreplace")
        return make_failed(shown, KeyNotStorableError.code, "the key is not UTF-8")
    return None if key else make_failed("", "InvalidContent", "the row has no key")


def _decode(value: bytes | None) -> str | bytes | None:
    """The text of a string column's value; what is not UTF-8 stays bytes."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _choose_columns(names: Iterable[str]) -> list[str]:
    chosen = [name for name in names if _normalise(name) in _NAMES]
    if not any(_normalise(name) == "key" for name in chosen):
        fault = "there is no column of keys"
        raise ValueError(fault)
    return chosen


def _normalise(name: str) -> str:
    return name.replace("_", "").lower()
