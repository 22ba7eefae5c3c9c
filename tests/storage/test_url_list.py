"""URL files: their lines, their limits, and going on from a cursor."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError, InventoryError, ObjectNotFoundError
from penstock.storage.folder import FolderStore
from penstock.storage.url_list import UrlListSource
from tests.storage.objects import put

HOST = "https://demo-1250000000.cos.ap-x.myqcloud.com"
BUCKETS = {"demo-1250000000"}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """An empty bucket."""
    return FolderStore(tmp_path)


def source(store: FolderStore, *, max_lines: int = 100, max_bytes: int = 1 << 20) -> UrlListSource:
    """The source of the stored list."""
    return UrlListSource(
        store, "urls.txt", bucket_names=BUCKETS, max_lines=max_lines, max_bytes=max_bytes
    )


def test_lines_become_keys(store: FolderStore) -> None:
    """Lines are trimmed and decoded; marks, empty lines and queries are dropped."""
    lines = f"\ufeff{HOST}/a%20b+c.txt?x=1\r\n\n  {HOST}/日本 \t\n{HOST}//lead/../x#f"
    put(store, "urls.txt", lines.encode())

    [page] = source(store).pages()

    assert [found.key for found in page.objects] == ["a b+c.txt", "日本", "/lead/../x"]
    assert page.failed == []


def test_bad_lines_are_reported(store: FolderStore) -> None:
    """A line that names no object of the bucket is a failed entry with its reason."""
    lines = [
        b"https://other-1.cos.ap-x.myqcloud.com/k",
        b"just/a/key",
        f"{HOST}/%ff".encode(),
        f"{HOST}/".encode(),
        HOST.encode() + b"/\xff",
        f"{HOST}/good".encode(),
    ]
    put(store, "urls.txt", b"\n".join(lines))

    [page] = source(store).pages()

    assert [found.key for found in page.objects] == ["good"]
    assert [(entry.entry, entry.code) for entry in page.failed] == [
        (lines[0].decode(), "InvalidHost"),
        ("just/a/key", "InvalidUrl"),
        (f"{HOST}/%ff", "InvalidKey"),
        (f"{HOST}/", "InvalidUrl"),
        (f"{HOST}/\\xff", "InvalidUrl"),
    ]
    assert all(entry.message for entry in page.failed)


def test_list_over_a_limit_is_refused_before_any_line(store: FolderStore) -> None:
    """Too many bytes or lines fail the job before it begins; exactly the limit does not."""
    put(store, "urls.txt", f"{HOST}/a\n{HOST}/b\n".encode())

    assert len(next(source(store, max_lines=2).pages()).objects) == 2
    with pytest.raises(InventoryError, match="1 lines"):
        next(source(store, max_lines=1).pages())
    with pytest.raises(InventoryError, match="10 bytes"):
        next(source(store, max_bytes=10).pages())


def test_file_without_lines_is_no_list(store: FolderStore) -> None:
    """A line longer than any URL is a sign of another kind of file."""
    put(store, "urls.txt", b"x" * 100_000)

    with pytest.raises(InventoryError, match="a line is over"):
        list(source(store).pages())


def test_empty_and_missing_lists(store: FolderStore) -> None:
    """An empty list has no pages; a missing one is not found."""
    with pytest.raises(ObjectNotFoundError):
        list(source(store).pages())
    put(store, "urls.txt", b"")
    assert list(source(store).pages()) == []
    put(store, "urls.txt", b"\n \n")
    assert list(source(store).pages()) == []


def test_changed_list_is_not_gone_on_with(store: FolderStore) -> None:
    """A cursor holds for the file that it was made for."""
    put(store, "urls.txt", f"{HOST}/a\n{HOST}/b\n".encode())
    cursor = next(source(store).pages(page_size=1)).cursor
    put(store, "urls.txt", f"{HOST}/c\n{HOST}/d\n".encode())

    with pytest.raises(InventoryError, match="changed"):
        next(source(store).pages(cursor=cursor))
    with pytest.raises(InvalidArgumentError):
        next(source(store).pages(cursor='{"after":"x"}'))


def test_list_replaced_between_its_check_and_its_reading_is_refused(store: FolderStore) -> None:
    """Pages never come from a version whose limits were not checked."""
    put(store, "urls.txt", f"{HOST}/a\n".encode())

    class Changing(FolderStore):
        def open(self, key: str, *, start: int = 0, length: int | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN202
            reader = super().open(key, start=start, length=length)
            put(store, "urls.txt", f"{HOST}/b\n".encode())
            return reader

    changing = Changing(Path(store._root.decode()))
    with pytest.raises(InventoryError, match="changes"):
        next(source(changing).pages())


LINE = st.sampled_from([f"{HOST}/k%20", f"{HOST}/é", "", "  ", "bad", "https://other/x", "\r"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(LINE, max_size=12),
    mark=st.sampled_from(["", "\ufeff"]),
    end=st.sampled_from(["", "\n"]),
    page_size=st.integers(1, 4),
)
def test_any_cursor_gives_the_rest(
    tmp_path: Path, lines: list[str], mark: str, end: str, page_size: int
) -> None:
    """Going on from the cursor of any page gives exactly the lines after it."""
    store = FolderStore(tmp_path)
    put(store, "urls.txt", (mark + "\n".join(lines) + end).encode())

    pages = list(source(store).pages(page_size=page_size))

    entries = sum(len(page.objects) + len(page.failed) for page in pages)
    assert entries == sum(bool(line.strip()) for line in lines)
    for place, page in enumerate(pages):
        rest = source(store).pages(cursor=page.cursor, page_size=page_size)
        assert list(rest) == pages[place + 1 :]
