"""Refuses jobs that their bucket or their queues have no room for."""

from penstock.domain.errors import QueuePausedError, QueueSaturatedError
from penstock.domain.jobs import Job, JobType
from penstock.domain.quotas import Quotas, is_reached
from penstock.domain.resources import Queue
from penstock.state import jobs, resources
from penstock.state.database import Transaction


def check_room(transaction: Transaction, job: Job, quotas: Quotas) -> None:
    """Hold a job that is about to be stored to the quotas.

    What counts against the length of a queue are single objects that wait: triggers and single
    jobs, one each. Batch jobs are bounded by their number, not by that of their objects.

    Raises:
        QueuePausedError: A queue is paused, and jobs for such are refused.
        QueueSaturatedError: The bucket has as many open batch jobs, or a queue as many waiting
            single objects, as it may.
    """
    if job.type is not JobType.TRIGGER and not job.is_dry_run:
        count = jobs.count_open_batches(transaction, job.bucket)
        if is_reached(count, quotas.running_jobs):
            message = f"bucket {job.bucket!r} has {count} open batch jobs, the most it may have"
            raise QueueSaturatedError(message)
    for queue in resources.list_queues(transaction, job.bucket):
        if queue.id in job.queue_ids:
            _check_queue(transaction, job, queue, quotas)


def _check_queue(transaction: Transaction, job: Job, queue: Queue, quotas: Quotas) -> None:
    if queue.is_paused and quotas.is_pause_refused:
        raise QueuePausedError(queue.id)
    if job.type is JobType.TRIGGER:
        count = jobs.count_waiting_singles(transaction, queue.id)
        if is_reached(count, quotas.queue_size):
            message = f"{count} objects wait in queue {queue.id!r}, the most that may"
            raise QueueSaturatedError(message)
