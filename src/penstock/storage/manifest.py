"""Inventories: a manifest, and the objects that its files name.

Read are the inventories of COS (CSV) and of S3 (CSV, Parquet, ORC). A file's MD5 is verified
before any of its rows is used. Column names are compared in lower case without underscores, so
`LastModifiedDate` and `last_modified_date` are one. Of a versioned inventory only the latest
versions count; delete markers are left out.
"""

import hashlib
import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from isal import isal_zlib

from penstock.domain.errors import (
    InvalidArgumentError,
    InventoryError,
    ObjectNotFoundError,
)
from penstock.domain.selection import ObjectFilter
from penstock.storage._inventory_columns import ColumnRows
from penstock.storage._inventory_csv import CsvRows
from penstock.storage.base import ObjectReader, ObjectStore
from penstock.storage.pages import (
    PAGE_SIZE,
    Page,
    RowsRead,
    read_cursor,
    taken,
    write_cursor,
)

MAX_MANIFEST_BYTES = 64 << 20

_BLOCK_BYTES = 1 << 20
_CURSOR = {"manifest": str, "part": int, "row": int}

# Its stub declares this class as if it were an instance.
_INFLATE_ERROR = cast("type[Exception]", isal_zlib.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPart:
    """One data file of an inventory.

    Attributes:
        key: Where it lies, in the manifest's own bucket.
        size_bytes: Its size, or -1 where the manifest does not tell.
        md5: MD5 of the file in lower-case hexadecimal; empty where the manifest has none.
    """

    key: str
    size_bytes: int
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says.

    Attributes:
        key: The manifest's own key.
        md5: MD5 of the manifest's bytes in hexadecimal: the version of the inventory.
        file_format: CSV, PARQUET or ORC.
        columns: Normalised names of the CSV columns in file order; empty for other formats,
            whose files name their columns.
        has_plus_for_blank: Whether `+` in a CSV key stands for a blank (S3) or itself (COS).
        parts: The data files in order.
    """

    key: str
    md5: str
    file_format: str
    columns: tuple[str, ...]
    has_plus_for_blank: bool
    parts: tuple[ManifestPart, ...]


class _Rows(Protocol):
    """How the data files of one format are read; `only` may leave objects out, and need not."""

    def read_pages(
        self, file: BinaryIO, *, skip: int, page_size: int, only: ObjectFilter | None
    ) -> Iterator[RowsRead]: ...


def read_manifest(store: ObjectStore, key: str, *, bucket_names: Collection[str]) -> Manifest:
    """Read and check a manifest.

    Args:
        bucket_names: Every name of the bucket whose objects are wanted, with or without an
            account number; empty takes an inventory of any bucket.

    Raises:
        ObjectNotFoundError: There is no such manifest.
        InventoryError: It is malformed, or the inventory of another bucket.
        StoreError: The store failed.
        StoreAccessDeniedError: The store refuses.
    """
    with closing(store.open(key)) as reader:
        content = _read_bounded(key, reader)
    try:
        fields = json.loads(content)
        if not isinstance(fields, dict):
            raise InventoryError(key, "the manifest is not a JSON object")
        return _make_manifest(key, content, fields, bucket_names)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        fault = f"the manifest cannot be read ({type(error).__name__}: {error})"
        raise InventoryError(key, fault) from error


class ManifestSource:
    """The objects that an inventory names; see `Source`."""

    def __init__(
        self, store: ObjectStore, key: str, *, bucket_names: Collection[str], scratch: Path
    ) -> None:
        """An inventory in a store.

        Args:
            bucket_names: As in `read_manifest`.
            scratch: Folder for one data file at a time, if the store keeps no local files;
                nothing stays there, even when the process is killed.
        """
        self._store = store
        self._key = key
        self._bucket_names = bucket_names
        self._scratch = scratch

    def pages(
        self,
        *,
        cursor: str = "",
        page_size: int = PAGE_SIZE,
        only: ObjectFilter | None = None,
    ) -> Iterator[Page]:
        """The rows after a cursor; a page never holds rows of two data files.

        Raises:
            InvalidArgumentError: The cursor is none of an inventory.
            InventoryError: The inventory cannot be used, a data file does not have its MD5, or
                the manifest has changed since the cursor was made.
            ObjectNotFoundError: There is no such manifest.
            StoreError: The store failed.
            StoreAccessDeniedError: The store refuses.
        """
        place = read_cursor(cursor, _CURSOR) if cursor else {"part": 0, "row": 0}
        if min(place["part"], place["row"]) < 0:
            fault = f"the cursor {cursor[:100]!r} is not one of this source"
            raise InvalidArgumentError(fault)
        manifest = read_manifest(self._store, self._key, bucket_names=self._bucket_names)
        if place.get("manifest", manifest.md5) != manifest.md5:
            raise InventoryError(self._key, "the manifest has changed since the job began")
        rows = _make_rows(manifest)
        row = place["row"]
        for number, part in enumerate(manifest.parts[place["part"] :], place["part"]):
            with _open_verified(self._store, part, self._scratch) as file, _decoding(part.key):
                found = rows.read_pages(file, skip=row, page_size=page_size, only=only)
                for objects, failed, size in found:
                    row += size
                    after = write_cursor(manifest=manifest.md5, part=number, row=row)
                    yield Page(taken(objects, only), after, failed)
            row = 0


def _read_bounded(key: str, reader: ObjectReader) -> bytes:
    content = b""
    while block := reader.read(_BLOCK_BYTES):
        content += block
        if len(content) > MAX_MANIFEST_BYTES:
            raise InventoryError(key, f"the manifest is over {MAX_MANIFEST_BYTES} bytes")
    return content


def _make_manifest(
    key: str, content: bytes, fields: Mapping[str, Any], bucket_names: Collection[str]
) -> Manifest:
    source = str(fields.get("sourceBucket", ""))
    account = str(fields.get("sourceAppid", ""))
    if bucket_names and not _is_of_bucket(source, account, bucket_names):
        raise InventoryError(key, f"the manifest is an inventory of the bucket {source!r}")
    file_format = str(fields.get("fileFormat", "CSV")).upper()
    if file_format not in {"CSV", "PARQUET", "ORC"}:
        raise InventoryError(key, f"the format {file_format!r} is not CSV, Parquet or ORC")
    columns: tuple[str, ...] = ()
    if file_format == "CSV":
        names = str(fields["fileSchema"]).split(",")
        columns = tuple(name.strip().replace("_", "").lower() for name in names)
        if "key" not in columns:
            raise InventoryError(key, "fileSchema names no column Key")
    return Manifest(
        key=key,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        file_format=file_format,
        columns=columns,
        # COS names the account, S3 does not; only S3 writes a blank as '+'.
        has_plus_for_blank="sourceAppid" not in fields and "destinationAppid" not in fields,
        parts=tuple(_make_part(each) for each in fields["files"]),
    )


def _make_part(fields: Mapping[str, Any]) -> ManifestPart:
    if not isinstance(fields, dict):
        fault = f"{str(fields)[:100]!r} is no description of a file"
        raise TypeError(fault)
    lowered = {name.lower(): value for name, value in fields.items()}
    return ManifestPart(
        key=str(fields["key"]),
        size_bytes=int(lowered.get("size") or -1),
        md5=str(lowered.get("md5checksum") or "").strip().lower(),
    )


def _is_of_bucket(source: str, account: str, bucket_names: Collection[str]) -> bool:
    """Whether a manifest's source is one of the names; either may lack the account number."""
    if source in bucket_names or f"{source}-{account}" in bucket_names:
        return True
    if account:
        return False
    return any(
        name.rpartition("-")[0] == source and name.rpartition("-")[2].isdecimal()
        for name in bucket_names
    )


def _make_rows(manifest: Manifest) -> _Rows:
    if manifest.file_format == "CSV":
        return CsvRows(manifest.columns, has_plus_for_blank=manifest.has_plus_for_blank)
    try:
        return ColumnRows(is_orc=manifest.file_format == "ORC")
    except ImportError as error:
        fault = f"reading {manifest.file_format} needs pyarrow: pip install 'penstock[parquet]'"
        raise InventoryError(manifest.key, fault) from error


@contextmanager
def _decoding(key: str) -> Iterator[None]:
    """Turn what decoders say about a data file into our error."""
    try:
        yield
    except (ValueError, OSError, EOFError, _INFLATE_ERROR) as error:
        raise InventoryError(key, f"the file cannot be decoded ({error})") from error


@contextmanager
def _open_verified(store: ObjectStore, part: ManifestPart, scratch: Path) -> Iterator[BinaryIO]:
    """A data file, open at its start, once its size and MD5 are known to be right."""
    path = store.local_path(part.key)
    if path is not None:
        with path.open("rb") as file:
            _verify(part, file, None)
            yield file
        return
    with tempfile.TemporaryFile(dir=scratch) as copy:
        target = cast("BinaryIO", copy)
        try:
            with closing(store.open(part.key)) as reader:
                _verify(part, reader, target)
        except ObjectNotFoundError as error:
            raise InventoryError(part.key, "the manifest names it, but it is not there") from error
        yield target


def _verify(part: ManifestPart, source: BinaryIO | ObjectReader, copy: BinaryIO | None) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    size_bytes = 0
    while block := source.read(_BLOCK_BYTES):
        digest.update(block)
        size_bytes += len(block)
        if copy is not None:
            copy.write(block)
    if part.size_bytes not in {-1, size_bytes}:
        fault = f"the file has {size_bytes} bytes, the manifest says {part.size_bytes}"
        raise InventoryError(part.key, fault)
    if part.md5 and digest.hexdigest() != part.md5:
        raise InventoryError(part.key, f"the file does not have the MD5 {part.md5}")
