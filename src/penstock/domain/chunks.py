"""A chunk: the run of a job's objects that is planned, leased, retried and sealed together."""

from dataclasses import dataclass

from penstock.domain.states import ChunkState


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A run of a job's objects.

    Attributes:
        job: Number of the job.
        number: Number of the chunk in its job.
        origin: The chunk that holds the objects and gives the addresses.
        start: Index of its first object in the origin.
        size: How many objects.
        state: See `domain.states`.
        epoch: Counts leases; the number that fences out an old holder.
        attempts: Leases that were not given back.
        planned_ms: Milliseconds since 1970 UTC.
        leased_ms: When the latest lease began; None before the first.
        ended_ms: When it was sealed or cancelled; None before.
        progress: Share of the leased work that is done, from 0 to 1, as last heard.
    """

    job: int
    number: int
    origin: int
    start: int
    size: int
    state: ChunkState
    epoch: int
    attempts: int
    planned_ms: int
    leased_ms: int | None
    ended_ms: int | None
    progress: float
