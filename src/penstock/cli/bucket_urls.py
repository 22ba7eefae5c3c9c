"""Storage URLs as they are typed: relative paths, and folders that are not there yet."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def make_folder(url: str) -> None:
    """Make the folder of a bucket that lies in one."""
    path = local_folder(url)
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)


def local_folder(url: str) -> Path | None:
    """The folder that a storage URL or path names; None for other stores."""
    if "://" not in url:
        return Path(url).absolute()
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def absolute_url(url: str) -> str:
    """A storage URL that means the same from every working directory."""
    path = local_folder(url)
    return url if path is None else path.absolute().as_uri()
