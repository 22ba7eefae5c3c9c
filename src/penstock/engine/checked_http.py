"""Connections to addresses that were checked: what callbacks and calls of functions go over.

A host name is resolved once a connection; the addresses are checked against the operator's rules
and the connection goes to a checked address itself, while the host name stays in the Host header
and in TLS. So a name that resolves to another address a moment later gains nothing.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from penstock.domain.addresses import AllowedTargets
from penstock.domain.callback_rules import url_faults
from penstock.domain.errors import TargetRefusedError

CONNECT_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


class Resolver(Protocol):
    """Finds the addresses of a host."""

    def __call__(self, host: str, port: int) -> list[str]:
        """Its IPv4 and IPv6 addresses, best first; raises OSError when there are none."""


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Connector:
    """Opens connections to what may be called."""

    def __init__(
        self,
        allowed: AllowedTargets,
        *,
        who: str,
        setting: str,
        resolver: Resolver = resolve,
        connect_seconds: float = CONNECT_SECONDS,
        make_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """Take the rules.

        Args:
            allowed: What may be called beyond public addresses.
            who: Who calls, for messages: `callbacks`.
            setting: The setting that allows more, for messages.
            connect_seconds: Longest time to connect to one address.
            make_context: Makes what TLS connections are checked with, at the first of them.
        """
        self._allowed = allowed
        self._who = who
        self._setting = setting
        self._resolver = resolver
        self._connect_seconds = connect_seconds
        self._make_context = make_context
        self._context: ssl.SSLContext | None = None

    def open(self, url: str, give_up_at: float) -> HTTPConnection:
        """A connection to the first allowed address of a URL's host that takes one.

        Args:
            give_up_at: When to stop trying, on the monotonic clock.

        Raises:
            TargetRefusedError: The URL is none, or all of its addresses are forbidden.
            TimeoutError: Nobody took it in time.
            OSError: Nobody is there.
            HTTPError: Likewise, or TLS failed.
        """
        faults = url_faults(url, "the target")
        if faults:
            raise TargetRefusedError("; ".join(faults))
        target = parse_url(url)
        host = _host_of(target)
        addresses = self._checked(host, self._resolver(host, _port(target)))
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

    def _checked(self, host: str, addresses: Iterable[str]) -> list[str]:
        """The addresses that may be called; there is one."""
        found = list(addresses)
        allowed = [address for address in found if self._allowed.allows(host, address)]
        if not allowed:
            message = (
                f"{host} is at {', '.join(found) or 'no address'}, which {self._who} may not go "
                f"to; the setting {self._setting} can allow it"
            )
            raise TargetRefusedError(message)
        return allowed

    def _connection(self, target: Url, address: str, seconds: float) -> HTTPConnection:
        port = _port(target)
        if target.scheme == "http":
            return HTTPConnection(address, port, timeout=seconds)
        if self._context is None:
            self._context = self._make_context()
        host = _host_of(target)
        return HTTPSConnection(
            address,
            port,
            timeout=seconds,
            ssl_context=self._context,
            server_hostname=host,
            assert_hostname=host,
        )


def request_target(url: str) -> tuple[str, str]:
    """The `Host` header and the request line's target that a checked URL asks for."""
    target = parse_url(url)
    return target.netloc or _host_of(target), target.request_uri


def host_name(url: str) -> str:
    """The host of a URL for a message, or the whole of what is none."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def shut_down(connection: HTTPConnection) -> None:
    """End whatever a thread does with a connection at the moment; may be called from another."""
    opened = connection.sock
    if opened is not None:
        try:
            socket.socket.shutdown(opened, socket.SHUT_RDWR)
        except OSError:
            return  # it was closed a moment ago


def cause_of(error: Exception) -> str:
    """What went wrong, without the names of objects in this process."""
    cause = error.__cause__ or error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return str(text)


def _host_of(target: Url) -> str:
    return (target.hostname or "").strip("[]")


def _port(target: Url) -> int:
    return target.port or _PORTS[target.scheme or "http"]
