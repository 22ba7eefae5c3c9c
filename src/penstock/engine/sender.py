"""The door callbacks leave by: one POST to an address that was checked.

A host name is resolved once a request; the addresses are checked against the operator's rules and
the connection goes to a checked address itself, while the host name stays in the Host header and
in TLS. So a name that resolves to another address a moment later gains nothing. Redirects go
through the same check. Nothing of an answer is read but its head.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from penstock.domain.addresses import AllowedTargets
from penstock.domain.callback_rules import url_faults
from penstock.domain.errors import OperationError

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0
MOST_REDIRECTS = 3

_PORTS = {"http": 80, "https": 443}
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


class Resolver(Protocol):
    """Finds the addresses of a host."""

    def __call__(self, host: str, port: int) -> list[str]:
        """Its IPv4 and IPv6 addresses, best first; raises OSError when there are none."""


class Sender(Protocol):
    """Sends callbacks. Called from several threads."""

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a body; whatever goes wrong out there is a reply, not an error."""


class _TargetRefusedError(OperationError):
    """A target must not be called; the message says why."""


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


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
        self._allowed = allowed
        self._resolver = resolver
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._make_context = make_context
        self._context: ssl.SSLContext | None = None

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a body, following at most three redirects that ask to repeat it."""
        give_up_at = time.monotonic() + self._total_seconds
        try:
            for _ in range(MOST_REDIRECTS + 1):
                status, location = self._post(url, headers, body, give_up_at)
                if status not in _REPEATING or not location:
                    return _reply_of(status)
                url = urljoin(url, location)
        except _TargetRefusedError as error:
            return Reply(text=str(error), is_refused=True)
        except TimeoutError:
            return Reply(text=f"no answer from {_host(url)} in time")
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            return Reply(text=f"cannot reach {_host(url)}: {_cause(error)}")
        return Reply(text=f"more than {MOST_REDIRECTS} redirects", is_reached=True)

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, give_up_at: float
    ) -> tuple[int, str]:
        """One request; its status, and where it redirects to."""
        faults = url_faults(url, "the target")
        if faults:
            raise _TargetRefusedError("; ".join(faults))
        target = parse_url(url)
        host, port = (target.hostname or "").strip("[]"), _port(target)
        addresses = self._checked(host, self._resolver(host, port))
        with closing(self._connect(target, addresses, give_up_at)) as connection:
            deadline = _Deadline(connection, give_up_at)
            try:
                sent = {"Host": target.netloc or host, **headers}
                connection.request("POST", target.request_uri, body=body, headers=sent)
                answer = connection.getresponse()
            except (OSError, HTTPException, ValueError) as error:
                raise TimeoutError if deadline.is_over else error from error
            finally:
                deadline.cancel()
            with closing(answer):
                return answer.status, answer.headers.get("Location", "")

    def _checked(self, host: str, addresses: Iterable[str]) -> list[str]:
        """The addresses that may be called.

        Raises:
            _TargetRefusedError: There is none.
        """
        found = list(addresses)
        allowed = [address for address in found if self._allowed.allows(host, address)]
        if not allowed:
            message = (
                f"{host} is at {', '.join(found) or 'no address'}, which callbacks may not go to; "
                "the setting callback_allow can allow it"
            )
            raise _TargetRefusedError(message)
        return allowed

    def _connect(self, target: Url, addresses: list[str], give_up_at: float) -> HTTPConnection:
        """A connection to the first address that takes one."""
        failure: Exception = TimeoutError()
        for address in addresses:
            seconds = min(self._connect_seconds, give_up_at - time.monotonic())
            if seconds <= 0:
                raise TimeoutError
            connection = self._connection(target, address, seconds)
            try:
                connection.connect()
            except (OSError, HTTPError) as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure

    def _connection(self, target: Url, address: str, seconds: float) -> HTTPConnection:
        port = _port(target)
        if target.scheme == "http":
            return HTTPConnection(address, port, timeout=seconds)
        if self._context is None:
            self._context = self._make_context()
        host = (target.hostname or "").strip("[]")
        return HTTPSConnection(
            address,
            port,
            timeout=seconds,
            ssl_context=self._context,
            server_hostname=host,
            assert_hostname=host,
        )


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
        opened = self._connection.sock
        if opened is not None:
            try:
                socket.socket.shutdown(opened, socket.SHUT_RDWR)
            except OSError:
                return  # it was closed a moment ago


def _port(target: Url) -> int:
    return target.port or _PORTS[target.scheme or "http"]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _reply_of(status: int) -> Reply:
    known = {one.value: one.phrase for one in HTTPStatus}
    return Reply(
        text=f"{status} {known.get(status, '')}".strip(),
        is_delivered=HTTPStatus(200) <= status < HTTPStatus(300),
        is_reached=True,
    )


def _cause(error: Exception) -> str:
    """What went wrong, without the names of objects in this process."""
    cause = error.__cause__ or error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return str(text)
