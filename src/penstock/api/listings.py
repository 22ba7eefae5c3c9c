"""Calls on whole buckets: list, check, delete many."""

from penstock.api.requests import Call, check_md5
from penstock.api.responses import Response, xml_response
from penstock.api.threads import Threads
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.domain.listings import MAX_KEYS, ListingQuery
from penstock.service.objects import ObjectService, Place
from penstock.wire import xml
from penstock.wire.objects import (
    decode_deletion,
    encode_buckets,
    encode_deletion,
    encode_listing,
    encode_uploads,
)

_MAX_DELETION_BYTES = 2 << 20


class BucketCalls:
    """Handlers of the calls on `/`."""

    def __init__(self, service: ObjectService, threads: Threads) -> None:
        self._service = service
        self._threads = threads

    def list_buckets(self, call: Call) -> Response:
        """GET service: the bound buckets."""
        return xml_response(
            "ListAllMyBucketsResult",
            encode_buckets(self._service.buckets(), call.address.region),
        )

    def head(self, call: Call) -> Response:
        """HEAD bucket: whether it is bound."""
        self._service.store(call.bucket)
        return Response(headers=(("x-cos-bucket-region", call.address.region),))

    def list_objects(self, call: Call) -> Response:
        """GET bucket: one page of its objects (version 1)."""
        query = ListingQuery(
            prefix=_exact(call, "prefix"),
            delimiter=_exact(call, "delimiter"),
            marker=_exact(call, "marker"),
            max_keys=min(read_number(call, "max-keys", default=MAX_KEYS), MAX_KEYS),
        )
        page = self._service.list_page(call.bucket, query)
        tree = encode_listing(call.bucket, query, page, url_encoded=is_url_encoded(call))
        return xml_response("ListBucketResult", tree)

    def list_uploads(self, call: Call) -> Response:
        """GET bucket uploads: always empty, so that clients begin a new one."""
        self._service.store(call.bucket)
        tree = encode_uploads(call.bucket, _exact(call, "prefix"))
        return xml_response("ListMultipartUploadsResult", tree)

    async def delete_many(self, call: Call) -> Response:
        """POST delete: up to 1000 objects; one that fails does not stop the others.

        Each object is a question of its own, so that nobody deletes here what they may not
        delete alone.
        """
        content = await call.body.read_all(max_bytes=_MAX_DELETION_BYTES)
        check_md5(call.header("content-md5"), content)
        _, tree = xml.parse(content, max_bytes=_MAX_DELETION_BYTES, keep_blanks=True)
        keys, is_quiet = decode_deletion(tree)
        if len(keys) > MAX_KEYS:
            fault = f"{len(keys)} objects are named; {MAX_KEYS} are the most"
            raise InvalidArgumentError(fault)
        return await self._threads.run(lambda: self._delete(call, keys, is_quiet=is_quiet))

    def _delete(self, call: Call, keys: list[str], *, is_quiet: bool) -> Response:
        self._service.store(call.bucket)
        deleted, failed = [], []
        for key in keys:
            try:
                call.require("cos:DeleteMultipleObjects", "cos:DeleteObject", key=key)
                self._service.delete(Place(call.bucket, key))
            except PenstockError as error:
                failed.append((key, error.code, str(error)))
            else:
                deleted.append(key)
        return xml_response("DeleteResult", encode_deletion(deleted, failed, is_quiet=is_quiet))


def is_url_encoded(call: Call) -> bool:
    """Whether keys are to be percent-encoded in the answer.

    Raises:
        InvalidArgumentError: `encoding-type` is not `url`.
    """
    encoding = call.argument("encoding-type")
    if encoding not in {"", "url"}:
        fault = f"encoding-type {encoding!r} is not url"
        raise InvalidArgumentError(fault)
    return bool(encoding)


def read_number(call: Call, name: str, *, default: int) -> int:
    """A query parameter that is a whole number of at most nine digits.

    Raises:
        InvalidArgumentError: It is anything else.
    """
    text = call.argument(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004  # as promised
        fault = f"{name} {text!r} is not a whole number"
        raise InvalidArgumentError(fault)
    return int(text)


def _exact(call: Call, name: str) -> str:
    """A query parameter with the blanks around it: keys may begin or end with some."""
    return next((value for key, value in call.query if key == name), "")
