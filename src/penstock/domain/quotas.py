"""How much of what a bucket may hold: the vendor's numbers where it tells them, else ours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Bounds that calls are held to; 0 is no bound.

    Attributes:
        buckets: Bound buckets; bindings of the command line are not counted against it.
        workflows: Workflows of a bucket.
        templates: Templates of a bucket.
        running_jobs: Batch jobs of a bucket that have not ended; dry runs do not count.
        queue_size: Single objects (triggers and single jobs) that may wait in a queue; told to
            clients as `MaxSize`. The objects of a batch job do not count.
        queue_concurrency: Chunks of a queue that run at once; told to clients as
            `MaxConcurrent`. At least 1.
        is_pause_refused: Whether jobs for a paused queue are refused instead of held.
    """

    buckets: int = 200
    workflows: int = 100
    templates: int = 200
    running_jobs: int = 10
    queue_size: int = 10_000
    queue_concurrency: int = 10
    is_pause_refused: bool = False


DEFAULT_QUOTAS = Quotas()


def is_reached(count: int, bound: int) -> bool:
    """Whether nothing more may be added to so many; never where there is no bound."""
    return 0 < bound <= count
