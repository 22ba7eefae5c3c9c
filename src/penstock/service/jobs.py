"""Batch jobs and single triggers: create, get, list, cancel."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from penstock.domain.callback_rules import rule_faults
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.executions import Address
from penstock.domain.jobs import (
    Counters,
    InputKind,
    Job,
    JobInput,
    JobType,
    PinnedWorkflow,
)
from penstock.domain.planning import pack_objects, plan_warnings
from penstock.domain.quotas import DEFAULT_QUOTAS, Quotas
from penstock.domain.refusals import (
    BucketNotBoundError,
    ResourceNotFoundError,
    TargetNotBoundError,
)
from penstock.domain.requests import JobQuery, JobRequest, name_faults
from penstock.domain.selection import ObjectFilter, ObjectInfo, showable
from penstock.domain.states import JOB_TABLE, JobEvent, JobState, is_final
from penstock.domain.workflows import parse_topology, topology_digest
from penstock.service.buckets import BucketService, check_open, queue_ids
from penstock.service.operation_rules import rule_queue_ids
from penstock.service.room import check_room
from penstock.service.sources import find_object
from penstock.service.topologies import CheckedTopology, object_patterns
from penstock.service.workflows import check
from penstock.state import chunks, jobs, resources, workflows
from penstock.state.chunks import PackedObjects
from penstock.state.database import Database, Transaction, lock_bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pinned:
    """The workflows of a request, checked, and what follows from them."""

    workflows: tuple[PinnedWorkflow, ...]
    checked: tuple[CheckedTopology, ...]
    queue_ids: tuple[str, ...]
    buckets: dict[str, str]


class JobService:
    """The batch jobs of every bucket."""

    def __init__(
        self,
        database: Database,
        buckets: BucketService,
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[str], str],
        quotas: Quotas = DEFAULT_QUOTAS,
        functions: Collection[str] | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            functions: Names of the functions that nodes may call; None leaves them unchecked.
        """
        self._functions = functions
        self._database = database
        self._quotas = quotas
        self._buckets = buckets
        self._now_ms = now_ms
        self._new_id = new_id

    def create(self, request: JobRequest) -> Job:
        """Store a job for an engine to take up, its workflows pinned as they are now.

        Raises:
            BucketNotBoundError: The bucket is not bound, or a service is not open on it.
            InvalidArgumentError: The name, the topology or the ids are wrong.
            ResourceNotFoundError: A workflow does not exist.
            TargetNotBoundError: A node writes to a bucket that is not bound.
            QueuePausedError: A queue is paused, and the server refuses jobs for such.
            QueueSaturatedError: The bucket has as many open batch jobs as it may.
        """
        self._buckets.check_open(request.bucket)
        faults = name_faults(request.name)
        if not (request.workflow_ids or request.topology or request.operation):
            faults.append("Operation.WorkflowIds must be given")
        faults += [f"Operation: {fault}" for fault in rule_faults(request.rule)]
        if faults:
            raise InvalidArgumentError(*faults)
        with self._database.write() as transaction:
            lock_bucket(transaction, request.bucket)
            pinned = self._pin(transaction, request)
            job = self._job(request, pinned)
            check_room(transaction, job, self._quotas)
            return replace(job, number=jobs.insert_job(transaction, job))

    def trigger(self, bucket: str, workflow_id: str, key: str, name: str) -> str:
        """Run one object through one workflow now; the id of the execution.

        Raises:
            BucketNotBoundError: The bucket is not bound, or a service is not open on it.
            ResourceNotFoundError: The workflow or the object does not exist.
            InvalidArgumentError: The name is wrong, or the key missing.
            QueuePausedError: A queue is paused, and the server refuses jobs for such.
            QueueSaturatedError: As many single objects wait in a queue as may.
        """
        self._buckets.check_open(bucket)
        key = key.removeprefix("/")
        faults = name_faults(name, "name") if name else []
        faults += [] if key else ["object must be given"]
        faults += [] if workflow_id else ["workflowId must be given"]
        if faults:
            raise InvalidArgumentError(*faults)
        found = find_object(self._buckets.store(bucket), key)
        return self._start(bucket, workflow_id, found, name=name, is_bounded=True)

    def start_stored(self, bucket: str, workflow_id: str, stored: ObjectInfo) -> str:
        """Run an object that was just stored through one workflow; the id of the execution.

        It is neither refused for want of room nor because a queue is paused: nobody is there to
        try again.

        Raises:
            BucketNotBoundError: The bucket is not bound, or a service is not open on it.
            ResourceNotFoundError: The workflow, or something that it names, is gone.
            InvalidArgumentError: The workflow cannot be run by this build.
        """
        self._buckets.check_open(bucket)
        return self._start(bucket, workflow_id, stored, name="", is_bounded=False)

    def _start(
        self, bucket: str, workflow_id: str, found: ObjectInfo, *, name: str, is_bounded: bool
    ) -> str:
        shown = showable(found.key)  # the plan has it exactly
        request = JobRequest(
            bucket=bucket,
            name=name,
            type=JobType.TRIGGER,
            input=JobInput(kind=InputKind.OBJECT, value=shown),
            workflow_ids=(workflow_id,),
        )
        with self._database.write() as transaction:
            address = self.insert_planned(transaction, request, found, is_bounded=is_bounded)
        return address.encode("i")

    def insert_planned(
        self,
        transaction: Transaction,
        request: JobRequest,
        found: ObjectInfo,
        *,
        is_bounded: bool = True,
    ) -> Address:
        """Store a job over one object, planned at once; where its execution will be recorded.

        Args:
            is_bounded: Whether it is refused where a queue has no room for it.

        Raises:
            InvalidArgumentError: The topology is wrong.
            ResourceNotFoundError: The workflow, a template or a queue does not exist.
            TargetNotBoundError: A node writes to a bucket that is not bound.
            QueuePausedError: A queue is paused, and the server refuses jobs for such.
            QueueSaturatedError: As many single objects wait in a queue as may.
        """
        lock_bucket(transaction, request.bucket, is_shared=not is_bounded)
        job = self._job(request, self._pin(transaction, request))
        if is_bounded:
            check_room(transaction, job, self._quotas)
        job = replace(job, number=jobs.insert_job(transaction, job))
        packed = PackedObjects(pack_objects([found]), 1)
        (chunk,) = chunks.insert_chunks(transaction, job.number, [packed], job.created_ms)
        jobs.add_counters(transaction, job.number, Counters(total=1, waiting=1))
        jobs.save_expansion(transaction, job.number, cursor="", is_expanded=True)
        return job.address(chunk, 0)

    def get(self, bucket: str, job_id: str) -> Job:
        """One job.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            ResourceNotFoundError: The bucket has no such job.
        """
        self._buckets.check_open(bucket)
        with self._database.read() as transaction:
            found = jobs.find_job_by_id(transaction, bucket, job_id)
        if found is None or found.type is JobType.TRIGGER:
            raise ResourceNotFoundError(job_id, kind="job")
        return found

    def find_open(self, request_digest: str) -> Job | None:
        """The job that the same command made and that has not ended."""
        with self._database.read() as transaction:
            return jobs.find_open_job_by_digest(transaction, request_digest)

    def page(self, query: JobQuery) -> tuple[list[Job], int | None]:
        """One page of jobs, and the number to go on after; None on the last page."""
        self._buckets.check_open(query.bucket)
        with self._database.read() as transaction:
            found = jobs.list_jobs(transaction, replace(query, limit=query.limit + 1))
        page = found[: query.limit]
        return page, page[-1].number if len(found) > query.limit else None

    def cancel(self, bucket: str, job_id: str) -> None:
        """Ask to cancel a job; nothing happens to one that has ended. Safe to repeat.

        A job that no engine has taken up ends at once; the others within two seconds, when the
        work at hand has been stopped.

        Raises:
            ResourceNotFoundError: The bucket has no such job.
        """
        job = self.get(bucket, job_id)
        with self._database.write() as transaction:
            request_end(transaction, job, self._now_ms())

    def confirm(self, job: Job) -> None:
        """Run a job that was planned only: exactly the chunks of its plan."""
        with self._database.write() as transaction:
            jobs.confirm_dry_run(transaction, job.number)

    def warnings(self, job: Job) -> list[str]:
        """What is wrong with where a job writes, one sentence each."""
        return [
            warning
            for pinned in job.workflows
            for warning in plan_warnings(object_patterns(parse_topology(pinned.topology).nodes))
        ]

    def _pin(self, transaction: Transaction, request: JobRequest) -> _Pinned:
        named = [("", request.topology_name, request.topology)] if request.topology else []
        if request.operation is not None:
            named = [("", request.operation.tag, request.operation.topology)]
        for workflow_id in request.workflow_ids:
            found = workflows.find_workflow(transaction, request.bucket, workflow_id)
            if found is None:
                raise ResourceNotFoundError(workflow_id, kind="workflow")
            named.append((found.id, found.name, found.topology))
        checked = [
            check(transaction, request.bucket, tree, functions=self._functions)
            for _, _, tree in named
        ]
        check_open(transaction, request.bucket, set().union(*(one.families for one in checked)))
        queues: list[str] = []
        if request.operation is not None:
            families = checked[0].families
            queues += rule_queue_ids(transaction, request.bucket, families, request.operation)
        for one in checked if not queues else ():
            queues += queue_ids(transaction, request.bucket, one.families, one.start)
        names = {request.bucket}.union(*(one.buckets for one in checked)) - {""}
        return _Pinned(
            workflows=tuple(
                PinnedWorkflow(id=id_, name=name, digest=topology_digest(tree), topology=one.tree)
                for (id_, name, tree), one in zip(named, checked, strict=True)
            ),
            checked=tuple(checked),
            queue_ids=tuple(dict.fromkeys(queues)),
            buckets={name: _url(transaction, name, request.bucket) for name in sorted(names)},
        )

    def _job(self, request: JobRequest, pinned: _Pinned) -> Job:
        now_ms = self._now_ms()
        modified_to_ms = request.modified_to_ms
        if modified_to_ms is None and request.is_up_to_now:
            modified_to_ms = now_ms
        return Job(
            id=self._new_id("b"),
            bucket=request.bucket,
            type=request.type,
            name=request.name,
            input=request.input,
            rule=request.rule,
            workflows=pinned.workflows,
            buckets=pinned.buckets,
            filter=ObjectFilter(
                modified_from_ms=request.modified_from_ms,
                modified_to_ms=modified_to_ms,
                extensions=_union([checked.extensions for checked in pinned.checked]),
                excluded_prefix=request.excluded_prefix,
            ),
            queue_ids=pinned.queue_ids,
            priority=0 if request.operation is None else request.operation.priority,
            weight=request.weight,
            is_dry_run=request.is_dry_run,
            request_digest=request.request_digest,
            created_ms=now_ms,
        )


def _url(transaction: Transaction, name: str, source: str) -> str:
    url = resources.bucket_url(transaction, name)
    if url is None:
        raise BucketNotBoundError(name) if name == source else TargetNotBoundError(name)
    return url


def _union(filters: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    """What at least one of several extension filters lets through."""
    narrow = [extensions for extensions in filters if extensions is not None]
    return frozenset().union(*narrow) if len(narrow) == len(filters) else None


def request_end(transaction: Transaction, job: Job, now_ms: int) -> None:
    """Cancel a job that nobody has taken up and that has no plan; ask its engine to do others."""
    is_untouched = job.state is JobState.SUBMITTED and not job.counters.total
    if is_untouched and jobs.move_job(transaction, job, JobEvent.CANCEL, now_ms):
        return
    jobs.request_cancel(transaction, job.number, now_ms)


def is_ended(job: Job) -> bool:
    """Whether nothing moves a job any more."""
    return is_final(JOB_TABLE, job.state)
