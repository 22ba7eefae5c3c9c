"""Queues: list, rename, pause, resume."""

from collections.abc import Callable
from dataclasses import replace

from penstock.domain.callback_rules import notify_faults
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import QueueNotFoundError
from penstock.domain.resources import Queue
from penstock.domain.trees import Tree
from penstock.operations.base import Family
from penstock.service.buckets import BucketService
from penstock.state import resources
from penstock.state.database import Database, lock_bucket


class QueueService:
    """The queues of every bucket. An engine sees a change within a fraction of a second."""

    def __init__(
        self, database: Database, buckets: BucketService, *, now_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._now_ms = now_ms

    def of_family(self, bucket: str, family: str) -> list[Queue]:
        """The queues of one service family of a bucket, oldest first.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            FamilyNotOpenError: The family is not open on it.
        """
        self._buckets.check_open(bucket, Family(family))
        with self._database.read() as transaction:
            found = resources.list_queues(transaction, bucket)
        return [queue for queue in found if queue.family == family]

    def update(
        self,
        bucket: str,
        family: str,
        queue_id: str,
        *,
        name: str,
        is_paused: bool,
        notify: Tree,
    ) -> Queue:
        """Change a queue. Chunks at work in a paused queue go on; the others wait.

        Args:
            notify: What is in it replaces what the queue has; the rest stays.

        Raises:
            BucketNotBoundError: The bucket is not bound, or the family not open on it.
            QueueNotFoundError: The bucket has no such queue in this family.
            InvalidArgumentError: The callback configuration, as it would be, is wrong.
        """
        self._buckets.check_open(bucket, Family(family))
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            known = {queue.id: queue for queue in resources.list_queues(transaction, bucket)}
            found = known.get(queue_id)
            if found is None or found.family != family:
                raise QueueNotFoundError(queue_id)
            queue = replace(
                found,
                name=name,
                is_paused=is_paused,
                notify={**found.notify, **notify},
                updated_ms=self._now_ms(),
            )
            if faults := notify_faults(queue.notify, "NotifyConfig"):
                raise InvalidArgumentError(*faults)
            resources.replace_queue(transaction, queue)
        return queue
