"""Making and reading inventories in tests."""

import hashlib
import io
import json
from pathlib import Path

import pyarrow
import pyarrow.orc
import pyarrow.parquet

from penstock.domain.selection import ObjectInfo
from penstock.storage.folder import FolderStore
from penstock.storage.manifest import ManifestSource
from penstock.storage.pages import FailedEntry
from tests.storage.objects import put

KEY = "inventory/manifest.json"
SCHEMA = "Appid, Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"
TIME = "2024-01-02T03:04:05.678Z"
TIME_MS = 1_704_164_645_678
BUCKETS = {"demo-1250000000"}


class RemoteStore(FolderStore):
    """A store that keeps no local files, as far as anyone can tell."""

    def local_path(self, key: str) -> Path | None:
        """None."""
        return None


def row(key: str, size: int = 7) -> str:
    """A row of the usual columns."""
    return f'"1250000000","demo","{key}","{size}","{TIME}","tag","STANDARD"\n'


def put_inventory(store: FolderStore, *parts: bytes, **fields: object) -> None:
    """Store data files and the manifest of COS that names them; None leaves a field out."""
    files = []
    for number, part in enumerate(parts):
        key = f"inventory/{number}.csv.gz"
        put(store, key, part)
        digest = hashlib.md5(part, usedforsecurity=False).hexdigest()
        files.append({"key": key, "size": str(len(part)), "md5Checksum": digest})
    manifest = {
        "sourceAppid": "1250000000",
        "sourceBucket": "demo",
        "fileFormat": "CSV",
        "fileSchema": SCHEMA,
        "files": files,
        **fields,
    }
    kept = {name: value for name, value in manifest.items() if value is not None}
    put(store, KEY, json.dumps(kept).encode())


def source(store: FolderStore, tmp_path: Path) -> ManifestSource:
    """The source of the stored inventory."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return ManifestSource(store, KEY, bucket_names=BUCKETS, scratch=scratch)


def read_all(
    store: FolderStore, tmp_path: Path, *, page_size: int = 1000
) -> tuple[list[ObjectInfo], list[FailedEntry]]:
    """Everything that an inventory names."""
    objects: list[ObjectInfo] = []
    failed: list[FailedEntry] = []
    for page in source(store, tmp_path).pages(page_size=page_size):
        objects += page.objects
        failed += page.failed
    assert list((tmp_path / "scratch").iterdir()) == []
    return objects, failed


def encode_table(table: pyarrow.Table, file_format: str) -> bytes:
    """A table as the bytes of a data file."""
    sink = io.BytesIO()
    if file_format == "ORC":
        pyarrow.orc.write_table(table, sink)
    else:
        pyarrow.parquet.write_table(table, sink, row_group_size=2)
    return sink.getvalue()
