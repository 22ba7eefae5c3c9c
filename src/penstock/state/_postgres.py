"""What is particular to PostgreSQL: many processes, and a place of its own for each large job.

Executions lie in children of the table `executions`, which is empty itself. All jobs over a
single object share one child; every other job has a child of its own, made in the transaction
that makes the job. Dropping a job is then dropping a table, whatever its size, and takes no lock
that anybody else waits for; both would, if the table were partitioned declaratively with a
default partition, and planning would grow with the number of jobs.

The number of a job tells its place: odd numbers share, even ones do not. So the place of an
execution follows from its address, and every query goes to one table.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    TableClause,
    column,
    create_engine,
    event,
    func,
    select,
    table,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.selection import showable
from penstock.state._removing import Removed, remove_some
from penstock.state.schema import executions

STATEMENT_SECONDS = 120
LOCK_SECONDS = 10
READER_IDLE_SECONDS = 3600
WRITER_IDLE_SECONDS = 5  # less than a job's lease: its locks are free before that runs out
_DROP_MS = 200

_DRIVERS = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_CONNECT: dict[str, object] = {  # libpq's words: notice a dead server within a minute
    "application_name": "penstock",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SET_UP = (
    "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false), "
    "set_config('idle_in_transaction_session_timeout', %s, false)"
)
_SHARED = "executions_shared"
_ROW = "\t".join(["%s"] * len(executions.columns))
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def read_url(url: str) -> URL:
    """A database URL as the driver takes it.

    Raises:
        InvalidArgumentError: It is none of PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        message = "database: must be a URL such as postgresql://user@host/name"
        raise InvalidArgumentError(message) from error
    if parsed.drivername not in _DRIVERS:
        message = f"database: must be a URL of postgresql://, not {parsed.drivername}://"
        raise InvalidArgumentError(message)
    return parsed.set(drivername="postgresql+psycopg")


def open_engine(url: URL, connections: int, *, is_writer: bool = False) -> Engine:
    """The engine over a server, which is not asked yet.

    The server ends a writer that falls silent in a transaction, as one does that is stopped or
    cut off: its locks would keep others from what it was changing.

    Args:
        connections: Most at once; opened when they are needed.

    Raises:
        InvalidArgumentError: The driver is not installed.
    """
    given = {name: value for name, value in _CONNECT.items() if name not in url.query}
    try:
        engine = create_engine(
            url,
            connect_args=given,
            isolation_level="READ COMMITTED" if is_writer else "REPEATABLE READ",
            pool_size=connections,
            max_overflow=0,
            pool_use_lifo=True,
            use_native_hstore=False,
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        message = "database: PostgreSQL needs a driver: pip install 'penstock[postgres]'"
        raise InvalidArgumentError(message) from error
    idle_seconds = WRITER_IDLE_SECONDS if is_writer else READER_IDLE_SECONDS
    event.listen(engine, "connect", partial(_set_up, idle_seconds))
    return engine if is_writer else engine.execution_options(postgresql_readonly=True)


def lock(transaction: Connection, name: str, *, is_shared: bool) -> None:
    """Hold a name until the transaction ends."""
    key = func.hashtextextended(name, 0)
    wait = func.pg_advisory_xact_lock_shared if is_shared else func.pg_advisory_xact_lock
    transaction.execute(select(wait(key)))


def place_job(transaction: Connection, *, is_single: bool) -> int:
    """Number a new job, and make the place of its executions; the number."""
    drawn = transaction.execute(select(func.nextval("jobs_number_seq"))).scalar_one()
    number = int(drawn) * 2 + int(is_single)
    if not is_single:
        transaction.execute(
            text(
                f"CREATE TABLE executions_{number} (PRIMARY KEY (job, chunk, position), "
                f"CONSTRAINT execution_job CHECK (job = {number})) INHERITS (executions)"
            )
        )
    return number


def executions_of(job: int) -> TableClause:
    """Where the executions of a job lie."""
    return _table(_place(job))


def insert_executions(transaction: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in the order of the table's columns, by COPY into their place.

    The fastest of what was measured: several rows in one INSERT, as `unnest` of arrays or as
    values, take about six times as long, binary COPY a little longer than text.
    """
    for job, some in groupby(rows, itemgetter(0)):
        copy_rows(transaction, _place(job), list(some))


def copy_rows(transaction: Connection, place: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows into one table."""
    cursor = transaction.connection.cursor()
    with cursor.copy(f"COPY {place} FROM STDIN") as copy:
        copy.write(copy_text(rows))


def copy_text(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows in the text form of COPY; what a text cannot hold there is escaped visibly."""
    block = "\n".join([_ROW % row for row in rows]) + "\n"
    tabs = (len(executions.columns) - 1) * len(rows)
    is_plain = (
        block.count("\t") == tabs
        and block.count("\n") == len(rows)
        and not ("\\" in block or "\r" in block or "\0" in block)
    )
    try:
        return (block if is_plain else _escaped(rows)).encode()
    except UnicodeEncodeError:
        return _escaped(rows).encode()


def delete_executions(transaction: Connection, job: int, most: int) -> Removed:
    """Remove some rows of a job, or its whole place at once."""
    place = _place(job)
    if place == _SHARED:
        return remove_some(transaction, _table(place), job, most)
    try:
        with transaction.begin_nested():
            transaction.execute(text(f"SET LOCAL lock_timeout = '{_DROP_MS}ms'"))
            transaction.execute(text(f"DROP TABLE IF EXISTS {place}"))
    except OperationalError:  # somebody reads it
        return Removed(0, is_empty=False)
    return Removed(0, is_empty=True)


def begin_migration(connection: Connection) -> None:
    """Keep others from migrating until the transaction ends, and take all the time it needs.

    Raises:
        InvalidArgumentError: The database cannot hold every text.
    """
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        message = f"database: must have the encoding UTF8, not {encoding}"
        raise InvalidArgumentError(message)
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    lock(connection, "penstock/migration", is_shared=False)


def _place(job: int) -> str:
    return _SHARED if job % 2 else f"executions_{job:d}"


@lru_cache(256)
def _table(name: str) -> TableClause:
    return table(name, *(column(one.name, one.type) for one in executions.columns))


def _escaped(rows: Iterable[tuple[Any, ...]]) -> str:
    return "".join(
        "\t".join([showable(str(value)).translate(_ESCAPES) for value in row]) + "\n"
        for row in rows
    )


def _set_up(idle_seconds: int, connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's own
    from psycopg.types.string import StrDumper  # noqa: PLC0415  # an extra

    class _Text(StrDumper):
        """PostgreSQL refuses U+0000 and lone surrogates in texts; they are escaped visibly."""

        def dump(self, obj: str) -> Any:  # noqa: ANN401  # a buffer
            return super().dump(showable(obj))

    connection.adapters.register_dumper(str, _Text)
    limits = (STATEMENT_SECONDS, LOCK_SECONDS, idle_seconds)
    with connection.cursor() as cursor:
        cursor.execute(_SET_UP, [f"{seconds}s" for seconds in limits])
    connection.commit()
