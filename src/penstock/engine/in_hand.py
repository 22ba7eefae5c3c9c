"""The chunk that a worker has in hand: run in one thread, told from another when to stop.

Worker processes of this machine and of Ray differ in how they hear and speak; what they do with
a chunk is here.
"""

import threading
import time
from collections.abc import Callable

from penstock.domain.chunks import Chunk
from penstock.engine.runner import Assignment, ChunkOutcome, Runner

OVERTIME_EXIT = 70
"""How a worker ends whose operation ignores its time limit."""

_GRACE_SECONDS = 30.0
_REPORT_SECONDS = 0.2


class InHand:
    """One chunk at work."""

    def __init__(
        self, assignment: Assignment, runner: Runner, *, report: Callable[[float], None]
    ) -> None:
        """Take what is to be run.

        Args:
            report: Told the share of the chunk that is done, a few times a second.
        """
        self._assignment = assignment
        self._runner = runner
        self._tell = report
        self._told_at = 0.0
        self._lock = threading.Lock()  # guards the three below
        self._index = 0
        self._end = assignment.chunk.size
        self._is_draining = False
        self._is_cancelled = False

    @property
    def chunk(self) -> Chunk:
        """The chunk as it was leased."""
        return self._assignment.chunk

    @property
    def claim(self) -> tuple[int, int]:
        """The chunk's job, and under which claim its engine drives it."""
        return self._assignment.job.number, self._assignment.job.epoch

    def run(self) -> ChunkOutcome:
        """Take the chunk to its end, or until it is told to stop."""
        return self._runner.run(
            self._assignment,
            is_cancelled=lambda: self._is_cancelled,
            may_begin=self._may_begin,
            report=self._report,
        )

    def cancel(self) -> None:
        """Give up at once, in the middle of an object."""
        self._is_cancelled = True

    def drain(self) -> None:
        """Stop behind the present object."""
        with self._lock:
            self._is_draining = True

    def cut(self, tell: Callable[[int], None]) -> None:
        """End the chunk behind its present object, if that leaves anything for others.

        Args:
            tell: Told how many objects the chunk has then, before another one is begun.
        """
        with self._lock:
            if self._index + 1 < self._end:
                self._end = self._index + 1
                tell(self._end)

    def is_overdue(self) -> bool:
        """Whether an operation ignores its time limit: nothing but an end of the process helps."""
        return time.monotonic() > self._runner.control.deadline + _GRACE_SECONDS

    def _may_begin(self, index: int) -> bool:
        with self._lock:
            self._index = index
            return index < self._end and not (self._is_draining and index)

    def _report(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._told_at > _REPORT_SECONDS:
            self._told_at = now
            self._tell(fraction)
