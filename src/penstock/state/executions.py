"""Queries of executions that have come to an end."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select, tuple_

from penstock.domain.records import ExecutionRow
from penstock.domain.states import ExecutionState
from penstock.state.database import Transaction, executions_of

_PAGE = 200


def find_execution(
    transaction: Transaction, job: int, chunk: int, position: int
) -> ExecutionRow | None:
    """The recorded execution at an address; None while it has not ended."""
    executions = executions_of(transaction, job)
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
    executions = executions_of(transaction, job)
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
