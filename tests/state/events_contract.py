"""What the outbox does on every database: one suite, run by `test_events.py`."""

from collections.abc import Sequence

from sqlalchemy import select  # noqa: TID251  # looks behind the queries that are tested

from penstock.domain.callbacks import CallbackFormat, Event
from penstock.domain.states import DeliveryEvent, DeliveryState
from penstock.state import events
from penstock.state import schema as tables
from penstock.state.database import Database
from penstock.state.events import NewEvent
from tests.factories import NOW_MS

URL = "http://hooks.example/done"
OTHER = "https://other.example:8443/x"
LEASE_MS = 30_000


def new(position: int, node: int = 1, url: str = URL) -> NewEvent:
    """An event of an execution of chunk 3 of job 7."""
    return NewEvent(7, 3, position, node, url, CallbackFormat.XML)


def queue(database: Database, *found: NewEvent, now_ms: int = NOW_MS) -> None:
    """Queue events in a transaction of their own."""
    with database.write() as transaction:
        events.insert_events(transaction, found, now_ms)


def targets(database: Database, now_ms: int = NOW_MS) -> list[str]:
    """Where something is due."""
    with database.read() as transaction:
        return events.due_targets(transaction, now_ms)


def lease(
    database: Database, url: str = URL, *, most: int = 100, now_ms: int = NOW_MS
) -> list[Event]:
    """Lease what is due at the target of a URL."""
    with database.write() as transaction:
        return events.lease_due_events(
            transaction,
            events.target_of(url),
            most=most,
            now_ms=now_ms,
            until_ms=now_ms + LEASE_MS,
        )


def end(
    database: Database,
    event: Event,
    what: DeliveryEvent = DeliveryEvent.DELIVER,
    *,
    now_ms: int = NOW_MS,
) -> bool:
    """End an event; whether it won."""
    with database.write() as transaction:
        return events.end_event_if_leased(transaction, event, what, answer="200", now_ms=now_ms)


def places(leased: Sequence[Event]) -> list[tuple[int, int]]:
    """Position and node of events."""
    return [(event.position, event.node) for event in leased]


def stored(database: Database) -> list[tuple[int, str, str]]:
    """Node, state and answer of every event that is kept."""
    table = tables.events
    with database.read() as transaction:
        rows = transaction.execute(
            select(table.c.node, table.c.state, table.c.answer).order_by(table.c.number)
        )
        return [(row.node, row.state, row.answer) for row in rows]


