"""From the URL of a bucket to its store: the one place here that names concrete back ends."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.domain.errors import InvalidArgumentError
from penstock.storage.base import ObjectStore
from penstock.storage.folder import FolderStore


def open_store(url: str) -> ObjectStore:
    """The store that a URL names.

    Args:
        url: A path, `file:///folder` (percent-encoded), or
            `s3://name[/root]?endpoint=…&region=…&addressing=path|virtual&profile=…&anonymous=…`.
            Paths may be relative to the working directory. Nothing is contacted or made yet.

    Raises:
        InvalidArgumentError: The URL is malformed or of an unknown kind, or there are no
            credentials for it.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        return FolderStore(_check_path(url))
    if scheme.lower() == "file":
        return FolderStore(_check_path(_path_of(url)))
    if scheme.lower() == "s3":
        # Loading botocore takes longer than all else; a folder does not need it.
        from penstock.storage.s3 import S3Store  # noqa: PLC0415

        return S3Store.from_url(url)
    fault = f"{url!r} is no storage URL: expected a path, file:///… or s3://…"
    raise InvalidArgumentError(fault)


def folder_of(url: str) -> Path | None:
    """The folder that a storage URL names; None where it names no folder.

    Raises:
        InvalidArgumentError: The URL is malformed.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        return _check_path(url)
    return _check_path(_path_of(url)) if scheme.lower() == "file" else None


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        fault = f"{url!r} names the host {parts.netloc!r}: expected file:///…"
        raise InvalidArgumentError(fault)
    if parts.query or parts.fragment:
        fault = f"{url!r} has a query or fragment: write '?' as %3F and '#' as %23"
        raise InvalidArgumentError(fault)
    return unquote(parts.path, errors="surrogateescape")


def _check_path(path: str) -> Path:
    if not path or "\0" in path:
        fault = f"{path!r} is no path of a folder"
        raise InvalidArgumentError(fault)
    return Path(path)
