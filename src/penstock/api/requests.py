"""A call as the handlers see it: decoded once, byte-exact, with its body as a stream."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_to_bytes

from penstock.api.hosts import Address
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import (
    AccessDeniedError,
    ContentTooLargeError,
    InvalidContentError,
    InvalidDigestError,
    InvalidHostError,
    MissingContentLengthError,
)
from penstock.domain.trees import Tree
from penstock.wire import xml
from penstock.wire.signature import Pairs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_BODY = "body"
_CUT = "it ended before its Content-Length"


class Body:
    """The body of a request, as it arrives.

    Attributes:
        length_bytes: What Content-Length says; None without that header.
        is_chunked: Whether a body of unknown length follows.
        is_disconnected: Whether the client went away before the body's end.
    """

    def __init__(self, receive: Receive, *, length_bytes: int | None, is_chunked: bool) -> None:
        self._receive = receive
        self._has_more = True
        self.length_bytes = length_bytes
        self.is_chunked = is_chunked
        self.is_disconnected = False

    async def read_piece(self) -> bytes:
        """The next bytes; empty at the end, or when the client went away."""
        while self._has_more:
            message = await self._receive()
            if message["type"] != "http.request":
                self.is_disconnected = True
                self._has_more = False
                break
            self._has_more = message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            if piece:
                return piece
        return b""

    async def read_all(self, *, max_bytes: int) -> bytes:
        """The whole body, held in memory.

        Raises:
            MissingContentLengthError: The body came in chunks.
            ContentTooLargeError: It is longer than `max_bytes`.
            InvalidContentError: The client went away before its end.
        """
        if self.is_chunked:
            raise MissingContentLengthError
        if self.length_bytes is not None and self.length_bytes > max_bytes:
            raise ContentTooLargeError(limit_bytes=max_bytes)
        pieces = []
        while piece := await self.read_piece():
            pieces.append(piece)
        if self.is_disconnected:
            raise InvalidContentError(_BODY, _CUT)
        return b"".join(pieces)

    async def wait_disconnected(self) -> None:
        """Return when the client goes away; what is left of the body is thrown away."""
        while not self.is_disconnected:
            message = await self._receive()
            self.is_disconnected = message["type"] != "http.request"


def _refuse(call: "Call", actions: tuple[str, ...]) -> None:
    """Stands in before a call has come through the door."""
    raise AccessDeniedError(call.secret_id, actions[0], call.resource, is_denied=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, decoded.

    Texts hold undecodable bytes as surrogate escapes (PEP 383).

    Attributes:
        request_id: Opaque id of this request, the same in headers and body of the answer.
        trace_id: Opaque id for errors.
        method: In upper case.
        path: Percent-decoded, with its leading `/`; no segment is ever resolved or collapsed.
        query: Decoded names and values in order; `+` is a blank, a value may be empty.
        headers: Names in lower case, values as received.
        address: The bucket and service that the host names.
        port: The port the request came in on; None where unknown.
        client: The address at the other end of the connection; empty where unknown.
        is_secure: Whether the connection has TLS.
        authorize: Raises when the key may do none of the actions; set by the dispatcher.
        secret_id: The access key that signed it; empty before it is authenticated.
        values: What the placeholders of the route's pattern stand for.
        body: The body as a stream; used up where `content` is set.
        content: The whole body of a CI call; empty for object calls.
    """

    request_id: str
    trace_id: str
    method: str
    path: str
    query: Pairs
    headers: Pairs
    address: Address
    body: Body
    port: int | None = None
    client: str = ""
    is_secure: bool = False
    authorize: Callable[["Call", tuple[str, ...]], None] = _refuse
    secret_id: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def bucket(self) -> str:
        """The bucket the call is for.

        Raises:
            InvalidHostError: The host names none and there is no default.
        """
        if self.address.bucket is None:
            raise InvalidHostError(self.header("host"))
        return self.address.bucket

    @property
    def key(self) -> str:
        """The object key: the path without its leading `/`."""
        return self.path[1:]

    @property
    def resource(self) -> str:
        """Host and path, as an error body names what was asked for; never empty."""
        return self.header("host") + self.path

    def header(self, name: str) -> str:
        """A header by its lower-case name; empty when absent."""
        return next((value for key, value in self.headers if key == name), "")

    def argument(self, name: str) -> str:
        """A query parameter, stripped of blanks; empty when absent, which is the same."""
        return next((value.strip() for key, value in self.query if key == name), "")

    def has_argument(self, name: str) -> bool:
        """Whether a query parameter is there, with or without a value (`?cancel`)."""
        return any(key == name for key, _ in self.query)

    def require(self, *actions: str, bucket: str | None = None, key: str | None = None) -> None:
        """Ask for what only the body or a header tells; may block.

        Args:
            actions: The names that it goes by; one of them must be allowed, and none denied.
            bucket: Another bucket than the call's own.
            key: Another object than the call's own.

        Raises:
            AccessDeniedError: The key that signed the call may not.
        """
        address = self.address if bucket is None else self.address._replace(bucket=bucket)
        path = self.path if key is None else f"/{key}"
        self.authorize(replace(self, address=address, path=path), actions)

    def tree(self, *, keep_blanks: bool = False) -> Tree:
        """What is in the root of the XML body, whatever the root is called.

        Raises:
            MissingContentError: There is no body.
            InvalidContentError: It is not well-formed.
        """
        size = len(self.content)
        return xml.parse(self.content, max_bytes=size, keep_blanks=keep_blanks)[1]


def decode_path(raw: bytes) -> str:
    """Undo percent-encoding once, byte by byte."""
    return unquote_to_bytes(raw).decode(errors="surrogateescape")


def decode_query(raw: bytes) -> Pairs:
    """Split and decode a query string; keeps the order and the empty values."""
    pairs = (part.partition(b"=") for part in raw.split(b"&") if part)
    return tuple((_decode_argument(name), _decode_argument(value)) for name, _, value in pairs)


def decode_headers(raw: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """Header names in lower case and values as they are."""
    return tuple(
        (name.decode("latin-1").lower(), value.decode(errors="surrogateescape"))
        for name, value in raw
    )


def read_md5(text: str) -> bytes:
    """The 16 bytes of a Content-MD5 header; empty when there is none.

    Raises:
        InvalidDigestError: The header is not base64 of 16 bytes.
    """
    try:
        digest = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidDigestError(expected=text) from error
    if text and len(digest) != 16:  # noqa: PLR2004  # the length of an MD5
        raise InvalidDigestError(expected=text)
    return digest


def check_md5(text: str, content: bytes) -> None:
    """Compare a whole body with its Content-MD5 header, if there is one.

    Raises:
        InvalidDigestError: They differ.
    """
    expected = read_md5(text)
    if expected and not hmac.compare_digest(expected, hashlib.md5(content).digest()):  # noqa: S324
        raise InvalidDigestError(expected=text)


def check_text(call: Call) -> None:
    """Refuse a CI call whose path or parameters are no text: no record could hold them.

    Raises:
        InvalidArgumentError: Something is not UTF-8, or holds a zero byte; names all of it.
    """
    parts = (
        ("the path", call.path),
        *((f"parameter {name!r}", name + value) for name, value in call.query),
    )
    faults = [
        f"{what} must be UTF-8 without zero bytes" for what, text in parts if not _is_text(text)
    ]
    if faults:
        raise InvalidArgumentError(*faults)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _decode_argument(raw: bytes) -> str:
    return decode_path(raw.replace(b"+", b" "))
