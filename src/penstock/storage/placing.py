"""Finds a place for a bucket that is made by its name alone: below one root for all of them."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from penstock.domain.errors import StoreError


def place_bucket(root: str, name: str) -> str:
    """The storage URL of a bucket below a root; a folder is made if it is not there.

    Args:
        root: A storage URL, or a path.
        name: The bucket's name; letters, digits and hyphens.

    Raises:
        StoreError: The folder cannot be made.
    """
    if "://" not in root:
        return _made(Path(root).absolute() / name)
    parts = urlsplit(root)
    if parts.scheme.lower() == "file":
        return _made(Path(unquote(parts.path, errors="surrogateescape")) / name)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}").geturl()


def _made(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fault = f"no folder can be made for it: {error.strerror}"
        raise StoreError(folder.name, fault) from error
    return folder.as_uri()
