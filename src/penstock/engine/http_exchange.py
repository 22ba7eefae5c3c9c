"""One HTTP request that can be given up at any moment."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from penstock.domain.errors import TargetRefusedError
from penstock.engine.checked_http import Connector, request_target, shut_down

MOST_ANSWER_BYTES = 1 << 20
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked.

    Attributes:
        method: GET or POST.
        url: Where.
        headers: Besides Host.
        body: Empty for none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered.

    Attributes:
        status: HTTP status.
        location: Where it points to, as it stands there; empty for nowhere.
        retry_seconds: When to ask again; None where it does not say, or names a date.
        body: All of it.
    """

    status: int
    location: str
    retry_seconds: float | None
    body: bytes


class AnswerTooLargeError(ValueError):
    """An answer has more than `MOST_ANSWER_BYTES`."""


def ask(
    connector: Connector, request: Request, give_up_at: float, look: Callable[[], None]
) -> Answer:
    """Send a request and wait for the answer.

    It goes out in a thread of its own, which is left behind with its connection shut down when
    `look` raises: neither a slow name server nor a silent receiver holds anybody up.

    Args:
        give_up_at: When to stop, on the monotonic clock.
        look: Raises when the answer is not wanted any more; asked many times a second.

    Raises:
        TargetRefusedError: It may not be called.
        AnswerTooLargeError: The answer is too large.
        OSError: Nobody is there, or nobody answered in time.
        HTTPError: Likewise, or TLS failed.
        HTTPException: What came back is no HTTP.
    """
    exchange = _Exchange(connector, request, give_up_at)
    thread = threading.Thread(target=exchange.run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_LOOK_SECONDS)
            look()
    finally:
        exchange.abandon()
    if exchange.failure is not None:
        raise exchange.failure
    if exchange.answer is None:
        raise TimeoutError
    return exchange.answer


class _Exchange:
    """A request in its thread."""

    def __init__(self, connector: Connector, request: Request, give_up_at: float) -> None:
        self._connector = connector
        self._request = request
        self._give_up_at = give_up_at
        self._connection: HTTPConnection | None = None
        self._is_abandoned = False
        self.answer: Answer | None = None
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            with closing(self._connector.open(self._request.url, self._give_up_at)) as connection:
                self._connection = connection
                if not self._is_abandoned:
                    self.answer = self._exchanged(connection)
        except (OSError, HTTPError, HTTPException, ValueError, TargetRefusedError) as error:
            self.failure = error

    def abandon(self) -> None:
        """Make the thread end soon; nothing happens to one that has ended."""
        self._is_abandoned = True
        if self._connection is not None:
            shut_down(self._connection)

    def _exchanged(self, connection: HTTPConnection) -> Answer:
        asked = self._request
        connection.timeout = max(self._give_up_at - time.monotonic(), 0.001)
        host, target = request_target(asked.url)
        headers = {"Host": host, **asked.headers}
        connection.request(
            asked.method, target, body=asked.body or None, headers=headers, preload_content=False
        )
        with closing(connection.getresponse()) as answer:
            body = answer.read(MOST_ANSWER_BYTES + 1)
            if len(body) > MOST_ANSWER_BYTES:
                message = f"the answer has more than {MOST_ANSWER_BYTES} bytes"
                raise AnswerTooLargeError(message)
            return Answer(
                status=answer.status,
                location=answer.headers.get("Location", ""),
                retry_seconds=_seconds_of(answer.headers.get("Retry-After", "")),
                body=body,
            )


def _seconds_of(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None
