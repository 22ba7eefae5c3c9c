"""A local folder as an object store, by plain system calls.

A key is the path of a file below the root, byte by byte. Keys that no path can be (an empty
segment, `.`, `..`, a name over 255 bytes, anything below the reserved `.penstock-partial`) raise
`KeyNotStorableError`. Links to files are objects; a broken one is listed, and not found when
read. Links to folders are not followed. Empty folders are nothing: deleting the last object of a
folder removes the folder. Listings carry no entity tags.
"""

# Names that are not UTF-8 are bytes here; pathlib knows text only.
# ruff: noqa: PTH106, PTH108, PTH116, PTH120

import io
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from penstock.domain.errors import (
    KeyNotStorableError,
    ObjectNotFoundError,
    PenstockError,
    StoreError,
)
from penstock.domain.refusals import InvalidRangeError, NoSuchUploadError
from penstock.domain.selection import ObjectInfo
from penstock.storage._folder_listing import walk_folder
from penstock.storage._folder_partial import PartialFile, PartialFolder, copy_exactly
from penstock.storage._folder_paths import (
    encode_key,
    reading,
    refuse_linked_folders,
    writing,
)
from penstock.storage._folder_tags import describe_file, read_content_type, write_tags
from penstock.storage._folder_uploads import UploadFolder
from penstock.storage.base import UploadedPart


