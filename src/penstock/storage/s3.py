"""S3 and all that speaks it (COS, MinIO, Ceph, …) as an object store.

Keys are exact. Objects up to 64 MiB are stored by one request; larger ones in parts, which are
dropped again when one fails. Requests are signed with the keys that botocore finds in the
environment, in profiles or from the machine's role.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import BinaryIO

import botocore.session
import urllib3
from botocore.exceptions import BotoCoreError

from penstock.domain.errors import (
    InvalidArgumentError,
    KeyNotStorableError,
    ObjectNotFoundError,
    PenstockError,
    StoreError,
)
from penstock.domain.refusals import InvalidRangeError, NoSuchUploadError
from penstock.domain.selection import ObjectInfo
from penstock.storage._s3_bodies import Window, spooled
from penstock.storage._s3_errors import ask
from penstock.storage._s3_http import Answer, Call, S3Connection
from penstock.storage._s3_listing import list_bucket
from penstock.storage._s3_location import parse_location
from penstock.storage._s3_reader import Resume, S3Reader
from penstock.storage._s3_xml import (
    find_text,
    parse_parts,
    write_completion,
)
from penstock.storage.base import UploadedPart
from penstock.storage.times import parse_http_time_ms

MAX_SINGLE_BYTES = 64 << 20
MIN_PART_BYTES = 16 << 20
MAX_PARTS = 10_000

_DEFAULT_REGION = "us-east-1"
_MD5_CHARACTERS = 32


class S3Store:
    """One bucket, or the part of one below a root; see `ObjectStore` for the promises."""

    def __init__(
        self, connection: S3Connection, *, max_single_bytes: int = MAX_SINGLE_BYTES
    ) -> None:
        """Store through a connection.

        Args:
            max_single_bytes: Largest object that is stored by one request.
        """
        self._connection = connection
        self._max_single_bytes = max_single_bytes

    @classmethod
    def from_url(cls, url: str) -> "S3Store":
        """The store of `s3://name[/root]?…`; contacts nothing, unless to find credentials.

        Raises:
            InvalidArgumentError: The URL is malformed, or there are no credentials for it.
        """
        location = parse_location(url)
        try:
            session = botocore.session.Session(profile=location.profile or None)
            credentials = None if location.is_anonymous else session.get_credentials()
            region = location.region or session.get_config_variable("region") or _DEFAULT_REGION
        except BotoCoreError as error:
            fault = f"s3://{location.bucket}: {error}"
            raise InvalidArgumentError(fault) from error
        if credentials is None and not location.is_anonymous:
            fault = (
                f"s3://{location.bucket}: found no credentials; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or add anonymous=true"
            )
            raise InvalidArgumentError(fault)
        return cls(S3Connection(location, region=region, credentials=credentials))

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix` and sorts after `start_after`, in order.

        Raises:
            StoreError: The server failed or cannot be reached.
            StoreAccessDeniedError: The server refuses.
        """
        return list_bucket(self._connection, prefix, start_after)

    def head(self, key: str) -> ObjectInfo:
        """The facts of one object.

        Raises:
            ObjectNotFoundError: There is no such object.
            KeyNotStorableError: The server cannot hold such a key.
            StoreAccessDeniedError: The server refuses.
            StoreError: The server failed or cannot be reached.
        """
        return _describe(key, self._ask(Call(method="HEAD", key=key), key))

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> S3Reader:
        """Open an object for reading, from byte `start` on, `length` bytes or to the end.

        Raises:
            ObjectNotFoundError: There is no such object.
            KeyNotStorableError: The server cannot hold such a key.
            StoreAccessDeniedError: The server refuses.
            InvalidRangeError: `start` is not zero and lies at or past the end.
            StoreError: The server failed or cannot be reached.
        """
        headers = {}
        if start or length is not None:
            # A range of no bytes cannot be asked for; one byte is, and is not read.
            end = "" if length is None else str(start + max(length, 1) - 1)
            headers["Range"] = f"bytes={start}-{end}"
        try:
            answer = self._open(key, headers)
        except InvalidRangeError:
            if start:
                raise InvalidRangeError(size_bytes=self.head(key).size_bytes) from None
            answer = self._open(key, {})  # an empty object has no ranges at all
        if _start_of(answer) != start:
            raise StoreError(key, "the server does not read from within an object")
        found = _describe(key, answer)
        left = found.size_bytes - start
        return S3Reader(
            found,
            answer.headers.get("content-type", ""),
            answer.stream,
            start=start,
            left_bytes=left if length is None else min(left, length),
            resume=Resume(partial(self._reopen, found), self._connection.pause),
        )

    def local_path(self, key: str) -> Path | None:
        """None: nothing lies on this machine."""
        return None

    def put_file(self, key: str, path: Path, *, content_type: str = "") -> ObjectInfo:
        """Store a local file under `key` in one atomic step; repeatable.

        Raises:
            KeyNotStorableError: The server cannot hold such a key.
            StoreAccessDeniedError: The server refuses.
            StoreError: The server failed, or the file cannot be read.
        """
        try:
            with path.open("rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if size_bytes <= self._max_single_bytes:
                    return self._put(key, Window(key, file, 0, size_bytes), content_type)
                return self._put_parts(key, file, size_bytes, content_type)
        except OSError as error:
            fault = f"the file to store cannot be read ({error.strerror})"
            raise StoreError(key, fault) from error

    def put_stream(
        self, key: str, stream: BinaryIO, *, size_bytes: int, content_type: str = ""
    ) -> ObjectInfo:
        """Store exactly `size_bytes` bytes of a stream under `key` in one atomic step.

        Raises:
            KeyNotStorableError: The server cannot hold such a key.
            StoreAccessDeniedError: The server refuses.
            StoreError: The server failed, or the stream ended early.
        """
        if size_bytes > self._max_single_bytes:
            return self._put_parts(key, stream, size_bytes, content_type)
        with spooled(key, stream, size_bytes) as body:
            return self._put(key, body, content_type)

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none.

        Raises:
            StoreAccessDeniedError: The server refuses.
            StoreError: The server failed or cannot be reached.
        """
        with suppress(ObjectNotFoundError, KeyNotStorableError):
            self._ask(Call(method="DELETE", key=key), key)

    def sweep(self) -> int:
        """Nothing: what a killed writer leaves is an upload, and the bucket's rules expire it."""
        return 0

    def create_upload(self, key: str, *, content_type: str = "") -> str:
        """Begin a multipart upload and return its id.

        Raises:
            KeyNotStorableError: The server cannot hold such a key.
            StoreAccessDeniedError: The server refuses.
            StoreError: The server failed or cannot be reached.
        """
        headers = _content_headers(content_type)
        call = Call(method="POST", key=key, query={"uploads": ""}, headers=headers)
        body = self._ask(call, key).body.decode("utf-8", "replace")
        upload_id = find_text(body, "UploadId")
        if not upload_id:
            raise StoreError(key, "the server gave the upload no id")
        return upload_id

    def put_part(
        self, key: str, upload_id: str, number: int, stream: BinaryIO, *, size_bytes: int
    ) -> str:
        """Store one part, replacing one of the same number, and return its entity tag.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: The number is not in 1 to 10,000.
            StoreError: The server failed, or the stream ended early.
        """
        if not 1 <= number <= MAX_PARTS:
            fault = f"part number {number} is not in 1 to {MAX_PARTS}"
            raise InvalidArgumentError(fault)
        with spooled(key, stream, size_bytes) as body:
            return self._put_part(key, upload_id, number, body)

    def list_parts(self, key: str, upload_id: str) -> list[tuple[UploadedPart, int]]:
        """The parts stored so far with their sizes in bytes, by number.

        Raises:
            NoSuchUploadError: The upload is unknown.
            StoreError: The server failed or cannot be reached.
        """
        parts: list[tuple[UploadedPart, int]] = []
        query = _upload_query(upload_id)
        while True:
            body = self._ask(Call(method="GET", key=key, query=query), key).body
            page = parse_parts(body)
            parts += page
            if find_text(body.decode("utf-8", "replace"), "IsTruncated") != "true" or not page:
                return parts
            query["part-number-marker"] = str(page[-1][0].number)

    def complete_upload(self, key: str, upload_id: str, parts: list[UploadedPart]) -> ObjectInfo:
        """Join parts into one object in one atomic step.

        An upload that is gone because it was completed with these parts already is no error.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: A part is missing, out of order or has another tag.
            StoreError: The server failed or cannot be reached.
        """
        call = Call(
            method="POST", key=key, query=_upload_query(upload_id), body=write_completion(parts)
        )
        try:
            self._ask(call, key)
        except NoSuchUploadError:
            with suppress(PenstockError):
                found = self.head(key)
                if found.etag == _joint_etag(parts):
                    return found
            raise
        return self.head(key)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; no error when there is none.

        Raises:
            StoreError: The server failed or cannot be reached.
        """
        with suppress(NoSuchUploadError):
            self._ask(Call(method="DELETE", key=key, query=_upload_query(upload_id)), key)

    def _put(self, key: str, body: Window, content_type: str) -> ObjectInfo:
        headers = _content_headers(content_type)
        answer = self._ask(Call(method="PUT", key=key, headers=headers, body=body), key)
        return ObjectInfo(key, body.size_bytes, -1, _etag_of(answer))

    def _put_parts(
        self, key: str, stream: BinaryIO, size_bytes: int, content_type: str
    ) -> ObjectInfo:
        """Store a stream in parts; those of a failed try are dropped."""
        part_bytes = max(MIN_PART_BYTES, -(-size_bytes // MAX_PARTS))
        upload_id = self.create_upload(key, content_type=content_type)
        try:
            parts = []
            for number, start in enumerate(range(0, size_bytes, part_bytes), 1):
                with spooled(key, stream, min(part_bytes, size_bytes - start)) as body:
                    etag = self._put_part(key, upload_id, number, body)
                parts.append(UploadedPart(number, etag))
            return self.complete_upload(key, upload_id, parts)
        except BaseException:
            with suppress(PenstockError):
                self.abort_upload(key, upload_id)
            raise

    def _put_part(self, key: str, upload_id: str, number: int, body: Window) -> str:
        query = {"partNumber": str(number), **_upload_query(upload_id)}
        return _etag_of(self._ask(Call(method="PUT", key=key, query=query, body=body), key))

    def _open(self, key: str, headers: dict[str, str]) -> Answer:
        return self._ask(Call(method="GET", key=key, headers=headers, is_streamed=True), key)

    def _reopen(self, found: ObjectInfo, start: int) -> urllib3.BaseHTTPResponse:
        """The rest of an object that is still the same version."""
        headers = {"Range": f"bytes={start}-"}
        if found.etag:
            headers["If-Match"] = f'"{found.etag}"'
        answer = self._open(found.key, headers)
        is_same = _start_of(answer) == start and _etag_of(answer) == found.etag
        if answer.stream is None or not is_same:
            raise StoreError(found.key, "the download broke off and cannot be gone on with")
        return answer.stream

    def _ask(self, call: Call, key: str) -> Answer:
        return ask(self._connection, call, key)


def _describe(key: str, answer: Answer) -> ObjectInfo:
    headers = answer.headers
    size = headers.get("content-range", "").rpartition("/")[2]
    if not size.isdecimal():
        size = headers.get("content-length", "")
    if not size.isdecimal():
        raise StoreError(key, "the server does not tell the object's size")
    modified = parse_http_time_ms(headers.get("last-modified", ""))
    return ObjectInfo(key, int(size), modified, _etag_of(answer))


def _start_of(answer: Answer) -> int:
    """The byte of the object with which an answer begins; not every server says 206 to ranges."""
    start = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdecimal() else 0


def _etag_of(answer: Answer) -> str:
    return answer.headers.get("etag", "").removeprefix("W/").strip('"')


def _upload_query(upload_id: str) -> dict[str, str]:
    if not upload_id:  # would ask for the object itself
        raise NoSuchUploadError(upload_id)
    return {"uploadId": upload_id}


def _content_headers(content_type: str) -> dict[str, str]:
    if not content_type:
        return {}
    if not (content_type.isascii() and content_type.isprintable()):
        fault = f"{content_type!r} is no media type"
        raise InvalidArgumentError(fault)
    return {"Content-Type": content_type}


def _joint_etag(parts: list[UploadedPart]) -> str:
    """The entity tag that joining parts gives; empty where their tags are not MD5."""
    digest = md5(usedforsecurity=False)
    for part in parts:
        if len(part.etag) != _MD5_CHARACTERS:
            return ""
        try:
            digest.update(bytes.fromhex(part.etag))
        except ValueError:
            return ""
    return f"{digest.hexdigest()}-{len(parts)}"
