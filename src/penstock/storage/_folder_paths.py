"""Keys and paths of a folder: the exact mapping, and its errors in our words.

Paths are bytes throughout: a name that is not UTF-8 stays what it is, and the order of the bytes
is the order of a listing.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.domain.errors import (
    KeyNotStorableError,
    ObjectNotFoundError,
    StoreAccessDeniedError,
    StoreError,
)

PARTIAL_NAME = b".penstock-partial"
MAX_NAME_BYTES = 255

_DENIED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
_ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO))


def encode_key(key: str) -> bytes:
    """The path of a key below the root.

    Raises:
        KeyNotStorableError: No file has exactly this path, or it is not ours to touch.
    """
    try:
        path = key.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise KeyNotStorableError(key, "it is not Unicode text") from None
    segments = path.split(b"/")
    if b"" in segments:
        raise KeyNotStorableError(key, "a path segment is empty")
    if b"." in segments or b".." in segments:
        raise KeyNotStorableError(key, "a path segment is '.' or '..'")
    if b"\0" in path:
        raise KeyNotStorableError(key, "it contains NUL")
    if len(max(segments, key=len)) > MAX_NAME_BYTES:
        raise KeyNotStorableError(key, f"a path segment is over {MAX_NAME_BYTES} bytes")
    if segments[0] == PARTIAL_NAME:
        raise KeyNotStorableError(key, "the folder is reserved for partial files")
    if path.decode("utf-8", "surrogateescape") != key:
        raise KeyNotStorableError(key, "its escaped bytes are the UTF-8 of another key")
    return path


def decode_path(path: bytes) -> str:
    """The key of a path below the root."""
    return path.decode("utf-8", "surrogateescape")


def refuse_linked_folders(root: bytes, path: bytes, key: str) -> None:
    """Make sure that no folder between the root and a path is a symbolic link.

    Listings do not follow such links, so that each file has one key and none leads out of the
    root; reads and writes keep to the same rule.

    Raises:
        KeyNotStorableError: A folder on the way is a symbolic link.
        OSError: A folder on the way cannot be looked at, or does not exist.
    """
    end = path.find(b"/")
    while end >= 0:
        if stat.S_ISLNK(os.lstat(root + b"/" + path[:end]).st_mode):
            raise KeyNotStorableError(key, "a folder in its path is a symbolic link")
        end = path.find(b"/", end + 1)


@contextmanager
def reading(key: str) -> Iterator[None]:
    """Turn what the operating system says while an object is read into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise ObjectNotFoundError(key) from error
        raise translate(key, error) from error


@contextmanager
def writing(key: str) -> Iterator[None]:
    """Turn what the operating system says while an object is stored into our errors."""
    try:
        yield
    except (NotADirectoryError, FileExistsError) as error:
        raise KeyNotStorableError(key, "a folder in its path is a file") from error
    except IsADirectoryError as error:
        raise KeyNotStorableError(key, "a folder has this name") from error
    except OSError as error:
        raise translate(key, error) from error


def translate(
    key: str, error: OSError
) -> KeyNotStorableError | StoreAccessDeniedError | StoreError:
    """The error of ours that an operating system error stands for; names no local path."""
    if error.errno in _DENIED:
        return StoreAccessDeniedError(key)
    if error.errno in {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}:
        return KeyNotStorableError(key, os.strerror(error.errno or 0))
    return StoreError(key, error.strerror or type(error).__name__)
