"""Makes the runners of worker processes; see `LocalExecutor`'s `factory`."""

import threading
from collections.abc import Callable
from pathlib import Path

from penstock.engine.runner import Assignment, ChunkOutcome, Runner
from penstock.operations.base import Limits
from tests.engine.stores import open_trouble

_POLL_SECONDS = 0.01
WAITS_FOR_DRAIN = "waits for the drain"


class PatientRunner(Runner):
    """A runner that says it has a job of a certain name, and begins when it is told to drain."""

    def run(
        self,
        assignment: Assignment,
        *,
        is_cancelled: Callable[[], bool],
        is_draining: Callable[[], bool],
        report: Callable[[float], None],
    ) -> ChunkOutcome:
        """Run a chunk, perhaps after a while."""
        if assignment.job.name == WAITS_FOR_DRAIN:
            report(0.0)
        while assignment.job.name == WAITS_FOR_DRAIN and not is_draining():
            threading.Event().wait(_POLL_SECONDS)
        return super().run(
            assignment, is_cancelled=is_cancelled, is_draining=is_draining, report=report
        )


def make_runner(argument: str) -> Runner:
    """A runner over folders that make trouble; `argument` is its scratch folder."""
    return PatientRunner(
        open_store=open_trouble, now_ms=lambda: 0, scratch=Path(argument), limits=Limits()
    )
