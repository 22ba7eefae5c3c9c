import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select  # looks at the table itself

from penstock.domain.addresses import AllowedTargets, parse_allowed
from penstock.domain.jobs import Job
from penstock.domain.states import ExecutionState
from penstock.engine.courier import LEASE_MS, Courier, DeliveryPolicy
from penstock.engine.letters import LetterWriter
from penstock.engine.sender import HttpSender, Reply, Sender
from penstock.state import schema
from penstock.state.database import Database
from tests.engine.told import asking, ended, job_with, outcomes_of, record
from tests.factories import make_id
from tests.receiver import Answered, Received, Receiver, closed_port, receive
from tests.waiting import Clock, wait_until

REGION = "ap-chongqing"
LOOPBACK = parse_allowed("127.0.0.0/8")
SUCCESS, FAILED = ExecutionState.SUCCESS, ExecutionState.FAILED
LONGEST = 0.0  # of the random numbers that shorten a pause


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    with receive() as running:
        yield running


@contextmanager
def courier_of(
    database: Database,
    clock: Clock,
    *,
    allowed: AllowedTargets = LOOPBACK,
    sender: Sender | None = None,
    policy: DeliveryPolicy | None = None,
) -> Iterator[Courier]:
    """A courier that runs only when it is told to."""
    courier = Courier(
        database,
        LetterWriter(database, region=REGION),
        sender or HttpSender(allowed),
        policy or DeliveryPolicy(),
        now_ms=clock,
        jitter=lambda: LONGEST,
    )
    try:
        yield courier
    finally:
        courier.close()


@pytest.fixture
def courier(database: Database, clock: Clock) -> Iterator[Courier]:
    """A courier that may call this machine."""
    with courier_of(database, clock) as made:
        yield made


def told(database: Database, url: str, *, executions: int = 1, nodes: int = 1) -> Job:
    """A job whose executions, all well, are to be told to a URL."""
    row = ended(outcomes_of(*[SUCCESS] * nodes))
    job = job_with(asking(url), nodes, id=make_id("b", crc32(url.encode())))
    return record(database, job, *[row] * executions)


def ends(database: Database) -> list[tuple[str, int, str]]:
    """State, attempts and answer of every event, in order."""
    table = schema.events
    with database.read() as transaction:
        rows = transaction.execute(select(table).order_by(table.c.number))
        return [(row.state, row.attempts, row.answer) for row in rows]


def failing(times: int, status: int = 500) -> Callable[[Received], Answered]:
    """An answer that is bad so many times, then good."""
    left = [times]

    def answer(_request: Received) -> Answered:
        left[0] -= 1
        return Answered(status=status if left[0] >= 0 else 200)

    return answer


def names_of(receiver: Receiver) -> list[str]:
    """What was told, in order."""
    return [str(request.xml()["EventName"]) for request in receiver.received]


def test_courier_delivers_what_was_recorded(
    database: Database, clock: Clock, courier: Courier, receiver: Receiver
) -> None:
    """Both events arrive, with their kinds of body, their ids and the first attempt."""
    job = told(database, receiver.url())

    tries = courier.deliver_due()

    task, end = receiver.received
    run_id = job.address(0, 0).encode("i")
    assert tries == 2
    assert task.headers["content-type"] == end.headers["content-type"] == "application/xml"
    assert task.headers["x-penstock-attempt"] == "1"
    assert "x-penstock-signature" not in task.headers
    assert len({task.event_id, end.event_id}) == 2
    assert task.event_id.endswith(job.tag)
    detail, execution = task.xml()["JobsDetail"], end.xml()["WorkflowExecution"]
    assert isinstance(detail, Mapping)
    assert isinstance(execution, Mapping)
    assert detail["JobId"] == job.address(0, 0, 1).encode("f")
    assert detail["State"] == "Success"
    assert execution["RunId"] == run_id
    assert execution["Object"] == "in/photo.jpg"
    assert ends(database) == [("Delivered", 1, "200 OK")] * 2
    assert courier.deliver_due() == 0


