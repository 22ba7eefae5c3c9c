"""Calls that store: whole objects, copies, and objects in parts."""

from collections.abc import Callable
from typing import BinaryIO, TypeVar
from urllib.parse import unquote_to_bytes

from penstock.api.conditions import resolve_range
from penstock.api.hosts import resolve_host
from penstock.api.listings import is_url_encoded, read_number
from penstock.api.requests import Call, check_md5
from penstock.api.responses import Response, xml_response
from penstock.api.streams import open_body
from penstock.api.threads import Threads
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import MissingContentLengthError
from penstock.service.objects import ObjectService, Place
from penstock.wire import xml
from penstock.wire.objects import (
    decode_parts,
    encode_completion,
    encode_copy,
    encode_parts,
    encode_upload,
    quoted,
)

T = TypeVar("T")

_MAX_PARTS_BYTES = 4 << 20
_MAX_PARTS = 1000


class UploadCalls:
    """Handlers of the calls that store objects."""

    def __init__(self, service: ObjectService, threads: Threads, now: Callable[[], float]) -> None:
        self._service = service
        self._threads = threads
        self._now = now

    async def put(self, call: Call) -> Response:
        """PUT object: streamed into the store, with or without a known length."""
        stored = await self._store(
            call,
            lambda stream, size: self._service.put(
                _place(call), stream, size_bytes=size, content_type=call.header("content-type")
            ),
        )
        return Response(headers=_etag(stored.etag))

    async def put_part(self, call: Call) -> Response:
        """PUT part of a multipart upload."""
        etag = await self._store(
            call,
            lambda stream, size: self._service.put_part(
                _place(call), call.argument("uploadId"), _part(call), stream, size_bytes=size
            ),
        )
        return Response(headers=_etag(etag))

    def copy(self, call: Call) -> Response:
        """PUT object from another one, in this bucket or another bound one."""
        source = _readable_source(call)
        is_replaced = call.header("x-cos-metadata-directive").lower() == "replaced"
        content_type = call.header("content-type") if is_replaced else ""
        stored = self._service.copy(source, _place(call), content_type=content_type)
        tree = encode_copy(stored.etag, stored.modified_ms)
        return xml_response("CopyObjectResult", tree, headers=_etag(stored.etag))

    def copy_part(self, call: Call) -> Response:
        """PUT part from a range of another object."""
        source = _readable_source(call)
        text = call.header("x-cos-copy-source-range")
        span = resolve_range(text, self._service.head(source).size_bytes) if text else None
        etag = self._service.copy_part(
            source, span or (0, None), _place(call), call.argument("uploadId"), _part(call)
        )
        return xml_response("CopyPartResult", encode_copy(etag, int(self._now() * 1000)))

    def create(self, call: Call) -> Response:
        """POST uploads: begin a multipart upload."""
        content_type = call.header("content-type")
        upload_id = self._service.create_upload(_place(call), content_type=content_type)
        tree = encode_upload(call.bucket, call.key, upload_id)
        return xml_response("InitiateMultipartUploadResult", tree)

    def list_parts(self, call: Call) -> Response:
        """GET upload: the parts stored so far."""
        upload_id = call.argument("uploadId")
        tree = encode_parts(
            (call.bucket, call.key, upload_id),
            self._service.list_parts(_place(call), upload_id),
            marker=read_number(call, "part-number-marker", default=0),
            max_parts=min(read_number(call, "max-parts", default=_MAX_PARTS), _MAX_PARTS),
            url_encoded=is_url_encoded(call),
        )
        return xml_response("ListPartsResult", tree)

    async def complete(self, call: Call) -> Response:
        """POST upload: join its parts."""
        content = await call.body.read_all(max_bytes=_MAX_PARTS_BYTES)
        check_md5(call.header("content-md5"), content)
        parts = decode_parts(xml.parse(content, max_bytes=_MAX_PARTS_BYTES)[1])
        stored = await self._threads.run(
            lambda: self._service.complete_upload(_place(call), call.argument("uploadId"), parts)
        )
        tree = encode_completion(f"http://{call.resource}", call.bucket, stored)
        return xml_response("CompleteMultipartUploadResult", tree)

    def abort(self, call: Call) -> Response:
        """DELETE upload: drop its parts."""
        self._service.abort_upload(_place(call), call.argument("uploadId"))
        return Response(status=204)

    async def _store(self, call: Call, work: Callable[[BinaryIO, int | None], T]) -> T:
        """Let a thread read the body of a call while it arrives.

        Raises:
            MissingContentLengthError: The call has neither a length nor chunks.
        """
        size = call.body.length_bytes
        if size is None and not call.body.is_chunked:
            raise MissingContentLengthError
        stream, file = open_body(call)
        try:
            return await self._threads.run_upload(lambda: work(file, size))
        finally:
            stream.abort()


def _place(call: Call) -> Place:
    return Place(call.bucket, call.key)


def _part(call: Call) -> int:
    return read_number(call, "partNumber", default=0)


def _readable_source(call: Call) -> Place:
    """The source of a copy, which whoever copies it must be allowed to read."""
    source = _source(call)
    call.require("cos:GetObject", bucket=source.bucket, key=source.key)
    return source


def _source(call: Call) -> Place:
    """Where `x-cos-copy-source` points: `<bucket>.cos.<region>.any.domain/<encoded key>`."""
    text, _, version = call.header("x-cos-copy-source").partition("?versionId=")
    host, _, path = text.removeprefix("http://").removeprefix("https://").partition("/")
    bucket = resolve_host(host, None).bucket
    key = unquote_to_bytes(path).decode(errors="surrogateescape")
    if bucket is None or not key or version:
        fault = f"x-cos-copy-source {text!r} is not <bucket>.cos.<region>.<domain>/<key>"
        raise InvalidArgumentError(fault)
    return Place(bucket, key)


def _etag(etag: str) -> tuple[tuple[str, str], ...]:
    return (("ETag", quoted(etag)),) if etag else ()
