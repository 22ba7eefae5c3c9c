from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from penstock.state import chunks, resources
from penstock.state.database import Database
from tests.factories import BUCKET, NOW_MS
from tests.state.contract import StateContract
from tests.state.lease_contract import JobLeaseContract


class TestSqlite(StateContract, JobLeaseContract):
    """The contract on SQLite."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        """A new database in a file."""
        database = Database.open_sqlite(tmp_path / "penstock.db")
        yield database
        database.close()


def test_sqlite_finds_open_chunks_by_index(tmp_path: Path) -> None:
    """Leasing looks at no chunk that has ended, of which a large job has many."""
    database = Database.open_sqlite(tmp_path / "penstock.db")
    asked: list[tuple[str, Any]] = []

    with database.write() as transaction:
        event.listen(
            transaction,
            "before_cursor_execute",
            lambda _one, _two, statement, values, *_: asked.append((statement, values)),
        )
        chunks.lease_next_chunk(transaction, 1, most_objects=1, now_ms=NOW_MS)
        chunks.count_last_objects(transaction, 1, most_chunks=1)
        chunks.release_leased_chunks(transaction, 1)
        chunks.cancel_planned_chunks(transaction, 1, NOW_MS)
        plans = [
            transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            for statement, values in list(asked)
        ]

    assert len(plans) == 4
    assert all("INDEX chunks_open (job=? AND state=?)" in plan[0].detail for plan in plans)
    database.close()


def test_sqlite_keeps_what_was_written(tmp_path: Path) -> None:
    """A database that is opened again has what was committed."""
    path = tmp_path / "penstock.db"
    first = Database.open_sqlite(path)
    with first.write() as transaction:
        resources.bind_bucket(transaction, BUCKET, "file:///a", NOW_MS)
    first.close()

    again = Database.open_sqlite(path)

    with again.read() as transaction:
        assert resources.bucket_url(transaction, BUCKET) == "file:///a"
    again.close()
