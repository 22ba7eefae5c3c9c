"""The line between the driver process and the workers on a cluster's nodes.

A task of Ray takes arguments and gives a result; everything in between goes over this line: that
a chunk has begun, how much of it is done, and that its worker shall stop. It is one TCP
connection a worker process, opened by the worker, with short lines of ASCII: first a token, then
`<word> <ticket> [<number>]`. Nothing but such words travels on it, and nothing depends on it:
where it cannot be opened, chunks run without progress and are stopped by ending their workers.
"""

import hmac
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from penstock.engine.ray_messages import DeskAddress, News, Word

_CONNECT_SECONDS = 5.0
_SEND_SECONDS = 5.0
_LINE_BYTES = 200


class Desk:
    """The driver's end: hears every worker, and tells one that has begun a ticket."""

    def __init__(self, host: str, token: str, on_news: Callable[[int, News, float], None]) -> None:
        """Listen on a free port.

        Args:
            host: Address of this machine that workers can reach.
            token: What a caller must know.
            on_news: Told what workers say, from a thread for each of them.
        """
        self._listener = socket.create_server((host, 0), backlog=256)
        self.address = DeskAddress(host, self._listener.getsockname()[1], token)
        self._on_news = on_news
        self._lock = threading.Lock()
        self._callers: dict[int, socket.socket] = {}
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="desk", daemon=True).start()

    def has_begun(self, ticket: int) -> bool:
        """Whether a worker runs a ticket."""
        with self._lock:
            return ticket in self._callers

    def tell(self, ticket: int, word: Word) -> bool:
        """Tell the worker that runs a ticket; whether there is one."""
        with self._lock:
            caller = self._callers.get(ticket)
        if caller is None:
            return False
        with suppress(OSError):  # it is dead, and Ray says so
            caller.sendall(f"{word} {ticket}\n".encode())
        return True

    def forget(self, ticket: int) -> None:
        """A ticket has ended."""
        with self._lock:
            self._callers.pop(ticket, None)

    def close(self) -> None:
        """Hang up on every worker, and hear nobody any more."""
        with self._lock:
            for end in (self._listener, *self._open):
                with suppress(OSError):  # the other side was faster
                    end.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._hear, args=[caller], daemon=True).start()

    def _hear(self, caller: socket.socket) -> None:
        with self._lock:
            self._open.add(caller)
        with suppress(OSError, ValueError), caller, caller.makefile("rb") as lines:
            token = lines.readline(_LINE_BYTES).strip()
            if hmac.compare_digest(token, self.address.token.encode()):
                _keep_alive(caller)
                for line in lines:
                    self._take_in(caller, line)
        with self._lock:
            self._open.remove(caller)

    def _take_in(self, caller: socket.socket, line: bytes) -> None:
        word, ticket, number = line.split()
        news = News(word.decode())
        if news is News.BEGUN:
            with self._lock:
                self._callers[int(ticket)] = caller
        self._on_news(int(ticket), news, float(number))


class Line:
    """A worker's end."""

    def __init__(
        self,
        address: DeskAddress,
        on_word: Callable[[int, Word], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Call the desk.

        Args:
            on_word: Told what the desk says, by ticket, from a thread of the line.
            on_lost: Told when the line is dead: the driver is gone, or cannot be reached.

        Raises:
            OSError: The desk cannot be reached.
        """
        self._socket = socket.create_connection(address[:2], timeout=_CONNECT_SECONDS)
        self._socket.settimeout(_SEND_SECONDS)
        _keep_alive(self._socket)
        self._on_word = on_word
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._send(address.token)
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, ticket: int, news: News, number: float = 0) -> None:
        """Tell the desk; what does not get through is dropped."""
        with suppress(OSError):
            self._send(f"{news} {ticket} {number:.6g}")

    def _send(self, line: str) -> None:
        with self._lock:
            self._socket.sendall(f"{line}\n".encode())

    def _listen(self) -> None:
        with self._socket:
            self._hear_words()
        self._on_lost()

    def _hear_words(self) -> None:
        rest = b""
        while True:
            try:
                block = self._socket.recv(_LINE_BYTES)
            except TimeoutError:
                continue
            except OSError:
                return
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                word, ticket = line.decode().split()
                self._on_word(int(ticket), Word(word))


def _keep_alive(end: socket.socket) -> None:
    """Notice, within some minutes, that the other machine is gone without a word."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, number in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), number)