def test_courier_writes_json_where_it_is_asked_for(
    database: Database, courier: Courier, receiver: Receiver
) -> None:
    """Body and content type are JSON."""
    row = ended(outcomes_of(FAILED))
    record(database, job_with(asking(receiver.url(), form="JSON")), row)

    courier.deliver_due()

    task, end = receiver.received
    assert task.headers["content-type"] == "application/json"
    assert task.json()["JobsDetail"][0]["State"] == "Failed"
    assert end.json()["WorkflowExecution"]["State"] == "Failed"
    assert end.json()["WorkflowExecution"]["Tasks"][0]["State"] == "Failed"


def test_courier_tells_an_execution_in_order(
    database: Database, clock: Clock, courier: Courier, receiver: Receiver
) -> None:
    """A later event of an execution does not overtake one that has to be tried again."""
    told(database, receiver.url(), nodes=2)
    receiver.answer = failing(1)

    courier.deliver_due()
    first = names_of(receiver)
    clock.move(5)
    courier.deliver_due()

    assert first == ["TaskFinish"]
    assert names_of(receiver) == ["TaskFinish", "TaskFinish", "TaskFinish", "WorkflowFinish"]
    assert receiver.received[0].event_id == receiver.received[1].event_id
    assert receiver.received[1].headers["x-penstock-attempt"] == "2"


def test_courier_tells_executions_independently(
    database: Database, courier: Courier, receiver: Receiver
) -> None:
    """One execution's trouble does not hold up the others, and each keeps its order."""
    told(database, receiver.url(), executions=20)
    unlucky: set[str] = set()

    def answer(request: Received) -> Answered:
        """Refuse the first event that comes, whenever it comes."""
        unlucky.update({request.event_id} if not unlucky else ())
        return Answered(status=500 if request.event_id in unlucky else 200)

    receiver.answer = answer
    courier.deliver_due()

    states = [state for state, *_ in ends(database)]
    assert states.count("Delivered") == 38
    assert states.count("Waiting") == 2


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_courier_tries_again_with_growing_pauses(
    database: Database, clock: Clock, courier: Courier, receiver: Receiver, status: int
) -> None:
    """Behind each failure the pause doubles, whatever the failure, until it is taken."""
    told(database, receiver.url("/cb"))
    receiver.answer = failing(3, status)
    tries = []

    for pause in (0, 4.9, 0.1, 9.9, 0.1, 19.9, 0.1):
        clock.move(pause)
        tries.append(courier.deliver_due())

    assert tries == [1, 0, 1, 0, 1, 0, 2]
    assert ends(database) == [("Delivered", 4, "200 OK"), ("Delivered", 1, "200 OK")]


def test_courier_tries_again_when_nobody_listens(
    database: Database, clock: Clock, courier: Courier
) -> None:
    """A refused connection is a failure like any other; a receiver that comes back is told."""
    with closed_port() as port:
        told(database, f"http://127.0.0.1:{port}/cb")
        courier.deliver_due()
    (first, *_) = ends(database)
    clock.move(5)

    with receive(port) as late:
        courier.deliver_due()

    assert first[:2] == ("Waiting", 1)
    assert "refused" in first[2]
    assert len(late.received) == 2


