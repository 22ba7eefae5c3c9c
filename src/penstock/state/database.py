"""The door to the database: opens it, begins transactions, and hides what differs.

SQLite is embedded: one process uses a file, and one transaction at a time writes. A PostgreSQL
database is shared by several processes, whose writing transactions see what others have
committed (READ COMMITTED): whoever decides by what it has read locks it, or names it in a
compare-and-set. Locks are taken in the order bucket, chunk, job; where an engine takes over a job
from one that is alive after all, the database breaks the tie, and the loser tries again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, FromClause, Table
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from penstock.domain.errors import DatabaseError, RefusedRowError
from penstock.domain.selection import showable
from penstock.state import _postgres, _sqlite, migrations
from penstock.state._removing import Removed, remove_some
from penstock.state.schema import executions

CONNECTIONS = 16

Transaction = Connection
"""What the functions of `state` work in; opaque to everyone else."""


class Database:
    """The durable state. Safe to use from several threads."""

    def __init__(
        self, writer: Engine, reader: Engine, write_lock: AbstractContextManager[object]
    ) -> None:
        """Take what the ways in below have opened.

        Args:
            write_lock: Held in every transaction that changes something.
        """
        self._writer = writer
        self._reader = reader
        self._write_lock = write_lock
        driver = writer.dialect.loaded_dbapi
        self._errors = (SQLAlchemyError, driver.Error)
        self._refusals = (IntegrityError, DataError, driver.IntegrityError, driver.DataError)

    @classmethod
    def open(cls, where: Path | str, *, connections: int = CONNECTIONS) -> "Database":
        """Open a database, made and migrated to the present schema if need be.

        Args:
            where: A SQLite file as a path, or a PostgreSQL database as a URL.
            connections: Most connections to a PostgreSQL server, at least two; half of them write.

        Raises:
            InvalidArgumentError: The URL is none of PostgreSQL, or its driver is missing.
            DatabaseError: It cannot be opened, or was written by a later version.
        """
        if isinstance(where, Path):
            return cls.open_sqlite(where)
        url = _postgres.read_url(where)
        writer = _postgres.open_engine(url, connections // 2, is_writer=True)
        _migrate(writer, url.render_as_string(hide_password=True))
        reader = _postgres.open_engine(url, connections - connections // 2)
        return cls(writer, reader, nullcontext())

    @classmethod
    def open_sqlite(cls, path: Path) -> "Database":
        """Open a SQLite file, made and migrated to the present schema if need be.

        Raises:
            DatabaseError: The file cannot be opened, or was written by a later version.
        """
        writer = _sqlite.open_engine(path, is_writer=True)
        _migrate(writer, path.name)
        # SQLite's own lock is waited for by sleeping, up to 100 ms.
        return cls(writer, _sqlite.open_engine(path), Lock())

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use the same database at this moment."""
        return _is_postgres(self._writer)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that changes something: committed at the end, rolled back on an error.

        Raises:
            DatabaseError: The database failed; when it was restarted, the next one works.
        """
        with self._translated(), self._write_lock, self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the database and changes nothing.

        Raises:
            DatabaseError: The database failed; when it was restarted, the next one works.
        """
        with self._translated(), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """Let go of every connection; others are made if they are needed."""
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            if isinstance(error, self._refusals):
                message = f"the database refuses it: {_cause(error)}"
                raise RefusedRowError(message) from error
            if getattr(error, "connection_invalidated", False):
                self.close()  # the other connections are likely to be lost as well
            message = f"the database failed: {_cause(error)}"
            raise DatabaseError(message) from error


def lock(transaction: Transaction, name: str, *, is_shared: bool = False) -> None:
    """Keep others who lock the same name waiting until the transaction ends.

    Args:
        is_shared: Several may hold it at once, but not beside one who does not share it.
    """
    if _is_postgres(transaction):
        _postgres.lock(transaction, name, is_shared=is_shared)


def lock_bucket(transaction: Transaction, bucket: str, *, is_shared: bool = False) -> None:
    """Have what a bucket has and how much of it stay as it is until the transaction ends.

    Args:
        is_shared: The transaction relies on it, and changes nothing that others count.
    """
    lock(transaction, f"penstock/bucket/{bucket}", is_shared=is_shared)


def insert_if_free(transaction: Transaction, table: Table, values: Mapping[str, object]) -> bool:
    """Insert a row; False when another has its key, or one of its unique values."""
    make = postgres_insert if _is_postgres(transaction) else sqlite_insert
    statement = make(table).values(values).on_conflict_do_nothing()
    options = {"preserve_rowcount": True}
    return bool(transaction.execute(statement, execution_options=options).rowcount)


def insert_or_update(
    transaction: Transaction, table: Table, values: Mapping[str, object], *, changed: str
) -> None:
    """Insert a row; where there is one of its primary key, change one column of that instead."""
    make = postgres_insert if _is_postgres(transaction) else sqlite_insert
    statement = make(table).values(values)
    transaction.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key), set_={changed: values[changed]}
        )
    )


def place_job(transaction: Transaction, *, is_single: bool) -> dict[str, int]:
    """Make a place for the executions of a new job; what its row must say of that.

    Args:
        is_single: Whether it is over one object, and so has few of them.
    """
    if _is_postgres(transaction):
        return {"number": _postgres.place_job(transaction, is_single=is_single)}
    return {}


def executions_of(transaction: Transaction, job: int) -> FromClause:
    """The table in which the executions of a job lie."""
    return _postgres.executions_of(job) if _is_postgres(transaction) else executions


def insert_executions(transaction: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert execution rows, tuples in the order of the table's columns; the hot path."""
    if _is_postgres(transaction):
        _postgres.insert_executions(transaction, rows)
    else:
        _sqlite.insert_executions(transaction, rows)


def delete_executions(transaction: Transaction, job: int, *, most: int) -> Removed:
    """Remove executions of a job that is gone: a bounded number, or its whole place at once."""
    if _is_postgres(transaction):
        return _postgres.delete_executions(transaction, job, most)
    return remove_some(transaction, executions, job, most)


def _migrate(engine: Engine, name: str) -> None:
    """Bring a database to the present schema; one that cannot be is let go of."""
    try:
        migrations.upgrade(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        message = f"cannot open the database {name!r}: {_cause(error)}"
        raise DatabaseError(message) from error
    except BaseException:
        engine.dispose()
        raise


def _is_postgres(where: Engine | Connection) -> bool:
    return where.dialect.name == "postgresql"


def _cause(error: BaseException) -> str:
    """What the driver said, without the statement and the values that it was about."""
    cause = getattr(error, "orig", None) or error
    return showable(next(iter(str(cause).splitlines()), type(cause).__name__))
