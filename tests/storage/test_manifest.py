"""Inventories: their rows, their checks, and going on from a cursor."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.orc
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError, InventoryError, ObjectNotFoundError
from penstock.storage.folder import FolderStore
from penstock.storage.manifest import read_manifest
from tests.storage.inventories import (
    BUCKETS,
    KEY,
    TIME_MS,
    RemoteStore,
    encode_table,
    put_inventory,
    read_all,
    row,
    source,
)
from tests.storage.objects import put


@pytest.fixture(params=[FolderStore, RemoteStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore:
    """An empty bucket, with and without local files."""
    made: FolderStore = request.param(tmp_path / "bucket")
    return made


def test_inventory_of_cos_is_read(store: FolderStore, tmp_path: Path) -> None:
    """Keys are percent-decoded, '+' stays, and the facts come from the columns."""
    put_inventory(store, gzip.compress((row("a%20b+c") + row("%E6%97%A5/x", 0)).encode()))

    objects, failed = read_all(store, tmp_path)

    assert objects == [("a b+c", 7, TIME_MS, "tag"), ("日/x", 0, TIME_MS, "tag")]
    assert failed == []


def test_inventory_of_s3_has_plus_for_blank(store: FolderStore, tmp_path: Path) -> None:
    """S3 encodes keys as forms do, and spells the checksum differently."""
    put_inventory(
        store,
        gzip.compress(b'"demo-1250000000","a+b%2Bc","7"\n'),
        sourceAppid=None,
        sourceBucket="demo-1250000000",
        destinationBucket="arn:aws:s3:::reports",
        fileSchema="Bucket, Key, Size",
    )
    manifest = tmp_path / "bucket" / KEY
    manifest.write_text(manifest.read_text().replace("md5Checksum", "MD5checksum"))

    objects, _ = read_all(store, tmp_path)

    assert objects == [("a b+c", 7, -1, "")]
    [part] = read_manifest(store, KEY, bucket_names=BUCKETS).parts
    assert len(part.md5) == 32


def test_plain_and_unquoted_rows_are_read(store: FolderStore, tmp_path: Path) -> None:
    """Neither gzip nor quotes nor blanks in the schema are needed, nor a last line end."""
    put_inventory(
        store,
        b'a,1\r\n"b","2"\r\n\r\n"c,""d""",3',
        fileSchema="Key,Size",
    )

    objects, failed = read_all(store, tmp_path)

    assert [(found.key, found.size_bytes) for found in objects] == [
        ("a", 1),
        ("b", 2),
        ('c,"d"', 3),
    ]
    assert failed == []


def test_only_latest_versions_count(store: FolderStore, tmp_path: Path) -> None:
    """Old versions and delete markers are left out, however they are spelled."""
    rows = [
        '"new","TRUE","false"',
        '"old","False","false"',
        '"gone","true","True"',
        '"plain","",""',
    ]
    put_inventory(store, "\n".join(rows).encode(), fileSchema="Key, IsLatest, IsDeleteMarker")

    objects, failed = read_all(store, tmp_path)

    assert [found.key for found in objects] == ["new", "plain"]
    assert failed == []


def test_bad_rows_are_reported(store: FolderStore, tmp_path: Path) -> None:
    """A row that names no object is a failed entry, between the others."""
    rows = [b'"a","1"', b'"%ff","1"', b'"b"', b'"\xff","1"', b'"","1"', b'"c","x"']
    put_inventory(store, b"\n".join(rows), fileSchema="Key, Size")

    objects, failed = read_all(store, tmp_path)

    assert [(found.key, found.size_bytes) for found in objects] == [("a", 1), ("c", -1)]
    assert [entry.code for entry in failed] == [
        "InvalidKey",
        "InvalidContent",
        "InvalidKey",
        "InvalidContent",
    ]
    assert failed[1].message == "the row has 1 columns, expected 2"
    assert failed[0].entry == "%ff"


def test_file_with_another_md5_is_refused_before_any_row(
    store: FolderStore, tmp_path: Path
) -> None:
    """Of a damaged data file no row is used; the files before it are."""
    put_inventory(store, row("good").encode(), row("bad").encode())
    put(store, "inventory/1.csv.gz", row("BAD").encode())

    pages = source(store, tmp_path).pages()

    assert [found.key for found in next(pages).objects] == ["good"]
    with pytest.raises(InventoryError, match="MD5"):
        next(pages)


def test_file_without_a_checksum_is_read(store: FolderStore, tmp_path: Path) -> None:
    """Where the manifest has no checksum there is nothing to verify but the size, if any."""
    put(store, "data", b"a\nb\n")
    put_inventory(store, fileSchema="Key", files=[{"key": "data"}])

    assert [found.key for found in read_all(store, tmp_path)[0]] == ["a", "b"]

    put_inventory(store, fileSchema="Key", files=[{"key": "data", "size": 5}])
    with pytest.raises(InventoryError, match="4 bytes"):
        read_all(store, tmp_path)


