"""Fixtures of the engine's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.state.database import Database
from tests.factories import NOW_MS
from tests.waiting import Clock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database in a file."""
    database = Database.open_sqlite(tmp_path / "penstock.db")
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves."""
    return Clock(NOW_MS)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty scratch folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
