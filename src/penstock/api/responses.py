"""Answers: success and error bodies, and the headers that every answer has (`wire.md` 1.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from penstock.api.requests import Call
from penstock.domain.errors import PenstockError, SlowDownError
from penstock.domain.refusals import InvalidRangeError
from penstock.wire import xml
from penstock.wire.signature import Pairs
from penstock.wire.xml import Content

_XML = (("Content-Type", "application/xml"),)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class Reader(Protocol):
    """An open object to be sent."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end."""

    def close(self) -> None:
        """Let go of it; safe to repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, without the headers that all answers share.

    Attributes:
        status: HTTP status; 204 and 304 have no body.
        headers: In order; a Content-Length among them replaces the one of the body (HEAD).
        body: The whole body; empty where `reader` is set.
        reader: An object to be streamed; closed once it is sent or given up.
        length_bytes: How many bytes of `reader` to send.
    """

    status: int = 200
    headers: Pairs = ()
    body: bytes = b""
    reader: Reader | None = None
    length_bytes: int = 0


def ok(call: Call, tree: Mapping[str, Content] | None = None) -> Response:
    """A success body of CI: root `Response`, the request id first."""
    content: dict[str, Content] = {"RequestId": call.request_id, **(tree or {})}
    return xml_response("Response", content)


def xml_response(
    root: str, tree: Mapping[str, Content], *, status: int = 200, headers: Pairs = ()
) -> Response:
    """An XML body under any root."""
    return Response(status=status, headers=(*_XML, *headers), body=xml.write(root, tree))


def error_response(call: Call, error: PenstockError) -> Response:
    """The answer to a call that failed; the body of a HEAD is left out.

    The Python SDK needs Code, Message, Resource and RequestId, none of them empty (1.8).
    """
    headers: list[tuple[str, str]] = [
        ("x-ci-trace-id", call.trace_id),
        ("x-cos-trace-id", call.trace_id),
    ]
    if isinstance(error, InvalidRangeError):
        headers.append(("Content-Range", f"bytes */{error.size_bytes}"))
    if isinstance(error, SlowDownError):
        headers.append(("Retry-After", "1"))
    if call.method == "HEAD":
        return Response(status=error.status, headers=headers)
    tree = {
        "Code": error.code,
        "Message": str(error) or error.code,
        "Resource": call.resource,
        "RequestId": call.request_id,
        "TraceId": call.trace_id,
    }
    return xml_response("Error", tree, status=error.status, headers=headers)


def header_value(text: str) -> str:
    """A text as a header can carry it: control characters become blanks."""
    return _CONTROLS.sub(" ", text).strip()


def printable(text: str) -> str:
    """A text that any log can take: what is not Unicode text shows as a backslash escape."""
    return text.encode(errors="backslashreplace").decode()


def encode_headers(headers: Pairs) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI takes them, with the letter case of their names kept."""
    return [
        (HeaderName(name.encode("latin-1")), value.encode(errors="surrogateescape"))
        for name, value in headers
    ]


class HeaderName(bytes):
    """A header name that keeps its case on the way through the server.

    uvicorn lowers names before it writes them, while the Python SDK hands out the headers of an
    answer as a plain dict, in which callers (and its own `download_file`) look for `ETag` and
    `Content-Length`. So lowering is a no-op here, and comparing ignores case.
    """

    __slots__ = ()

    def lower(self) -> "HeaderName":
        """The name as it is."""
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and bytes.lower(self) == bytes.lower(other)

    def __hash__(self) -> int:
        return hash(bytes.lower(self))
