"""Runs one chunk on one worker: every object through every workflow of its job.

Nothing here touches the database. The outcome of a chunk is a run of execution rows from its
first object on; what was not taken to an end (the worker drains, the job is cancelled) simply is
not in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import AttemptCancelledError, PenstockError
from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.jobs import Job
from penstock.domain.planning import unpack_objects
from penstock.domain.records import ExecutionRow, pack_outcomes
from penstock.domain.selection import (
    AUDIO_EXTENSIONS,
    IMAGE_EXTENSIONS,
    VIDEO_EXTENSIONS,
    ObjectInfo,
    extension_of,
)
from penstock.domain.states import ExecutionState
from penstock.engine.plan import Plan, PlannedNode, prepare
from penstock.engine.workspace import (
    Control,
    Destination,
    NodeInput,
    NodeWorkspace,
    SourceObject,
)
from penstock.operations.base import Kind, Limits
from penstock.storage.base import ObjectStore

_log = structlog.get_logger()
_PLANS_KEPT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One chunk on its way to a worker.

    Attributes:
        job: The job, workflows pinned.
        chunk: The leased chunk.
        objects: The packed objects of its origin.
    """

    job: Job
    chunk: Chunk
    objects: bytes


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
    ) -> None:
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
        is_draining: Callable[[], bool],
        report: Callable[[float], None],
    ) -> ChunkOutcome:
        """Take the objects of a chunk to an end, in order.

        Args:
            is_cancelled: Whether to give up at once, in the middle of an object.
            is_draining: Whether to stop behind the present object.
            report: Told the share of the chunk that is done; cheap.
        """
        plan = self._plan(assignment.job)
        chunk = assignment.chunk
        objects = unpack_objects(assignment.objects, chunk.start, chunk.size)
        rows: list[tuple[object, ...]] = []
        done = 0
        started_ms = self._now_ms()
        for index, listed in enumerate(objects):
            self.control = Control(
                limits=self._limits,
                bucket=plan.job.bucket,
                is_cancelled=is_cancelled,
                report=partial(_report_part, report, index, chunk.size),
            )
            try:
                rows += self._object_rows(plan, chunk, index, listed)
            except AttemptCancelledError:
                break
            done += 1
            report(done / chunk.size)
            if is_draining():
                break
        seconds = (self._now_ms() - started_ms) / 1000
        return ChunkOutcome(chunk=chunk, done=done, rows=rows, seconds=seconds)

    def _plan(self, job: Job) -> Plan:
        plan = self._plans.get(job.id)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[job.id] = prepare(job)
        return plan

    def _store(self, url: str) -> ObjectStore:
        store = self._stores.get(url)
        if store is None:
            store = self._stores[url] = self._open_store(url)
        return store

    def _object_rows(
        self, plan: Plan, chunk: Chunk, index: int, listed: ObjectInfo
    ) -> list[tuple[object, ...]]:
        job = plan.job
        source = SourceObject(self._store(job.buckets[job.bucket]), listed, self._scratch)
        first = (chunk.start + index) * len(plan.workflows)
        rows = []
        try:
            for position, workflow in enumerate(plan.workflows, first):
                started_ms = self._now_ms()
                outcomes: list[NodeOutcome] = []
                if workflow.extensions is None or extension_of(listed.key) in workflow.extensions:
                    walk = _Walk(self, plan, chunk.origin, position, source)
                    outcomes = walk.outcomes(workflow.nodes)
                state, code, message = _summary(workflow.nodes, outcomes)
                rows.append(
                    tuple(
                        ExecutionRow(
                            job=job.number,
                            chunk=chunk.origin,
                            position=position,
                            state=state,
                            code=code,
                            message=_showable(message),
                            object_key=_showable(listed.key),
                            source_etag=source.version,
                            attempt=chunk.attempts,
                            started_ms=started_ms,
                            ended_ms=self._now_ms(),
                            nodes=pack_outcomes(outcomes),
                        )
                    )
                )
        finally:
            source.close()
        return rows

    def destination(
        self,
        plan: Plan,
        planned: PlannedNode,
        source: ObjectInfo,
        names: Callable[[], Mapping[str, str]],
    ) -> Destination:
        """Where a node's results go."""
        urls = plan.job.buckets
        is_same = urls[planned.bucket] == urls[plan.job.bucket]
        return Destination(
            store=self._store(urls[planned.bucket]),
            bucket=planned.bucket,
            patterns=planned.patterns,
            names=names,
            source_keys=frozenset({source.key}) if is_same else frozenset(),
        )

    def now_ms(self) -> int:
        """The present time."""
        return self._now_ms()


