from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.state import resources
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
