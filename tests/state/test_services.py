from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from penstock.state import migrations, services
from penstock.state.database import Database
from tests.factories import BUCKET, NOW_MS
from tests.state.service_contract import ServiceContract
from tests.state.test_migrations import make_empty_version, open_raw


class TestServicesOnSqlite(ServiceContract):
    """The contract on SQLite."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        """A new database in a file."""
        database = Database.open_sqlite(tmp_path / "penstock.db")
        yield database
        database.close()


def test_services_are_all_open_on_buckets_of_before(tmp_path: Path) -> None:
    """A bucket that was bound before there were services keeps all that it had."""
    path = tmp_path / "penstock.db"
    engine = open_raw(path)
    make_empty_version(engine)
    migrations.migrate(engine, to="0003")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO buckets VALUES (:name, 'file:///a', :now)"),
            {"name": BUCKET, "now": NOW_MS},
        )
    engine.dispose()

    database = Database.open_sqlite(path)

    with database.read() as transaction:
        assert services.open_services(transaction, BUCKET) == {
            *("ci", "media", "pic", "doc", "ai", "asr", "file")
        }
    database.close()
    assert migrations.HEAD >= "0004"
