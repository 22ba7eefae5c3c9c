"""A bare HTTP server that says what a test tells it to, and keeps what it was asked."""

import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, cast


class Request(NamedTuple):
    """A request as it came.

    Attributes:
        method: GET, PUT, ….
        target: The request target, byte by byte.
        headers: Headers by lower-case name.
        body: The body.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer(NamedTuple):
    """A running server.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
        requests: What it was asked so far.
    """

    endpoint: str
    requests: list[Request]


def answer(
    status: str = "200 OK",
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """An answer; a `length` over the body's promises bytes that never come."""
    fields = {
        "Content-Length": str(len(body) if length is None else length),
        "Connection": "close",
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


@contextmanager
def scripted_server(answers: Sequence[bytes]) -> Iterator[ScriptedServer]:
    """A server that gives the answers in turn, closes each connection, and then only closes."""
    left = iter(answers)
    requests: list[Request] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = _read_request(cast("BinaryIO", self.rfile))
            requests.append(request)
            self.wfile.write(next(left, b""))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}", requests)
        finally:
            server.shutdown()
            thread.join()


def _read_request(stream: BinaryIO) -> Request:
    method, target, _ = stream.readline().decode("latin-1").split(" ")
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)