class EventsContract:
    """The suite; a subclass has a `database` fixture."""

    def test_events_are_due_at_once(self, database: Database) -> None:
        """A new event can be leased, with everything that was queued."""
        queue(database, new(5, 2))

        (event,) = lease(database)

        assert event == Event(
            number=event.number,
            job=7,
            chunk=3,
            position=5,
            node=2,
            url=URL,
            format=CallbackFormat.XML,
            created_ms=NOW_MS,
            attempts=1,
            state=DeliveryState.WAITING,
            answer="",
        )

    def test_events_of_nothing_change_nothing(self, database: Database) -> None:
        """No events, no rows."""
        queue(database)

        assert targets(database) == []
        assert stored(database) == []

    def test_events_of_an_execution_wait_for_earlier_ones(self, database: Database) -> None:
        """Only the first of each execution is due; its end frees the next, whatever its end."""
        queue(database, new(0, 1), new(0, 2), new(0, 0), new(1, 1), new(1, 0))

        first = lease(database)
        again = lease(database)
        end(database, first[0])
        second = lease(database)
        end(database, second[0], DeliveryEvent.EXPIRE)
        third = lease(database)

        assert places(first) == [(0, 1), (1, 1)]
        assert again == []
        assert places(second) == [(0, 2)]
        assert places(third) == [(0, 0)]

    def test_events_queued_later_wait_for_those_before(self, database: Database) -> None:
        """Events of a repeated execution stand behind the ones that still wait."""
        queue(database, new(0, 1), new(1, 1))
        (first, second) = lease(database)
        end(database, second)
        queue(database, new(0, 2), new(1, 2), new(2, 2))

        found = lease(database)
        end(database, first)

        assert places(found) == [(1, 2), (2, 2)]
        assert places(lease(database)) == [(0, 2)]

    def test_events_that_are_leased_are_not_leased_again(self, database: Database) -> None:
        """A lease hides an event until it runs out; then it counts the next attempt."""
        queue(database, new(0))

        (first,) = lease(database)
        early = lease(database, now_ms=NOW_MS + LEASE_MS - 1)
        (second,) = lease(database, now_ms=NOW_MS + LEASE_MS)

        assert early == []
        assert (first.attempts, second.attempts) == (1, 2)

    def test_events_are_fenced_by_their_attempt(self, database: Database) -> None:
        """Who comes back after its lease ran out changes nothing."""
        queue(database, new(0))
        (late,) = lease(database)
        (holder,) = lease(database, now_ms=NOW_MS + LEASE_MS)

        ended = end(database, late, DeliveryEvent.EXPIRE)
        with database.write() as transaction:
            postponed = events.postpone_event_if_leased(
                transaction, late, next_try_ms=NOW_MS, answer="late"
            )

        assert not ended
        assert not postponed
        assert stored(database) == [(1, "Waiting", "")]
        assert end(database, holder)
        assert not end(database, holder)
        assert stored(database) == [(1, "Delivered", "200")]

    def test_events_can_be_postponed(self, database: Database) -> None:
        """A postponed event is due at its time, with its answer kept."""
        queue(database, new(0))
        (event,) = lease(database)

        with database.write() as transaction:
            won = events.postpone_event_if_leased(
                transaction, event, next_try_ms=NOW_MS + 5000, answer="500"
            )

        assert won
        assert targets(database, NOW_MS + 4999) == []
        (again,) = lease(database, now_ms=NOW_MS + 5000)
        assert (again.number, again.answer, again.attempts) == (event.number, "500", 2)

    def test_events_are_found_by_target(self, database: Database) -> None:
        """Targets with something due are listed once, the longest waiting first."""
        queue(database, new(0), new(1), now_ms=NOW_MS + 1)
        queue(database, new(2, url=OTHER), new(3, url=OTHER.upper()))
        queue(database, new(4, url="http://later.example"), now_ms=NOW_MS + 100)

        found = targets(database, NOW_MS + 1)

        assert found == ["https://other.example:8443", "http://hooks.example"]
        assert places(lease(database, OTHER)) == [(2, 1), (3, 1)]
        assert targets(database, NOW_MS + 1) == ["http://hooks.example"]

    def test_events_are_leased_in_order_and_in_part(self, database: Database) -> None:
        """Of many, those that wait longest are leased, no more than asked for."""
        queue(database, new(8), now_ms=NOW_MS + 1)
        queue(database, new(5), new(3))

        assert places(lease(database, most=2, now_ms=NOW_MS + 1)) == [(5, 1), (3, 1)]
        assert places(lease(database, most=2, now_ms=NOW_MS + 1)) == [(8, 1)]

    def test_events_that_ended_are_swept(self, database: Database) -> None:
        """Old ends go, a bounded number at a time; what waits and what ended lately stays."""
        queue(database, *(new(position, position + 1) for position in range(5)))
        leased = lease(database)
        for event in leased[:3]:
            end(database, event, now_ms=NOW_MS)
        end(database, leased[3], now_ms=NOW_MS + 10)

        with database.write() as transaction:
            first = events.delete_ended_events(transaction, before_ms=NOW_MS + 10, most=2)
            second = events.delete_ended_events(transaction, before_ms=NOW_MS + 10, most=2)

        assert (first, second) == (2, 1)
        assert stored(database) == [(4, "Delivered", "200"), (5, "Waiting", "")]

    def test_event_numbers_are_never_used_again(self, database: Database) -> None:
        """The number of a swept event does not come back: ids are made of it."""
        queue(database, new(0))
        (event,) = lease(database)
        end(database, event)
        with database.write() as transaction:
            events.delete_ended_events(transaction, before_ms=NOW_MS + 1, most=10)
        queue(database, new(1))

        (other,) = lease(database)

        assert other.number > event.number
