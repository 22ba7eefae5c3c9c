"""Brings a database to the present schema: at once when it is new, else by Alembic."""

from importlib.resources import files

from sqlalchemy import Engine, inspect, text

from penstock.state.schema import metadata

HEAD = "0001"


def upgrade(engine: Engine) -> None:
    """Make or migrate the tables; does nothing to a database that is up to date."""
    with engine.begin() as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if current != HEAD:
        migrate(engine)


def migrate(engine: Engine) -> None:
    """Run every migration that the database has not seen."""
    from alembic import command  # noqa: PLC0415  # 100 ms that a start without migration saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("penstock.state.migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
