"""What is particular to SQLite: one file, one writer.

Every write transaction takes SQLite's one write lock at its beginning, so that it never fails
half way for want of it.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from penstock.state.schema import executions

BUSY_SECONDS = 30.0

_WRITER_CACHE_KIB = 2048
_READER_CACHE_KIB = 256
_ROWS_A_STATEMENT = 100
_INSERT = f"INSERT INTO executions ({', '.join(executions.columns.keys())}) VALUES "  # noqa: S608  # our own names
_ROW = f"({', '.join('?' * len(executions.columns))})"

INSERT_EXECUTION = _INSERT + _ROW
"""Inserts one row; for whoever measures the bare cost of it."""

_INSERT_MANY = _INSERT + ", ".join([_ROW] * _ROWS_A_STATEMENT)


def open_engine(path: Path, *, is_writer: bool = False) -> Engine:
    """The engine over a file, which is made if need be.

    Every connection has a page cache of its own: readers, of which there may be many, have a small
    one, and the one that writes the larger.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        **({"pool_size": 1, "max_overflow": 0} if is_writer else {}),
    )
    cache_kib = _WRITER_CACHE_KIB if is_writer else _READER_CACHE_KIB

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's own
        connection.isolation_level = None  # transactions are begun below alone
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA cache_size = -{cache_kib}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


def insert_executions(transaction: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in the order of the table's columns.

    Many rows go into one statement: the driver gives up the interpreter's lock at every step of a
    statement, and with a busy thread beside it waits for the lock each time.
    """
    whole = len(rows) - len(rows) % _ROWS_A_STATEMENT
    for first in range(0, whole, _ROWS_A_STATEMENT):
        values = chain.from_iterable(rows[first : first + _ROWS_A_STATEMENT])
        transaction.exec_driver_sql(_INSERT_MANY, tuple(values))
    if rows[whole:]:
        transaction.exec_driver_sql(INSERT_EXECUTION, list(rows[whole:]))