class _Walk:
    """One execution: one object through the nodes of one workflow."""

    def __init__(
        self, runner: Runner, plan: Plan, chunk: int, position: int, source: SourceObject
    ) -> None:
        self._runner = runner
        self._plan = plan
        self._address = plan.job.address(chunk, position)
        self._source = source
        self._handed_on: dict[int, list[NodeInput]] = {0: [NodeInput(key=source.listed.key)]}
        self._states: dict[int, ExecutionState] = {0: ExecutionState.SUCCESS}

    def outcomes(self, nodes: tuple[PlannedNode, ...]) -> list[NodeOutcome]:
        """Run the nodes in order; a node that fails stops its branch alone."""
        made = []
        for planned in nodes:
            outcome = self._outcome(planned)
            self._states[planned.node.number] = outcome.state
            made.append(outcome)
        return made

    def _outcome(self, planned: PlannedNode) -> NodeOutcome:
        number = planned.node.number
        inputs = [
            handed for before in planned.node.predecessors for handed in self._handed_on[before]
        ]
        self._handed_on[number] = []
        if not inputs:
            return self._not_run(planned)
        readable = [handed for handed in inputs if _can_read(planned, handed.key)]
        if not readable:
            message = f"{planned.node.type} does not read {inputs[0].key!r}"
            return NodeOutcome(
                number=number, state=ExecutionState.SKIPPED, code="Skipped", message=message
            )
        return self._run(planned, readable)

    def _not_run(self, planned: PlannedNode) -> NodeOutcome:
        before = [self._states[number] for number in planned.node.predecessors]
        is_skipped = ExecutionState.FAILED not in before and ExecutionState.SKIPPED in before
        return NodeOutcome(
            number=planned.node.number,
            state=ExecutionState.SKIPPED if is_skipped else ExecutionState.CANCEL,
            code="Skipped" if is_skipped else "Cancel",
            message="the node before it gave it nothing to read",
        )

    def _run(self, planned: PlannedNode, inputs: list[NodeInput]) -> NodeOutcome:
        runner = self._runner
        node = planned.node
        started_ms = runner.now_ms()
        outputs: list[OutputObject] = []
        facts: dict[str, object] = {}
        state, code, message = ExecutionState.SUCCESS, "Success", ""
        published: dict[str, Path] = {}
        for handed in inputs:
            try:
                runner.control.begin()
                workspace = self._workspace(planned, handed, published)
                result = planned.operation.run(planned.params, workspace)
            except AttemptCancelledError:
                raise
            except PenstockError as error:
                state, code, message = ExecutionState.FAILED, error.code, str(error)
            except Exception as error:  # noqa: BLE001  # one object must not end its chunk
                _log.exception("operation_broke", node=node.name, run_id=self._run_id())
                state, code = ExecutionState.FAILED, "InternalError"
                message = f"{type(error).__name__} in {node.type}"
            else:
                outputs += result.outputs
                facts.update(result.facts)
            finally:
                runner.control.end()
        self._handed_on[node.number] = [
            NodeInput(key=output.key, path=published[output.key])
            for output in outputs
            if output.target == "Object" and output.key in published
        ] or (list(inputs) if not planned.operation.needs_output and not outputs else [])
        if state is ExecutionState.FAILED:
            self._handed_on[node.number] = []
        return NodeOutcome(
            number=node.number,
            state=state,
            code=code,
            message=message,
            started_ms=started_ms,
            ended_ms=runner.now_ms(),
            outputs=tuple(outputs),
            facts=facts,
        )

    def _workspace(
        self, planned: PlannedNode, handed: NodeInput, published: dict[str, Path]
    ) -> NodeWorkspace:
        def names() -> Mapping[str, str]:
            address = self._address._replace(node=planned.node.number)
            return {
                "runid": self._run_id(),
                "jobid": address.encode(planned.letter),
                "inventorytriggerjobid": self._plan.job.id,
            }

        runner = self._runner
        return NodeWorkspace(
            self._source,
            handed,
            runner.destination(self._plan, planned, self._source.listed, names),
            runner.control,
            published,
        )

    def _run_id(self) -> str:
        return self._address.encode("i")


def _report_part(report: Callable[[float], None], index: int, size: int, part: float) -> None:
    report((index + part) / size)


def kind_of(key: str) -> Kind | None:
    """What kind of thing an object is, by its extension; None where it has none."""
    extension = extension_of(key)
    if not extension:
        return None
    if extension in IMAGE_EXTENSIONS:
        return Kind.IMAGE
    if extension in VIDEO_EXTENSIONS:
        return Kind.VIDEO
    return Kind.AUDIO if extension in AUDIO_EXTENSIONS else Kind.OTHER


def _can_read(planned: PlannedNode, key: str) -> bool:
    kind = kind_of(key)
    return kind is None or kind in planned.operation.reads


def _summary(
    nodes: tuple[PlannedNode, ...], outcomes: list[NodeOutcome]
) -> tuple[ExecutionState, str, str]:
    """State, code and message of an execution."""
    if not outcomes:
        return ExecutionState.SKIPPED, "Skipped", "the workflow's ExtFilter leaves it out"
    named = list(zip(nodes, outcomes, strict=True))
    failed = [pair for pair in named if pair[1].state is ExecutionState.FAILED]
    if failed:
        messages = [f"{planned.node.name}: {outcome.message}" for planned, outcome in failed]
        return ExecutionState.FAILED, failed[0][1].code, "; ".join(messages)
    skipped = [pair[0].node.name for pair in named if pair[1].state is ExecutionState.SKIPPED]
    if not skipped:
        return ExecutionState.SUCCESS, "Success", ""
    message = f"skipped: {', '.join(skipped)}"
    if len(skipped) == len(named):
        return ExecutionState.SKIPPED, "Skipped", message
    return ExecutionState.SUCCESS, "Success", message


def _showable(text: str) -> str:
    """Text that the database can hold: undecodable bytes of a file name are escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
