"""Filters that sources are given select what they select behind them."""

import csv
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.selection import ObjectFilter
from penstock.storage.folder import FolderStore
from penstock.storage.pages import Source
from penstock.storage.sources import ListingSource, ObjectSource, UrlListSource
from tests.storage.inventories import BUCKETS, encode_table, put_inventory, source
from tests.storage.objects import put

SCHEMA = "Key, Size, LastModifiedDate, ETag, IsLatest, IsDeleteMarker"
KEYS = [
    "a.jpg",
    "d/",
    "out/a.JPG",
    "",
    "%ff",
    "a%20b.jpg",
    "x%0Ay",
    'q".png',
    "n\nl",
    "\udcff",
    "z",
]
TIMES = ["1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.0029Z", "1970-01-01T00:00:00.003Z"]
ODD_TIMES = ["1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.004", "1970-01-01T01:00:00+01:00"]
TEXTS = st.sampled_from([*TIMES, *TIMES, *ODD_TIMES, "", "soon", "1970-13-01T00:00:00.000Z"])
BOUND = st.none() | st.integers(0, 4)
FILTERS = st.builds(
    ObjectFilter,
    modified_from_ms=BOUND,
    modified_to_ms=BOUND,
    extensions=st.none() | st.just(frozenset({"jpg"})),
    excluded_prefix=st.sampled_from(["", "out/"]),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(["", "0", "7", "x"]),
        TEXTS,
        st.sampled_from(["", '"tag"', "tag"]),
        st.sampled_from(["", "true", "FALSE"]),
        st.sampled_from(["", "True", "false"]),
    ).map(list),
    max_size=12,
)
WRONG_ROWS = st.just(["too", "few"])
COLUMN_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from([b"a.jpg", b"d/", b"out/a.JPG", b"", b"\xff", b"a%20b", None]),
            "size": st.sampled_from([None, 0, 7]),
            "last_modified_date": st.none() | st.integers(-1, 5),
            "is_latest": st.sampled_from([None, True, True, False]),
            "is_delete_marker": st.sampled_from([None, True, False, False]),
        }
    ),
    max_size=12,
)
slow_folders = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def check(found: Source, only: ObjectFilter, page_size: int) -> None:
    """Pages with a filter are those without, put through it; so is the rest after each cursor."""
    expected = [
        page._replace(objects=list(only.select(page.objects)))
        for page in found.pages(page_size=page_size)
    ]

    pages = list(found.pages(page_size=page_size, only=only))

    assert pages == expected
    for place, page in enumerate(pages):
        rest = list(found.pages(cursor=page.cursor, page_size=page_size, only=only))
        assert rest == expected[place + 1 :]


@slow_folders
@given(
    rows=ROWS, wrong=st.lists(WRONG_ROWS, max_size=1), only=FILTERS, page_size=st.integers(1, 5)
)
def test_filter_of_csv_rows_is_select(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    wrong: list[list[str]],
    only: ObjectFilter,
    page_size: int,
) -> None:
    """Objects, failed rows, cursors and the rest after each are those of `select`."""
    folder = tmp_path_factory.mktemp("push")
    store = FolderStore(folder / "bucket")
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([*rows, *wrong, *rows])
    content = text.getvalue().encode("utf-8", "surrogateescape")
    put_inventory(store, gzip.compress(content, 1), content, fileSchema=SCHEMA)

    check(source(store, folder), only, page_size)


@slow_folders
@given(
    rows=COLUMN_ROWS,
    only=FILTERS,
    page_size=st.integers(1, 5),
    file_format=st.sampled_from(["Parquet", "ORC"]),
    time=st.sampled_from([pyarrow.timestamp("us"), pyarrow.timestamp("ms", "UTC")]),
)
def test_filter_of_columns_is_select(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, object]],
    only: ObjectFilter,
    page_size: int,
    file_format: str,
    time: pyarrow.DataType,
) -> None:
    """The same for Parquet and ORC, with unknown times, keys and flags."""
    folder = tmp_path_factory.mktemp("push")
    store = FolderStore(folder / "bucket")
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ["key"])}
    keys = pyarrow.array(columns.pop("key"), pyarrow.binary()).view(pyarrow.string())
    arrays = {"key": keys}
    for name, values in columns.items():
        kind = pyarrow.int64() if name in {"size", "last_modified_date"} else pyarrow.bool_()
        arrays[name] = pyarrow.array(values, kind)
    if "last_modified_date" in arrays:
        whole = arrays["last_modified_date"].cast(pyarrow.timestamp("ms"))
        arrays["last_modified_date"] = whole.cast(time)
    put_inventory(store, encode_table(pyarrow.table(arrays), file_format), fileFormat=file_format)

    check(source(store, folder), only, page_size)


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.date32()])
def test_times_of_other_types_are_filtered(tmp_path: Path, kind: pyarrow.DataType) -> None:
    """Times that are text or days are filtered like all others."""
    store = FolderStore(tmp_path / "bucket")
    days = [datetime(2024, 1, day, tzinfo=UTC).date() for day in (1, 2, 3)]
    values = [f"{day}T00:00:00Z" for day in days] if kind != pyarrow.date32() else days
    table = pyarrow.table(
        {
            "key": pyarrow.array(["a", "b", "c"], pyarrow.large_string()),
            "last_modified_date": pyarrow.array(values, kind),
            "is_latest": pyarrow.array(["true", None, "TRUE"]).dictionary_encode(),
        }
    )
    put_inventory(store, encode_table(table, "Parquet"), fileFormat="Parquet")
    only = ObjectFilter(modified_from_ms=int(datetime(2024, 1, 2, tzinfo=UTC).timestamp() * 1000))

    pages = source(store, tmp_path).pages(only=only)

    assert [found.key for page in pages for found in page.objects] == ["b", "c"]


def test_inventory_without_a_match_still_moves_on(tmp_path: Path) -> None:
    """Pages of which nothing is left come all the same, each with a cursor of its own."""
    store = FolderStore(tmp_path / "bucket")
    put_inventory(store, b'"a.png"\n' * 5, fileSchema="Key")

    pages = list(
        source(store, tmp_path).pages(
            page_size=2, only=ObjectFilter(extensions=frozenset({"jpg"}))
        )
    )

    assert [page.objects for page in pages] == [[], [], []]
    assert len({page.cursor for page in pages}) == 3


@given(only=FILTERS, page_size=st.integers(1, 3))
@slow_folders
def test_filter_of_other_sources_is_select(
    tmp_path_factory: pytest.TempPathFactory, only: ObjectFilter, page_size: int
) -> None:
    """Listings, URL files and single objects filter as `select` does."""
    folder = tmp_path_factory.mktemp("push")
    store = FolderStore(folder / "bucket")
    for key in ("a.jpg", "b.png", "out/c.jpg"):
        put(store, key, b"x")
    urls = "".join(
        f"https://demo-1250000000.cos.ap-x.myqcloud.com/{key}\n"
        for key in ("a.jpg", "b.png", "out/c.jpg")
    )
    put(store, "urls.txt", f"{urls}nonsense\n".encode())

    check(ListingSource(store), only, page_size)
    check(UrlListSource(store, "urls.txt", bucket_names=BUCKETS), only, page_size)
    for with_facts in (False, True):
        check(ObjectSource(store, "out/c.jpg", with_facts=with_facts), only, page_size)
