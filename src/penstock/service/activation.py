"""Binds buckets and opens service families on them, and undoes both (`wire.md` section 7)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job
from penstock.domain.quotas import DEFAULT_QUOTAS, Quotas, is_reached
from penstock.domain.refusals import (
    BucketNotBoundError,
    FamilyAlreadyOpenError,
    FamilyNotOpenError,
    LimitExceededError,
    NoBucketStorageError,
)
from penstock.operations.base import Family
from penstock.service.buckets import BINDING, BucketService, check_open
from penstock.service.jobs import request_end
from penstock.state import jobs, resources, services
from penstock.state.database import Database, Transaction, lock, lock_bucket
from penstock.state.services import OpenService
from penstock.storage.placing import place_bucket

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?-\d{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationQuery:
    """Which buckets a list of open services shows.

    Attributes:
        service: A family, or `ci` for buckets that are bound.
        names: Only these; empty for all.
        prefix: Only buckets whose name begins with it; empty for all.
        page_number: Which page, from 1.
        page_size: How many a page holds.
    """

    service: str
    names: tuple[str, ...] = ()
    prefix: str = ""
    page_number: int = 1
    page_size: int = 10


class ActivationService:
    """What is bound and open."""

    def __init__(
        self,
        database: Database,
        buckets: BucketService,
        *,
        now_ms: Callable[[], int],
        quotas: Quotas = DEFAULT_QUOTAS,
        bind_root: str = "",
    ) -> None:
        """Take what it needs.

        Args:
            bind_root: Storage URL or folder below which a bucket of an unknown name gets a place
                of its own; empty to bind known names only.
        """
        self._database = database
        self._buckets = buckets
        self._now_ms = now_ms
        self._quotas = quotas
        self._bind_root = bind_root

    def bind(self, bucket: str) -> None:
        """Bind a bucket; its families are opened one by one. Safe to repeat.

        Raises:
            NoBucketStorageError: The name is unknown, and there is no root for such.
            InvalidArgumentError: The name is unknown, and not `<name>-<digits>`.
            LimitExceededError: As many buckets are bound as may be.
            StoreError: The root cannot be reached.
        """
        if self.is_bound(bucket):
            return
        with self._database.read() as transaction:
            url = resources.bucket_url(transaction, bucket)
            self._check_number(transaction)
        url = url or self._place(bucket)
        self._buckets.open_url(url).sweep()
        with self._database.write() as transaction:
            lock(transaction, "penstock/buckets")
            lock_bucket(transaction, bucket)
            if BINDING in services.open_services(transaction, bucket):
                return  # by another call, just now
            self._check_number(transaction)
            resources.bind_bucket(transaction, bucket, url, self._now_ms())
            services.open_service(transaction, bucket, BINDING, self._now_ms())

    def unbind(self, bucket: str) -> None:
        """Unbind a bucket: close every family, cancel its open jobs, keep its objects.

        The object calls go on; workflows and templates are there again once it is bound and
        opened.

        Raises:
            BucketNotBoundError: It is not bound.
        """
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            if not services.close_service(transaction, bucket, BINDING):
                raise BucketNotBoundError(bucket)
            for family in Family:
                services.close_service(transaction, bucket, family)
                resources.delete_queues(transaction, bucket, family)
            found = jobs.list_open_jobs_of_bucket(transaction, bucket)
            self._cancel(transaction, found)

    def is_bound(self, bucket: str) -> bool:
        """Whether a bucket is bound."""
        with self._database.read() as transaction:
            return BINDING in services.open_services(transaction, bucket)

    def open(self, bucket: str, family: str) -> OpenService:
        """Open a family, such as `media`, on a bound bucket and make its queue.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            FamilyAlreadyOpenError: The family is open.
        """
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            check_open(transaction, bucket, ())
            if not self._buckets.open_family(transaction, bucket, Family(family)):
                raise FamilyAlreadyOpenError(bucket, family)
            _, (found,) = services.list_open(
                transaction, family, names=[bucket], prefix="", offset=0, limit=1
            )
        return found

    def close(self, bucket: str, family: str) -> None:
        """Close a family: its queues vanish, and the open jobs that need them are cancelled.

        Those are the jobs that pass through its queues; closing the media family, to which
        workflows and batch jobs belong, cancels every one of those.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            FamilyNotOpenError: The family is not open.
        """
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            check_open(transaction, bucket, ())
            if not services.close_service(transaction, bucket, family):
                raise FamilyNotOpenError(bucket, family)
            gone = set(resources.delete_queues(transaction, bucket, family))
            found = jobs.list_open_jobs_of_bucket(transaction, bucket)
            self._cancel(transaction, (job for job in found if _needs(job, family, gone)))

    def page(self, query: ActivationQuery) -> tuple[int, list[OpenService]]:
        """On how many buckets a service is open, and one page of them, by name."""
        with self._database.read() as transaction:
            return services.list_open(
                transaction,
                query.service,
                names=query.names,
                prefix=query.prefix,
                offset=(query.page_number - 1) * query.page_size,
                limit=query.page_size,
            )

    def _check_number(self, transaction: Transaction) -> None:
        count = services.count_open(transaction, BINDING)
        if is_reached(count, self._quotas.buckets):
            message = f"{count} buckets are bound, the most that may be"
            raise LimitExceededError(code="BindedBucketNumLimit", message=message)

    def _place(self, bucket: str) -> str:
        if not self._bind_root:
            raise NoBucketStorageError(bucket)
        if not _NAME.fullmatch(bucket):
            fault = f"the bucket's name must be <name>-<digits>, not {bucket!r}"
            raise InvalidArgumentError(fault)
        return place_bucket(self._bind_root, bucket)

    def _cancel(self, transaction: Transaction, found: Iterable[Job]) -> None:
        for job in found:
            request_end(transaction, job, self._now_ms())


def _needs(job: Job, family: str, queue_ids: set[str]) -> bool:
    """Whether an open job cannot go on without a family."""
    is_of_workflows = not job.is_single
    return bool(queue_ids.intersection(job.queue_ids)) or (
        family == Family.MEDIA and is_of_workflows
    )