class FileReader:
    """An open file, or a range of one; see `ObjectReader`."""

    def __init__(
        self, file: io.FileIO, found: ObjectInfo, content_type: str, left_bytes: int
    ) -> None:
        self.found = found
        self.content_type = content_type
        self._file = file
        self._left = left_bytes

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes (all that is left when negative); empty at the end.

        Raises:
            StoreError: The file became shorter, or reading failed.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        blocks = []
        with reading(self.found.key):
            while wanted:
                block = self._file.read(wanted)
                if not block:
                    raise StoreError(self.found.key, "the file became shorter while it was read")
                blocks.append(block)
                wanted -= len(block)
                self._left -= len(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def close(self) -> None:
        """Let go of the file; safe to repeat."""
        self._file.close()


class FolderStore:
    """One bucket in a local folder; see `ObjectStore` for the promises.

    The folder is made by the first write. Several processes may use it at once.
    """

    def __init__(
        self, root: Path, *, new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    ) -> None:
        self._root = os.fsencode(root.absolute())
        self._partial = PartialFolder(self._root, new_id=new_id)
        self._uploads = UploadFolder(self._partial, new_id=new_id)

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix` and sorts after `start_after`, in order.

        Raises:
            StoreError: The folder does not exist, or reading failed.
            StoreAccessDeniedError: A folder may not be read.
        """
        return walk_folder(self._root, prefix, start_after)

    def head(self, key: str) -> ObjectInfo:
        """The facts of one object.

        Raises:
            ObjectNotFoundError: There is no such file.
            KeyNotStorableError: No file can have this path.
            StoreAccessDeniedError: It may not be looked at.
            StoreError: The system failed.
        """
        path = encode_key(key)
        with reading(key):
            refuse_linked_folders(self._root, path, key)
            full = self._root + b"/" + path
            found = os.stat(full)
            if not stat.S_ISREG(found.st_mode):
                raise ObjectNotFoundError(key)
            return describe_file(key, full, found)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> FileReader:
        """Open an object for reading, from byte `start` on, `length` bytes or to the end.

        Raises:
            ObjectNotFoundError: There is no such file.
            KeyNotStorableError: No file can have this path.
            StoreAccessDeniedError: It may not be read.
            InvalidRangeError: `start` is not zero and lies at or past the end.
            StoreError: The system failed.
        """
        path = encode_key(key)
        with reading(key):
            refuse_linked_folders(self._root, path, key)
            # Without O_NONBLOCK, opening a named pipe waits for a writer.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(self._root + b"/" + path, flags)
            try:
                return _make_reader(key, descriptor, start, length)
            except (OSError, PenstockError):
                os.close(descriptor)
                raise

    def local_path(self, key: str) -> Path | None:
        """Where the object lies as an ordinary file; None where there is none."""
        with suppress(OSError, KeyNotStorableError):
            path = encode_key(key)
            refuse_linked_folders(self._root, path, key)
            full = self._root + b"/" + path
            if stat.S_ISREG(os.stat(full).st_mode):
                return Path(os.fsdecode(full))
        return None

    def put_file(self, key: str, path: Path, *, content_type: str = "") -> ObjectInfo:
        """Copy a local file to `key` in one atomic step; repeatable.

        Raises:
            KeyNotStorableError: No file can have this path.
            StoreAccessDeniedError: The folder may not be written.
            StoreError: The system failed.
        """
        with writing(key), path.open("rb", buffering=0) as source:
            size_bytes = os.fstat(source.fileno()).st_size
            return self.put_stream(key, source, size_bytes=size_bytes, content_type=content_type)

    def put_stream(
        self, key: str, stream: BinaryIO, *, size_bytes: int, content_type: str = ""
    ) -> ObjectInfo:
        """Store exactly `size_bytes` bytes of a stream under `key` in one atomic step.

        Raises:
            KeyNotStorableError: No file can have this path.
            StoreAccessDeniedError: The folder may not be written.
            StoreError: The system failed, or the stream ended early.
        """
        target = self._find_target(key)
        with writing(key), self._partial.create() as partial:
            etag = copy_exactly(key, stream, partial.file, size_bytes)
            return _publish(key, partial, target, etag, content_type)

    def delete(self, key: str) -> None:
        """Remove an object and the folders that it leaves empty; no error when there is none.

        Raises:
            StoreAccessDeniedError: The folder may not be written.
            StoreError: The system failed.
        """
        with suppress(ObjectNotFoundError, KeyNotStorableError), reading(key):
            path = encode_key(key)
            refuse_linked_folders(self._root, path, key)
            full = self._root + b"/" + path
            os.unlink(full)
            with suppress(OSError):
                while len(full := os.path.dirname(full)) > len(self._root):
                    os.rmdir(full)

    def sweep(self) -> int:
        """Remove partial files of killed writers and uploads idle for a week; the number.

        Raises:
            StoreAccessDeniedError: The folder may not be written.
            StoreError: The system failed.
        """
        with writing(""):
            return self._partial.sweep()

    def create_upload(self, key: str, *, content_type: str = "") -> str:
        """Begin a multipart upload and return its id.

        Raises:
            KeyNotStorableError: No file can have this path.
            StoreError: The system failed.
        """
        self._find_target(key)
        with writing(key):
            return self._uploads.create(key, content_type)

    def put_part(
        self, key: str, upload_id: str, number: int, stream: BinaryIO, *, size_bytes: int
    ) -> str:
        """Store one part, replacing one of the same number, and return its MD5.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: The number is not in 1 to 10,000.
            StoreError: The system failed, or the stream ended early.
        """
        with writing(key):
            return self._uploads.put_part(key, upload_id, number, stream, size_bytes)

    def list_parts(self, key: str, upload_id: str) -> list[tuple[UploadedPart, int]]:
        """The parts stored so far with their sizes in bytes, by number.

        Raises:
            NoSuchUploadError: The upload is unknown.
            StoreError: The system failed.
        """
        with writing(key):
            return self._uploads.list_parts(key, upload_id)

    def complete_upload(self, key: str, upload_id: str, parts: list[UploadedPart]) -> ObjectInfo:
        """Join parts into one object in one atomic step.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: A part is missing, out of order or has another tag.
            KeyNotStorableError: A file or folder has come in the way of the key.
            StoreError: The system failed.
        """
        with writing(key), self._uploads.locked(key, upload_id) as content_type:
            target = self._find_target(key)
            with self._partial.create() as partial:
                etag = self._uploads.join(key, upload_id, parts, partial.file)
                stored = _publish(key, partial, target, etag, content_type)
            self._uploads.remove(upload_id)
            return stored

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; no error when there is none.

        Raises:
            StoreError: The system failed.
        """
        with (
            suppress(NoSuchUploadError),
            writing(key),
            self._uploads.locked(key, upload_id),
        ):
            self._uploads.remove(upload_id)

    def _find_target(self, key: str) -> bytes:
        """The path to write a key to, once it is known that none of its folders is a link."""
        path = encode_key(key)
        with writing(key), suppress(FileNotFoundError):
            refuse_linked_folders(self._root, path, key)
        return self._root + b"/" + path


def _make_reader(key: str, descriptor: int, start: int, length: int | None) -> FileReader:
    """A reader of an open file; the file is closed by whoever opened it if this fails."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise ObjectNotFoundError(key)
    if start and start >= found.st_size:
        raise InvalidRangeError(size_bytes=found.st_size)
    os.lseek(descriptor, start, os.SEEK_SET)
    left = found.st_size - start
    return FileReader(
        io.FileIO(descriptor, "rb"),
        describe_file(key, descriptor, found),
        read_content_type(descriptor),
        left if length is None else min(left, length),
    )


def _publish(
    key: str, partial: PartialFile, target: bytes, etag: str, content_type: str
) -> ObjectInfo:
    """Tag a complete partial file and give it its name."""
    descriptor = partial.file.fileno()
    write_tags(descriptor, etag, content_type)
    found = os.fstat(descriptor)
    partial.publish(target)
    return ObjectInfo(key, found.st_size, found.st_mtime_ns // 1_000_000, etag)
