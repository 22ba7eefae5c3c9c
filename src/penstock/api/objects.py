"""The COS object calls: which call it is, and the ones that read."""

import mimetypes
from collections.abc import Callable
from contextlib import ExitStack, closing

from penstock.api.conditions import check_conditions, is_range_current, resolve_range
from penstock.api.dispatch import Action, Handler
from penstock.api.hosts import Service
from penstock.api.listings import BucketCalls
from penstock.api.requests import Call
from penstock.api.responses import Response, header_value
from penstock.api.threads import Threads
from penstock.api.uploads import UploadCalls
from penstock.domain.errors import StoreError
from penstock.domain.refusals import MethodNotAllowedError
from penstock.domain.selection import ObjectInfo
from penstock.service.objects import ObjectService, Place
from penstock.wire.objects import quoted
from penstock.wire.signature import Pairs
from penstock.wire.times import http_date

_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}
# Calls that COS has and this server does not. Taking one for a plain call would store an access
# list as the object, or hand out a picture that was not scaled.
_FOREIGN = frozenset(
    "accelerate acl append ci-process cors domain encryption exif image_process imageAve "
    "imageInfo intelligent-tiering inventory legal-hold lifecycle logging notification "
    "object-lock origin policy referer replication restore retention select symlink tagging "
    "torrent versionId versioning versions website".split()
)
_DELETE_MANY = "DeleteMultipleObjects"
_FOREIGN_PREFIXES = ("imageMogr2/", "imageView2/", "watermark/")


class ObjectCalls:
    """Finds the handler of an object call, and reads objects."""

    def __init__(self, service: ObjectService, threads: Threads, now: Callable[[], float]) -> None:
        self._service = service
        self._bucket_calls = BucketCalls(service, threads)
        self._upload_calls = UploadCalls(service, threads, now)

    def find(self, call: Call) -> Action:
        """The action of an object call.

        Raises:
            MethodNotAllowedError: There is no such object call.
            InvalidHostError: The host names no bucket.
        """
        foreign = next((name for name, _ in call.query if _is_foreign(name)), "")
        if foreign:
            raise MethodNotAllowedError(call.method, f"{call.path}?{foreign}")
        if not call.key:
            found = self._find_on_bucket(call)
        elif call.has_argument("uploadId"):
            found = self._find_on_upload(call)
        else:
            found = self._find_on_object(call)
        if found is None:
            raise MethodNotAllowedError(call.method, call.path)
        name, handler = found
        is_asking = name == _DELETE_MANY  # its keys are in its body
        return Action(f"cos:{name}", handler, {}, has_content=False, is_asking=is_asking)

    def _find_on_bucket(self, call: Call) -> tuple[str, Handler] | None:
        calls = self._bucket_calls
        match call.method:
            case "GET" if call.address.bucket is None:
                return "GetService", calls.list_buckets
            case "GET" if call.has_argument("uploads"):
                return "ListMultipartUploads", calls.list_uploads
            case "GET":
                return "GetBucket", calls.list_objects
            case "HEAD":
                return "HeadBucket", calls.head
            case "POST" if call.has_argument("delete"):
                return "DeleteMultipleObjects", calls.delete_many
        return None

    def _find_on_object(self, call: Call) -> tuple[str, Handler] | None:
        calls = self._upload_calls
        match call.method:
            case "GET":
                return "GetObject", self.get
            case "HEAD":
                return "HeadObject", self.head
            case "PUT":
                is_copy = bool(call.header("x-cos-copy-source"))
                return "PutObject", calls.copy if is_copy else calls.put
            case "POST" if call.has_argument("uploads"):
                return "InitiateMultipartUpload", calls.create
            case "DELETE":
                return "DeleteObject", self.delete
        return None

    def _find_on_upload(self, call: Call) -> tuple[str, Handler] | None:
        calls = self._upload_calls
        match call.method:
            case "GET":
                return "ListParts", calls.list_parts
            case "PUT":
                is_copy = bool(call.header("x-cos-copy-source"))
                return "UploadPart", calls.copy_part if is_copy else calls.put_part
            case "POST":
                return "CompleteMultipartUpload", calls.complete
            case "DELETE":
                return "AbortMultipartUpload", calls.abort
        return None

    def get(self, call: Call) -> Response:
        """GET object, or one range of it."""
        place = Place(call.bucket, call.key)
        span = self._find_range(call, place)
        start, length = span or (0, None)
        with ExitStack() as stack:
            reader = stack.enter_context(
                closing(self._service.open(place, start=start, length=length))
            )
            found = reader.found
            is_current = check_conditions(call, found)
            headers = _describe(call, found, reader.content_type)
            if is_current:
                return Response(status=304, headers=headers)
            extent = _extent(span, found)
            stack.pop_all()
        if span is None:
            return Response(headers=headers, reader=reader, length_bytes=found.size_bytes)
        return Response(
            status=206,
            headers=(*headers, ("Content-Range", extent)),
            reader=reader,
            length_bytes=span[1],
        )

    def _find_range(self, call: Call, place: Place) -> tuple[int, int] | None:
        text = call.header("range")
        if not text:
            return None
        known = self._service.head(place)
        return resolve_range(text, known.size_bytes) if is_range_current(call, known) else None

    def head(self, call: Call) -> Response:
        """HEAD object: the headers of a GET."""
        found, content_type = self._service.describe(Place(call.bucket, call.key))
        is_current = check_conditions(call, found)
        headers = _describe(call, found, content_type)
        if is_current:
            return Response(status=304, headers=headers)
        return Response(headers=(*headers, ("Content-Length", str(found.size_bytes))))

    def delete(self, call: Call) -> Response:
        """DELETE object; no error when there is none."""
        self._service.delete(Place(call.bucket, call.key))
        return Response(status=204)


def _describe(call: Call, found: ObjectInfo, content_type: str) -> Pairs:
    """The headers that an object is sent with."""
    guessed, _ = mimetypes.guess_type(found.key)
    headers = {
        "Content-Type": header_value(content_type or guessed or "application/octet-stream"),
        "Last-Modified": http_date(max(found.modified_ms, 0)),
        "Accept-Ranges": "bytes",
    }
    if found.etag:
        headers["ETag"] = quoted(found.etag)
    if call.address.service is Service.NONE:
        # Under a bare host the console is at home; a stored page must not act in its name.
        headers["Content-Security-Policy"] = "sandbox"
        headers["X-Content-Type-Options"] = "nosniff"
    for name, header in _OVERRIDES.items():
        if call.argument(name):
            headers[header] = header_value(call.argument(name))
    return tuple(headers.items())


def _extent(span: tuple[int, int] | None, found: ObjectInfo) -> str:
    start, length = span or (0, found.size_bytes)
    if start + length > found.size_bytes:
        raise StoreError(found.key, "it was replaced while it was opened")
    return f"bytes {start}-{start + length - 1}/{found.size_bytes}"


def _is_foreign(name: str) -> bool:
    return name in _FOREIGN or name.startswith(_FOREIGN_PREFIXES)
