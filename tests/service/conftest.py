"""Fixtures of the services' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.state.database import Database
from tests.service.desk import Desk


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Every service, and one bound bucket; on each of the databases."""
    where: Path | str = tmp_path / "penstock.db"
    if request.param == "postgres":
        where = request.getfixturevalue("postgres_url")
    desk = Desk(tmp_path, Database.open(where))
    desk.bind()
    yield desk
    desk.database.close()
