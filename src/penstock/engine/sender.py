"""The door callbacks leave by: one POST to an address that was checked.

Redirects go through the same check as the first address; see `checked_http`. Nothing of an answer
is read but its head.
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Protocol
from urllib.parse import urljoin

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from penstock.domain.addresses import AllowedTargets
from penstock.domain.errors import TargetRefusedError
from penstock.engine.checked_http import (
    CONNECT_SECONDS,
    Connector,
    Resolver,
    cause_of,
    host_name,
    request_target,
    resolve,
    shut_down,
)

TOTAL_SECONDS = 10.0
MOST_REDIRECTS = 3

_REPEATING = frozenset(
    (
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of one request.

    Attributes:
        text: For a person: the status, or why there is none.
        is_delivered: Whether the receiver took it: any 2xx.
        is_refused: Whether this target must not be called at all; trying again is useless.
        is_reached: Whether the target answered in time, with whatever status.
    """

    text: str
    is_delivered: bool = False
    is_refused: bool = False
    is_reached: bool = False


class Sender(Protocol):
    """Sends callbacks. Called from several threads."""

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a body; whatever goes wrong out there is a reply, not an error."""


class HttpSender:
    """Sends callbacks over HTTP and HTTPS."""

    def __init__(
        self,
        allowed: AllowedTargets,
        *,
        resolver: Resolver = resolve,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        make_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """Take the rules.

        Args:
            allowed: What may be called beyond public addresses.
            connect_seconds: Longest time to connect to one address.
            total_seconds: Longest time for everything, redirects included.
            make_context: Makes what TLS connections are checked with, at the first of them.
        """
        self._connector = Connector(
            allowed,
            who="callbacks",
            setting="callback_allow",
            resolver=resolver,
            connect_seconds=connect_seconds,
            make_context=make_context,
        )
        self._total_seconds = total_seconds

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a body, following at most three redirects that ask to repeat it."""
        give_up_at = time.monotonic() + self._total_seconds
        try:
            for _ in range(MOST_REDIRECTS + 1):
                status, location = self._post(url, headers, body, give_up_at)
                if status not in _REPEATING or not location:
                    return _reply_of(status)
                url = urljoin(url, location)
        except TargetRefusedError as error:
            return Reply(text=str(error), is_refused=True)
        except TimeoutError:
            return Reply(text=f"no answer from {host_name(url)} in time")
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            return Reply(text=f"cannot reach {host_name(url)}: {cause_of(error)}")
        return Reply(text=f"more than {MOST_REDIRECTS} redirects", is_reached=True)

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, give_up_at: float
    ) -> tuple[int, str]:
        """One request; its status, and where it redirects to."""
        with closing(self._connector.open(url, give_up_at)) as connection:
            deadline = _Deadline(connection, give_up_at)
            try:
                host, target = request_target(url)
                connection.request("POST", target, body=body, headers={"Host": host, **headers})
                answer = connection.getresponse()
            except (OSError, HTTPException, ValueError) as error:
                raise TimeoutError if deadline.is_over else error from error
            finally:
                deadline.cancel()
            with closing(answer):
                return answer.status, answer.headers.get("Location", "")


class _Deadline:
    """Ends a connection when its time is over, however slowly its bytes drip in."""

    def __init__(self, connection: HTTPConnection, give_up_at: float) -> None:
        self._connection = connection
        self.is_over = False
        seconds = max(give_up_at - time.monotonic(), 0.001)
        connection.timeout = seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        shut_down(self._connection)


def _reply_of(status: int) -> Reply:
    known = {one.value: one.phrase for one in HTTPStatus}
    return Reply(
        text=f"{status} {known.get(status, '')}".strip(),
        is_delivered=HTTPStatus(200) <= status < HTTPStatus(300),
        is_reached=True,
    )
