from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from penstock.state import executions
from penstock.state.database import Database
from tests.factories import NOW_MS
from tests.state.retention_contract import (
    RetentionContract,
    clear,
    drop,
    left,
    make_ended,
)
from tests.state.stored import recorded


class TestRetentionOnSqlite(RetentionContract):
    """The contract on SQLite."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        """A new database in a file."""
        database = Database.open_sqlite(tmp_path / "penstock.db")
        yield database
        database.close()


class TestRetentionOnPostgres(RetentionContract):
    """The contract on PostgreSQL."""

    @pytest.fixture
    def database(self, postgres_url: str) -> Iterator[Database]:
        """A new database on a server."""
        database = Database.open(postgres_url)
        yield database
        database.close()


def test_old_job_that_somebody_reads_is_cleared_later(postgres_url: str) -> None:
    """Dropping waits for nobody long: a job that is being read does not hold up the others."""
    database = Database.open(postgres_url)
    busy = make_ended(database, 1, ended_ms=NOW_MS)
    make_ended(database, 2, ended_ms=NOW_MS)
    with database.read() as reader:
        list(executions.recorded_executions(reader, busy.number))
        drop(database, before_ms=NOW_MS + 1)
        while clear(database):
            pass
        while_read = left(database)

    while clear(database):
        pass

    assert while_read == (3, 3, 1)
    assert left(database) == (0, 0, 0)
    database.close()


def test_large_job_is_dropped_at_once(postgres_url: str) -> None:
    """A job with a place of its own costs one step, whatever its size, and its table is gone."""
    database = Database.open(postgres_url)
    job = make_ended(database, 1, rows=5, ended_ms=NOW_MS)
    assert len(recorded(database, job)) == 5
    drop(database, before_ms=NOW_MS + 1)

    clear(database, most=1)

    with database.read() as transaction:
        found = transaction.execute(
            text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'executions'::regclass")
        ).scalar_one()
    assert found == 1  # that of single jobs
    database.close()
