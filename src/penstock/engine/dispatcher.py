"""Decides which job's chunk runs next: queues, pause, priority, fair share. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from penstock.domain.jobs import Job, JobType


def next_job(
    candidates: Iterable[Job],
    *,
    in_flight: Mapping[int, int],
    queue_limits: Mapping[str, int],
    exhausted: Collection[int],
) -> Job | None:
    """The job that may hand out a chunk now; None when no job may.

    A single trigger goes before batches, then the larger priority, then the job with the fewest
    chunks at work, then the older one.

    Args:
        candidates: Jobs that are running.
        in_flight: Chunks at work, by job number.
        queue_limits: Most chunks at work, by queue; 0 for a paused queue.
        exhausted: Jobs that have no planned chunk at the moment.
    """
    jobs = list(candidates)
    load: Counter[str] = Counter()
    for job in jobs:
        for queue in job.queue_ids:
            load[queue] += in_flight.get(job.number, 0)
    ready = [
        job
        for job in jobs
        if job.number not in exhausted
        and job.cancel_requested_ms is None
        and not job.is_dry_run
        and all(load[queue] < queue_limits.get(queue, 1 << 30) for queue in job.queue_ids)
    ]
    return min(
        ready,
        key=lambda job: (
            job.type is not JobType.TRIGGER,
            -job.priority,
            in_flight.get(job.number, 0),
            job.number,
        ),
        default=None,
    )


def is_held(job: Job, queue_limits: Mapping[str, int]) -> bool:
    """Whether a queue that the job passes through is paused."""
    return any(queue_limits.get(queue, 1) == 0 for queue in job.queue_ids)
