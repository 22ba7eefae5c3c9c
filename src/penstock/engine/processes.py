"""Starts the engine's own child processes, which die with their parent."""

import ctypes
import importlib
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

_ARGUMENT = "_PENSTOCK_CHILD_ARGUMENT"
_PR_SET_PDEATHSIG = 1


def start_child(
    module: str, factory: str, argument: str
) -> "tuple[subprocess.Popen[bytes], Connection[Any, Any]]":
    """Start a module of Penstock, whose `main` calls `join_parent`, in a process group of its own.

    Args:
        module: The module's name.
        factory: `module:function` that makes what the process works with.
        argument: The one argument of that function; it may hold secrets, so it stands in the
            environment of the process and not on its command line.

    Returns:
        The process, and our end of the pipe to it.
    """
    ours, theirs = socket.socketpair()
    descriptor = theirs.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(descriptor), str(os.getpid()), factory],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C on the terminal is for the parent to answer
        env={**os.environ, _ARGUMENT: argument},
    )
    theirs.close()
    return process, Connection(ours.detach())


def join_parent(arguments: list[str]) -> "tuple[Any, Connection[Any, Any]]":
    """In the child: what the factory makes, and the child's end of the pipe.

    Args:
        arguments: Of the command line.
    """
    descriptor, parent, factory = arguments
    argument = os.environ.pop(_ARGUMENT)
    _die_with_parent(int(parent))
    module, _, name = factory.partition(":")
    made = getattr(importlib.import_module(module), name)(argument)
    return made, Connection(int(descriptor))


def _die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(0)
