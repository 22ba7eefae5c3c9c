"""Parquet and ORC inventories."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.orc
import pyarrow.parquet
import pytest

from penstock.domain.errors import InventoryError
from penstock.storage.folder import FolderStore
from tests.storage.inventories import (
    TIME,
    TIME_MS,
    RemoteStore,
    encode_table,
    put_inventory,
    read_all,
)


@pytest.fixture(params=[FolderStore, RemoteStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore:
    """An empty bucket, with and without local files."""
    made: FolderStore = request.param(tmp_path / "bucket")
    return made


TABLE = pyarrow.table(
    {
        "bucket": ["demo"] * 5,
        "key": ["a+b%20c", "old", "gone", "plain", None],
        "is_latest": [True, False, True, None, True],
        "is_delete_marker": [False, False, True, None, False],
        "size": [7, 1, None, None, 3],
        "last_modified_date": pyarrow.array(
            [datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)] * 3 + [None] * 2,
            pyarrow.timestamp("us", "UTC"),
        ),
        "e_tag": ["tag", "x", "x", None, "x"],
    }
)


@pytest.mark.parametrize("file_format", ["Parquet", "ORC"])
def test_columnar_inventory_is_read(store: FolderStore, tmp_path: Path, file_format: str) -> None:
    """Parquet and ORC files name their columns, and their keys are not encoded."""
    put_inventory(
        store,
        encode_table(TABLE, file_format),
        fileFormat=file_format,
        fileSchema="message s3.inventory {}",
    )

    objects, failed = read_all(store, tmp_path)

    assert objects == [("a+b%20c", 7, TIME_MS, "tag"), ("plain", -1, -1, "")]
    assert [entry.message for entry in failed] == ["the row has no key"]


@pytest.mark.parametrize("file_format", ["Parquet", "ORC"])
@pytest.mark.parametrize("case", ["text", "no keys", "damaged", "bad key", "text time"])
def test_columnar_faults_are_told(
    store: FolderStore, tmp_path: Path, file_format: str, case: str
) -> None:
    """Files that are none, and keys that are no text, are told apart."""
    table = pyarrow.table({"size" if case == "no keys" else "key": ["1"]})
    if case == "bad key":
        binary = pyarrow.array([b"\xff"], pyarrow.binary())
        table = pyarrow.table({"key": binary})
    if case == "text time":
        table = pyarrow.table({"key": ["k"], "LastModifiedDate": [TIME], "size": ["x"]})
    content = encode_table(table, file_format)
    damaged = content[:3] + b"\xff" * len(content[3:])
    content = {"text": b"key\n", "damaged": damaged}.get(case, content)
    put_inventory(store, content, fileFormat=file_format)

    if case == "bad key":
        objects, failed = read_all(store, tmp_path)
        assert (objects, failed[0].code) == ([], "InvalidKey")
    else:
        with pytest.raises(InventoryError):
            read_all(store, tmp_path)


def test_missing_pyarrow_is_told_with_its_remedy(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, a Parquet inventory names what to install."""
    put_inventory(store, fileFormat="Parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.orc", None)

    with pytest.raises(InventoryError, match=r"pip install 'penstock\[parquet\]'"):
        read_all(store, tmp_path)
