"""Binding of buckets and opening of service families (`wire.md` section 7)."""

from functools import partial
from typing import NamedTuple

from penstock.api.arguments import read_page_number, read_size, read_words
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.service.activation import ActivationQuery, ActivationService
from penstock.service.buckets import BINDING
from penstock.wire.activation import encode_binding, encode_opening, write_state
from penstock.wire.xml import Content


class _Calls(NamedTuple):
    """What the calls of a family are called.

    Attributes:
        path: Where they are sent.
        family: The family.
        block: Element of an answer; in lists with `List` behind it.
        noun: Noun of the actions that open and close it.
        listing: Noun of the action that lists.
    """

    path: str
    family: str
    block: str
    noun: str
    listing: str


_DOCUMENTS = "doc"
_FAMILIES = (
    _Calls("/mediabucket", "media", "MediaBucket", "MediaBucket", "MediaBuckets"),
    _Calls("/picbucket", "pic", "PicBucket", "PicProcessBucket", "PicProcessBucket"),
    _Calls("/docbucket", _DOCUMENTS, "DocBucket", "DocProcessBucket", "DocProcessBucket"),
    _Calls("/ai_bucket", "ai", "AiBucket", "AIProcessBucket", "AIProcessBuckets"),
    _Calls("/asrbucket", "asr", "AsrBucket", "AsrBucket", "AsrBuckets"),
    _Calls("/file_bucket", "file", "FileBucket", "FileProcessBucket", "FileProcessBuckets"),
)


class ActivationCalls:
    """Handlers of the calls that bind and open."""

    def __init__(self, activation: ActivationService, *, region: str) -> None:
        """Take the service.

        Args:
            region: The server's region, named where the host names none.
        """
        self._activation = activation
        self._region = region

    def routes(self) -> list[Route]:
        """The calls and their actions."""
        found = [
            Route(
                method="PUT",
                pattern="/",
                action="ci:DeleteCIBucket",
                handler=self.unbind,
                argument="unbind",
            ),
            Route(method="PUT", pattern="/", action="ci:CreateCIBucket", handler=self.bind),
            Route(method="GET", pattern="/", action="ci:DescribeCIBuckets", handler=self.state),
            Route(
                method="GET",
                pattern="/cibuckets",
                action="ci:DescribeCIBuckets",
                handler=self.list_bound,
            ),
        ]
        for calls in _FAMILIES:
            found += [
                Route(
                    method="POST",
                    pattern=calls.path,
                    action=f"ci:Create{calls.noun}",
                    handler=partial(self.open, calls),
                ),
                Route(
                    method="GET",
                    pattern=calls.path,
                    action=f"ci:Describe{calls.listing}",
                    handler=partial(self.list, calls),
                ),
                Route(
                    method="DELETE",
                    pattern=calls.path,
                    action=f"ci:Delete{calls.noun}",
                    handler=partial(self.close, calls),
                ),
            ]
        return found

    def bind(self, call: Call) -> Response:
        """Bind a bucket; nothing happens to one that is bound."""
        self._activation.bind(call.bucket)
        return Response()

    def unbind(self, call: Call) -> Response:
        """Unbind a bucket."""
        self._activation.unbind(call.bucket)
        return Response()

    def state(self, call: Call) -> Response:
        """Tell whether a bucket is bound."""
        body = write_state(is_bound=self._activation.is_bound(call.bucket))
        return Response(headers=(("Content-Type", "application/xml"),), body=body)

    def list_bound(self, call: Call) -> Response:
        """List the buckets that are bound; none of them has a tag to be found by."""
        query = self._query(call, BINDING)
        is_elsewhere = not self._is_here(call, "region") or bool(call.argument("tagKey"))
        total, page = (0, []) if is_elsewhere else self._activation.page(query)
        region = self._region_of(call)
        return ok(
            call,
            {
                "TotalCount": total,
                "PageNumber": query.page_number,
                "PageSize": query.page_size,
                "CIBucketList": [
                    encode_binding(one.bucket, one.opened_ms, region) for one in page
                ],
            },
        )

    def open(self, calls: _Calls, call: Call) -> Response:
        """Open a family on a bucket."""
        found = self._activation.open(call.bucket, calls.family)
        return ok(call, {calls.block: self._encode(calls, call, found.bucket, found.opened_ms)})

    def close(self, calls: _Calls, call: Call) -> Response:
        """Close a family on a bucket."""
        self._activation.close(call.bucket, calls.family)
        return ok(call, {"BucketName": call.bucket})

    def list(self, calls: _Calls, call: Call) -> Response:
        """List the buckets that a family is open on, by name."""
        query = self._query(call, calls.family)
        is_here = self._is_here(call, "regions")
        total, page = self._activation.page(query) if is_here else (0, [])
        return ok(
            call,
            {
                "TotalCount": total,
                "PageNumber": query.page_number,
                "PageSize": query.page_size,
                f"{calls.block}List": [
                    self._encode(calls, call, one.bucket, one.opened_ms) for one in page
                ],
            },
        )

    def _encode(self, calls: _Calls, call: Call, bucket: str, opened_ms: int) -> Content:
        has_alias = calls.family == _DOCUMENTS
        return encode_opening(bucket, opened_ms, self._region_of(call), has_alias=has_alias)

    def _query(self, call: Call, service: str) -> ActivationQuery:
        return ActivationQuery(
            service=service,
            names=tuple(read_words(call, "bucketNames")),
            prefix=call.argument("bucketName"),
            page_number=read_page_number(call),
            page_size=read_size(call, "pageSize"),
        )

    def _region_of(self, call: Call) -> str:
        """The region to name: that of the host, since any will do, else the server's own."""
        return call.address.region or self._region

    def _is_here(self, call: Call, name: str) -> bool:
        """Whether a filter by regions lets this server's buckets through.

        Where the host names no region, the server is in whichever is asked for.
        """
        regions = read_words(call, name)
        mine = {call.address.region, self._region}
        return not regions or not call.address.region or not mine.isdisjoint(regions)
