"""FileCompress at its limits: many objects, large ones, ones that change."""

import os
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.domain.errors import InputLimitError, StoreError
from penstock.domain.selection import ObjectInfo
from penstock.operations.base import Limits
from penstock.operations.file_compress import MOST_FILES
from tests.operations.test_file_compress import OUTPUT, make, members, pack
from tests.operations.workspace import FolderWorkspace


class ManyWorkspace(FolderWorkspace):
    """A bucket that lists one file many times over, under keys of its own."""

    listed = MOST_FILES + 1
    size = 1

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """As many objects as a test wants."""
        for number in range(self.listed):
            yield ObjectInfo(f"{prefix}{number:06d}", self.size)

    @contextmanager
    def borrow_other(self, key_or_url: str) -> Iterator[tuple[ObjectInfo, Path]]:
        """Always the same file."""
        yield ObjectInfo(key_or_url, self.size, 0), self.folder / "file"


def test_compress_bounds_the_number_of_objects(tmp_path: Path) -> None:
    """More than 10,000 objects are refused, and none of them is read."""
    workspace = ManyWorkspace(tmp_path, "", outputs=OUTPUT)

    with pytest.raises(InputLimitError, match="10000"):
        pack(workspace, Prefix="in/")


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["zip", "tar.gz"])
def test_compress_packs_ten_thousand_objects(tmp_path: Path, format_: str) -> None:
    """The largest number of objects that is allowed is packed, in little memory."""
    (tmp_path / "file").write_bytes(b"x")
    workspace = ManyWorkspace(tmp_path, "", outputs=OUTPUT)
    workspace.listed = MOST_FILES

    tracemalloc.start()
    path, facts = pack(workspace, Format=format_, Prefix="in/")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert facts["CompressFileCount"] == str(MOST_FILES)
    assert len(members(path)) == MOST_FILES
    assert peak < 64 << 20


@pytest.mark.parametrize("format_", ["zip", "tar", "tar.gz"])
def test_compress_holds_no_object_in_memory(tmp_path: Path, format_: str) -> None:
    """An object of 32 MiB takes a few MiB of memory."""
    with (tmp_path / "file").open("wb") as file:
        for _ in range(32):
            file.write(os.urandom(1 << 20))
    workspace = QuietWorkspace(tmp_path, "", outputs=OUTPUT)
    workspace.listed = 1

    tracemalloc.start()
    pack(workspace, Format=format_, Prefix="in/", Type="faster")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20


class QuietWorkspace(ManyWorkspace):
    """Stores nothing, so that storing takes no memory."""

    def _store(self, path: Path, key: str) -> None:
        path.write_bytes(b"")
        super()._store(path, key)


@pytest.mark.slow
def test_compress_packs_an_object_larger_than_zip_could_once(tmp_path: Path) -> None:
    """A member of over 4 GiB becomes one of Zip64, and reads back."""
    size = (4 << 30) + 5
    with (tmp_path / "file").open("wb") as file:
        file.truncate(size)
    workspace = ManyWorkspace(tmp_path, "", outputs=OUTPUT)
    workspace.listed = 1

    path, _ = pack(workspace, Prefix="in/", Type="faster")

    with zipfile.ZipFile(path) as archive:
        assert [entry.file_size for entry in archive.infolist()] == [size]


def test_compress_notices_an_object_that_shrinks(tmp_path: Path) -> None:
    """An object that becomes shorter while it is read is a failure of its store."""

    class ShrinkingWorkspace(FolderWorkspace):
        """Cuts the file at a checkpoint."""

        def checkpoint(self) -> None:
            (self.folder / "in/a").write_bytes(b"x")

    make(tmp_path, {"in/a": bytes(3 << 20)})
    workspace = ShrinkingWorkspace(tmp_path, "", outputs=OUTPUT)

    with pytest.raises(StoreError, match="changed"):
        pack(workspace, Key=["in/a"], Format="tar", IgnoreError="true")

    assert workspace.published_paths == []


def test_compress_bounds_the_archive(tmp_path: Path) -> None:
    """An archive that grows over the limit on files fails, also where errors are ignored."""
    make(tmp_path, {"in/a": os.urandom(3 << 20)})
    workspace = FolderWorkspace(tmp_path, "", outputs=OUTPUT, limits=Limits(output_bytes=1 << 20))

    with pytest.raises(InputLimitError):
        pack(workspace, Prefix="in/", IgnoreError="true")
