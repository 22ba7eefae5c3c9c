"""Queues: list, rename, pause, resume."""

from collections.abc import Callable
from dataclasses import replace

from penstock.domain.errors import QueueNotFoundError
from penstock.domain.resources import Queue
from penstock.domain.trees import Tree
from penstock.service.buckets import BucketService
from penstock.state import resources
from penstock.state.database import Database


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
        """
        self._buckets.check_bound(bucket)
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

        Raises:
            QueueNotFoundError: The bucket has no such queue in this family.
        """
        known = {queue.id: queue for queue in self.of_family(bucket, family)}
        if queue_id not in known:
            raise QueueNotFoundError(queue_id)
        queue = replace(
            known[queue_id],
            name=name,
            is_paused=is_paused,
            notify={**known[queue_id].notify, **notify},
            updated_ms=self._now_ms(),
        )
        with self._database.write() as transaction:
            resources.replace_queue(transaction, queue)
        return queue
