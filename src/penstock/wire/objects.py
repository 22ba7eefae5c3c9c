"""Bodies of the COS object calls: listings, multipart uploads, copies and deletions."""

import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

from penstock.domain.listings import ListingPage, ListingQuery
from penstock.domain.refusals import InvalidContentError
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree, children, text
from penstock.wire.times import listing_time
from penstock.wire.xml import Content

_STORAGE_CLASS = "STANDARD"
_COMPLETION = "CompleteMultipartUpload"
_DELETION = "Delete"
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def encode_listing(
    bucket: str, query: ListingQuery, page: ListingPage, *, url_encoded: bool = False
) -> dict[str, Content]:
    """`ListBucketResult`.

    Args:
        url_encoded: Percent-encode keys and prefixes, so that any byte can be carried.
    """
    spell = _url if url_encoded else str
    return {
        "Name": bucket,
        "EncodingType": "url" if url_encoded else None,
        "Prefix": spell(query.prefix),
        "Marker": spell(query.marker),
        "MaxKeys": query.max_keys,
        "Delimiter": spell(query.delimiter) if query.delimiter else None,
        "IsTruncated": page.is_truncated,
        "NextMarker": spell(page.next_marker) if page.is_truncated else None,
        "Contents": [_encode_object(found, spell) for found in page.contents],
        "CommonPrefixes": [{"Prefix": spell(prefix)} for prefix in page.common_prefixes],
    }


def encode_buckets(buckets: Iterable[str], region: str) -> dict[str, Content]:
    """`ListAllMyBucketsResult`."""
    entries: list[Content] = [
        {"Name": bucket, "Location": region, "BucketType": "cos"} for bucket in buckets
    ]
    return {"Owner": {"ID": "", "DisplayName": ""}, "Buckets": {"Bucket": entries}}


def encode_uploads(bucket: str, prefix: str) -> dict[str, Content]:
    """`ListMultipartUploadsResult`; names no uploads, since stores do not list them."""
    return {
        "Bucket": bucket,
        "KeyMarker": "",
        "UploadIdMarker": "",
        "Prefix": _url(prefix),
        "EncodingType": "url",
        "MaxUploads": 1000,
        "IsTruncated": False,
    }


def encode_upload(bucket: str, key: str, upload_id: str) -> dict[str, Content]:
    """`InitiateMultipartUploadResult`."""
    return {"Bucket": bucket, "Key": key, "UploadId": upload_id}


def encode_parts(
    upload: tuple[str, str, str],
    parts: Sequence[tuple[tuple[int, str], int]],
    *,
    marker: int,
    max_parts: int,
    url_encoded: bool = False,
) -> dict[str, Content]:
    """`ListPartsResult`.

    Args:
        upload: Bucket, key and upload id.
        parts: Number, entity tag and size in bytes of every part stored so far, by number.
        marker: Only parts with greater numbers are named.
        max_parts: Most parts to name.
    """
    bucket, key, upload_id = upload
    after = [part for part in parts if part[0][0] > marker]
    shown = after[:max_parts]
    is_truncated = len(after) > len(shown)
    return {
        "Bucket": bucket,
        "EncodingType": "url" if url_encoded else None,
        "Key": _url(key) if url_encoded else key,
        "UploadId": upload_id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1][0][0] if shown and is_truncated else None,
        "MaxParts": max_parts,
        "StorageClass": _STORAGE_CLASS,
        "IsTruncated": is_truncated,
        "Part": [
            {"PartNumber": number, "ETag": quoted(etag), "Size": size}
            for (number, etag), size in shown
        ],
    }


def encode_completion(location: str, bucket: str, stored: ObjectInfo) -> dict[str, Content]:
    """`CompleteMultipartUploadResult`."""
    return {
        "Location": location,
        "Bucket": bucket,
        "Key": stored.key,
        "ETag": quoted(stored.etag),
    }


def encode_copy(etag: str, modified_ms: int) -> dict[str, Content]:
    """`CopyObjectResult`, and `CopyPartResult`."""
    return {"ETag": quoted(etag), "LastModified": listing_time(modified_ms)}


def encode_deletion(
    deleted: Iterable[str], failed: Iterable[tuple[str, str, str]], *, is_quiet: bool
) -> dict[str, Content]:
    """`DeleteResult`.

    Args:
        failed: Key, error code and message.
        is_quiet: Leave out what was deleted.
    """
    return {
        "Deleted": [] if is_quiet else [{"Key": key} for key in deleted],
        "Error": [{"Key": key, "Code": code, "Message": message} for key, code, message in failed],
    }


def decode_parts(tree: Tree) -> list[tuple[int, str]]:
    """Number and entity tag, without quotes, of every part of `CompleteMultipartUpload`.

    Raises:
        InvalidContentError: There is no part, or one has no number.
    """
    parts = []
    for part in children(tree, "Part"):
        number = text(part, "PartNumber")
        if not _NUMBER.fullmatch(number):
            raise InvalidContentError(_COMPLETION, f"PartNumber {number!r} is not a number")
        parts.append((int(number), text(part, "ETag").strip('"')))
    if not parts:
        raise InvalidContentError(_COMPLETION, "it names no Part")
    return parts


def decode_deletion(tree: Tree) -> tuple[list[str], bool]:
    """The exact keys of `Delete`, and whether the answer is to be quiet.

    Args:
        tree: Parsed with its blanks kept, since keys may begin or end with some.

    Raises:
        InvalidContentError: There is no object, or one has no key.
    """
    keys = []
    for entry in children(tree, "Object"):
        key = entry.get("Key")
        if not isinstance(key, str) or not key:
            raise InvalidContentError(_DELETION, "an Object needs one Key")
        keys.append(key)
    if not keys:
        raise InvalidContentError(_DELETION, "it names no Object")
    return keys, text(tree, "Quiet").lower() == "true"


def quoted(etag: str) -> str:
    """An entity tag in the quotes it has in headers and bodies; empty if there is none."""
    return f'"{etag}"' if etag else ""


def _encode_object(found: ObjectInfo, spell: Callable[[str], str]) -> Content:
    return {
        "Key": spell(found.key),
        "LastModified": listing_time(max(found.modified_ms, 0)),
        "ETag": quoted(found.etag),
        "Size": max(found.size_bytes, 0),
        "StorageClass": _STORAGE_CLASS,
    }


def _url(key: str) -> str:
    return quote(key.encode(errors="surrogateescape"), safe="/-_.~")
