"""From the URL of an object to its key, for buckets that answer to given names."""

import re
from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from penstock.domain.errors import InvalidArgumentError, KeyNotStorableError
from penstock.storage.pages import FailedEntry, make_failed

_URL = re.compile(r"https?://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:]+)(?::\d*)?(/[^?#]*)?", re.I)
_PATH_STYLE_HOST = re.compile(r"(?:\d+\.){3}\d+|\[.*\]|localhost|(?:s3|cos)[.-].*")


def find_key(url: str, bucket_names: Collection[str]) -> str | FailedEntry:
    """The key that an object's URL names, percent-decoded once; '+' stays '+'.

    Query and fragment are dropped. The bucket is the first label of the host, or the whole
    host; behind an address, `localhost`, `s3.…` and `cos.…` also the path's first segment.

    Args:
        bucket_names: The names of the only bucket that is wanted.

    Returns:
        The key, or why the URL names no object of this bucket.
    """
    parts = _URL.match(url)
    if parts is None:
        return make_failed(url, "InvalidUrl", "the entry is not an http or https URL")
    host = parts[1].lower()
    path = (parts[2] or "/")[1:]
    if host not in bucket_names and host.partition(".")[0] not in bucket_names:
        bucket, _, path = path.partition("/")
        if bucket not in bucket_names or not _PATH_STYLE_HOST.fullmatch(host):
            return make_failed(url, "InvalidHost", "the URL is not one of the job's bucket")
    if "%" in path:
        try:
            path = unquote_to_bytes(path).decode()
        except UnicodeDecodeError:
            return make_failed(url, KeyNotStorableError.code, "the key is not UTF-8")
    if not path:
        return make_failed(url, "InvalidUrl", "the URL names a bucket, not an object")
    return path


def resolve_key(key_or_url: str, bucket_names: Collection[str]) -> str:
    """The key of an object that may be given as its key or as its URL.

    Raises:
        InvalidArgumentError: It is a URL, but not of an object of this bucket.
    """
    if not key_or_url.lower().startswith(("http://", "https://")):
        return key_or_url
    found = find_key(key_or_url, bucket_names)
    if isinstance(found, FailedEntry):
        fault = f"{found.entry}: {found.message}"
        raise InvalidArgumentError(fault)
    return found
