"""Sending S3 requests: signed by botocore, carried by urllib3, repeated by us.

The target of a request is written once, percent-encoded, and goes as it is into the signature and
onto the wire: a key's `..`, `//` or `+` is never tidied up on the way.
"""

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from penstock.domain.errors import StoreError
from penstock.storage._s3_bodies import Window
from penstock.storage._s3_location import S3Location
from penstock.storage.key_bytes import encode_bound

TRIES = 5

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0
_CONNECTIONS = 32
_MAX_ERROR_BYTES = 64 << 10
_SEND_BLOCK_BYTES = 128 << 10
_UNSIGNED = "UNSIGNED-PAYLOAD"
_TRANSIENT_STATUS = frozenset((429, 500, 502, 503, 504))
_TRANSIENT_CODES = frozenset(
    ("InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted")
)
_ERROR_CODE = re.compile(rb"<Error[ >].*?<Code>\s*([^<]*?)\s*</Code>", re.S)


class Credentials(Protocol):
    """Where botocore finds keys; they may be renewed between requests."""

    def get_frozen_credentials(self) -> Any:  # noqa: ANN401 - botocore has no types
        """The keys of this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        method: GET, HEAD, PUT, POST or DELETE.
        key: The object's key below the root; None addresses the bucket.
        query: Parameters, not yet encoded.
        headers: Headers besides those of the signature.
        body: What to send; empty for none.
        is_streamed: Whether the answer's body is left to be read by the caller.
    """

    method: str
    key: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Window | bytes = b""
    is_streamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said.

    Attributes:
        status: HTTP status.
        headers: Answer headers, by any spelling.
        body: The whole body; empty where `stream` has it.
        code: The error code of the body; empty where there is none.
        stream: The open body of a call that asked for it and succeeded.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    code: str
    stream: urllib3.BaseHTTPResponse | None = None


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Version 4 signatures over a payload digest that is already known."""

    def payload(self, request: AWSRequest) -> str:
        """The digest that the request carries."""
        return str(request.context["payload"])


class S3Connection:
    """The way to one bucket; safe to use from several threads at once."""

    def __init__(
        self,
        location: S3Location,
        *,
        region: str,
        credentials: Credentials | None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Connect to nothing yet.

        Args:
            credentials: None sends requests unsigned.
            sleep: Waits for a number of seconds.
            jitter: A random number from 0 to 1.
        """
        self.location = location
        self.region = region
        self._credentials = credentials
        self._sleep = sleep
        self._jitter = jitter
        self._origin = location.origin(region)
        self._is_secure = self._origin.startswith("https:")
        self._host = urlsplit(self._origin).netloc.lower()
        options = {"ca_certs": os.environ.get("AWS_CA_BUNDLE")} if self._is_secure else {}
        self._pool = urllib3.connection_from_url(
            self._origin,
            maxsize=_CONNECTIONS,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=False,
            blocksize=_SEND_BLOCK_BYTES,
            **options,
        )

    def send(self, call: Call) -> Answer:
        """Send a request until it is answered for good, at most five times.

        Connection errors, timeouts, and answers that ask to come again later are repeated after
        a pause that doubles.

        Raises:
            KeyNotStorableError: No object can have this key.
            StoreError: The server could not be reached, or broke off each time.
        """
        target = self._write_target(call)
        digest = self._digest(call.body)
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._send_once(call, target, digest)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if attempt == TRIES:
                    fault = f"the server could not be reached ({type(error).__name__})"
                    raise StoreError(call.key or self.location.bucket, fault) from error
            else:
                if attempt == TRIES or not _is_transient(answer):
                    return answer
            self.pause(attempt)
        raise AssertionError  # the last attempt returns or raises

    def pause(self, attempt: int) -> None:
        """Wait before the attempt after this one: longer each time, never in step with others."""
        seconds = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        self._sleep(seconds * (0.5 + self._jitter() / 2))

    def _write_target(self, call: Call) -> str:
        target = self.location.target(call.key)
        if not call.query:
            return target
        pairs = (f"{_quote(name)}={_quote(value)}" for name, value in sorted(call.query.items()))
        return f"{target}?{'&'.join(pairs)}"

    def _digest(self, body: Window | bytes) -> str:
        if isinstance(body, bytes):
            return sha256(body).hexdigest()
        # Over TLS the transport keeps a body intact; it need not be read twice.
        return _UNSIGNED if self._is_secure else body.sha256()

    def _send_once(self, call: Call, target: str, digest: str) -> Answer:
        body = call.body
        headers = {"Host": self._host, **call.headers}
        if isinstance(body, Window):
            body.rewind()
            headers["Content-Length"] = str(body.size_bytes)
        elif call.method in {"PUT", "POST"}:
            headers["Content-Length"] = str(len(body))
        response = self._pool.urlopen(
            call.method,
            target,
            body=body or None if isinstance(body, bytes) else body,
            headers=self._sign(call.method, target, headers, digest),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        return _read_answer(call, response)

    def _sign(
        self, method: str, target: str, headers: dict[str, str], digest: str
    ) -> dict[str, str]:
        if self._credentials is None:
            return headers
        keys = self._credentials.get_frozen_credentials()
        request = AWSRequest(method=method, url=self._origin + target, headers=headers)
        request.context["payload"] = digest
        _Signer(keys, "s3", self.region).add_auth(request)
        return dict(request.headers.items())


def _read_answer(call: Call, response: urllib3.BaseHTTPResponse) -> Answer:
    if call.is_streamed and response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(
            status=response.status, headers=response.headers, body=b"", code="", stream=response
        )
    try:
        is_error = response.status >= HTTPStatus.MULTIPLE_CHOICES
        body = response.read(_MAX_ERROR_BYTES if is_error else None)
        # Joining parts is answered 200 before it is done; an error may still follow.
        found = _ERROR_CODE.search(body) if is_error or call.method == "POST" else None
        code = found[1].decode("utf-8", "replace") if found else ""
        return Answer(status=response.status, headers=response.headers, body=body, code=code)
    finally:
        response.release_conn()


def _is_transient(answer: Answer) -> bool:
    return answer.status in _TRANSIENT_STATUS or answer.code in _TRANSIENT_CODES


def _quote(text: str) -> str:
    return quote(encode_bound(text), safe="-_.~")
