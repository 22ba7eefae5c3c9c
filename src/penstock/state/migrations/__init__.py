"""Brings a database to the present schema: at once when it is new, else by Alembic."""

from importlib.resources import files

from sqlalchemy import Connection, Engine, inspect, text

from penstock.domain.errors import DatabaseError
from penstock.state import _postgres
from penstock.state.schema import metadata

HEAD = "0007"
_VERSION_TABLE = (  # as Alembic itself would make it
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def upgrade(engine: Engine) -> None:
    """Make or migrate the tables; does nothing to a database that is up to date.

    Of several processes that start together one does it, and the others wait.

    Raises:
        DatabaseError: The database was written by a later version.
    """
    with engine.begin() as connection:
        _begin(connection)
        if "alembic_version" not in inspect(connection).get_table_names():
            metadata.create_all(connection)
            connection.execute(text(_VERSION_TABLE))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if current != HEAD:
        migrate(engine)


def migrate(engine: Engine, to: str = "head") -> None:
    """Run every migration that the database has not seen.

    Args:
        to: The last one to run.

    Raises:
        DatabaseError: It has seen one that this build does not know.
    """
    from alembic import command  # noqa: PLC0415  # 100 ms that a start without migration saves
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    folder = str(files("penstock.state.migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    with engine.begin() as connection:
        _begin(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            message = f"the database was written by a later version: {error}"
            raise DatabaseError(message) from error


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        _postgres.begin_migration(connection)
