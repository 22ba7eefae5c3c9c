"""A folder as an object store when writers die, uploads are left, and the system fails."""

import errno
import io
import os
from pathlib import Path

import pytest

from penstock.domain.errors import StoreAccessDeniedError, StoreError
from penstock.domain.refusals import NoSuchUploadError
from penstock.storage._folder_partial import PartialFolder
from penstock.storage.base import UploadedPart
from penstock.storage.folder import FolderStore
from tests.storage.objects import get, list_keys, put

PARTIAL = ".penstock-partial"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the bucket; not made yet."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def store(root: Path) -> FolderStore:
    """An empty bucket."""
    return FolderStore(root)


def age(path: Path, seconds: float) -> None:
    """Make a file or folder older."""
    changed = path.stat().st_mtime - seconds
    os.utime(path, (changed, changed))


@pytest.mark.parametrize("call", ["scandir", "lstat"])
@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EACCES, StoreAccessDeniedError), (errno.EIO, StoreError), (errno.EINVAL, StoreError)],
)
def test_failing_system_is_raised_by_the_listing(
    store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[Exception],
) -> None:
    """Whatever the system refuses or fails at while listing is an error, never a gap."""
    put(store, "a/b")

    def fail(path: bytes) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    for prefix in ("", "a/"):
        with pytest.raises(error):
            list(store.list_objects(prefix))


def test_full_disk_is_a_store_error(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A put that cannot be made durable fails, and leaves nothing."""
    put(store, "k", b"old")

    def fail(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="No space left"):
        put(store, "k", b"new")

    assert get(store, "k") == b"old"
    assert store.sweep() == 0


def test_read_only_folder_is_access_denied(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not be written says so once and for all."""

    def fail(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(StoreAccessDeniedError):
        put(store, "k")


def test_upload_dropped_while_a_part_is_put_is_unknown(store: FolderStore) -> None:
    """A part never comes to life in an upload that is gone."""
    upload_id = store.create_upload("k")

    class Aborting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            store.abort_upload("k", upload_id)
            return super().read(size)

    with pytest.raises(NoSuchUploadError):
        store.put_part("k", upload_id, 1, Aborting(b"part"), size_bytes=4)

    assert store.sweep() == 0


def test_partial_files_are_invisible(root: Path, store: FolderStore) -> None:
    """What is being written is not listed, and cannot be named."""
    store.create_upload("k")

    assert (root / PARTIAL).is_dir()
    assert list_keys(store) == []
    assert list_keys(store, PARTIAL) == []
    assert list_keys(store, f"{PARTIAL}/") == []


def test_sweep_removes_what_a_killed_writer_left(root: Path, store: FolderStore) -> None:
    """Partial files are removed once they are old and nobody holds them."""
    partial = PartialFolder(os.fsencode(root), new_id=lambda: "held")
    store.create_upload("keeps-the-folder")
    (root / PARTIAL / "dead").write_bytes(b"half")
    (root / PARTIAL / "young").write_bytes(b"half")
    age(root / PARTIAL / "dead", 11)

    with partial.create():
        age(root / PARTIAL / "held", 11)
        removed = store.sweep()
        left = sorted(path.name for path in (root / PARTIAL).iterdir())

    assert removed == 1
    assert left == ["held", "uploads", "young"]


def test_sweep_removes_forgotten_uploads(root: Path, store: FolderStore) -> None:
    """An upload without a new part for a week is dropped; a younger one lives."""
    forgotten = store.create_upload("k")
    young = store.create_upload("k")
    store.put_part("k", young, 1, io.BytesIO(b"x"), size_bytes=1)
    age(root / PARTIAL / "uploads" / forgotten, 8 * 86400)

    assert store.sweep() == 1

    assert [path.name for path in (root / PARTIAL / "uploads").iterdir()] == [young]


def test_sweep_leaves_no_trace_of_itself(root: Path, store: FolderStore) -> None:
    """When no writer is left, the folder of partial files goes too."""
    put(store, "k")

    assert store.sweep() == 0

    assert [path.name for path in root.iterdir()] == ["k"]
    assert FolderStore(root / "absent").sweep() == 0


def test_upload_belongs_to_its_key(store: FolderStore) -> None:
    """An upload id given with another key is unknown."""
    upload_id = store.create_upload("k")
    etag = store.put_part("k", upload_id, 1, io.BytesIO(b"x"), size_bytes=1)

    store.abort_upload("other", upload_id)
    stored = store.complete_upload("k", upload_id, [UploadedPart(1, f'"{etag}"')])

    assert stored.size_bytes == 1
