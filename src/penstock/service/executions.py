"""Reads executions: recorded ones from their rows, the others from the keys of their chunk."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from penstock.domain.chunks import Chunk
from penstock.domain.errors import InvalidArgumentError, ResourceNotFoundError
from penstock.domain.executions import Address, NodeOutcome
from penstock.domain.jobs import Job, JobType, PinnedWorkflow
from penstock.domain.planning import unpack_objects
from penstock.domain.records import ExecutionRow, unpack_outcomes
from penstock.domain.requests import ExecutionQuery, JobQuery
from penstock.domain.states import (
    FINAL_EXECUTION_STATES,
    ChunkState,
    ExecutionState,
    JobState,
)
from penstock.domain.views import Execution, NodeView
from penstock.domain.workflows import parse_topology
from penstock.operations.base import Family
from penstock.operations.registry import find
from penstock.service.buckets import BucketService
from penstock.state import chunks, executions, jobs
from penstock.state.database import Database, Transaction

_JOBS_A_PAGE = 50


class _Place(NamedTuple):
    """An address without its tag: the order of lists."""

    job: int
    chunk: int
    position: int


_Maker = Callable[[Transaction], Execution]


class ExecutionService:
    """The executions of every job."""

    def __init__(self, database: Database, buckets: BucketService) -> None:
        self._database = database
        self._buckets = buckets

    def get(self, bucket: str, run_id: str) -> Execution:
        """One execution with its nodes; never searches.

        Raises:
            ResourceNotFoundError: The bucket has no such execution.
        """
        address = Address.decode(run_id)
        with self._database.read() as transaction:
            found = None if address is None else _find(transaction, bucket, address)
        if found is None or found.run_id != run_id:
            raise ResourceNotFoundError(run_id, kind="execution")
        return found

    def page(self, query: ExecutionQuery) -> tuple[list[Execution], str]:
        """One page of executions in the order of their planning, and the token of the next.

        The token is empty on the last page. No execution is lost or doubled between pages while
        jobs run: an address never moves.

        Raises:
            InvalidArgumentError: The token is none of ours.
        """
        self._buckets.check_bound(query.bucket)
        after = _read_token(query.token)
        with self._database.read() as transaction:
            found = islice(_matching(transaction, query, after), query.limit + 1)
            listed = [(place, make(transaction)) for place, make in found]
        page = listed[: query.limit]
        token = "-".join(map(str, page[-1][0])) if len(listed) > query.limit else ""
        return [execution for _, execution in page], token

    def of_job(self, job: Job, states: Sequence[ExecutionState] = ()) -> Iterator[Execution]:
        """Every recorded execution of a job with its nodes, streamed in order of planning."""
        with self._database.read() as transaction:
            for row in executions.recorded_executions(transaction, job.number, states=states):
                yield _recorded(transaction, job=job, row=row, with_nodes=True)

    def first_keys(self, job: Job, most: int) -> list[str]:
        """The first keys of a job's plan."""
        keys: list[str] = []
        with self._database.read() as transaction:
            for chunk in chunks.unsealed_chunks(transaction, job.number, is_ascending=True):
                packed = chunks.packed_objects(transaction, job.number, chunk.origin)
                planned = unpack_objects(packed, chunk.start, min(chunk.size, most - len(keys)))
                keys += [_showable(listed.key) for listed in planned]
                if len(keys) >= most:
                    break
        return keys


def _showable(key: str) -> str:
    return key.encode("utf-8", "backslashreplace").decode()


def _read_token(token: str) -> _Place | None:
    if not token:
        return None
    parts = token.split("-")
    if len(parts) != len(_Place._fields) or not all(part.isdecimal() for part in parts):
        message = f"nextToken is none of this list: {token!r}"
        raise InvalidArgumentError(message)
    return _Place(*map(int, parts))


def _find(transaction: Transaction, bucket: str, address: Address) -> Execution | None:
    job = jobs.find_job(transaction, address.job)
    if job is None or job.bucket != bucket or job.tag != address.tag or address.node:
        return None
    row = executions.find_execution(transaction, job.number, address.chunk, address.position)
    if row is not None:
        return _recorded(transaction, job=job, row=row, with_nodes=True)
    index = address.position // len(job.workflows)
    chunk = chunks.find_chunk_of(transaction, job.number, address.chunk, index)
    if chunk is None:
        return None
    (listed,) = unpack_objects(
        chunks.packed_objects(transaction, job.number, chunk.origin), index, 1
    )
    return _pending(
        transaction,
        job=job,
        chunk=chunk,
        position=address.position,
        key=listed.key,
        with_nodes=True,
    )


def _matching(
    transaction: Transaction, query: ExecutionQuery, after: _Place | None
) -> Iterator[tuple[_Place, _Maker]]:
    for job in _jobs(transaction, query, after):
        beyond = after if after is not None and after.job == job.number else None
        streams = [
            _recorded_stream(transaction, job, query, beyond),
            _pending_stream(transaction, job, query, beyond),
        ]
        for place, make in _merged(streams, is_ascending=query.is_ascending):
            workflow = job.workflows[place.position % len(job.workflows)]
            if not query.workflow_id or workflow.id == query.workflow_id:
                yield place, make


