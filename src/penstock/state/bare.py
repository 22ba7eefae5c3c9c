"""The bare cost of records: the same rows into an empty table of the same form, nothing else."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from penstock.state import _postgres, _sqlite
from penstock.state.database import Database
from penstock.state.schema import executions

Rows = Sequence[tuple[Any, ...]]

_ADDRESS = (executions.c.job, executions.c.chunk, executions.c.position)


def recorded_rows(database: Database) -> Rows:
    """Every recorded execution, held in memory."""
    with database.read() as transaction:
        return [tuple(row) for row in transaction.execute(select(executions).order_by(*_ADDRESS))]


@contextmanager
def bare_table(database: Database, path: Path) -> Iterator[Callable[[Rows], None]]:
    """What inserts rows into an empty table, in one transaction each time.

    Args:
        database: On PostgreSQL the table is made there, by the way that is the fastest.
        path: On SQLite the table is made in this new file.
    """
    if database.is_shared:
        yield _copy_into(database)
    else:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield _insert_into(connection)


@contextmanager
def own_schema(url: str, name: str) -> Iterator[str]:
    """A new schema in a PostgreSQL database, as a URL that leads into it; dropped at the end.

    Raises:
        InvalidArgumentError: The URL is none of PostgreSQL.
    """
    parsed = _postgres.read_url(url)
    engine = _postgres.open_engine(parsed, connections=1, is_writer=True)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        inner = parsed.update_query_dict({"options": f"-csearch_path={name}"})
        try:
            yield inner.render_as_string(hide_password=False)
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()


def _copy_into(database: Database) -> Callable[[Rows], None]:
    table = "executions_bare"
    with database.write() as transaction:
        transaction.execute(text(f"CREATE TABLE {table} (LIKE executions INCLUDING ALL)"))

    def insert(rows: Rows) -> None:
        with database.write() as transaction:
            _postgres.copy_rows(transaction, table, rows)

    return insert


def _insert_into(connection: sqlite3.Connection) -> Callable[[Rows], None]:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(str(CreateTable(executions).compile(dialect=sqlite.dialect())))

    def insert(rows: Rows) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_sqlite.INSERT_EXECUTION, rows)
        connection.execute("COMMIT")

    return insert
