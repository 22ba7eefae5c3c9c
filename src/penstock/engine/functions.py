"""Calls the operator's functions over HTTP: what the nodes of type SCF do (`nodes.md` 10.1).

A function is a name in a table and a URL. It gets one POST for each object and answers 200, or
202 with a `Location` that is asked until it answers 200. Its host may be called because it stands
in the table; a `Location` elsewhere must be a public address, or be allowed by the setting
`function_allow`. Redirects are not followed.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import HTTPError

from penstock.domain.addresses import AllowedTargets
from penstock.domain.errors import (
    FunctionRejectedError,
    FunctionUnavailableError,
    InvalidParamsError,
    OperationTimeoutError,
)
from penstock.engine.checked_http import Connector, cause_of, host_name
from penstock.engine.control import FunctionCall
from penstock.engine.http_exchange import Answer, AnswerTooLargeError, Request, ask
from penstock.wire.callbacks import sign_body

MOST_POLL_FAILURES = 5
_FIRST_POLL_SECONDS = 0.25
_LONGEST_POLL_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS

Checkpoint = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """What an operator says of functions.

    Attributes:
        urls: From the names of functions to their URLs.
        allowed: Where a `Location` may lead beyond public addresses and the hosts of the table.
        seconds: Longest time for one call, its polling included.
        secret: What calls are signed with; empty for no signature.
        region: The region of buckets, to tell.
    """

    urls: Mapping[str, str]
    allowed: AllowedTargets = field(default_factory=AllowedTargets)
    seconds: float = 900.0
    secret: str = ""
    region: str = ""


class FunctionCaller:
    """Calls functions, one at a time."""

    def __init__(self, settings: FunctionSettings, *, now_ms: Callable[[], int]) -> None:
        """Take the table.

        Args:
            now_ms: The present time, for signatures.
        """
        self._settings = settings
        self._now_ms = now_ms
        hosts = {(urlsplit(url).hostname or "").rstrip(".") for url in settings.urls.values()}
        allowed = replace(settings.allowed, hosts=settings.allowed.hosts | hosts)
        self._connector = Connector(allowed, who="functions", setting="function_allow")

    def call(self, asked: FunctionCall, checkpoint: Checkpoint) -> Any:  # noqa: ANN401  # JSON
        """Have a function work, and wait for its answer.

        Args:
            asked: What it is told.
            checkpoint: Raises when the attempt is over; asked many times a second.

        Returns:
            The JSON that it answered; an empty mapping for an empty answer.

        Raises:
            InvalidParamsError: There is no such function.
            FunctionRejectedError: It refused the call, or answered no JSON.
            FunctionUnavailableError: It could not be reached, or failed.
            TargetRefusedError: It named a place that must not be called.
            OperationTimeoutError: It took too long.
            AttemptCancelledError: The attempt was cancelled meanwhile.
        """
        name = asked.name
        url = self._settings.urls.get(name)
        if url is None:
            known = ", ".join(sorted(self._settings.urls)) or "none"
            message = f"there is no function {name!r}; the setting functions has {known}"
            raise InvalidParamsError(message)
        work = _Work(name, self._connector, self._settings.seconds, checkpoint)
        answer = work.ask(self._request(url, asked))
        if answer.status == HTTPStatus.ACCEPTED:
            answer = work.poll(url, answer)
        return work.result(answer)

    def _request(self, url: str, asked: FunctionCall) -> Request:
        event = {
            "EventId": asked.event_id,
            "RunId": asked.run_id,
            "JobId": asked.job_id,
            "ObjectInfo": {
                "BucketId": asked.bucket,
                "Region": self._settings.region,
                "Object": asked.key,
            },
            "Function": dict(asked.words),
        }
        body = json.dumps(event).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "penstock",
            "x-penstock-event-id": asked.event_id,
        }
        if self._settings.secret:
            signature = sign_body(self._settings.secret, self._now_ms(), body)
            headers["x-penstock-signature"] = signature
        return Request(method="POST", url=url, headers=headers, body=body)


class _Work:
    """One call, its polling included."""

    def __init__(
        self, name: str, connector: Connector, seconds: float, checkpoint: Checkpoint
    ) -> None:
        self._name = name
        self._connector = connector
        self._seconds = seconds
        self._checkpoint = checkpoint
        self._give_up_at = time.monotonic() + seconds

    def ask(self, request: Request) -> Answer:
        """One request; its answer, whatever its status says, unless that is a failure."""
        try:
            answer = ask(self._connector, request, self._give_up_at, self._look)
        except AnswerTooLargeError as error:
            raise FunctionRejectedError(self._name, str(error)) from error
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            fault = f"cannot be reached at {host_name(request.url)}: {cause_of(error)}"
            raise FunctionUnavailableError(self._name, fault) from error
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == _TOO_MANY:
            raise FunctionUnavailableError(self._name, f"answered {answer.status}")
        return answer

    def poll(self, url: str, answer: Answer) -> Answer:
        """Ask where the answer says until the work is done; a few failures in a row are forgiven.

        To give up at the first one would have the whole work begin anew.
        """
        if not answer.location:
            raise FunctionRejectedError(self._name, "answered 202 without a Location")
        url = urljoin(url, answer.location)
        pause_seconds = _FIRST_POLL_SECONDS
        failures = 0
        while answer.status == HTTPStatus.ACCEPTED:
            asked_seconds = answer.retry_seconds
            seconds = pause_seconds if asked_seconds is None else asked_seconds
            self._wait(min(max(seconds, _LOOK_SECONDS), _LONGEST_POLL_SECONDS))
            pause_seconds = min(pause_seconds * 2, _LONGEST_POLL_SECONDS)
            request = Request(method="GET", url=url, headers={"User-Agent": "penstock"})
            try:
                answer = self.ask(request)
                url = urljoin(url, answer.location)  # stays where nothing is said
                failures = 0
            except FunctionUnavailableError:
                failures += 1
                if failures > MOST_POLL_FAILURES:
                    raise
        return answer

    def result(self, answer: Answer) -> Any:  # noqa: ANN401  # JSON
        """What the last answer of a call comes to."""
        if answer.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            raise FunctionRejectedError(self._name, f"answered {answer.status}")
        if not answer.body.strip():
            return {}
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise FunctionRejectedError(
                self._name, "answered something that is no JSON"
            ) from error

    def _look(self) -> None:
        self._checkpoint()
        if time.monotonic() > self._give_up_at:
            raise OperationTimeoutError(limit_seconds=self._seconds)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._look()
            time.sleep(min(left, _LOOK_SECONDS))
