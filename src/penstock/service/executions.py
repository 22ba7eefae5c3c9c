"""Reads executions: recorded ones from their rows, the others from the keys of their chunk."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple, Protocol

from penstock.domain.chunks import Chunk
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.executions import Address
from penstock.domain.jobs import Job, JobType
from penstock.domain.planning import unpack_objects
from penstock.domain.records import ExecutionRow
from penstock.domain.refusals import ResourceNotFoundError
from penstock.domain.requests import ExecutionQuery, JobQuery
from penstock.domain.selection import showable
from penstock.domain.showing import show_nodes, show_recorded
from penstock.domain.states import (
    FINAL_EXECUTION_STATES,
    ChunkState,
    ExecutionState,
    JobState,
)
from penstock.domain.views import Execution
from penstock.operations.registry import family_of
from penstock.service.buckets import BucketService
from penstock.state import chunks, executions, jobs
from penstock.state.database import Database, Transaction

_JOBS_A_PAGE = 50
_NUMBER = re.compile("[0-9]{1,18}")


class Place(NamedTuple):
    """An address without its tag: the order of lists."""

    job: int
    chunk: int
    position: int


class Maker(Protocol):
    """Makes the record of an execution, once it is known that it is wanted."""

    def __call__(self, transaction: Transaction, *, with_nodes: bool = False) -> Execution:
        """The record; its nodes are left out unless they are asked for."""


class ExecutionService:
    """The executions of every job."""

    def __init__(self, database: Database, buckets: BucketService) -> None:
        self._database = database
        self._buckets = buckets

    def get(self, bucket: str, run_id: str) -> Execution:
        """One execution with its nodes; never searches.

        Raises:
            BucketNotBoundError: The bucket is not bound, or its media family not open.
            ResourceNotFoundError: The bucket has no such execution.
        """
        self._buckets.check_open(bucket)
        address = Address.decode(run_id)
        with self._database.read() as transaction:
            found = None if address is None else find_at(transaction, bucket, address)
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
        self._buckets.check_open(query.bucket)
        after = _read_token(query.token)
        with self._database.read() as transaction:
            found = islice(matching(transaction, query, after, takes=_is_listed), query.limit + 1)
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
                keys += [showable(listed.key) for listed in planned]
                if len(keys) >= most:
                    break
        return keys


def _is_listed(job: Job) -> bool:
    """Whether the executions of a job are told as such; a single job is a node job only."""
    return not job.is_single


def _read_token(token: str) -> Place | None:
    if not token:
        return None
    parts = token.split("-")
    if len(parts) != len(Place._fields) or not all(map(_NUMBER.fullmatch, parts)):
        message = f"nextToken is none of this list: {token!r}"
        raise InvalidArgumentError(message)
    return Place(*map(int, parts))


def find_at(transaction: Transaction, bucket: str, address: Address) -> Execution | None:
    """The execution at an address, with its nodes; None where the bucket has none."""
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


def matching(
    transaction: Transaction,
    query: ExecutionQuery,
    after: Place | None,
    *,
    takes: Callable[[Job], bool],
) -> Iterator[tuple[Place, Maker]]:
    """Executions that match, streamed in the order of their addresses; the limit is not kept.

    Args:
        after: Where to begin: behind this place.
        takes: Whether executions of a job are wanted at all.
    """
    for job in filter(takes, _jobs(transaction, query, after)):
        beyond = after if after is not None and after.job == job.number else None
        streams = [
            _recorded_stream(transaction, job, query, beyond),
            _pending_stream(transaction, job, query, beyond),
        ]
        for place, make in _merged(streams, is_ascending=query.is_ascending):
            workflow = job.workflows[place.position % len(job.workflows)]
            if not query.workflow_id or workflow.id == query.workflow_id:
                yield place, make


def _jobs(transaction: Transaction, query: ExecutionQuery, after: Place | None) -> Iterator[Job]:
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
    streams: Sequence[Iterator[tuple[Place, Maker]]], *, is_ascending: bool
) -> Iterator[tuple[Place, Maker]]:
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
    transaction: Transaction, job: Job, query: ExecutionQuery, after: Place | None
) -> Iterator[tuple[Place, Maker]]:
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
            Place(job.number, row.chunk, row.position),
            partial(_recorded, job=job, row=row),
        )


def _pending_stream(
    transaction: Transaction, job: Job, query: ExecutionQuery, after: Place | None
) -> Iterator[tuple[Place, Maker]]:
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
            place = Place(job.number, chunk.origin, position)
            key = objects[position // width - chunk.start].key
            if query.object_key and showable(key) != query.object_key:
                continue
            if after is not None and (place <= after if query.is_ascending else place >= after):
                continue
            yield (
                place,
                partial(_pending, job=job, chunk=chunk, position=position, key=key),
            )


def _recorded(
    transaction: Transaction, *, job: Job, row: ExecutionRow, with_nodes: bool = False
) -> Execution:
    chunk = chunks.find_chunk_of(
        transaction, job.number, row.chunk, row.position // len(job.workflows)
    )
    planned_ms = None if chunk is None else chunk.planned_ms
    return show_recorded(
        job, row, planned_ms=planned_ms, letter_of=_letter_of, with_nodes=with_nodes
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
        object_key=showable(key),
        state=state,
        code="Cancel" if is_cancelled else "Success",
        message="",
        created_ms=chunk.planned_ms,
        started_ms=0,
        ended_ms=chunk.ended_ms or 0,
        progress=_progress(chunk, position // len(job.workflows)),
        nodes=show_nodes(
            job, workflow, (chunk.origin, position), {}, letter_of=_letter_of, state=state
        )
        if with_nodes
        else (),
    )


def _pending_state(job: Job, chunk: Chunk) -> ExecutionState:
    if chunk.state is ChunkState.LEASED:
        return ExecutionState.RUNNING
    if chunk.state is ChunkState.CANCELLED:
        return ExecutionState.CANCEL
    return ExecutionState.PAUSE if job.state is JobState.PAUSE else ExecutionState.SUBMITTED


def _progress(chunk: Chunk, index: int) -> float:
    """The share of one object's work that is done: a worker takes objects in order."""
    if chunk.state is not ChunkState.LEASED:
        return 0.0
    return min(max(chunk.progress * chunk.size - (index - chunk.start), 0.0), 1.0)


def _letter_of(node_type: str) -> str:
    return family_of(node_type).letter
