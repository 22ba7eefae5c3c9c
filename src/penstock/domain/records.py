"""What is recorded of an execution that has come to an end, and how its outcomes are packed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.selection import showable
from penstock.domain.states import ExecutionState

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Span(NamedTuple):
    """When something began and ended, in milliseconds since 1970 UTC."""

    started_ms: int
    ended_ms: int


class ExecutionRow(NamedTuple):
    """One recorded execution, in the order of the table's columns.

    Attributes:
        job: Number of the job.
        chunk: The origin chunk; with `position` the address.
        position: Index of the object in its chunk times the number of workflows, plus the index
            of the workflow.
        state: Success, Failed, Skipped or Cancel.
        code: `Success`, or the code of what went wrong.
        message: One sentence for a person.
        object_key: The source, fit for showing: undecodable bytes are escaped.
        source_etag: The version of the source that was read; empty where it was not read.
        attempt: Counts from 1.
        started_ms: Milliseconds since 1970 UTC.
        ended_ms: Milliseconds since 1970 UTC.
        nodes: What `pack_outcomes` made.
    """

    job: int
    chunk: int
    position: int
    state: str
    code: str
    message: str
    object_key: str
    source_etag: str
    attempt: int
    started_ms: int
    ended_ms: int
    nodes: str


def failed_rows(
    place: tuple[int, int, int],
    key: str,
    cause: tuple[str, str],
    *,
    span: Span,
    attempt: int = 1,
    workflows: int = 1,
) -> list[tuple[object, ...]]:
    """Executions of one object that failed before any of their nodes could say so.

    Args:
        place: Job, chunk, and position of the first execution.
        key: The source, as its store or list has it.
        cause: Code and message, told as the failure of the first node.
        span: When they began and ended.
        workflows: How many there are, one for each workflow of the job.
    """
    (job, chunk, first), (code, message) = place, cause
    failed = NodeOutcome(
        number=1,
        state=ExecutionState.FAILED,
        code=code,
        message=message,
        started_ms=span.started_ms,
        ended_ms=span.ended_ms,
    )
    return [
        tuple(
            ExecutionRow(
                job=job,
                chunk=chunk,
                position=position,
                state=failed.state,
                code=failed.code,
                message=failed.message,
                object_key=showable(key),
                source_etag="",
                attempt=attempt,
                started_ms=span.started_ms,
                ended_ms=span.ended_ms,
                nodes=pack_outcomes([failed]),
            )
        )
        for position in range(first, first + workflows)
    ]


def pack_outcomes(outcomes: Sequence[NodeOutcome]) -> str:
    """Node outcomes as they are stored: JSON without what goes without saying."""
    return f"[{','.join(map(_packed, outcomes))}]"


def unpack_outcomes(packed: str) -> list[NodeOutcome]:
    """Read back what `pack_outcomes` made."""
    return [_outcome(entry) for entry in json.loads(packed)]


def _packed(outcome: NodeOutcome) -> str:
    """One outcome; what all have is written straight: an encoder takes four times as long."""
    always = (
        f'"n":{outcome.number},"s":"{outcome.state.value}"'
        f',"b":{outcome.started_ms},"e":{outcome.ended_ms}'
    )
    entry: dict[str, Any] = {}
    if outcome.state is not ExecutionState.SUCCESS:
        entry["c"] = outcome.code
    if outcome.message:
        entry["m"] = outcome.message
    if outcome.outputs:
        entry["o"] = [tuple(output) for output in outcome.outputs]
    if outcome.facts:
        entry["f"] = outcome.facts
    return f"{{{always},{_encode(entry)[1:]}" if entry else f"{{{always}}}"


def _outcome(entry: Mapping[str, Any]) -> NodeOutcome:
    return NodeOutcome(
        number=entry["n"],
        state=ExecutionState(entry["s"]),
        code=entry.get("c", "Success"),
        message=entry.get("m", ""),
        started_ms=entry["b"],
        ended_ms=entry["e"],
        outputs=tuple(OutputObject._make(output) for output in entry.get("o", ())),
        facts=entry.get("f", {}),
    )