@pytest.mark.parametrize(
    "part",
    [
        gzip.compress(b"a\n" * 1000)[:-9],
        gzip.compress(b"a\n" * 1000)[:-8] + b"\0" * 8,
        b"\x1f\x8b\x08" + b"\xff" * 100,
        b"x" * (3 << 20),
        b'"' + b"x" * 200_000 + b'\n"\n',
    ],
    ids=["cut", "wrong sum", "no gzip", "long line", "long field"],
)
def test_undecodable_file_is_an_inventory_error(
    store: FolderStore, tmp_path: Path, part: bytes
) -> None:
    """A data file that cannot be decoded fails the job, in bounded memory."""
    put_inventory(store, part, fileSchema="Key")

    with pytest.raises(InventoryError):
        read_all(store, tmp_path)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"sourceBucket": "other"}, "other"),
        ({"sourceAppid": "1", "sourceBucket": "demo"}, "demo"),
        ({"fileFormat": "JSON"}, "JSON"),
        ({"fileSchema": "Bucket, Size"}, "Key"),
        ({"fileSchema": None}, "fileSchema"),
        ({"files": None}, "files"),
        ({"files": [{}]}, "key"),
        ({"files": ["x"]}, "x"),
        ({"files": [{"key": "k", "size": "many"}]}, "many"),
        ({"files": [{"key": "absent"}]}, "not there"),
    ],
)
def test_unusable_manifest_is_an_inventory_error(
    store: FolderStore, tmp_path: Path, fields: dict[str, Any], fault: str
) -> None:
    """A manifest that is malformed, or of another bucket, says why it cannot be used."""
    put_inventory(store, **fields)

    with pytest.raises(InventoryError, match=fault):
        read_all(store, tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_manifest_that_is_no_json_object_is_an_inventory_error(
    store: FolderStore, tmp_path: Path, content: bytes
) -> None:
    """Any bytes at all end in our error."""
    put(store, KEY, content)

    with pytest.raises(InventoryError):
        read_all(store, tmp_path)


@pytest.mark.parametrize(
    ("source_bucket", "account"),
    [("demo", "1250000000"), ("demo-1250000000", "1250000000"), ("demo", None)],
)
def test_source_bucket_may_lack_its_account(
    store: FolderStore, source_bucket: str, account: str | None
) -> None:
    """The bucket's name is accepted with and without the account number."""
    put_inventory(store, sourceBucket=source_bucket, sourceAppid=account)

    read_manifest(store, KEY, bucket_names=BUCKETS)
    read_manifest(store, KEY, bucket_names=())


def test_missing_manifest_is_not_found(store: FolderStore, tmp_path: Path) -> None:
    """A manifest that is not there is an object that is not there."""
    with pytest.raises(ObjectNotFoundError):
        read_all(store, tmp_path)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "[]",
        "{}",
        '{"manifest":"x","part":0,"row":-1}',
        '{"manifest":"x","part":true,"row":0}',
        '{"after":"k"}',
    ],
)
def test_foreign_cursor_is_refused(store: FolderStore, tmp_path: Path, cursor: str) -> None:
    """A cursor of something else is the caller's mistake."""
    put_inventory(store, row("a").encode())

    with pytest.raises(InvalidArgumentError):
        next(source(store, tmp_path).pages(cursor=cursor))


def test_changed_manifest_is_not_gone_on_with(store: FolderStore, tmp_path: Path) -> None:
    """A cursor holds for the manifest that it was made for."""
    put_inventory(store, row("a").encode())
    cursor = next(source(store, tmp_path).pages()).cursor
    put_inventory(store, row("b").encode())

    with pytest.raises(InventoryError, match="changed"):
        next(source(store, tmp_path).pages(cursor=cursor))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sizes=st.lists(st.integers(0, 7), max_size=4),
    page_size=st.integers(1, 5),
    file_format=st.sampled_from(["CSV", "Parquet", "ORC"]),
)
def test_any_cursor_gives_the_rest(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], page_size: int, file_format: str
) -> None:
    """Going on from the cursor of any page gives exactly what came after it."""
    folder = tmp_path_factory.mktemp("cursor")
    store = FolderStore(folder / "bucket")
    parts = []
    for number, size in enumerate(sizes):
        keys = [f"{number}-{place}" for place in range(size)]
        if file_format == "CSV":
            parts.append("".join(row(key) for key in keys).encode())
        else:
            table = pyarrow.table({"key": pyarrow.array(keys, pyarrow.string())})
            parts.append(encode_table(table, file_format))
    put_inventory(store, *parts, fileFormat=file_format)

    pages = list(source(store, folder).pages(page_size=page_size))

    assert sum(len(page.objects) for page in pages) == sum(sizes)
    for place, page in enumerate(pages):
        assert 1 <= len(page.objects) <= page_size
        rest = list(source(store, folder).pages(cursor=page.cursor, page_size=page_size))
        assert rest == pages[place + 1 :]
