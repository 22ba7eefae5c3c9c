"""`penstock serve`: the server and, in the same process, the engine."""

import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from penstock.bootstrap.keys import RootKey
from penstock.bootstrap.system import System
from penstock.cli.bucket_urls import absolute_url, make_folder
from penstock.cli.exits import BAD_USAGE, COULD_NOT, OK, explain
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.settings import read_settings


class _Server(uvicorn.Server):
    """Says when it is ready, in the one line that scripts wait for."""

    address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stderr.write(f"penstock: listening on http://{self.address}\n")
        sys.stderr.flush()


def serve(bindings: list[str], config: Path | None, given: dict[str, Any]) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit code."""
    try:
        settings = read_settings(config, **given)
        listener = _listen(settings.listen)
        system = System(settings)
    except InvalidArgumentError as error:
        return explain(error, BAD_USAGE)
    except (PenstockError, OSError) as error:
        return explain(error, COULD_NOT)
    try:
        for binding in bindings:
            _bind(system, binding)
        key = system.root_key()
        _show_new_key(key)
        system.start_engine(single_workers=1)
        _serve(system, key, listener)
    except InvalidArgumentError as error:
        return explain(error, BAD_USAGE)
    except PenstockError as error:
        return explain(error, COULD_NOT)
    finally:
        system.close()
        listener.close()
    return OK


def _serve(system: System, key: RootKey, listener: socket.socket) -> None:
    server = _Server(
        uvicorn.Config(
            system.application(key),
            http="httptools",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # anybody can send them, and policies look at addresses
            timeout_graceful_shutdown=10,
        )
    )
    host, port = listener.getsockname()[:2]
    server.address = f"{host}:{port}"
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again when it has ended
        signal.signal(number, lambda _number, _frame: None)
    server.run(sockets=[listener])


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_server((host.strip("[]"), int(port)), backlog=1024)


def _bind(system: System, binding: str) -> None:
    name, separator, url = binding.partition("=")
    if not separator or not name or not url:
        message = f"--bucket must be NAME=URL, not {binding!r}"
        raise InvalidArgumentError(message)
    make_folder(url)
    system.buckets.bind(name, absolute_url(url))


def _show_new_key(key: RootKey) -> None:
    if key.is_new:
        sys.stderr.write(
            "penstock: made a root access key, shown only now and kept in the data folder:\n"
            f"  SecretId  {key.secret_id}\n  SecretKey {key.secret_key}\n"
        )
