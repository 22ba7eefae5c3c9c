import contextlib
import datetime
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from penstock.domain.addresses import AllowedTargets, parse_allowed
from penstock.engine.checked_http import Resolver
from penstock.engine.sender import HttpSender, Reply
from tests.receiver import Answered, Received, Receiver, closed_port, receive

LOOPBACK = parse_allowed("127.0.0.0/8")
HOST = "hooks.example"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    with receive() as running:
        yield running


class Names:
    """A resolver that answers from a table, and notes what it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        """The next answer; the last one again and again."""
        del port
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def no_name(host: str, port: int) -> list[str]:
    """A resolver that knows nobody."""
    raise socket.gaierror(-2, f"no {host}:{port}")


def sender_of(
    resolver: Resolver, allowed: AllowedTargets = LOOPBACK, *, total_seconds: float = 10.0
) -> HttpSender:
    """A sender with its own resolver."""
    return HttpSender(allowed, resolver=resolver, total_seconds=total_seconds)


def send(sender: HttpSender, url: str, body: bytes = b"hello") -> Reply:
    """Send a small body."""
    return sender.send(url, {"Content-Type": "text/plain", "x-mark": "1"}, body)


def test_sender_posts_to_the_address_and_names_the_host(receiver: Receiver) -> None:
    """The connection goes to the address, the Host header has the name, the body is whole."""
    names = Names(["127.0.0.1"])

    reply = send(sender_of(names), receiver.url("/cb?a=b&c", HOST))

    (request,) = receiver.received
    assert reply == Reply(text="200 OK", is_delivered=True, is_reached=True)
    assert request.path == "/cb?a=b&c"
    assert request.headers["host"] == f"{HOST}:{receiver.port}"
    assert (request.headers["x-mark"], request.body) == ("1", b"hello")
    assert names.asked == [HOST]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_sender_takes_any_2xx_as_delivered(receiver: Receiver, status: int) -> None:
    """The receiver need not say more than that."""
    receiver.answer = lambda _request: Answered(status=status)

    assert send(sender_of(Names(["127.0.0.1"])), receiver.url()).is_delivered


@pytest.mark.parametrize("status", [303, 304, 400, 404, 410, 429, 500, 503])
def test_sender_takes_nothing_else_as_delivered(receiver: Receiver, status: int) -> None:
    """The reply has the status; the target was reached."""
    receiver.answer = lambda _request: Answered(status=status, headers={"Location": "/other"})

    reply = send(sender_of(Names(["127.0.0.1"])), receiver.url())

    assert (reply.is_delivered, reply.is_refused, reply.is_reached) == (False, False, True)
    assert reply.text.startswith(str(status))
    assert receiver.paths() == ["/cb"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_sender_repeats_the_request_where_it_is_redirected(
    receiver: Receiver, status: int
) -> None:
    """Method, headers and body go again to the new place, which may be relative."""
    receiver.answer = lambda request: (
        Answered(status=status, headers={"Location": "/there"})
        if request.path == "/cb"
        else Answered()
    )

    reply = send(sender_of(Names(["127.0.0.1"])), receiver.url())

    assert reply.is_delivered
    assert receiver.paths() == ["/cb", "/there"]
    assert receiver.received[1].body == b"hello"
    assert receiver.received[1].headers["x-mark"] == "1"


def test_sender_follows_three_redirects_and_no_more(receiver: Receiver) -> None:
    """A circle of redirects comes to an end."""
    receiver.answer = lambda _request: Answered(status=307, headers={"Location": "/cb"})

    reply = send(sender_of(Names(["127.0.0.1"])), receiver.url())

    assert not reply.is_delivered
    assert "redirects" in reply.text
    assert len(receiver.received) == 4


def test_sender_refuses_a_redirect_to_where_it_may_not_go(receiver: Receiver) -> None:
    """The target of a redirect is checked like the first: loopback is not reached through it."""
    allowed = parse_allowed(HOST)
    to_loopback = receiver.url("/secret", "127.0.0.1")
    receiver.answer = lambda _request: Answered(status=302, headers={"Location": to_loopback})

    reply = send(sender_of(Names(["127.0.0.1"]), allowed), receiver.url("/cb", HOST))

    assert reply.is_refused
    assert "127.0.0.1" in reply.text
    assert receiver.paths() == ["/cb"]


@pytest.mark.parametrize("location", ["ftp://hooks.example/", "file:///etc/passwd", "http://[x"])
def test_sender_refuses_a_redirect_to_another_kind_of_place(
    receiver: Receiver, location: str
) -> None:
    """Only http and https are followed."""
    receiver.answer = lambda _request: Answered(status=302, headers={"Location": location})

    reply = send(sender_of(Names(["127.0.0.1"])), receiver.url())

    assert not reply.is_delivered
    assert receiver.paths() == ["/cb"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "[::1]", "0.0.0.0"]
)
def test_sender_refuses_this_machine_in_every_spelling(receiver: Receiver, host: str) -> None:
    """By default no spelling of loopback or of no address is called."""
    reply = send(HttpSender(AllowedTargets()), receiver.url("/cb", host))

    assert not reply.is_delivered
    assert receiver.received == []


def test_sender_checks_what_a_name_means_at_every_request(receiver: Receiver) -> None:
    """A name that was fine a moment ago and means another address now is refused."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    sender = sender_of(names)

    first = send(sender, receiver.url("/cb", HOST))
    second = send(sender, receiver.url("/cb", HOST))

    assert first.is_delivered
    assert second.is_refused
    assert "callback_allow" in second.text
    assert len(receiver.received) == 1


