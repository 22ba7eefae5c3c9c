from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.state.database import Database
from tests.state.key_contract import KeyContract


class TestKeysOnSqlite(KeyContract):
    """The contract on SQLite."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        """A new database in a file."""
        database = Database.open_sqlite(tmp_path / "penstock.db")
        yield database
        database.close()
