"""Makes what worker and planner processes of the tests work with."""

import threading
from collections.abc import Callable
from pathlib import Path

from penstock.domain.errors import InventoryError, StoreError
from penstock.domain.jobs import Job
from penstock.engine.runner import Assignment, ChunkOutcome, Runner
from penstock.operations.base import Limits
from penstock.storage.pages import Source
from tests.engine.sources import BreakingSource, ListSource
from tests.engine.stores import open_trouble
from tests.factories import make_objects

_POLL_SECONDS = 0.01
WAITS_FOR_DRAIN = "waits for the drain"
BROKEN = "broken"
FAILING = "failing"
UNEXPECTED = "unexpected"


class PatientRunner(Runner):
    """A runner that says it has a job of a certain name, and begins when it is told to drain."""

    def run(
        self,
        assignment: Assignment,
        *,
        is_cancelled: Callable[[], bool],
        may_begin: Callable[[int], bool],
        report: Callable[[float], None],
    ) -> ChunkOutcome:
        """Run a chunk, perhaps after a while."""
        if assignment.job.name == WAITS_FOR_DRAIN:
            report(0.0)
        is_alone = assignment.chunk.size == 1  # then it waits for ever
        while assignment.job.name == WAITS_FOR_DRAIN and (is_alone or may_begin(1)):
            threading.Event().wait(_POLL_SECONDS)
        return super().run(
            assignment, is_cancelled=is_cancelled, may_begin=may_begin, report=report
        )


def make_opener(_argument: str) -> Callable[[Job], Source]:
    """Sources of as many objects as a job's name says; some prefixes break behind two pages."""
    errors: dict[str, Exception] = {
        BROKEN: InventoryError("manifest.json", "truncated"),
        FAILING: StoreError("manifest.json", "timed out"),
        UNEXPECTED: ZeroDivisionError(),
    }

    def open_source(job: Job) -> Source:
        source = ListSource([*make_objects(int(job.name))], page_size=100)
        error = errors.get(job.input.value)
        return source if error is None else BreakingSource(source, pages=2, error=error)

    return open_source


def make_runner(argument: str) -> Runner:
    """A runner over folders that make trouble; `argument` is its scratch folder."""
    return PatientRunner(
        open_store=open_trouble, now_ms=lambda: 0, scratch=Path(argument), limits=Limits()
    )
