"""Node jobs: single jobs are created and cancelled here, and the nodes of executions read.

There is one store with several doors. A single job is a job of type Trigger over one object with
a topology of one node; every node of every execution is a node job under the id that the
execution shows. Ids are addresses, so reading one never searches, and lists stream in the order
of addresses, which never move.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from penstock.domain.errors import InvalidArgumentError, ResourceNotFoundError
from penstock.domain.executions import Address
from penstock.domain.jobs import Counters, InputKind, Job, JobInput, JobType
from penstock.domain.node_jobs import NodeJobQuery, NodeJobRequest
from penstock.domain.operation_rules import OperationRule
from penstock.domain.requests import ExecutionQuery, JobRequest
from penstock.domain.states import ExecutionState as State
from penstock.domain.states import JobEvent, JobState
from penstock.domain.trees import text
from penstock.domain.views import Execution, NodeJob, NodeView
from penstock.domain.workflows import parse_topology
from penstock.operations.base import Family
from penstock.service.buckets import BucketService
from penstock.service.executions import Place, find_at, matching
from penstock.service.jobs import JobService
from penstock.service.operation_rules import family_of
from penstock.service.sources import find_object
from penstock.service.templates import find_template
from penstock.state import chunks, jobs, resources
from penstock.state.database import Database, Transaction
from penstock.storage.object_urls import resolve_key

_READ_URLS = frozenset({"SpeechRecognition", "VideoTargetRec", "DocProcess"})  # nodes.md 4.1
_WAITING = frozenset({State.SUBMITTED, State.PAUSE})
# Which executions may have a node in a state. A single job whose object cannot be read is
# recorded as Skipped and told as Failed.
_EXECUTION_STATES = {
    State.SUCCESS: {State.SUCCESS, State.FAILED, State.CANCEL},
    State.FAILED: {State.FAILED, State.SKIPPED},
    State.CANCEL: {State.SUCCESS, State.FAILED, State.SKIPPED, State.CANCEL},
}


class _Token(NamedTuple):
    """Where a page ended."""

    place: Place
    node: int


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
        key = request.object_key or _key_of_url(request)
        found = find_object(self._buckets.store(bucket), key)
        with self._database.write() as transaction:
            reader = _Reader(transaction, bucket)
            addresses = [
                self._planner.insert_planned(transaction, _job_request(bucket, key, rule), found)
                for rule in request.rules
            ]
            made = [reader.find(address._replace(node=1)) for address in addresses]
        return [one for one in made if one is not None]

    def get(self, bucket: str, job_id: str) -> NodeJob:
        """One node job, whatever made it.

        Raises:
            ResourceNotFoundError: The bucket has no such job.
        """
        with self._database.read() as transaction:
            return _Reader(transaction, bucket).get(job_id)

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
        after = _read_token(query.token)
        with self._database.read() as transaction:
            listing = _Listing(transaction, query)
            listed = list(islice(listing.node_jobs(after), query.limit + 1))
        page = listed[: query.limit]
        token = _write_token(page[-1][0]) if len(listed) > query.limit else ""
        return [found for _, found in page], token

    def cancel(self, bucket: str, job_id: str) -> None:
        """Cancel a single job that has not started; safe to repeat.

        Raises:
            ResourceNotFoundError: The bucket has no such job.
            InvalidArgumentError: It has started, or is a part of something larger.
        """
        now_ms = self._now_ms()
        with self._database.write() as transaction:
            found = _Reader(transaction, bucket).get(job_id)
            job = found.execution.job
            if not job.is_single:
                raise InvalidArgumentError(_whole(found))
            if found.state is State.CANCEL:
                return
            if found.state not in _WAITING:
                fault = f"only a job that has not started can be cancelled; {job_id} is "
                raise InvalidArgumentError(fault + found.state)
            count = chunks.cancel_planned_chunks(transaction, job.number, now_ms)
            jobs.add_counters(transaction, job.number, Counters(cancelled=count, waiting=-count))
            if job.state is JobState.SUBMITTED:
                jobs.move_job(transaction, job, JobEvent.CANCEL, now_ms)
            else:
                jobs.request_cancel(transaction, job.number, now_ms)


class _Reader:
    """Makes node jobs of executions; looks up queues and templates once a call."""

    def __init__(self, transaction: Transaction, bucket: str) -> None:
        self._transaction = transaction
        self._bucket = bucket
        self._template_names: dict[str, str] = {"": ""}
        self.queues = {queue.id: queue for queue in resources.list_queues(transaction, bucket)}

    def get(self, job_id: str) -> NodeJob:
        address = Address.decode(job_id)
        found = self.find(address) if address is not None and address.node else None
        if found is None or found.view.job_id != job_id:
            raise ResourceNotFoundError(job_id, kind="job")
        return found

    def find(self, address: Address) -> NodeJob | None:
        execution = find_at(self._transaction, self._bucket, address._replace(node=0))
        if execution is None:
            return None
        for view in execution.nodes:
            if view.node.number == address.node:
                return self.node_job(execution, view)
        return None

    def node_job(self, execution: Execution, view: NodeView) -> NodeJob:
        return NodeJob(
            execution=execution,
            view=view,
            queue_id=self.queue_id(execution.job, view.node.type),
            template_name=self._template_name(text(view.node.operation, "TemplateId")),
        )

    def queue_id(self, job: Job, tag: str) -> str:
        family = family_of(tag)
        passed = (self.queues[one] for one in job.queue_ids if one in self.queues)
        return next((queue.id for queue in passed if queue.family == family), "")

    def _template_name(self, template_id: str) -> str:
        if template_id not in self._template_names:
            found = find_template(self._transaction, self._bucket, template_id)
            self._template_names[template_id] = "" if found is None else found.name
        return self._template_names[template_id]


class _Listing:
    """Streams the node jobs that match a query."""

    def __init__(self, transaction: Transaction, query: NodeJobQuery) -> None:
        self._transaction = transaction
        self._query = query
        self._reader = _Reader(transaction, query.bucket)

    def node_jobs(self, after: _Token | None) -> Iterator[tuple[_Token, NodeJob]]:
        """Node jobs behind a place, in the order of their addresses."""
        query = self._query
        begin = None if after is None else _just_before(after.place, query.is_ascending)
        for place, make in matching(
            self._transaction, _execution_query(query), begin, takes=self._takes
        ):
            execution = make(self._transaction, with_nodes=True)
            if not _is_within(query, execution.created_ms):
                continue
            views = execution.nodes if query.is_ascending else reversed(execution.nodes)
            for view in views:
                here = _Token(place, view.node.number)
                is_beyond = after is None or (here > after if query.is_ascending else here < after)
                if is_beyond and self._takes_node(execution.job, view.node.type):
                    found = self._reader.node_job(execution, view)
                    if not query.states or found.state in query.states:
                        yield here, found

    def _takes(self, job: Job) -> bool:
        """Whether any node of a job can match; spares reading what it has recorded."""
        query = self._query
        if query.batch_job_id and job.type is JobType.TRIGGER:
            return False
        if (
            query.created_from_ms is not None
            and job.ended_ms is not None
            and job.ended_ms < query.created_from_ms
        ):
            return False
        return any(
            self._takes_node(job, node.type)
            for workflow in job.workflows
            for node in parse_topology(workflow.topology).nodes
        )

    def _takes_node(self, job: Job, tag: str) -> bool:
        query = self._query
        if query.tag and tag != query.tag:
            return False
        if query.family and family_of(tag) != query.family:
            return False
        if not query.queue_id and not query.queue_type:
            return True
        queue_id = self._reader.queue_id(job, tag)
        if query.queue_id:
            return queue_id == query.queue_id
        return bool(queue_id) and self._reader.queues[queue_id].category == query.queue_type


def _key_of_url(request: NodeJobRequest) -> str:
    """The key that an `Input.Url` names, where the operations read URLs at all."""
    for rule in request.rules:
        if rule.tag not in _READ_URLS:
            fault = f"Input.Object must be given: {rule.tag} does not read Input.Url"
            raise InvalidArgumentError(fault)
    return resolve_key(request.url, {request.bucket})


def _job_request(bucket: str, key: str, rule: OperationRule) -> JobRequest:
    return JobRequest(
        bucket=bucket,
        name="",
        type=JobType.TRIGGER,
        input=JobInput(kind=InputKind.OBJECT, value=key),
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


def _execution_query(query: NodeJobQuery) -> ExecutionQuery:
    states = {
        state for wanted in query.states for state in _EXECUTION_STATES.get(wanted, {wanted})
    }
    return ExecutionQuery(
        bucket=query.bucket,
        workflow_id=query.workflow_id,
        job_id=query.batch_job_id,
        object_key=query.object_key,
        states=tuple(sorted(states)),
        created_to_ms=query.created_to_ms,  # nothing is planned before its job is created
        is_ascending=query.is_ascending,
    )


def _is_within(query: NodeJobQuery, created_ms: int) -> bool:
    low, high = query.created_from_ms, query.created_to_ms
    return (low is None or created_ms >= low) and (high is None or created_ms <= high)


def _just_before(place: Place, is_ascending: bool) -> Place:  # noqa: FBT001  # a direction
    """The place behind which a list begins that has to show more nodes of the same execution."""
    return place._replace(position=place.position - (1 if is_ascending else -1))


def _write_token(token: _Token) -> str:
    return "-".join(map(str, (*token.place, token.node)))


def _read_token(text: str) -> _Token | None:
    if not text:
        return None
    parts = text.split("-")
    if len(parts) != len(Place._fields) + 1 or not all(
        part.isascii() and part.isdecimal() for part in parts
    ):
        message = f"nextToken is none of this list: {text!r}"
        raise InvalidArgumentError(message)
    *place, node = map(int, parts)
    return _Token(Place(*place), node)
