from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from penstock.state.database import Database
from tests.factories import NOW_MS
from tests.state.events_contract import EventsContract, new, queue


class TestSqliteEvents(EventsContract):
    """The contract on SQLite."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        """A new database in a file."""
        database = Database.open_sqlite(tmp_path / "penstock.db")
        yield database
        database.close()


def test_sqlite_finds_due_events_by_index(tmp_path: Path) -> None:
    """What is due is found without looking at events that are blocked or have ended."""
    database = Database.open_sqlite(tmp_path / "penstock.db")
    queue(database, new(0))

    with database.read() as transaction:
        plan = transaction.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT min(target) FROM events "
                "WHERE next_try_ms IS NOT NULL AND target > :target"
            ),
            {"target": "http://a"},
        ).all()
        due = transaction.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT * FROM events WHERE next_try_ms IS NOT NULL "
                "AND target = 'http://a' AND next_try_ms <= :now_ms "
                "ORDER BY next_try_ms, number LIMIT 5"
            ),
            {"now_ms": NOW_MS},
        ).all()

    assert all("events_due" in row.detail for row in [*plan, *due])
    database.close()
