"""Queries of executions that have come to an end."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select, tuple_

from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.states import ExecutionState
from penstock.state.database import Transaction
from penstock.state.schema import executions

_PAGE = 200


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


def find_execution(
    transaction: Transaction, job: int, chunk: int, position: int
) -> ExecutionRow | None:
    """The recorded execution at an address; None while it has not ended."""
    row = transaction.execute(
        select(executions).where(
            executions.c.job == job,
            executions.c.chunk == chunk,
            executions.c.position == position,
        )
    ).first()
    return None if row is None else ExecutionRow._make(row)


def recorded_executions(
    transaction: Transaction,
    job: int,
    *,
    is_ascending: bool = True,
    after: tuple[int, int] | None = None,
    states: Sequence[ExecutionState] = (),
    object_key: str = "",
) -> Iterator[ExecutionRow]:
    """Recorded executions of a job, streamed in the order of their addresses.

    Args:
        after: Chunk and position behind which to begin; None for the beginning.
        states: Only these; empty for all.
        object_key: Only of this object; empty for all.
    """
    address = tuple_(executions.c.chunk, executions.c.position)
    order = (executions.c.chunk, executions.c.position)
    query = select(executions).where(executions.c.job == job)
    if states:
        query = query.where(executions.c.state.in_(map(str, states)))
    if object_key:
        query = query.where(executions.c.object_key == object_key)
    query = query.order_by(*(order if is_ascending else [column.desc() for column in order]))
    while True:
        paged = query
        if after is not None:
            paged = query.where(address > after if is_ascending else address < after)
        rows = transaction.execute(paged.limit(_PAGE)).all()
        yield from map(ExecutionRow._make, rows)
        if len(rows) < _PAGE:
            return
        after = (rows[-1].chunk, rows[-1].position)


def pack_outcomes(outcomes: Sequence[NodeOutcome]) -> str:
    """Node outcomes as they are stored: JSON without what goes without saying."""
    return json.dumps([_packed(outcome) for outcome in outcomes], separators=(",", ":"))


def unpack_outcomes(packed: str) -> list[NodeOutcome]:
    """Read back what `pack_outcomes` made."""
    return [_outcome(entry) for entry in json.loads(packed)]


def _packed(outcome: NodeOutcome) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "n": outcome.number,
        "s": str(outcome.state),
        "b": outcome.started_ms,
        "e": outcome.ended_ms,
    }
    if outcome.state is not ExecutionState.SUCCESS:
        entry["c"] = outcome.code
    if outcome.message:
        entry["m"] = outcome.message
    if outcome.outputs:
        entry["o"] = [tuple(output) for output in outcome.outputs]
    if outcome.facts:
        entry["f"] = outcome.facts
    return entry


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
