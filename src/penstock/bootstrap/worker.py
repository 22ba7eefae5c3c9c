"""Puts a worker process together; imports no more than it needs, since workers start often."""

import json
from pathlib import Path

from penstock.bootstrap.clock import now_ms
from penstock.bootstrap.logs import configure_logs
from penstock.domain.addresses import parse_allowed
from penstock.engine.functions import FunctionCaller, FunctionSettings
from penstock.engine.node_scratch import claim_folder, default_root
from penstock.engine.runner import Runner
from penstock.operations.base import Limits
from penstock.storage.opening import open_store

RETRY_SECONDS = (1.0, 5.0)  # on top of the stores' own tries, each with pauses of its own


def make_runner(argument: str) -> Runner:
    """Make the runner of a worker process; `argument` is what `make_executor` wrote."""
    facts = json.loads(argument)
    configure_logs(facts["log_level"])
    told = facts["functions"]
    functions = FunctionSettings(
        urls=told["urls"],
        allowed=parse_allowed(told["allow"]),
        seconds=told["seconds"],
        secret=told["secret"],
        region=told["region"],
    )
    return Runner(
        open_store=open_store,
        now_ms=now_ms,
        scratch=Path(facts["scratch"]),
        limits=Limits(**facts["limits"]),
        retry_seconds=RETRY_SECONDS,
        functions=FunctionCaller(functions, now_ms=now_ms).call,
    )


def make_node_runner(argument: str) -> Runner:
    """Make the runner of a worker process on a node of a cluster, which has its own scratch space.

    Raises:
        BackendError: There is no scratch space.
    """
    facts = json.loads(argument)
    root = Path(facts["scratch"]) if facts["scratch"] else default_root()
    return make_runner(json.dumps({**facts, "scratch": str(claim_folder(root))}))
