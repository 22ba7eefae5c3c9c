"""Writing files atomically: partial files, their locks, and the sweep of killed writers' ones.

A writer holds a lock on its partial file until the file has its final name; the system drops the
lock when the writer dies. A partial file whose lock is free is therefore nobody's. Between making
and locking one lies a moment, so the sweep leaves young files alone.
"""

# Names that are not UTF-8 are bytes here; pathlib knows text only.
# ruff: noqa: PTH102, PTH103, PTH105, PTH106, PTH108, PTH112, PTH116, PTH120

import errno
import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from penstock.domain.errors import StoreError
from penstock.storage._folder_paths import PARTIAL_NAME

BLOCK_BYTES = 1 << 20
MIN_AGE_SECONDS = 10.0
MAX_UPLOAD_AGE_SECONDS = 7 * 86400.0

_TRIES = 16


class PartialFile:
    """A file that is being written under a name nobody reads.

    Attributes:
        file: Open for writing, and locked.
    """

    def __init__(self, file: io.FileIO, path: bytes) -> None:
        self.file = file
        self._path = path
        self._is_published = False

    def publish(self, target: bytes) -> None:
        """Give the file its final name in one atomic step, durably.

        Folders on the way are made; a file of that name is replaced.

        Raises:
            OSError: The name is taken by a folder, or the system failed.
        """
        os.fsync(self.file.fileno())
        parent = os.path.dirname(target)
        for _ in range(_TRIES):
            try:
                os.replace(self._path, target)
                break
            except FileNotFoundError:
                # A parent is missing, or vanished with its last object just now.
                with suppress(FileNotFoundError):
                    make_folders(parent)
            except IsADirectoryError:
                remove_empty_folder(target)
        else:
            os.replace(self._path, target)
        self._is_published = True
        sync_folder(parent)

    def discard(self) -> None:
        """Remove the file unless it was published, and let go of the lock."""
        if not self._is_published:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
        self.file.close()


class PartialFolder:
    """The folder below a root where files lie until they are complete.

    Attributes:
        uploads: The folder of multipart uploads in it.
    """

    def __init__(self, root: bytes, *, new_id: Callable[[], str]) -> None:
        self._folder = root + b"/" + PARTIAL_NAME
        self._new_id = new_id
        self.uploads = self._folder + b"/uploads"

    @contextmanager
    def create(self) -> Iterator[PartialFile]:
        """A new partial file; removed at the end unless it was published.

        Raises:
            OSError: The system failed.
        """
        path = self._folder + b"/" + self._new_id().encode()
        partial = PartialFile(io.FileIO(self._create(path), "r+b"), path)
        try:
            fcntl.flock(partial.file.fileno(), fcntl.LOCK_EX)
            yield partial
        finally:
            partial.discard()

    def _create(self, path: bytes) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return os.open(path, flags, 0o666)
            os.makedirs(self._folder, exist_ok=True)
        return os.open(path, flags, 0o666)

    def sweep(self) -> int:
        """Remove partial files of dead writers and uploads idle for a week; the number removed.

        Raises:
            OSError: The system failed.
        """
        if not os.path.isdir(self._folder):
            return 0
        with self.create() as probe:  # the file system's own clock
            now = os.fstat(probe.file.fileno()).st_mtime
        with os.scandir(self._folder) as entries:
            files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
        removed = sum(_remove_if_abandoned(path, now) for path in files)
        if os.path.isdir(self.uploads):
            with os.scandir(self.uploads) as entries:
                folders = [entry.path for entry in entries]
            removed += sum(_remove_if_idle(path, now) for path in folders)
        for folder in (self.uploads, self._folder):
            with suppress(OSError):
                os.rmdir(folder)
        return removed


def copy_exactly(key: str, source: BinaryIO, target: BinaryIO, size_bytes: int) -> str:
    """Copy exactly `size_bytes` bytes and return their MD5 in hexadecimal.

    Raises:
        StoreError: The source ended early.
    """
    digest = hashlib.md5(usedforsecurity=False)
    left = size_bytes
    while left:
        block = source.read(min(left, BLOCK_BYTES))
        if not block:
            raise StoreError(key, f"the stream ended {left} bytes before {size_bytes}")
        digest.update(block)
        write_all(target, block)
        left -= len(block)
    return digest.hexdigest()


def write_all(target: BinaryIO, block: bytes) -> None:
    """Write a whole block to an unbuffered file."""
    view = memoryview(block)
    while view:
        view = view[target.write(view) :]


def make_folders(path: bytes) -> None:
    """Make a folder and those above it, durably.

    Raises:
        NotADirectoryError: A file is in the way.
    """
    try:
        os.mkdir(path)
    except FileNotFoundError:
        make_folders(os.path.dirname(path))
        make_folders(path)
        return
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(path) from None
        return
    sync_folder(os.path.dirname(path))


def remove_empty_folder(path: bytes) -> None:
    """Remove a folder that stands for no object.

    Raises:
        IsADirectoryError: There is something in it.
    """
    try:
        os.rmdir(path)
    except OSError as error:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from error


def sync_folder(path: bytes) -> None:
    """Make a folder's entries durable; a folder that has vanished is no error."""
    with suppress(FileNotFoundError):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove_if_abandoned(path: bytes, now: float) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if now - os.fstat(file).st_mtime < MIN_AGE_SECONDS:
            return False
        os.unlink(path)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(file)
    return True


def _remove_if_idle(path: bytes, now: float) -> bool:
    try:
        if now - os.stat(path).st_mtime < MAX_UPLOAD_AGE_SECONDS:
            return False
    except FileNotFoundError:
        return False
    shutil.rmtree(path, ignore_errors=True)
    return True
