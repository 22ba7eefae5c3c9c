import threading

from sqlalchemy import text

from penstock.engine.sweeper import Sweeper
from penstock.state.database import Database
from tests.factories import NOW_MS
from tests.state.retention_contract import drop, left, make_ended
from tests.waiting import Clock, wait_until

HOUR_MS = 3_600_000


def make_sweeper(database: Database, clock: Clock, keep_seconds: float) -> Sweeper:
    """A sweeper under a clock that the test moves."""
    return Sweeper(database, keep_seconds=keep_seconds, now_ms=clock)


def sweep(sweeper: Sweeper) -> int:
    """Sweep until nothing is to do; how many steps that took."""
    steps = 0
    while sweeper.step():
        steps += 1
    return steps


def test_sweeper_drops_jobs_when_they_are_old(database: Database, clock: Clock) -> None:
    """A job goes when it has been kept as long as told behind its end, with all it has."""
    make_ended(database, 1, ended_ms=NOW_MS)
    make_ended(database, 2, ended_ms=NOW_MS + HOUR_MS)
    sweeper = make_sweeper(database, clock, 3600)

    clock.move(3600)
    early = sweep(sweeper)
    clock.move(1)
    late = sweep(sweeper)

    assert early == 0
    assert late > 0
    assert left(database) == (3, 3, 0)


def test_sweeper_keeps_jobs_for_ever_unless_told(database: Database, clock: Clock) -> None:
    """Without a time nothing is dropped; what was dropped before is cleared all the same."""
    make_ended(database, 1, ended_ms=NOW_MS)
    make_ended(database, 2, ended_ms=NOW_MS + 1)
    drop(database, before_ms=NOW_MS + 1)
    clock.move(1e9)

    sweep(make_sweeper(database, clock, 0))

    assert left(database) == (3, 3, 0)


def test_sweeper_goes_on_after_a_failure(database: Database, clock: Clock) -> None:
    """A database that fails is tried again later, and the thread ends when it is told to."""
    make_ended(database, 1, ended_ms=NOW_MS)
    clock.move(2)
    with database.write() as transaction:
        transaction.execute(text("ALTER TABLE dropped_jobs RENAME TO elsewhere"))
    sweeper = make_sweeper(database, clock, 1)
    thread = threading.Thread(target=sweeper.run)

    thread.start()
    sweeper.stop()
    thread.join(10)

    assert not thread.is_alive()
    with database.write() as transaction:
        transaction.execute(text("ALTER TABLE elsewhere RENAME TO dropped_jobs"))
    again = make_sweeper(database, clock, 1)
    thread = threading.Thread(target=again.run)
    thread.start()
    wait_until(lambda: left(database) == (0, 0, 0), "the sweep")
    again.stop()
    thread.join(10)
    assert not thread.is_alive()
