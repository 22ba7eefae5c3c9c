"""A progress bar on a terminal; a line now and then where there is none."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from penstock.domain.jobs import Job

_LINE_SECONDS = 10.0


class Progress:
    """Shows how far a job is, on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("planning", total=None, note="")
        self._said_at = time.monotonic()

    def __enter__(self) -> "Progress":
        """Begin to draw."""
        self._bar.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Leave the last state on the screen."""
        self._bar.stop()

    def show(self, job: Job) -> None:
        """Bring the bar up to date."""
        counters = job.counters
        note = f"{counters.failed:,} failed" if counters.failed else ""
        self._bar.update(
            self._task,
            description=job.name if job.is_expanded else f"{job.name} (planning)",
            completed=counters.ended,
            total=counters.total or None,
            note=note,
        )
        is_due = time.monotonic() - self._said_at > _LINE_SECONDS
        if not self._console.is_terminal and is_due:
            self._said_at = time.monotonic()
            sys.stderr.write(f"penstock: {counters.ended:,} of {counters.total:,} {note}\n")
