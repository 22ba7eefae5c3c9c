"""Brings a database to the present schema: at once when it is new, else by Alembic."""

from importlib.resources import files

from sqlalchemy import Engine, inspect, text

from penstock.domain.errors import BackendError
from penstock.state.schema import metadata

HEAD = "0004"
_VERSION_TABLE = (  # as Alembic itself would make it
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def upgrade(engine: Engine) -> None:
    """Make or migrate the tables; does nothing to a database that is up to date.

    Raises:
        BackendError: The database was written by a later version.
    """
    with engine.begin() as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            metadata.create_all(connection)
            connection.execute(text(_VERSION_TABLE))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if current != HEAD:
        migrate(engine)


def migrate(engine: Engine) -> None:
    """Run every migration that the database has not seen.

    Raises:
        BackendError: It has seen one that this build does not know.
    """
    from alembic import command  # noqa: PLC0415  # 100 ms that a start without migration saves
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    folder = str(files("penstock.state.migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            message = f"the database was written by a later version: {error}"
            raise BackendError(message) from error
