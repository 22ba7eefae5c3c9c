"""What hands chunks to workers: the protocol, and the reports that come back."""

from dataclasses import dataclass
from typing import Protocol

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Job
from penstock.engine.runner import Assignment, ChunkOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDied:
    """A worker died while it ran a chunk.

    Attributes:
        assignment: What it was running.
        cause: How it ended, for a person.
    """

    assignment: Assignment
    cause: str

    @property
    def chunk(self) -> Chunk:
        """The leased chunk."""
        return self.assignment.chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """A chunk that was handed out, but never begun.

    Attributes:
        chunk: The leased chunk.
    """

    chunk: Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A chunk is under way.

    Attributes:
        chunk: The leased chunk.
        fraction: Share of it that is done, from 0 to 1.
    """

    chunk: Chunk
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CutShort:
    """A worker will end a chunk sooner than it was leased; the rest is free for others.

    Attributes:
        chunk: The leased chunk.
        size: How many of its objects, from the first on, the worker takes to an end.
    """

    chunk: Chunk
    size: int


Finished = ChunkOutcome | WorkerDied | GivenBack
"""What ends the work on a chunk."""

Report = Finished | CutShort | Progressed


class Executor(Protocol):
    """Runs chunks on workers. Used from one thread, but for `wake`."""

    def free_places(
        self, *, is_short: bool, is_single: bool = False, job: Job | None = None
    ) -> int:
        """How many more chunks it takes now.

        Args:
            is_short: Whether the chunks are short: it takes a few more, to keep workers busy.
            is_single: Whether they are single triggers, which somebody waits for: there may be
                places that batches never take.
            job: Whose chunks; None for a job without needs of its own.
        """

    def submit(self, assignment: Assignment) -> None:
        """Hand a chunk to a worker; `free_places` must not be 0."""

    def cancel(self, job: int) -> None:
        """Stop all work on a job within two seconds; its chunks come back as they are."""

    def cut(self, chunk: Chunk) -> None:
        """Ask the worker of a chunk to end it behind its present object, and to say where.

        It answers by `CutShort`, or not at all.
        """

    def drain(self) -> None:
        """Let workers stop behind their present object; what they did not begin comes back."""

    def reports(self, wait_seconds: float) -> list[Report]:
        """What has happened; waits up to `wait_seconds` for something, or for `wake`."""

    def wake(self) -> None:
        """Make `reports` return at once; safe from any thread."""

    def close(self) -> None:
        """End every worker now."""
