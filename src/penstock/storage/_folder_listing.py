"""Walking a folder in the order of its keys.

Sorting each directory's names with '/' appended to directory names gives the global order of the
keys' bytes: all keys below `a/` sit between `a.` and `a0`. So one directory's names are held at a
time for each level, never the listing.
"""

# Names that are not UTF-8 are bytes here; pathlib knows text only.
# ruff: noqa: PTH112, PTH116

import os
import stat
from collections.abc import Iterator

from penstock.domain.errors import StoreAccessDeniedError, StoreError
from penstock.domain.selection import ObjectInfo
from penstock.storage._folder_paths import PARTIAL_NAME, decode_path, translate
from penstock.storage.key_bytes import encode_bound


def walk_folder(root: bytes, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
    """Every file below `root` whose key begins with `prefix` and sorts after `start_after`.

    Files that vanish meanwhile are left out; symbolic links to folders are not followed.

    Raises:
        StoreAccessDeniedError: A folder cannot be read.
        StoreError: The root does not exist, or reading a folder failed.
    """
    wanted = encode_bound(prefix)
    after = encode_bound(start_after)
    base = wanted[: wanted.rfind(b"/") + 1]
    if not os.path.isdir(root):
        raise StoreError(prefix, "the folder of this bucket does not exist")
    if base and not _is_plain_folder(root, base):
        return
    rest = wanted[len(base) :]
    names = [name for name in _list_names(root, base) if name.startswith(rest)]
    levels = [(base, iter(_drop_until(names, base, after)))]
    while levels:
        base, pending = levels[-1]
        for name in pending:
            if name[-1:] == b"/":
                below = base + name
                levels.append((below, iter(_drop_until(_list_names(root, below), below, after))))
                break
            found = _find(root, base + name)
            if found is not None:
                yield found
        else:
            levels.pop()


def _is_plain_folder(root: bytes, base: bytes) -> bool:
    """Whether a prefix's folder is one that a listing would reach."""
    segments = base[:-1].split(b"/")
    if segments[0] == PARTIAL_NAME or not {b"", b".", b".."}.isdisjoint(segments):
        return False
    path = root
    for segment in segments:
        path += b"/" + segment
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError as error:
            raise _translate_folder(base, error) from error
        if not stat.S_ISDIR(mode):
            return False
    return True


def _list_names(root: bytes, base: bytes) -> list[bytes]:
    """The sorted names in a folder, '/' appended to those of folders; empty if it vanished."""
    names = []
    try:
        with os.scandir(root + b"/" + base) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name + b"/")
                else:
                    names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _translate_folder(base, error) from error
    if not base and PARTIAL_NAME + b"/" in names:
        names.remove(PARTIAL_NAME + b"/")
    names.sort()
    return names


def _drop_until(names: list[bytes], base: bytes, after: bytes) -> list[bytes]:
    """The names whose keys can sort after a bound; folders that end before it are not read."""
    if after < base:
        return names
    return [
        name
        for name in names
        if base + name > after or (name[-1:] == b"/" and after.startswith(base + name))
    ]


def _find(root: bytes, path: bytes) -> ObjectInfo | None:
    """The facts of a listed file; None for what is no object or is gone."""
    full = root + b"/" + path
    try:
        found = os.lstat(full)
        if stat.S_ISLNK(found.st_mode):
            return _find_linked(full, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _translate_folder(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        return None
    return ObjectInfo(
        path.decode("utf-8", "surrogateescape"), found.st_size, found.st_mtime_ns // 1_000_000
    )


def _find_linked(full: bytes, path: bytes) -> ObjectInfo | None:
    """The facts of the file behind a link; of a broken link, its name alone."""
    try:
        found = os.stat(full)
    except OSError:
        return ObjectInfo(decode_path(path))
    if not stat.S_ISREG(found.st_mode):
        return None
    return ObjectInfo(decode_path(path), found.st_size, found.st_mtime_ns // 1_000_000)


def _translate_folder(path: bytes, error: OSError) -> StoreAccessDeniedError | StoreError:
    """The error for a folder that cannot be listed."""
    translated = translate(decode_path(path), error)
    if isinstance(translated, StoreAccessDeniedError | StoreError):
        return translated
    return StoreError(decode_path(path), error.strerror or type(error).__name__)
