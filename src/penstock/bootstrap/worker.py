"""Puts a worker process together; imports no more than it needs, since workers start often."""

import json
from pathlib import Path

from penstock.bootstrap.clock import now_ms
from penstock.bootstrap.logs import configure_logs
from penstock.engine.runner import Runner
from penstock.operations.base import Limits
from penstock.storage.opening import open_store

RETRY_SECONDS = (1.0, 5.0)  # on top of the stores' own tries, each with pauses of its own


def make_runner(argument: str) -> Runner:
    """Make the runner of a worker process; `argument` is what `start_engine` wrote."""
    facts = json.loads(argument)
    configure_logs(facts["log_level"])
    return Runner(
        open_store=open_store,
        now_ms=now_ms,
        scratch=Path(facts["scratch"]),
        limits=Limits(**facts["limits"]),
        retry_seconds=RETRY_SECONDS,
    )
