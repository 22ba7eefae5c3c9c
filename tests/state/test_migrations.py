from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, text

from penstock.domain.errors import BackendError
from penstock.state import _postgres, migrations
from penstock.state.database import Database
from tests.postgres import PostgresServer
from tests.state.schemas import schema_of


def open_raw(path: Path) -> Engine:
    """A SQLite file without our tables; a transaction covers DDL, as in `Database`."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _connect(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's own

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    return engine


def make_empty_version(engine: Engine) -> None:
    """Have Alembic believe that it has run nothing yet."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
        )


@pytest.fixture(params=["sqlite", "postgres"])
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two databases without tables, on SQLite and on PostgreSQL."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            made = [open_raw(tmp_path / name) for name in ("a.db", "b.db")]
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            urls = [stack.enter_context(server.new_database(is_empty=True)) for _ in range(2)]
            made = [create_engine(_postgres.read_url(url)) for url in urls]
        yield made[0], made[1]
        for engine in made:
            engine.dispose()


def test_migrations_give_the_schema_of_a_new_database(engines: tuple[Engine, Engine]) -> None:
    """A database that went through every migration is equal to one made from scratch."""
    scratch, migrated = engines
    make_empty_version(migrated)

    migrations.upgrade(scratch)
    migrations.upgrade(migrated)

    made = schema_of(scratch)
    assert "executions" in made
    assert any("chunks_open" in part for part in [*made, *made["chunks"]])
    assert schema_of(migrated) == made


def test_migrations_end_at_head(engines: tuple[Engine, Engine]) -> None:
    """`HEAD` is the revision that the last migration leaves behind."""
    engine, _ = engines
    make_empty_version(engine)

    migrations.upgrade(engine)

    with engine.begin() as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        assert list(versions) == [migrations.HEAD]


def test_migrations_are_run_by_one_of_those_that_start_together(
    postgres: PostgresServer,
) -> None:
    """Servers that find an empty database make its tables once, and all of them come up."""
    with postgres.new_database(is_empty=True) as url, ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(Database.open, [url] * 6))

        with opened[0].read() as transaction:
            versions = transaction.execute(text("SELECT version_num FROM alembic_version")).all()
        for database in opened:
            database.close()

    assert [tuple(row) for row in versions] == [(migrations.HEAD,)]


def test_migrations_of_an_old_database_are_run_by_one_of_those_that_start_together(
    postgres: PostgresServer,
) -> None:
    """Servers that find a database of an earlier version migrate it once."""
    with postgres.new_database(is_empty=True) as url:
        engine = create_engine(_postgres.read_url(url))
        make_empty_version(engine)
        migrations.migrate(engine, to="0003")
        engine.dispose()

        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(Database.open, [url] * 4))

        with opened[0].read() as transaction:
            versions = transaction.execute(text("SELECT version_num FROM alembic_version")).all()
        for database in opened:
            database.close()

    assert [tuple(row) for row in versions] == [(migrations.HEAD,)]


def test_migrations_leave_a_present_database_as_it_is(tmp_path: Path) -> None:
    """Opening a database a second time changes nothing of its schema."""
    path = tmp_path / "penstock.db"
    Database.open_sqlite(path).close()
    engine = open_raw(path)
    before = schema_of(engine)

    Database.open_sqlite(path).close()

    assert schema_of(engine) == before
    engine.dispose()


def test_migrations_refuse_a_database_of_a_later_version(tmp_path: Path) -> None:
    """A database with an unknown revision is refused by an error of ours, and left alone."""
    path = tmp_path / "penstock.db"
    Database.open_sqlite(path).close()
    engine = open_raw(path)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(BackendError, match="later version"):
        Database.open_sqlite(path)

    with engine.begin() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        assert version == "9999"
        assert "jobs" in inspect(connection).get_table_names()
    engine.dispose()


def test_migrations_refuse_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file of something else is refused by an error of ours that names it."""
    path = tmp_path / "penstock.db"
    path.write_bytes(b"this is no database at all" * 100)

    with pytest.raises(BackendError, match=r"penstock\.db"):
        Database.open_sqlite(path)
