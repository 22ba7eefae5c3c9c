"""Listing a bucket on S3, page by page."""

from collections.abc import Iterator

from penstock.domain.errors import ObjectNotFoundError, StoreError
from penstock.domain.selection import ObjectInfo
from penstock.storage._s3_errors import ask
from penstock.storage._s3_http import Call, S3Connection
from penstock.storage._s3_xml import ListPage, parse_list_page
from penstock.storage.key_bytes import encode_bound


def list_bucket(connection: S3Connection, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
    """Every object whose key begins with `prefix` and sorts after `start_after`, in order.

    Raises:
        StoreError: The server failed or cannot be reached.
        StoreAccessDeniedError: The server refuses.
    """
    root = connection.location.root
    listed = _list_all(connection, root + prefix, start_after and root + start_after)
    return _strip_root(listed, len(root)) if root else listed


def _strip_root(listed: Iterator[ObjectInfo], length: int) -> Iterator[ObjectInfo]:
    for found in listed:
        if key := found.key[length:]:
            yield found._replace(key=key)


def _list_all(connection: S3Connection, prefix: str, after: str) -> Iterator[ObjectInfo]:
    query = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    if after:
        query["start-after"] = after
    bound = encode_bound(after)
    while True:
        page = _fetch_page(connection, query)
        found = page.objects
        if found and encode_bound(found[0].key) <= bound:
            # A server that knows only the first version of this call begins at the start.
            if "marker" in query:
                raise StoreError(prefix, "the server does not list the keys after a key")
            query = _ask_by_marker(query, after)
            continue
        yield from found
        if not page.is_truncated:
            return
        if not found:
            raise StoreError(prefix, "the server says that there is more, but sends nothing")
        query.pop("start-after", None)
        if page.token:
            query["continuation-token"] = page.token
        else:
            query = _ask_by_marker(query, found[-1].key)
        bound = encode_bound(found[-1].key)


def _ask_by_marker(query: dict[str, str], after: str) -> dict[str, str]:
    """The same listing by the call's first version, which every server knows."""
    return {"encoding-type": "url", "prefix": query["prefix"], "marker": after}


def _fetch_page(connection: S3Connection, query: dict[str, str]) -> ListPage:
    location = connection.location
    try:
        body = ask(connection, Call(method="GET", query=query), location.bucket).body
        return parse_list_page(body, has_literal_plus=location.has_literal_plus)
    except (ValueError, ObjectNotFoundError) as error:
        raise StoreError(location.bucket, f"the bucket cannot be listed ({error})") from error