class Scripted:
    """A sender that replies by a function of the URL."""

    def __init__(self, reply: Callable[[str], Reply]) -> None:
        self.reply = reply
        self.sent: list[str] = []

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Note the URL and reply."""
        del headers, body
        self.sent.append(url)
        return self.reply(url)


DELIVERED = Reply(text="200 OK", is_delivered=True, is_reached=True)
SILENT = Reply(text="no answer in time")


def test_courier_gives_up_in_the_end(database: Database, clock: Clock) -> None:
    """An event that is a day old is tried once more, then given up, and frees the next one."""
    told(database, "http://hooks.example/cb")
    sender = Scripted(lambda _url: SILENT)

    with courier_of(database, clock, sender=sender) as courier:
        courier.deliver_due()
        clock.move(86_399)
        courier.deliver_due()
        before = ends(database)
        clock.move(1)
        courier.deliver_due()

    assert [state for state, *_ in before] == ["Waiting", "Waiting"]
    assert ends(database) == [("Expired", 3, SILENT.text), ("Expired", 1, SILENT.text)]


def test_courier_gives_up_a_refused_target_at_once(
    database: Database, clock: Clock, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a callback may not go it expires with the reason, which is told once, and no more."""
    told(database, receiver.url(), executions=3)

    with courier_of(database, clock, allowed=AllowedTargets()) as courier:
        courier.deliver_due()

    assert receiver.received == []
    assert {state for state, *_ in ends(database)} == {"Expired"}
    assert all("callback_allow" in answer for *_, answer in ends(database))
    assert "".join(capsys.readouterr()).count("callback_refused") == 1


def test_courier_gives_up_what_is_recorded_no_more(database: Database, courier: Courier) -> None:
    """An event whose execution is gone cannot be written any more."""
    told(database, "http://127.0.0.1:1/cb")
    with database.write() as transaction:
        transaction.execute(schema.executions.delete())

    courier.deliver_due()

    assert {(state, answer) for state, _, answer in ends(database)} == {
        ("Expired", "what it tells of is recorded no more")
    }


def test_courier_survives_a_sender_that_breaks(database: Database, clock: Clock) -> None:
    """A bug on the way is a failed try, not the end of all deliveries."""

    def broken(_url: str) -> Reply:
        message = "unheard of"
        raise LookupError(message)

    told(database, "http://hooks.example/cb")
    with courier_of(database, clock, sender=Scripted(broken)) as courier:
        courier.deliver_due()

    assert ends(database)[0] == ("Waiting", 1, "InternalError: LookupError")


def test_courier_sends_again_what_it_could_not_write_down(
    database: Database, clock: Clock, receiver: Receiver
) -> None:
    """After a crash between sending and writing down, the same event comes again, with its id."""
    told(database, receiver.url())
    with courier_of(database, clock) as first:
        with pytest.raises(KeyError):
            crash_behind_sending(first)
        with courier_of(database, clock) as second:
            early = second.deliver_due()
            clock.move(LEASE_MS / 1000)
            second.deliver_due()

        first._under_way.clear()
    ids = [request.event_id for request in receiver.received]
    assert early == 0
    assert len(ids) == 3
    assert ids[0] == ids[1]
    assert receiver.received[1].headers["x-penstock-attempt"] == "2"


def crash_behind_sending(courier: Courier) -> None:
    """Lease and send, then lose everything that is only in memory."""
    courier._turn(is_open=True)
    wait_until(lambda: all(one.done() for one in courier._under_way), "it to be sent")
    raise KeyError


def test_courier_of_another_engine_does_not_send_the_same(
    database: Database, clock: Clock, receiver: Receiver
) -> None:
    """Of two couriers on one database each event is sent by one."""
    told(database, receiver.url(), executions=30)

    with courier_of(database, clock) as first, courier_of(database, clock) as second:
        while first._turn(is_open=True) + second._turn(is_open=True):
            first._wait(1.0)
            second._wait(1.0)
        first.deliver_due()
        second.deliver_due()

    ids = [request.event_id for request in receiver.received]
    assert len(ids) == len(set(ids)) == 60


def test_courier_is_not_held_up_by_a_silent_target(database: Database, clock: Clock) -> None:
    """A target that never answers gets one connection; everybody else is told meanwhile."""
    told(database, "http://dead.example/cb", executions=50)
    told(database, "http://alive.example/cb", executions=50)
    sender = Scripted(lambda url: DELIVERED if "alive" in url else SILENT)
    policy = DeliveryPolicy(connections=8)

    with courier_of(database, clock, sender=sender, policy=policy) as courier:
        rounds = 0
        while sum("alive" in url for url in sender.sent) < 100:
            courier._turn(is_open=True)
            courier._wait(1.0)
            rounds += 1
            assert rounds < 1000
        dead = sum("dead" in url for url in sender.sent)

    assert dead < 50


