"""Removes executions in bounded steps; the same on both databases."""

from typing import NamedTuple

from sqlalchemy import Connection, TableClause, delete, select, tuple_


class Removed(NamedTuple):
    """What became of a step.

    Attributes:
        rows: How many rows it removed one by one.
        is_empty: Whether none is left.
    """

    rows: int
    is_empty: bool


def remove_some(transaction: Connection, table: TableClause, job: int, most: int) -> Removed:
    """Remove at most so many rows of a job from the table in which they lie."""
    address = (table.c.chunk, table.c.position)
    some = select(*address).where(table.c.job == job).limit(most)
    rows = transaction.execute(
        delete(table).where(table.c.job == job, tuple_(*address).in_(some))
    ).rowcount
    return Removed(rows, is_empty=rows < most)
