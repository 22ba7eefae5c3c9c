"""Opens the database; all that SQLite and PostgreSQL do differently sits here.

Every write transaction takes SQLite's one write lock at its beginning, so that it never fails
half way for want of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from penstock.domain.errors import BackendError
from penstock.state import migrations
from penstock.state.schema import executions

BUSY_SECONDS = 30.0

Transaction = Connection
"""What the functions of `state` work in; opaque to everyone else."""

_ROWS_A_STATEMENT = 100
_INSERT = f"INSERT INTO executions ({', '.join(executions.columns.keys())}) VALUES "  # noqa: S608  # our own names
_ROW = f"({', '.join('?' * len(executions.columns))})"

INSERT_EXECUTION = _INSERT + _ROW
"""Inserts one row; for whoever measures the bare cost of it."""

_INSERT_MANY = _INSERT + ", ".join([_ROW] * _ROWS_A_STATEMENT)


class Database:
    """The durable state. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._reader = engine
        self._writer = engine.execution_options(penstock_write=True)
        self._write_lock = Lock()  # SQLite's own lock is waited for by sleeping, up to 100 ms

    @classmethod
    def open_sqlite(cls, path: Path) -> "Database":
        """Open a SQLite file, made and migrated to the present schema if need be.

        Raises:
            BackendError: The file cannot be opened, or was written by a later version.
        """
        engine = create_engine(
            f"sqlite:///{path}",
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        try:
            migrations.upgrade(engine.execution_options(penstock_write=True))
        except SQLAlchemyError as error:
            message = f"cannot open the database {path.name!r}: {error}"
            raise BackendError(message) from error
        return cls(engine)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that changes something: committed at the end, rolled back on an error.

        Raises:
            BackendError: The database failed.
        """
        with _translated(), self._write_lock, self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the database and changes nothing.

        Raises:
            BackendError: The database failed.
        """
        with _translated(), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self._reader.dispose()


def insert_executions(transaction: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert execution rows, tuples in the order of the table's columns; the hot path.

    Many rows go into one statement: the driver gives up the interpreter's lock at every step of a
    statement, and with a busy thread beside it waits for the lock each time.
    """
    whole = len(rows) - len(rows) % _ROWS_A_STATEMENT
    for first in range(0, whole, _ROWS_A_STATEMENT):
        values = chain.from_iterable(rows[first : first + _ROWS_A_STATEMENT])
        transaction.exec_driver_sql(_INSERT_MANY, tuple(values))
    if rows[whole:]:
        transaction.exec_driver_sql(INSERT_EXECUTION, list(rows[whole:]))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        message = f"the database failed: {error}"
        raise BackendError(message) from error


def _set_up_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's own
    connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16384")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("penstock_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