def test_courier_uses_no_more_connections_than_it_may(database: Database, clock: Clock) -> None:
    """One target gets half of the connections, all targets together the whole."""
    for host in ("a", "b", "c"):
        told(database, f"http://{host}.example/cb", executions=10)
    sender = Scripted(lambda _url: DELIVERED)
    policy = DeliveryPolicy(connections=5)

    with courier_of(database, clock, sender=sender, policy=policy) as courier:
        begun = courier._turn(is_open=True)
        load = [event.url for event in courier._under_way.values()]
        courier.deliver_due()

    assert begun == 5
    assert max(map(load.count, load)) == 3
    assert len(sender.sent) == 60


def test_courier_signs_with_the_secret(
    database: Database, clock: Clock, receiver: Receiver
) -> None:
    """Who has the secret can check time and body."""
    told(database, receiver.url())
    policy = DeliveryPolicy(secret="s3cret")

    with courier_of(database, clock, policy=policy) as courier:
        courier.deliver_due()

    for request in receiver.received:
        time, _, digest = request.headers["x-penstock-signature"].partition(",v1=")
        seconds = time.removeprefix("t=")
        signed = seconds.encode() + b"." + request.body
        assert int(seconds) == clock.now_ms // 1000
        assert hmac.compare_digest(digest, hmac.new(b"s3cret", signed, sha256).hexdigest())


def test_courier_sweeps_old_ends(database: Database, clock: Clock, receiver: Receiver) -> None:
    """Events are kept for a while behind their end, then removed."""
    told(database, receiver.url())
    with courier_of(database, clock, policy=DeliveryPolicy(keep_seconds=60.0)) as courier:
        courier.deliver_due()
        clock.move(60)
        courier._sweep()
        kept = ends(database)
        clock.move(60.001)
        courier._sweep()

    assert len(kept) == 2
    assert ends(database) == []


def test_courier_runs_in_a_thread_until_it_is_stopped(
    database: Database, clock: Clock, courier: Courier, receiver: Receiver
) -> None:
    """What is queued while it runs is delivered; stopping lets it end."""
    thread = threading.Thread(target=courier.run)
    thread.start()
    try:
        told(database, receiver.url())
        wait_until(lambda: len(receiver.received) == 2, "both callbacks")
    finally:
        courier.stop()
        thread.join(10)

    assert not thread.is_alive()
    assert {state for state, *_ in ends(database)} == {"Delivered"}


def rename(database: Database, before: str, after: str) -> None:
    """Give a table another name."""
    with database.write() as transaction:
        transaction.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")


def test_courier_survives_a_database_that_fails(
    database: Database, clock: Clock, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the database fails nothing is sent; afterwards everything is."""
    told(database, receiver.url())
    rename(database, "events", "gone")
    with courier_of(database, clock) as courier:
        thread = threading.Thread(target=courier.run)
        thread.start()
        seen = []

        def has_failed() -> bool:
            seen.append("".join(capsys.readouterr()))
            return "database_failed" in "".join(seen)

        wait_until(has_failed, "the first failure")
        rename(database, "gone", "events")
        wait_until(lambda: len(receiver.received) == 2, "both callbacks")
        courier.stop()
        thread.join(10)

    assert not thread.is_alive()


@given(attempts=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_pauses_grow_up_to_a_bound_and_are_spread(attempts: int, jitter: float) -> None:
    """A pause lies between a half and the whole of what doubling gives, and has a longest."""
    policy = DeliveryPolicy()
    doubled = min(5.0 * 2.0 ** min(attempts - 1, 20), 3600.0)

    pause = policy.pause_seconds(attempts, jitter)

    assert doubled / 2 <= pause <= doubled
