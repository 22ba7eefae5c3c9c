"""The process that talks to Ray, as the executor sees it: starts it, and leaves nothing of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from penstock.engine.ray_messages import Event, Order

_OWN_HEAD_SECONDS = "10"  # how long parts of a Ray of its own outlive its head, at most


class DriverProcess:
    """One driver process. It leads a session, which holds the processes of a Ray of its own."""

    def __init__(self, *, address: str, cpus: int, factory: str) -> None:
        """Start it.

        Args:
            address: Of the cluster; empty for a Ray of its own.
            cpus: Processor cores of that.
            factory: `module:function` that makes the runners of workers.
        """
        ours, theirs = socket.socketpair()
        descriptor = theirs.fileno()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "penstock.engine.ray_driver",
                str(descriptor),
                json.dumps({"address": address, "cpus": cpus, "factory": factory}),
            ],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # Ray's chatter; what matters comes as an event
            env=_environment(is_own=not address),
            start_new_session=True,
        )
        theirs.close()
        self.connection: Connection[Order, Event] = Connection(ours.detach())

    def await_end(self, seconds: float) -> None:
        """Wait until it has let go of its pipe, or for so long."""
        give_up_at = time.monotonic() + seconds
        with suppress(EOFError, OSError):
            while self.connection.poll(max(0.0, give_up_at - time.monotonic())):
                self.connection.recv()

    def kill(self) -> int:
        """End it and whatever is left of its session; its exit code."""
        self._process.kill()
        self.connection.close()
        for pid in session_of(self._process.pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return self._process.wait()


def _environment(*, is_own: bool) -> dict[str, str]:
    """What Ray finds in its environment: nothing is sent home.

    A Ray of its own uses the loopback interface alone. Ray has a switch for that, which is named
    after the systems where it is the default.
    """
    chosen = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    if is_own:
        chosen["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        chosen["RAY_gcs_rpc_server_reconnect_timeout_s"] = _OWN_HEAD_SECONDS
    return {**os.environ, **chosen}


def session_of(leader: int) -> list[int]:
    """The processes of a session; only where there is a `/proc`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            if int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[3]) == leader:
                found.append(int(path.parent.name))
    return found