def test_sender_does_not_ask_again_behind_the_check(receiver: Receiver) -> None:
    """One request resolves once: the checked address is the one that is called."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])

    reply = send(sender_of(names), receiver.url("/cb", HOST))

    assert reply.is_delivered
    assert names.asked == [HOST]


def test_sender_calls_the_allowed_one_of_several_addresses(receiver: Receiver) -> None:
    """Addresses that may not be called are passed over; the others are tried in order."""
    names = Names(["10.0.0.1", "127.0.0.9", "127.0.0.1"])

    reply = send(sender_of(names), receiver.url("/cb", HOST))

    assert reply.is_delivered


def test_sender_tells_of_a_name_that_nobody_knows() -> None:
    """An unknown name may be known later: it is no refusal."""
    reply = send(sender_of(no_name), f"http://{HOST}/")

    assert (reply.is_delivered, reply.is_refused, reply.is_reached) == (False, False, False)
    assert HOST in reply.text


def test_sender_tells_of_a_closed_port() -> None:
    """A refused connection is no refusal of ours, and tried again."""
    with closed_port() as port:
        reply = send(sender_of(Names(["127.0.0.1"])), f"http://{HOST}:{port}/")

    assert (reply.is_delivered, reply.is_refused, reply.is_reached) == (False, False, False)
    assert "refused" in reply.text


@contextlib.contextmanager
def dripping(line: bytes) -> Iterator[int]:
    """A server that takes connections and sends one byte of an answer now and then."""
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                for byte in line * 1000:
                    connection.sendall(bytes([byte]))
                    if stop.wait(0.05):
                        return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("line", [b"", b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
def test_sender_gives_up_in_time(line: bytes) -> None:
    """A target that does not answer, or drips its answer byte by byte, is left in time."""
    with dripping(line or b"H" * 2) as port:
        started = time.monotonic()

        reply = send(sender_of(Names(["127.0.0.1"]), total_seconds=0.4), f"http://{HOST}:{port}/")

        assert time.monotonic() - started < 5
    assert not reply.is_delivered
    assert not reply.is_reached
    assert "in time" in reply.text


def test_sender_does_not_begin_when_its_time_is_over(receiver: Receiver) -> None:
    """A slow resolver leaves no time to send: what may be somebody else's turn is not sent."""
    reply = send(sender_of(Names(["127.0.0.1"]), total_seconds=-1.0), receiver.url())

    assert not reply.is_delivered
    assert receiver.received == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of `HOST` with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextlib.contextmanager
def secure_server(certificate: Path) -> Iterator[tuple[int, list[Received]]]:
    """An HTTPS server on 127.0.0.1; its port and what it received."""
    received: list[Received] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.append(Received(path=self.path, headers=headers, body=body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1], received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_sender_checks_certificates_by_the_host_name(certificate: Path) -> None:
    """TLS goes to the checked address, and the certificate has to be that of the name."""
    sender = HttpSender(
        LOOPBACK,
        resolver=Names(["127.0.0.1"]),
        make_context=lambda: ssl.create_default_context(cafile=str(certificate)),
    )
    with secure_server(certificate) as (port, received):
        right = send(sender, f"https://{HOST}:{port}/cb")
        wrong = send(sender, f"https://other.example:{port}/cb")

    assert right.is_delivered
    assert not wrong.is_delivered
    assert not wrong.is_refused
    assert [request.headers["host"] for request in received] == [f"{HOST}:{port}"]


def test_sender_does_not_trust_unknown_certificates(certificate: Path) -> None:
    """A certificate that nobody known has signed is not taken."""
    sender = sender_of(Names(["127.0.0.1"]))
    with secure_server(certificate) as (port, received):
        reply = send(sender, f"https://{HOST}:{port}/cb")

    assert not reply.is_delivered
    assert "certificate" in reply.text
    assert received == []
