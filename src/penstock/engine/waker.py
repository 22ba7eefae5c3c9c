"""Ends a wait for pipes from another thread."""

import socket
from contextlib import suppress


class Waker:
    """One end stands among what is waited for; the other is rung. Safe from any thread."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.settimeout(0)
        self._theirs.settimeout(0)

    def fileno(self) -> int:
        """What `multiprocessing.connection.wait` waits for."""
        return self._theirs.fileno()

    def ring(self) -> None:
        """End the wait that goes on, or else the next."""
        with suppress(BlockingIOError):  # then it has been rung often enough
            self._ours.send(b"!")

    def clear(self) -> None:
        """Let the next wait wait again."""
        with suppress(BlockingIOError):
            self._theirs.recv(4096)

    def close(self) -> None:
        """Let go of both ends."""
        self._ours.close()
        self._theirs.close()
