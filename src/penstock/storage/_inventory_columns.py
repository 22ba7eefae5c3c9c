"""Rows of Parquet and ORC inventories, through pyarrow in batches."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from penstock.domain.errors import KeyNotStorableError
from penstock.domain.selection import ObjectInfo
from penstock.storage.pages import FailedEntry, make_failed
from penstock.storage.times import parse_time_ms

_BATCH_ROWS = 16_384
_NAMES = ("key", "size", "lastmodifieddate", "etag", "islatest", "isdeletemarker")


class _Row(NamedTuple):
    key: str | bytes | None
    size: int | None
    modified: int | str | None
    etag: str | None
    is_latest: bool | str | None
    is_delete_marker: bool | str | None


class ColumnRows:
    """How the Parquet or ORC files of one inventory are read.

    Raises:
        ImportError: pyarrow is not installed.
    """

    def __init__(self, *, is_orc: bool) -> None:
        import pyarrow.orc  # noqa: PLC0415 - an extra, and slow to load
        import pyarrow.parquet  # noqa: PLC0415

        self._pyarrow = pyarrow
        self._is_orc = is_orc

    def read_rows(self, file: BinaryIO, skip: int) -> Iterator[_Row]:
        """The rows of a file after the first `skip` of them.

        Raises:
            ValueError: The file is malformed or has no column of keys.
            OSError: The file cannot be decoded.
        """
        batches = self._read_orc(file) if self._is_orc else self._read_parquet(file)
        for batch in batches:
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            yield from self._unpack(batch.slice(skip))
            skip = 0

    def select(self, rows: Iterable[_Row]) -> tuple[list[ObjectInfo], list[FailedEntry]]:
        """The objects of rows, and the rows that name none; old versions are left out."""
        objects: list[ObjectInfo] = []
        failed: list[FailedEntry] = []
        for row in rows:
            if str(row.is_delete_marker).lower() == "true":
                continue
            if str(row.is_latest).lower() == "false":
                continue
            found = _read_object(row)
            if isinstance(found, FailedEntry):
                failed.append(found)
            else:
                objects.append(found)
        return objects, failed

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

    def _unpack(self, batch: Any) -> Iterator[_Row]:  # noqa: ANN401 - pyarrow has no types
        """The rows of a batch as tuples; columns that the file has not are None."""
        arrays = {_normalise(name): batch.column(name) for name in batch.schema.names}
        columns = [
            self._to_list(arrays[name]) if name in arrays else [None] * batch.num_rows
            for name in _NAMES
        ]
        return map(_Row._make, zip(*columns, strict=True))

    def _to_list(self, array: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
        types = self._pyarrow.types
        if types.is_timestamp(array.type):
            # Nanoseconds that are no whole milliseconds are cut, hence `safe=False`.
            array = array.cast(self._pyarrow.timestamp("ms"), safe=False)
            array = array.cast(self._pyarrow.int64())
        elif types.is_string(array.type):
            array = array.cast(self._pyarrow.binary())
            return [_decode(value) for value in array.to_pylist()]
        return array.to_pylist()  # type: ignore[no-any-return]


def _read_object(row: _Row) -> ObjectInfo | FailedEntry:
    key = row.key
    if isinstance(key, bytes):
        shown = key.decode("utf-8", "backslashreplace")
        return make_failed(shown, KeyNotStorableError.code, "the key is not UTF-8")
    if not key:
        return make_failed("", "InvalidContent", "the row has no key")
    modified = row.modified
    return ObjectInfo(
        key,
        -1 if row.size is None else int(row.size),
        parse_time_ms(modified)
        if isinstance(modified, str)
        else (-1 if modified is None else modified),
        (row.etag or "").strip('"'),
    )


def _decode(value: bytes | None) -> str | bytes | None:
    """The text of a string column's value; what is not UTF-8 stays bytes."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _choose_columns(names: list[str]) -> list[str]:
    chosen = [name for name in names if _normalise(name) in _NAMES]
    if not any(_normalise(name) == "key" for name in chosen):
        fault = "there is no column of keys"
        raise ValueError(fault)
    return chosen


def _normalise(name: str) -> str:
    return name.replace("_", "").lower()
