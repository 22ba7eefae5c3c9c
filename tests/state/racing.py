"""Several that do the same at the same moment, on one database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from sqlalchemy import text  # noqa: TID251  # looks behind the queries that are tested

from penstock.state.database import Database

T = TypeVar("T")

RIVALS = 8


def race(work: Callable[[int], T], rivals: int = RIVALS) -> list[T]:
    """What several threads get that do the same at the same moment; each is told its number."""
    start = Barrier(rivals)

    def run(number: int) -> T:
        start.wait(10)
        return work(number)

    with ThreadPoolExecutor(rivals) as pool:
        return list(pool.map(run, range(rivals)))


def is_somebody_waiting(database: Database) -> bool:
    """Whether a transaction waits for a lock of another."""
    with database.read() as transaction:
        return bool(
            transaction.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            ).scalar_one()
        )
