"""Opens the database that the settings name, and the access keys in it."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager

from penstock.bootstrap.agreement import adopt_keys, agree_on_master_key
from penstock.bootstrap.clock import now_ms
from penstock.bootstrap.keys import find_root_key, open_sealer
from penstock.domain.errors import InvalidArgumentError
from penstock.service.keys import KeyService
from penstock.settings import Settings
from penstock.state.database import Database

_FILE = "penstock.db"


def open_database(settings: Settings) -> Database:
    """The PostgreSQL database of the settings, or else SQLite in the data folder.

    Raises:
        InvalidArgumentError: The URL is wrong, or its driver missing.
        DatabaseError: The database cannot be opened.
    """
    where = settings.database or settings.data.absolute() / _FILE
    return Database.open(where, connections=settings.database_connections)


@contextmanager
def open_keys(settings: Settings, *, is_first: bool = False) -> Iterator[KeyService]:
    """The access keys of a database, also of one that servers are using.

    Args:
        is_first: Whether a data folder that does not exist is made.

    Raises:
        InvalidArgumentError: The settings are wrong, or there is no data folder.
        DatabaseError: The database cannot be opened.
    """
    if is_first and not settings.database:
        settings.data.mkdir(parents=True, exist_ok=True)
    elif not settings.database and not (settings.data / _FILE).exists():
        message = f"data: {str(settings.data)!r} is no data folder of penstock"
        raise InvalidArgumentError(message)
    root = find_root_key(settings)
    with closing(open_database(settings)) as database:
        if database.is_shared:
            agree_on_master_key(database, settings)
        yield KeyService(
            database,
            open_sealer(settings),
            root_id="" if root is None else root.secret_id,
            now_ms=now_ms,
            random_bytes=secrets.token_bytes,
        )


def adopt(settings: Settings) -> None:
    """Have the servers of a database go over to the root and master key of these settings.

    Raises:
        InvalidArgumentError: A key is missing, or the database is that of one server alone.
        DatabaseError: The database cannot be opened.
    """
    if not settings.database:
        message = "database: must be given; the server of a data folder takes the keys it is given"
        raise InvalidArgumentError(message)
    with closing(open_database(settings)) as database:
        adopt_keys(database, settings)
