"""`penstock engine`: drives jobs and delivers callbacks, and serves nothing."""

import signal
import sys
import threading
from pathlib import Path
from typing import Any

from penstock.bootstrap.system import System
from penstock.cli.exits import BAD_USAGE, COULD_NOT, OK, explain
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.settings import Settings, read_settings

_LOOK_SECONDS = 1.0


def run_engine(config: Path | None, given: dict[str, Any]) -> int:
    """Drive jobs until SIGTERM or SIGINT, then drain; the exit code."""
    try:
        system = System(_shared(read_settings(config, **given)))
    except InvalidArgumentError as error:
        return explain(error, BAD_USAGE)
    except (PenstockError, OSError) as error:
        return explain(error, COULD_NOT)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        system.start_engine(single_workers=1)
        sys.stderr.write("penstock: the engine is running\n")
        sys.stderr.flush()
        while not stopping.wait(_LOOK_SECONDS):
            if not system.is_engine_alive():
                sys.stderr.write("penstock: the engine stopped; see the log above\n")
                return COULD_NOT
    except InvalidArgumentError as error:
        return explain(error, BAD_USAGE)
    except PenstockError as error:
        return explain(error, COULD_NOT)
    finally:
        system.close()
    return OK


def _shared(settings: Settings) -> Settings:
    """Settings with a database that others can use beside this process."""
    if not settings.database:
        message = "database: must be given; a server with SQLite drives its jobs itself"
        raise InvalidArgumentError(message)
    return settings
