"""Runs one chunk on one worker: every object through every workflow of its job.

Nothing here touches the database. The outcome of a chunk is a run of execution rows from its
first object on; what was not taken to an end (the worker drains, the job is cancelled) simply is
not in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.chunks import Chunk
from penstock.domain.errors import AttemptCancelledError, PenstockError
from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Job
from penstock.domain.planning import unpack_objects
from penstock.domain.records import Span, failed_rows, pack_outcomes
from penstock.domain.selection import ObjectInfo, extension_of, showable
from penstock.engine.control import Control, Functions, no_functions
from penstock.engine.plan import Plan, PlannedWorkflow, prepare
from penstock.engine.walk import Walk, summary
from penstock.engine.workspace import SourceObject
from penstock.operations.base import Limits
from penstock.storage.base import ObjectStore

_PLANS_KEPT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One chunk on its way to a worker.

    Attributes:
        job: The job, workflows pinned.
        chunk: The leased chunk.
        objects: The packed objects of its origin.
        expected_seconds: How long it should take one worker; None before the first measurement.
    """

    job: Job
    chunk: Chunk
    objects: bytes
    expected_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOutcome:
    """What came of a chunk.

    Attributes:
        chunk: The chunk as it was leased.
        done: Objects taken to an end, from the first on.
        rows: Executions of those objects, as tuples in the order of `ExecutionRow`.
        seconds: Working time.
    """

    chunk: Chunk
    done: int
    rows: list[tuple[object, ...]]
    seconds: float


class Runner:
    """Runs chunks, one at a time, in the process that it is made in."""

    def __init__(
        self,
        *,
        open_store: Callable[[str], ObjectStore],
        now_ms: Callable[[], int],
        scratch: Path,
        limits: Limits,
        retry_seconds: Sequence[float] = (),
        functions: Functions = no_functions,
    ) -> None:
        """Take what it needs.

        Args:
            open_store: From a storage URL to its store; asked once for each.
            scratch: Folder under which every object gets one of its own.
            limits: Bounds for the work on one object.
            retry_seconds: How long to wait before each further attempt at a node whose store
                failed.
            functions: Calls the functions of the operator's table.
        """
        self._functions = functions
        self._retry_seconds = retry_seconds
        self._open_store = open_store
        self._now_ms = now_ms
        self._scratch = scratch
        self._limits = limits
        self._plans: dict[str, Plan] = {}
        self._stores: dict[str, ObjectStore] = {}
        self.control = Control(limits=limits)

    def run(
        self,
        assignment: Assignment,
        *,
        is_cancelled: Callable[[], bool],
        may_begin: Callable[[int], bool],
        report: Callable[[float], None],
    ) -> ChunkOutcome:
        """Take the objects of a chunk to an end, in order.

        Args:
            is_cancelled: Whether to give up at once, in the middle of an object.
            may_begin: Asked before each object, by its index in the chunk, whether to go on.
            report: Told the share of the chunk that is done; cheap.
        """
        try:
            plan = self._plan(assignment.job)
        except PenstockError as error:
            return self._refused(assignment, error)
        chunk = assignment.chunk
        objects = unpack_objects(assignment.objects, chunk.start, chunk.size)
        rows: list[tuple[object, ...]] = []
        done = 0
        started_ms = self._now_ms()
        self.control = Control(
            limits=self._limits,
            retry_seconds=self._retry_seconds,
            bucket=plan.job.bucket,
            functions=self._functions,
            is_cancelled=is_cancelled,
            report=report,
        )
        self.control.objects = chunk.size
        for index, listed in enumerate(objects):
            if not may_begin(index):
                break
            self.control.index = index
            try:
                rows += self._object_rows(plan, chunk, index, listed)
            except AttemptCancelledError:
                break
            done += 1
            self.control.report(1.0)
        seconds = (self._now_ms() - started_ms) / 1000
        return ChunkOutcome(chunk=chunk, done=done, rows=rows, seconds=seconds)

    def _refused(self, assignment: Assignment, error: PenstockError) -> ChunkOutcome:
        """Every object failed: this process cannot run the job, such as for want of a plug-in."""
        chunk, width = assignment.chunk, len(assignment.job.workflows)
        objects = unpack_objects(assignment.objects, chunk.start, chunk.size)
        now_ms = self._now_ms()
        rows: list[tuple[object, ...]] = []
        for index, listed in enumerate(objects, chunk.start):
            rows += failed_rows(
                (chunk.job, chunk.origin, index * width),
                listed.key,
                (error.code, str(error)),
                span=Span(now_ms, now_ms),
                attempt=chunk.attempts,
                workflows=width,
            )
        return ChunkOutcome(chunk=chunk, done=chunk.size, rows=rows, seconds=0.0)

    def _plan(self, job: Job) -> Plan:
        plan = self._plans.get(job.id)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[job.id] = prepare(job, self._open)
        return plan

    def _open(self, url: str) -> ObjectStore:
        store = self._stores.get(url)
        if store is None:
            store = self._stores[url] = self._open_store(url)
        return store

    def _object_rows(
        self, plan: Plan, chunk: Chunk, index: int, listed: ObjectInfo
    ) -> list[tuple[object, ...]]:
        source = SourceObject(plan.store, listed, self._scratch)
        first = (chunk.start + index) * len(plan.workflows)
        try:
            return [
                self._row(plan, workflow, source, chunk, position)
                for position, workflow in enumerate(plan.workflows, first)
            ]
        finally:
            source.close()

    def _row(
        self,
        plan: Plan,
        workflow: PlannedWorkflow,
        source: SourceObject,
        chunk: Chunk,
        position: int,
    ) -> tuple[object, ...]:
        """One execution, as a tuple in the order of `ExecutionRow`: a plain tuple travels fast."""
        job, key = plan.job, source.listed.key
        started_ms = self._now_ms()
        outcomes: list[NodeOutcome] = []
        if workflow.extensions is None or extension_of(key) in workflow.extensions:
            walk = Walk(source, job, (chunk.origin, position), self.control, self._now_ms)
            outcomes = walk.outcomes(workflow.nodes)
        state, code, message = summary(workflow.nodes, outcomes)
        return (
            job.number,
            chunk.origin,
            position,
            state.value,
            code,
            showable(message),
            showable(key),
            source.version,
            chunk.attempts,
            started_ms,
            self._now_ms(),
            pack_outcomes(outcomes),
        )
