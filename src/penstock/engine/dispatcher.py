"""Decides which job's chunk runs next: queues, pause, priority, weighted fair share. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from penstock.domain.jobs import Job, JobType


class Shares:
    """How much of the workers' time jobs have had, each divided by its weight.

    Start-time fair queueing: a job that had nothing to hand out for a while, or has just come,
    goes on beside the others; it neither saves up a share nor pays for what it did not use.
    """

    def __init__(self) -> None:
        self._served: dict[int, float] = {}
        self._reached: dict[tuple[bool, int], float] = {}

    def turn(self, job: Job) -> float:
        """The job's place in the order of its class; the smallest is served next."""
        reached = self._reached.get(_class_of(job), 0.0)
        return max(self._served.get(job.number, reached), reached)

    def serve(self, job: Job, seconds: float) -> None:
        """Let a job have its turn, at an estimated cost in seconds of one worker."""
        turn = self._reached[_class_of(job)] = self.turn(job)
        self._served[job.number] = turn + seconds / job.weight

    def correct(self, job: Job, seconds: float) -> None:
        """Add what a turn cost more than was estimated; less is negative."""
        self._served[job.number] = self._served.get(job.number, 0.0) + seconds / job.weight

    def keep(self, numbers: Collection[int]) -> None:
        """Forget every job but these: the others have come to their end."""
        self._served = {number: turn for number, turn in self._served.items() if number in numbers}


def next_job(
    candidates: Iterable[Job],
    *,
    shares: Shares,
    in_flight: Mapping[int, int],
    queue_limits: Mapping[str, int],
    exhausted: Collection[int],
) -> Job | None:
    """The job that may hand out a chunk now; None when no job may.

    A single trigger goes before batches, then the larger priority, then the job whose turn it is
    by its share of the workers' time, then the older one.

    Args:
        candidates: Jobs that are running.
        shares: What each has had so far.
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
        ready, key=lambda job: (*_class_of(job), shares.turn(job), job.number), default=None
    )


def is_held(job: Job, queue_limits: Mapping[str, int]) -> bool:
    """Whether a queue that the job passes through is paused."""
    return any(queue_limits.get(queue, 1) == 0 for queue in job.queue_ids)


def _class_of(job: Job) -> tuple[bool, int]:
    """What goes strictly first: single triggers, then the larger priority."""
    return job.type is not JobType.TRIGGER, -job.priority
