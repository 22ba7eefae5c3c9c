"""Buckets: names with storage URLs, what is open on them, and their queues."""

from collections.abc import Callable, Iterable
from threading import Lock

from penstock.domain.quotas import DEFAULT_QUOTAS, Quotas
from penstock.domain.refusals import (
    BucketNotBoundError,
    FamilyNotOpenError,
    NoSuchBucketError,
    QueueNotFoundError,
)
from penstock.domain.resources import Queue
from penstock.domain.trees import Tree, text
from penstock.operations.base import Family
from penstock.state import resources, services
from penstock.state.database import Database, Transaction, lock_bucket
from penstock.storage.base import ObjectStore

BINDING = "ci"
"""The service that a bucket is bound by; families are opened on bound buckets only."""

DEFAULT_QUEUES = {  # family: category and name, wire.md 6.1
    Family.MEDIA: ("Transcoding", "queue-1"),
    Family.PICTURE: ("PicProcessing", "queue-pic-process-1"),
    Family.DOCUMENT: ("DocProcessing", "queue-doc-process-1"),
    Family.AI: ("AIProcess", "queue-ai-process-1"),
    Family.SPEECH: ("SpeechRecognition", "queue-speech-1"),
    Family.FILE: ("FileProcessing", "queue-file-process-1"),
}
_START_ELEMENTS = {
    Family.MEDIA: "QueueId",
    Family.PICTURE: "PicProcessQueueId",
    Family.SPEECH: "SpeechRecognitionQueueId",
    Family.AI: "AIProcessQueueId",
}


class BucketService:
    """Binds buckets, and opens their stores."""

    def __init__(
        self,
        database: Database,
        open_store: Callable[[str], ObjectStore],
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[str], str],
        quotas: Quotas = DEFAULT_QUOTAS,
    ) -> None:
        self._database = database
        self._quotas = quotas
        self._open_store = open_store
        self._now_ms = now_ms
        self._new_id = new_id
        self._stores: dict[str, ObjectStore] = {}
        self._lock = Lock()

    def bind(self, name: str, url: str) -> None:
        """Bind a bucket, open every service on it and sweep leftovers; safe to repeat.

        Raises:
            InvalidArgumentError: The URL is malformed or of an unknown kind.
            StoreError: The store cannot be reached.
        """
        self.open_url(url).sweep()
        now_ms = self._now_ms()
        with self._database.write() as transaction:
            lock_bucket(transaction, name)
            resources.bind_bucket(transaction, name, url, now_ms)
            services.open_service(transaction, name, BINDING, now_ms)
            for family in DEFAULT_QUEUES:
                self.open_family(transaction, name, family)

    def open_family(self, transaction: Transaction, bucket: str, family: Family) -> bool:
        """Open a service family and make its queue; False when it was open before."""
        now_ms = self._now_ms()
        category, queue_name = DEFAULT_QUEUES[family]
        queue = Queue(
            id=self._new_id("p"),
            bucket=bucket,
            family=family,
            category=category,
            name=queue_name,
            max_size=self._quotas.queue_size,
            max_concurrent=self._quotas.queue_concurrency,
            notify={},
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        resources.insert_queue_if_missing(transaction, queue)
        return services.open_service(transaction, bucket, family, now_ms)

    def set_queue_bounds(self) -> None:
        """Give queues that were made under other settings the length and concurrency of these."""
        with self._database.write() as transaction:
            resources.set_queue_bounds(
                transaction,
                max_size=self._quotas.queue_size,
                max_concurrent=self._quotas.queue_concurrency,
            )

    def names(self) -> list[str]:
        """The names of every bound bucket."""
        with self._database.read() as transaction:
            return [name for name, _, _ in resources.list_buckets(transaction)]

    def store(self, bucket: str) -> ObjectStore:
        """The store of a bucket.

        Raises:
            NoSuchBucketError: The bucket is not bound.
        """
        with self._database.read() as transaction:
            url = resources.bucket_url(transaction, bucket)
        if url is None:
            raise NoSuchBucketError(bucket)
        return self.open_url(url)

    def open_url(self, url: str) -> ObjectStore:
        """The store behind a URL; opened once."""
        with self._lock:
            if url not in self._stores:
                self._stores[url] = self._open_store(url)
            return self._stores[url]

    def check_bound(self, bucket: str) -> None:
        """Refuse calls on a bucket that is not bound.

        Raises:
            BucketNotBoundError: It is not.
        """
        with self._database.read() as transaction:
            check_open(transaction, bucket, ())

    def check_open(self, bucket: str, family: Family = Family.MEDIA) -> None:
        """Refuse calls of a service family on a bucket that it is not open on.

        Args:
            family: Workflows, templates and batch jobs belong to the media family.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            FamilyNotOpenError: The family is not open.
        """
        with self._database.read() as transaction:
            check_open(transaction, bucket, (family,))


def check_open(transaction: Transaction, bucket: str, families: Iterable[Family]) -> None:
    """Refuse what needs a bucket and some service families.

    Raises:
        BucketNotBoundError: The bucket is not bound.
        FamilyNotOpenError: One of the families is not open.
    """
    found = services.open_services(transaction, bucket)
    if BINDING not in found:
        raise BucketNotBoundError(bucket)
    for family in sorted(families):
        if family not in found:
            raise FamilyNotOpenError(bucket, family)


def queue_ids(
    transaction: Transaction, bucket: str, families: set[Family], start: Tree
) -> tuple[str, ...]:
    """The queues that a workflow's objects pass through: one a family of its nodes.

    Raises:
        QueueNotFoundError: The Start node names a queue that the bucket does not have.
    """
    known = resources.list_queues(transaction, bucket)
    by_id = {queue.id for queue in known}
    chosen = []
    for family in sorted(families):
        named = text(start, _START_ELEMENTS.get(family, ""))
        if named and named not in by_id:
            raise QueueNotFoundError(named)
        defaults = [queue.id for queue in known if queue.family == family]
        chosen += [named] if named else defaults[:1]
    return tuple(chosen)
