"""Inventories: their rows, their checks, and going on from a cursor."""

import csv
import gzip
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pyarrow
import pyarrow.orc
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError, InventoryError, ObjectNotFoundError
from penstock.domain.selection import ObjectInfo
from penstock.storage._inventory_csv import CsvRows, split_rows
from penstock.storage.folder import FolderStore
from penstock.storage.manifest import ManifestSource, read_manifest
from penstock.storage.pages import FailedEntry
from tests.storage.contract import put

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


@pytest.fixture(params=[FolderStore, RemoteStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore:
    """An empty bucket, with and without local files."""
    made: FolderStore = request.param(tmp_path / "bucket")
    return made


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


def encode_table(table: pyarrow.Table, file_format: str) -> bytes:
    """A table as the bytes of a data file."""
    sink = io.BytesIO()
    if file_format == "ORC":
        pyarrow.orc.write_table(table, sink)
    else:
        pyarrow.parquet.write_table(table, sink, row_group_size=2)
    return sink.getvalue()


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


FIELD = st.text(st.sampled_from('",\n\r a%'), max_size=4)
LINES = st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=6)


def write_rows(rows: Iterable[list[str]], quoting: int, line_end: str) -> str:
    """Rows as `csv` writes them."""
    target = io.StringIO()
    csv.writer(target, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    return target.getvalue()


def split_all(text: str, width: int) -> list[list[str]]:
    """The rows of a text by our splitter."""
    return list(split_rows(iter(text.split("\n")[:-1]), width))


@given(
    rows=LINES,
    # With "\n" as its line end, `csv` writes lone "\r" unquoted, and cannot read that again.
    style=st.sampled_from(
        [(csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_MINIMAL, "\r\n")]
    ),
    width=st.integers(1, 4),
)
def test_splitter_equals_csv_on_what_csv_writes(
    rows: list[list[str]], style: tuple[int, str], width: int
) -> None:
    """Whatever the fields hold, the splitter gives the rows that `csv` gives."""
    text = write_rows(rows, *style)

    expected = [row for row in csv.reader(_lines(text)) if row]

    assert split_all(text, width) == expected


@given(
    text=st.text(st.sampled_from('",\r\na')).map(lambda text: text + "\n"), width=st.integers(1, 3)
)
@example(text='"",","\n', width=2)
@example(text='"a\n","b"\n', width=2)
@example(text='"\n', width=1)
def test_splitter_equals_csv_on_any_text(text: str, width: int) -> None:
    """Even malformed text is split as `csv` splits it, or refused where `csv` refuses."""
    try:
        expected = [row for row in csv.reader(_lines(text)) if row]
    except csv.Error:
        with pytest.raises(ValueError, match="new-line"):
            split_all(text, width)
        return

    assert split_all(text, width) == expected


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n")[:-1]:
        yield line + "\n"


@given(key=st.text(min_size=1).filter(lambda key: "\n" not in key and "\r" not in key))
def test_any_key_survives_both_encodings(key: str) -> None:
    """Percent-encoding and form encoding are undone exactly."""
    for has_plus, encoded in ((False, quote(key)), (True, quote_plus(key))):
        rows = CsvRows(["key"], has_plus_for_blank=has_plus)
        objects, failed = rows.select([[encoded]])
        assert (objects, failed) == ([ObjectInfo(key)], [])


def test_skipping_past_the_end_gives_nothing() -> None:
    """A cursor at the end of a data file has nothing after it."""
    rows = CsvRows(["key"], has_plus_for_blank=False)

    assert list(rows.read_rows(io.BytesIO(b"a\nb\n"), 2)) == []
    assert list(rows.read_rows(io.BytesIO(b"a\nb\n"), 5)) == []
