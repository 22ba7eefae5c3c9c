import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, text

from penstock.domain.errors import BackendError
from penstock.state import migrations
from penstock.state.database import Database

SPACES = re.compile(r"\s+")


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


def schema_of(engine: Engine) -> dict[str, str]:
    """The statement behind every table and index, spaces made one."""
    with engine.begin() as connection:
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        )
        return {row.name: SPACES.sub(" ", row.sql).strip() for row in rows}


def test_migrations_give_the_schema_of_a_new_database(tmp_path: Path) -> None:
    """A database that went through every migration is equal to one made from scratch."""
    scratch = open_raw(tmp_path / "scratch.db")
    migrated = open_raw(tmp_path / "migrated.db")
    make_empty_version(migrated)

    migrations.upgrade(scratch)
    migrations.upgrade(migrated)

    made = schema_of(scratch)
    assert "executions" in made
    assert "chunks_open" in made
    assert schema_of(migrated) == made
    scratch.dispose()
    migrated.dispose()


def test_migrations_end_at_head(tmp_path: Path) -> None:
    """`HEAD` is the revision that the last migration leaves behind."""
    engine = open_raw(tmp_path / "penstock.db")
    make_empty_version(engine)

    migrations.upgrade(engine)

    with engine.begin() as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        assert list(versions) == [migrations.HEAD]
    engine.dispose()


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
