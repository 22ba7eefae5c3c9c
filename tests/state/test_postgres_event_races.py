"""Couriers of several engines on one PostgreSQL database, and locks of names."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from penstock.domain.callbacks import CallbackFormat, Event
from penstock.domain.errors import DatabaseError
from penstock.domain.states import DeliveryEvent
from penstock.state import events
from penstock.state.database import Database, Transaction, lock
from penstock.state.events import NewEvent
from tests.factories import NOW_MS
from tests.state.racing import is_somebody_waiting, race
from tests.waiting import wait_until

URL = "http://hooks.example/done"


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A new database on a server."""
    database = Database.open(postgres_url)
    yield database
    database.close()


def test_events_are_leased_once_by_rivals(database: Database) -> None:
    """Couriers of several engines never send the same event side by side."""
    new = [NewEvent(7, 3, position, 1, URL, CallbackFormat.XML) for position in range(60)]
    with database.write() as transaction:
        events.insert_events(transaction, new, NOW_MS)

    def take(_: int) -> list[int]:
        mine: list[int] = []
        while True:
            with database.write() as transaction:
                found = events.lease_due_events(
                    transaction,
                    "http://hooks.example",
                    most=3,
                    now_ms=NOW_MS,
                    until_ms=NOW_MS + 1000,
                )
            if not found:
                return mine
            mine += [event.number for event in found]

    taken = [number for mine in race(take) for number in mine]

    assert len(taken) == len(set(taken)) == 60


@pytest.mark.parametrize("is_first", [True, False])
def test_event_queued_while_the_one_before_it_ends_is_sent(
    database: Database, *, is_first: bool
) -> None:
    """An event never waits for one that has ended, whichever of the two commits first."""
    first, second = (NewEvent(7, 3, 0, node, URL, CallbackFormat.XML) for node in (1, 2))
    with database.write() as transaction:
        events.insert_events(transaction, [first], NOW_MS)
    (held,) = take_due(database, NOW_MS)

    def queue(transaction: Transaction) -> None:
        events.insert_events(transaction, [second], NOW_MS)

    def end(transaction: Transaction) -> None:
        events.end_event_if_leased(
            transaction, held, DeliveryEvent.DELIVER, answer="200", now_ms=NOW_MS
        )

    mine, other = (queue, end) if is_first else (end, queue)

    def work() -> None:
        with database.write() as transaction:
            other(transaction)

    with ThreadPoolExecutor(1) as pool:
        with database.write() as transaction:
            mine(transaction)
            working = pool.submit(work)
            wait_until(lambda: is_somebody_waiting(database), "the other to wait")
        working.result(10)

    assert [event.node for event in take_due(database, NOW_MS)] == [2]


def take_due(database: Database, now_ms: int) -> list[Event]:
    """Lease what is due."""
    with database.write() as transaction:
        return events.lease_due_events(
            transaction, "http://hooks.example", most=9, now_ms=now_ms, until_ms=now_ms + 1000
        )


def test_names_are_locked_until_the_transaction_ends(database: Database) -> None:
    """Whoever locks a name is alone with it; those who share it are not kept from each other."""
    inside: list[int] = []
    most: list[int] = []

    def enter(number: int, *, is_shared: bool) -> None:
        with database.write() as transaction:
            lock(transaction, "a name", is_shared=is_shared)
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    race(lambda number: enter(number, is_shared=False))
    alone = max(most)
    with database.write() as transaction:
        lock(transaction, "a name", is_shared=True)
        race(lambda number: enter(number, is_shared=True), rivals=2)

    assert alone == 1


def test_deadlock_is_broken_and_told(database: Database) -> None:
    """Of two that wait for each other one gets an error that may be tried again."""
    start = Barrier(2)

    def cross(number: int) -> bool | None:
        names = ["a", "b"][:: 1 if number else -1]
        try:
            with database.write() as transaction:
                lock(transaction, names[0])
                start.wait(10)
                lock(transaction, names[1])
        except DatabaseError as error:
            return error.retryable
        return None

    assert sorted(map(str, race(cross, rivals=2))) == ["None", "True"]
