"""Node jobs: single jobs are created and cancelled here, and the nodes of executions read.

There is one store with several doors. A single job is a job of type Trigger over one object with
a topology of one node; every node of every execution is a node job under the id that the
execution shows. Ids are addresses, so reading one never searches.
"""

from collections.abc import Callable
from itertools import islice

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Counters, InputKind, JobInput, JobType
from penstock.domain.node_jobs import WITHOUT_INPUT, NodeJobQuery, NodeJobRequest
from penstock.domain.operation_rules import OperationRule
from penstock.domain.requests import JobRequest
from penstock.domain.selection import ObjectInfo
from penstock.domain.states import ExecutionState as State
from penstock.domain.states import JobEvent, JobState
from penstock.domain.views import NodeJob
from penstock.operations.base import Family
from penstock.service.buckets import BucketService
from penstock.service.jobs import JobService
from penstock.service.node_job_listing import NodeJobListing, read_token, write_token
from penstock.service.node_job_reader import NodeJobReader
from penstock.service.sources import find_object
from penstock.state import chunks, jobs
from penstock.state.database import Database
from penstock.storage.object_urls import resolve_key

_READ_URLS = frozenset({"SpeechRecognition", "VideoTargetRec", "DocProcess"})  # nodes.md 4.1
_NOTHING = ObjectInfo("")
_WAITING = frozenset({State.SUBMITTED, State.PAUSE})


class NodeJobService:
    """The node jobs of every bucket."""

    def __init__(
        self,
        database: Database,
        buckets: BucketService,
        planner: JobService,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._planner = planner
        self._now_ms = now_ms

    def create(self, request: NodeJobRequest) -> list[NodeJob]:
        """Run operations on one object now: one job each, all of them or none.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            FamilyNotOpenError: The family of an operation is not open on it.
            InvalidArgumentError: Params are wrong, or the URL names no object of the bucket.
            ResourceNotFoundError: The object, a template or the queue does not exist.
            TargetNotBoundError: An operation writes to a bucket that is not bound.
            QueuePausedError: A queue is paused, and the server refuses jobs for such.
            QueueSaturatedError: As many single objects wait in a queue as may.
        """
        bucket = request.bucket
        self._buckets.check_bound(bucket)
        source = self._source(request)
        found = [_NOTHING if rule.tag in WITHOUT_INPUT else source for rule in request.rules]
        with self._database.write() as transaction:
            reader = NodeJobReader(transaction, bucket)
            addresses = [
                self._planner.insert_planned(transaction, _job_request(bucket, rule, one), one)
                for rule, one in zip(request.rules, found, strict=True)
            ]
            made = [reader.find(address._replace(node=1)) for address in addresses]
        return [one for one in made if one is not None]

    def _source(self, request: NodeJobRequest) -> ObjectInfo:
        """The object that a request names; nothing where no operation of it reads one."""
        if all(rule.tag in WITHOUT_INPUT for rule in request.rules):
            return _NOTHING
        key = request.object_key or _key_of_url(request)
        return find_object(self._buckets.store(request.bucket), key)

    def get(self, bucket: str, job_id: str) -> NodeJob:
        """One node job, whatever made it.

        Raises:
            ResourceNotFoundError: The bucket has no such job.
        """
        self._buckets.check_bound(bucket)
        with self._database.read() as transaction:
            return NodeJobReader(transaction, bucket).get(job_id)

    def page(self, query: NodeJobQuery) -> tuple[list[NodeJob], str]:
        """One page of node jobs in the order of their planning, and the token of the next.

        The token is empty on the last page. No job is lost or doubled between pages while jobs
        are added and run.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            FamilyNotOpenError: The family is not open on it.
            InvalidArgumentError: The token is none of ours.
        """
        self._buckets.check_bound(query.bucket)
        if query.family:
            self._buckets.check_open(query.bucket, Family(query.family))
        after = read_token(query.token)
        with self._database.read() as transaction:
            listing = NodeJobListing(transaction, query)
            listed = list(islice(listing.node_jobs(after), query.limit + 1))
        page = listed[: query.limit]
        token = write_token(page[-1][0]) if len(listed) > query.limit else ""
        return [found for _, found in page], token

    def cancel(self, bucket: str, job_id: str) -> None:
        """Cancel a single job that has not started; safe to repeat.

        Raises:
            ResourceNotFoundError: The bucket has no such job.
            InvalidArgumentError: It has started, or is a part of something larger.
        """
        self._buckets.check_bound(bucket)
        now_ms = self._now_ms()
        with self._database.write() as transaction:
            found = NodeJobReader(transaction, bucket).get(job_id)
            job = found.execution.job
            if not job.is_single:
                raise InvalidArgumentError(_whole(found))
            count = 0
            if found.state in _WAITING:
                count = chunks.cancel_planned_chunks(transaction, job.number, now_ms)
            if not count:  # perhaps since a moment ago, on a database that is shared
                state = NodeJobReader(transaction, bucket).get(job_id).state
                if state is State.CANCEL:
                    return
                fault = f"only a job that has not started can be cancelled; {job_id} is "
                raise InvalidArgumentError(fault + state)
            jobs.add_counters(transaction, job.number, Counters(cancelled=count, waiting=-count))
            is_untouched = job.state is JobState.SUBMITTED
            if is_untouched and jobs.move_job(transaction, job, JobEvent.CANCEL, now_ms):
                return
            jobs.request_cancel(transaction, job.number, now_ms)


def _key_of_url(request: NodeJobRequest) -> str:
    """The key that an `Input.Url` names, where the operations read URLs at all."""
    for rule in request.rules:
        if rule.tag not in _READ_URLS | WITHOUT_INPUT:
            fault = f"Input.Object must be given: {rule.tag} does not read Input.Url"
            raise InvalidArgumentError(fault)
    return resolve_key(request.url, {request.bucket})


def _job_request(bucket: str, rule: OperationRule, found: ObjectInfo) -> JobRequest:
    return JobRequest(
        bucket=bucket,
        name="",
        type=JobType.TRIGGER,
        input=JobInput(kind=InputKind.OBJECT, value=found.key),
        rule=rule.echo,
        operation=rule,
    )


def _whole(found: NodeJob) -> str:
    """Why a part cannot be cancelled, and what can."""
    job = found.execution.job
    if job.type is JobType.TRIGGER:
        what = f"execution {found.execution.run_id}, which cannot be cancelled in parts"
    else:
        what = f"batch job {job.id}: cancel that"
    return f"{found.view.job_id} belongs to {what}"
