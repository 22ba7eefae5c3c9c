"""A real HTTP receiver of callbacks, which answers as the test says."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from penstock.domain.trees import Tree
from penstock.wire.xml import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request.

    Attributes:
        path: Path and query, as they came.
        method: POST or GET.
        headers: By lower-case name.
        body: As it came.
    """

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def event_id(self) -> str:
        """What tells repeats."""
        return self.headers["x-penstock-event-id"]

    def xml(self) -> Tree:
        """The body as XML, below its root."""
        root, tree = parse(self.body)
        assert root == "Response"
        return tree

    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the receiver answers.

    Attributes:
        status: HTTP status.
        headers: Besides the length of the body.
        body: Empty for most.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Answer = Callable[[Received], Answered]


class _Server(ThreadingHTTPServer):
    """Many may call at once."""

    request_queue_size = 128


class Receiver:
    """Keeps what comes, and answers it; every other address of the machine is another host."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.received: list[Received] = []
        self.answer: Answer = lambda _request: Answered()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    def url(self, path: str = "/cb", host: str = "127.0.0.1") -> str:
        """A URL that leads here."""
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """The paths of what came, in order."""
        return [one.path for one in self.received]


@contextlib.contextmanager
def receive(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on 127.0.0.1 until the block ends.

    Args:
        port: Where to listen; 0 picks a free port.
    """
    receiver: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            request = Received(
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(size),
                method=self.command,
            )
            receiver.received.append(request)
            answered = receiver.answer(request)
            self.send_response(answered.status)
            for name, value in answered.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answered.body)))
            with contextlib.suppress(OSError):  # who asked may be gone
                self.end_headers()
                self.wfile.write(answered.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", port), Handler)
    receiver = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        yield held.getsockname()[1]
