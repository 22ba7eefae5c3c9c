"""Entity tags and media types of files, kept in extended attributes where the system has them.

A file that Penstock wrote carries the MD5 of its content, as S3 clients expect, together with the
modification time it was true for. Any other file, or one changed since, has the tag
`<mtime>-<size>-<inode>` in hexadecimal, which is cheap and as stable as the file.
"""

import os
from contextlib import suppress

from penstock.domain.selection import ObjectInfo

_ETAG = "user.penstock.etag"
_CONTENT_TYPE = "user.penstock.content-type"


def write_tags(file: int, etag: str, content_type: str) -> None:
    """Note the tag and type on an open file whose content is complete.

    Systems without extended attributes keep neither; that is no error.
    """
    with suppress(OSError):
        os.setxattr(file, _ETAG, f"{os.fstat(file).st_mtime_ns} {etag}".encode())
        if content_type:
            os.setxattr(file, _CONTENT_TYPE, content_type.encode("utf-8", "replace"))


def describe_file(key: str, file: int | bytes, found: os.stat_result) -> ObjectInfo:
    """The facts of a file, by its descriptor or path, with its entity tag."""
    noted, _, etag = _read(file, _ETAG).partition(" ")
    if noted != str(found.st_mtime_ns):
        etag = f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"
    return ObjectInfo(key, found.st_size, found.st_mtime_ns // 1_000_000, etag)


def read_content_type(file: int) -> str:
    """The media type noted on an open file; empty where there is none."""
    return _read(file, _CONTENT_TYPE)


def _read(file: int | bytes, name: str) -> str:
    try:
        return os.getxattr(file, name).decode("utf-8", "replace")
    except OSError:
        return ""