def _jobs(transaction: Transaction, query: ExecutionQuery, after: _Place | None) -> Iterator[Job]:
    step = 1 if query.is_ascending else -1
    last = None if after is None else after.job - step
    while True:
        page = jobs.list_jobs(
            transaction,
            JobQuery(
                bucket=query.bucket,
                types=tuple(JobType),
                job_id=query.job_id,
                workflow_id=query.workflow_id,
                created_from_ms=query.created_from_ms,
                created_to_ms=query.created_to_ms,
                is_ascending=query.is_ascending,
                after=last,
                limit=_JOBS_A_PAGE,
            ),
        )
        yield from page
        if len(page) < _JOBS_A_PAGE:
            return
        last = page[-1].number


def _merged(
    streams: Sequence[Iterator[tuple[_Place, _Maker]]], *, is_ascending: bool
) -> Iterator[tuple[_Place, _Maker]]:
    """Merge ordered streams into one."""
    heads = [(stream, head) for stream in streams if (head := next(stream, None)) is not None]
    while heads:
        chosen = (min if is_ascending else max)(heads, key=lambda pair: pair[1][0])
        heads.remove(chosen)
        yield chosen[1]
        following = next(chosen[0], None)
        if following is not None:
            heads.append((chosen[0], following))


def _recorded_stream(
    transaction: Transaction, job: Job, query: ExecutionQuery, after: _Place | None
) -> Iterator[tuple[_Place, _Maker]]:
    wanted = [state for state in query.states if state in FINAL_EXECUTION_STATES]
    if query.states and not wanted:
        return
    for row in executions.recorded_executions(
        transaction,
        job.number,
        is_ascending=query.is_ascending,
        after=None if after is None else (after.chunk, after.position),
        states=wanted,
        object_key=query.object_key,
    ):
        yield (
            _Place(job.number, row.chunk, row.position),
            partial(_recorded, job=job, row=row, with_nodes=False),
        )


def _pending_stream(
    transaction: Transaction, job: Job, query: ExecutionQuery, after: _Place | None
) -> Iterator[tuple[_Place, _Maker]]:
    width = len(job.workflows)
    for chunk in chunks.unsealed_chunks(
        transaction,
        job.number,
        is_ascending=query.is_ascending,
        beyond=None if after is None else after.chunk,
    ):
        if query.states and _pending_state(job, chunk) not in query.states:
            continue
        packed = chunks.packed_objects(transaction, job.number, chunk.origin)
        objects = unpack_objects(packed, chunk.start, chunk.size)
        positions = range(chunk.start * width, (chunk.start + chunk.size) * width)
        for position in positions if query.is_ascending else reversed(positions):
            place = _Place(job.number, chunk.origin, position)
            key = objects[position // width - chunk.start].key
            if query.object_key and key != query.object_key:
                continue
            if after is not None and (place <= after if query.is_ascending else place >= after):
                continue
            yield (
                place,
                partial(_pending, job=job, chunk=chunk, position=position, key=key),
            )


def _recorded(
    transaction: Transaction, *, job: Job, row: ExecutionRow, with_nodes: bool
) -> Execution:
    chunk = chunks.find_chunk_of(
        transaction, job.number, row.chunk, row.position // len(job.workflows)
    )
    workflow = job.workflows[row.position % len(job.workflows)]
    outcomes = {one.number: one for one in unpack_outcomes(row.nodes)} if with_nodes else {}
    state = ExecutionState(row.state)
    return Execution(
        run_id=job.address(row.chunk, row.position).encode("i"),
        job=job,
        workflow=workflow,
        object_key=row.object_key,
        state=state,
        code=row.code,
        message=row.message,
        created_ms=row.started_ms if chunk is None else chunk.planned_ms,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        nodes=_nodes(job, workflow, row.chunk, row.position, outcomes) if with_nodes else (),
    )


def _pending(
    _transaction: Transaction,
    *,
    job: Job,
    chunk: Chunk,
    position: int,
    key: str,
    with_nodes: bool = False,
) -> Execution:
    workflow = job.workflows[position % len(job.workflows)]
    state = _pending_state(job, chunk)
    is_cancelled = state is ExecutionState.CANCEL
    return Execution(
        run_id=job.address(chunk.origin, position).encode("i"),
        job=job,
        workflow=workflow,
        object_key=_showable(key),
        state=state,
        code="Cancel" if is_cancelled else "Success",
        message="",
        created_ms=chunk.planned_ms,
        started_ms=0,
        ended_ms=chunk.ended_ms or 0,
        nodes=_nodes(job, workflow, chunk.origin, position, {}, state) if with_nodes else (),
    )


def _pending_state(job: Job, chunk: Chunk) -> ExecutionState:
    if chunk.state is ChunkState.LEASED:
        return ExecutionState.RUNNING
    if chunk.state is ChunkState.CANCELLED:
        return ExecutionState.CANCEL
    return ExecutionState.PAUSE if job.state is JobState.PAUSE else ExecutionState.SUBMITTED


def _nodes(
    job: Job,
    workflow: PinnedWorkflow,
    chunk: int,
    position: int,
    outcomes: dict[int, NodeOutcome],
    state: ExecutionState = ExecutionState.CANCEL,
) -> tuple[NodeView, ...]:
    """The nodes of an execution; those without an outcome are in `state`."""
    views = []
    for node in parse_topology(workflow.topology).nodes:
        operation = find(node.type)
        family = Family.MEDIA if operation is None else operation.family
        code = "Cancel" if state is ExecutionState.CANCEL else "Success"
        views.append(
            NodeView(
                node=node,
                job_id=job.address(chunk, position, node.number).encode(family.letter),
                outcome=outcomes.get(node.number)
                or NodeOutcome(number=node.number, state=state, code=code),
            )
        )
    return tuple(views)
