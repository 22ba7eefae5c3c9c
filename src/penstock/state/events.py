"""Queries of the outbox: callbacks that wait, are leased, and have come to an end.

Of each execution only the first waiting event has a time of its next try; when it ends, the one
behind it gets one. So events of an execution leave in order, and finding what is due never looks
at what has to wait. A lease moves the time of the next try behind the longest try and counts an
attempt: a sender that dies gives its event back by doing nothing, and one that comes back late
names an attempt that is over.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from penstock.domain.callbacks import CallbackFormat, Event
from penstock.domain.states import DELIVERY_TABLE, DeliveryEvent, DeliveryState, move
from penstock.state.database import Transaction
from penstock.state.schema import events


class NewEvent(NamedTuple):
    """An event that is not stored yet; the fields are those of `Event`."""

    job: int
    chunk: int
    position: int
    node: int
    url: str
    format: CallbackFormat


_COLUMNS = [events.c[name] for name in Event.__dataclass_fields__]
_WAITING = events.c.ended_ms.is_(None)
_DUE = events.c.next_try_ms.is_not(None)
_HELD = update(events).where(
    events.c.number == bindparam("held_number"),
    events.c.attempts == bindparam("held_attempts"),
    events.c.state == bindparam("held_state"),
)
_POSTPONE = _HELD.values(next_try_ms=bindparam("later_ms"), answer=bindparam("new_answer"))
_END = _HELD.values(
    state=bindparam("new_state"),
    ended_ms=bindparam("now_ms"),
    next_try_ms=None,
    answer=bindparam("new_answer"),
)
_FREE_NEXT = (
    update(events)
    .where(
        events.c.number
        == select(func.min(events.c.number))
        .where(
            _WAITING,
            events.c.job == bindparam("of_job"),
            events.c.chunk == bindparam("of_chunk"),
            events.c.position == bindparam("of_position"),
        )
        .scalar_subquery()
    )
    .values(next_try_ms=bindparam("now_ms"))
)


def insert_events(transaction: Transaction, new: Sequence[NewEvent], now_ms: int) -> None:
    """Queue events behind those of the same executions that still wait.

    Args:
        new: Of one chunk; those of an execution side by side, in the order of their sending.
    """
    if not new:
        return
    blocked = set(_waiting_positions(transaction, new))
    rows = []
    for event in new:
        address = event[:3]
        rows.append(
            {
                **event._asdict(),
                "format": str(event.format),
                "target": target_of(event.url),
                "state": str(DeliveryState.WAITING),
                "created_ms": now_ms,
                "next_try_ms": None if address in blocked else now_ms,
            }
        )
        blocked.add(address)
    transaction.execute(insert(events), rows)


def due_targets(transaction: Transaction, now_ms: int) -> list[str]:
    """Targets at which something is due, the one that has waited longest first."""
    names = select(func.min(events.c.target).label("target")).where(_DUE).cte(recursive=True)
    following = (
        select(func.min(events.c.target))
        .where(_DUE, events.c.target > names.c.target)
        .scalar_subquery()
    )
    names = names.union_all(select(following).where(names.c.target.is_not(None)))
    earliest = (
        select(func.min(events.c.next_try_ms))
        .where(_DUE, events.c.target == names.c.target)
        .scalar_subquery()
    )
    rows = transaction.execute(
        select(names.c.target).where(earliest <= now_ms).order_by(earliest, names.c.target)
    )
    return [row.target for row in rows]


def lease_due_events(
    transaction: Transaction, target: str, *, most: int, now_ms: int, until_ms: int
) -> list[Event]:
    """Claim what is due at a target, longest waiting first; each claim counts an attempt.

    Args:
        until_ms: When an event of which nothing was heard is due again.
    """
    rows = transaction.execute(
        select(*_COLUMNS)
        .where(_DUE, events.c.target == target, events.c.next_try_ms <= now_ms)
        .order_by(events.c.next_try_ms, events.c.number)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    numbers = [row.number for row in rows]
    if numbers:
        transaction.execute(
            update(events)
            .where(events.c.number.in_(numbers))
            .values(attempts=events.c.attempts + 1, next_try_ms=until_ms)
        )
    return [_event(row, attempts=row.attempts + 1) for row in rows]


def end_event_if_leased(
    transaction: Transaction, event: Event, what: DeliveryEvent, *, answer: str, now_ms: int
) -> bool:
    """Close an event and let the next of its execution go; False when the lease was lost."""
    ended = {"new_state": str(move(DELIVERY_TABLE, event.state, what)), "new_answer": answer}
    won = transaction.execute(_END, {**_held(event), **ended, "now_ms": now_ms}).rowcount
    if won:
        place = {"of_job": event.job, "of_chunk": event.chunk, "of_position": event.position}
        transaction.execute(_FREE_NEXT, {**place, "now_ms": now_ms})
    return bool(won)


def postpone_event_if_leased(
    transaction: Transaction, event: Event, *, next_try_ms: int, answer: str
) -> bool:
    """Have an event tried again later; False when the lease was lost."""
    later = {"later_ms": next_try_ms, "new_answer": answer}
    return bool(transaction.execute(_POSTPONE, {**_held(event), **later}).rowcount)


def delete_ended_events(transaction: Transaction, *, before_ms: int, most: int) -> int:
    """Remove events that ended before a time; how many."""
    old = (
        select(events.c.number)
        .where(events.c.ended_ms < before_ms)
        .order_by(events.c.ended_ms)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return transaction.execute(delete(events).where(events.c.number.in_(old))).rowcount


def target_of(url: str) -> str:
    """What stands for the receiver of a URL: its scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _waiting_positions(
    transaction: Transaction, new: Sequence[NewEvent]
) -> Iterator[tuple[int, int, int]]:
    """Executions among those of new events that have events waiting already."""
    first, *_ = new
    positions = [event.position for event in new]
    rows = transaction.execute(
        select(events.c.position)
        .where(
            _WAITING,
            events.c.job == first.job,
            events.c.chunk == first.chunk,
            events.c.position.between(min(positions), max(positions)),
        )
        .order_by(events.c.number)
        .with_for_update()  # one that ends at this moment would not free what is queued behind it
    )
    for (position,) in rows:
        yield first.job, first.chunk, position


def _held(event: Event) -> dict[str, object]:
    return {
        "held_number": event.number,
        "held_attempts": event.attempts,
        "held_state": str(event.state),
    }


def _event(row: Row[Any], **changed: Any) -> Event:  # noqa: ANN401  # rows become records
    values = {**dict(zip(Event.__dataclass_fields__, row, strict=True)), **changed}
    state, format_ = DeliveryState(values["state"]), CallbackFormat(values["format"])
    return Event(**{**values, "state": state, "format": format_})
