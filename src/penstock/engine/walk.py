"""One execution: one object through the nodes of one workflow."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain

import structlog

from penstock.domain.errors import AttemptCancelledError, BackendError, PenstockError
from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.jobs import Job
from penstock.domain.selection import (
    AUDIO_EXTENSIONS,
    IMAGE_EXTENSIONS,
    VIDEO_EXTENSIONS,
    extension_of,
)
from penstock.domain.states import ExecutionState
from penstock.engine.branches import Branches
from penstock.engine.control import Control
from penstock.engine.plan import PlannedNode
from penstock.engine.workspace import (
    NodeInput,
    NodeResults,
    NodeWorkspace,
    SourceObject,
)
from penstock.operations.base import Kind, Result

_log = structlog.get_logger()


class Walk:
    """Takes one object through the nodes of one workflow, in order."""

    def __init__(
        self,
        source: SourceObject,
        job: Job,
        place: tuple[int, int],
        control: Control,
        now_ms: Callable[[], int],
    ) -> None:
        """Take what an execution is about.

        Args:
            place: Its chunk of origin, and its position there.
        """
        self._source = source
        self._job = job
        self._place = place
        self._control = control
        self._now_ms = now_ms
        self._handed_on = {0: [NodeInput(source.listed.key)]}
        self._outcomes: dict[int, NodeOutcome] = {}
        self._held: set[int] = set()
        self._branches: Branches | None = None

    def outcomes(self, nodes: tuple[PlannedNode, ...]) -> list[NodeOutcome]:
        """Run the nodes in order; a node that fails stops its branch alone."""
        for planned in nodes:
            self._outcomes[planned.node.number] = self._outcome(planned)
        made = [*self._outcomes.values()]
        return made if self._branches is None else self._branches.told(nodes, made)

    def _outcome(self, planned: PlannedNode) -> NodeOutcome:
        number = planned.node.number
        inputs = self._inputs(planned.node.predecessors)
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

    def _inputs(self, predecessors: tuple[int, ...]) -> list[NodeInput]:
        """What the nodes before a node hand on; the source may come twice and is taken once."""
        if len(predecessors) == 1:
            return self._handed_on[predecessors[0]]
        handed_on = chain.from_iterable(self._handed_on[before] for before in predecessors)
        return list({(one.bucket, one.key, one.path): one for one in handed_on}.values())

    def _not_run(self, planned: PlannedNode) -> NodeOutcome:
        ran = (number for number in planned.node.predecessors if number in self._outcomes)
        before = [self._outcomes[number].state for number in ran]
        is_held = not self._held.isdisjoint(planned.node.predecessors)
        is_left_out = is_held or ExecutionState.SKIPPED in before
        is_skipped = ExecutionState.FAILED not in before and is_left_out
        return NodeOutcome(
            number=planned.node.number,
            state=ExecutionState.SKIPPED if is_skipped else ExecutionState.CANCEL,
            code="Skipped" if is_skipped else "Cancel",
            message="the node before it gave it nothing to read",
        )

    def _run(self, planned: PlannedNode, inputs: list[NodeInput]) -> NodeOutcome:
        started_ms = self._now_ms()
        results = NodeResults(names=partial(self._names, planned))
        outputs: list[OutputObject] = []
        handed_on: list[NodeInput] = []
        facts: dict[str, object] = {}
        state, code, message = ExecutionState.SUCCESS, "Success", ""
        for handed in inputs:
            try:
                result = self._try(planned, handed, results)
            except AttemptCancelledError:
                raise
            except PenstockError as error:
                state, code, message = ExecutionState.FAILED, error.code, str(error)
            except Exception as error:  # noqa: BLE001  # one object must not end its chunk
                _log.exception("operation_broke", run_id=self._names(planned)["runid"])
                state, code = ExecutionState.FAILED, "InternalError"
                message = f"{type(error).__name__} in {planned.node.type}"
            else:
                if result.kept is not None or result.joined:
                    self._take(planned, handed, result)
                outputs += result.outputs
                handed_on += _handed_on(planned, handed, result, results)
                _add_facts(facts, result.facts)
                if not result.hands_on:
                    self._held.add(planned.node.number)
        if state is ExecutionState.SUCCESS:
            self._handed_on[planned.node.number] = handed_on
        return NodeOutcome(
            number=planned.node.number,
            state=state,
            code=code,
            message=message,
            started_ms=started_ms,
            ended_ms=self._now_ms(),
            outputs=tuple(outputs),
            facts=facts,
        )

    def _try(self, planned: PlannedNode, handed: NodeInput, results: NodeResults) -> Result:
        """Run the operation on one input; when a store failed, again after a while."""
        published = dict(results.published) if results.published else {}
        for wait_seconds in (*self._control.retry_seconds, None):
            branches = () if self._branches is None else self._branches.before(planned)
            workspace = NodeWorkspace(
                self._source, handed, planned.destination, results, self._control, branches
            )
            self._control.begin()
            try:
                return planned.operation.run(planned.params, workspace)
            except BackendError:
                if wait_seconds is None:
                    raise
            finally:
                self._control.end()
            results.published.clear()  # the next attempt gives the same keys
            results.published.update(published)
            self._control.pause(wait_seconds)
        raise AssertionError

    def _take(self, planned: PlannedNode, handed: NodeInput, result: Result) -> None:
        """Keep what a node has for the one that joins branches, or publishes for them."""
        if self._branches is None:
            self._branches = Branches(self._source, self._control, self._names)
        self._branches.take(planned, handed, result)

    def _names(self, planned: PlannedNode) -> Mapping[str, str]:
        """What placeholders stand for that do not depend on the input."""
        job, place = self._job, self._place
        return {
            "runid": job.address(*place).encode("i"),
            "jobid": job.address(*place, planned.node.number).encode(planned.letter),
            "inventorytriggerjobid": job.id,
        }


def _handed_on(
    planned: PlannedNode, handed: NodeInput, result: Result, results: NodeResults
) -> list[NodeInput]:
    """What the nodes behind a node read of one input: its results but sheets, or the input."""
    if not result.hands_on:
        return []
    operation = planned.operation
    if operation.hands_on_input or (not operation.needs_output and not result.outputs):
        return [handed]
    place = planned.destination
    return [
        results.adopted.get(output.key)
        or NodeInput(
            key=output.key,
            bucket=place.bucket,
            path=results.published[output.key],
            store=place.store,
        )
        for output in result.outputs
        if output.target != "SpriteObject"
        and (output.key in results.published or output.key in results.adopted)
    ]


def _add_facts(facts: dict[str, object], added: Mapping[str, object]) -> None:
    """Facts of one more input: lists are joined, of others the latest stands."""
    for name, value in added.items():
        before = facts.get(name)
        if isinstance(before, list) and isinstance(value, list):
            facts[name] = [*before, *value]
        else:
            facts[name] = value


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
    reads = planned.operation.reads
    if len(reads) == len(Kind):
        return True
    kind = kind_of(key)
    return kind is None or kind in reads


def summary(
    nodes: tuple[PlannedNode, ...], outcomes: list[NodeOutcome]
) -> tuple[ExecutionState, str, str]:
    """State, code and message of an execution."""
    if not outcomes:
        return ExecutionState.SKIPPED, "Skipped", "the workflow's ExtFilter leaves it out"
    if all(outcome.state is ExecutionState.SUCCESS for outcome in outcomes):
        return ExecutionState.SUCCESS, "Success", ""
    named = list(zip(nodes, outcomes, strict=True))
    failed = [pair for pair in named if pair[1].state is ExecutionState.FAILED]
    if failed:
        messages = [f"{planned.node.name}: {outcome.message}" for planned, outcome in failed]
        return ExecutionState.FAILED, failed[0][1].code, "; ".join(messages)
    skipped = [pair[0].node.name for pair in named if pair[1].state is ExecutionState.SKIPPED]
    message = f"skipped: {', '.join(skipped)}"
    if len(skipped) == len(named):
        return ExecutionState.SKIPPED, "Skipped", message
    return ExecutionState.SUCCESS, "Success", message
