"""The contracts on a real PostgreSQL server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from penstock.domain.errors import DatabaseError, InvalidArgumentError
from penstock.domain.jobs import InputKind, JobInput
from penstock.state import _postgres, resources
from penstock.state.database import Database, insert_executions
from tests.factories import BUCKET, NOW_MS, make_id, make_job, make_row
from tests.postgres import PostgresServer, end_connections
from tests.state.contract import StateContract
from tests.state.events_contract import EventsContract
from tests.state.key_contract import KeyContract
from tests.state.service_contract import ServiceContract
from tests.state.stored import recorded, store_job
from tests.waiting import wait_until

_LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A new database on a server."""
    database = Database.open(postgres_url)
    yield database
    database.close()


class TestPostgres(StateContract):
    """The contract on PostgreSQL."""


class TestEventsOnPostgres(EventsContract):
    """The contract of the outbox on PostgreSQL."""


class TestKeysOnPostgres(KeyContract):
    """The contract of access keys on PostgreSQL."""


class TestServicesOnPostgres(ServiceContract):
    """The contract of services on PostgreSQL."""


def test_postgres_transactions_have_their_isolation(database: Database) -> None:
    """Writers see what others commit; readers see one state and can change nothing."""
    with database.write() as transaction:
        writer = transaction.execute(text("SHOW transaction_isolation")).scalar_one()
        limits = [transaction.execute(text(f"SHOW {name}")).scalar_one() for name in _LIMITS]
    with database.read() as transaction:
        reader = transaction.execute(text("SHOW transaction_isolation")).scalar_one()
        patience = transaction.execute(text(f"SHOW {_LIMITS[-1]}")).scalar_one()

    assert (writer, reader) == ("read committed", "repeatable read")
    assert (limits, patience) == (["10s", "2min", "5s"], "1h")
    with pytest.raises(DatabaseError, match="read-only"), database.read() as transaction:
        resources.bind_bucket(transaction, BUCKET, "file:///a", NOW_MS)


def test_postgres_writer_that_falls_silent_holds_up_nobody(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is ended by the server, what it had locked is free, and the next works."""
    monkeypatch.setattr(_postgres, "WRITER_IDLE_SECONDS", 1)
    database = Database.open(postgres_url)
    free = "SELECT pg_try_advisory_lock(1)"

    def is_free() -> bool:
        with database.read() as transaction:
            return bool(transaction.execute(text(free)).scalar_one())

    def fall_silent() -> None:
        with database.write() as transaction:
            transaction.execute(text("SELECT pg_advisory_xact_lock(1)"))
            assert not is_free()
            wait_until(is_free, "the lock to be free")
            transaction.execute(text("SELECT 1"))

    with pytest.raises(DatabaseError, match="idle-in-transaction"):
        fall_silent()

    with database.write() as transaction:
        resources.bind_bucket(transaction, BUCKET, "file:///a", NOW_MS)
    database.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgres_url_may_have_the_usual_schemes(postgres_url: str, scheme: str) -> None:
    """What other programs take as a URL of PostgreSQL is taken here."""
    database = Database.open(postgres_url.replace("postgresql", scheme, 1))

    assert database.is_shared
    database.close()


@pytest.mark.parametrize("url", ["mysql://localhost/a", "penstock.db", "postgresql://host:x/a"])
def test_postgres_url_that_is_none_is_refused(url: str) -> None:
    """A URL of something else is told before anything is opened."""
    with pytest.raises(InvalidArgumentError, match="postgresql://"):
        Database.open(url)


def test_postgres_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    """The error names the database and what is wrong, and not the secret in its URL."""
    url = f"postgresql://ann:very-secret@/penstock?host={tmp_path}"

    with pytest.raises(DatabaseError, match="cannot open the database") as caught:
        Database.open(url)

    assert "very-secret" not in str(caught.value)


def test_postgres_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    """A database that cannot hold every key is told of before it loses one."""
    with (
        postgres.new_database(is_empty=True, encoding="LATIN1") as url,
        pytest.raises(InvalidArgumentError, match="UTF8"),
    ):
        Database.open(url)


def test_postgres_that_was_restarted_fails_once(postgres_url: str, database: Database) -> None:
    """Whoever meets a dead connection is told so; everybody after it gets a living one."""
    with database.read(), database.read():
        pass  # two connections
    end_connections(postgres_url)

    with pytest.raises(DatabaseError), database.read() as transaction:
        resources.list_buckets(transaction)

    for _ in range(3):
        with database.write() as transaction:
            resources.bind_bucket(transaction, BUCKET, "file:///a", NOW_MS)
        with database.read() as transaction:
            assert resources.bucket_url(transaction, BUCKET) == "file:///a"


def test_postgres_that_fails_within_a_transaction_keeps_nothing_of_it(
    postgres_url: str, database: Database
) -> None:
    """A connection that breaks between two inserts undoes both, and the next attempt works."""
    job = store_job(database)
    rows = [make_row(job=job.number, position=position) for position in range(2)]

    def record(*, breaks: bool) -> None:
        with database.write() as transaction:
            insert_executions(transaction, rows[:1])
            if breaks:
                end_connections(postgres_url)
            insert_executions(transaction, rows[1:])

    with pytest.raises(DatabaseError):
        record(breaks=True)
    assert recorded(database, job) == []
    record(breaks=False)

    assert recorded(database, job) == rows


def test_postgres_commit_that_fails_is_told(postgres_url: str, database: Database) -> None:
    """A transaction whose end was not heard of counts as failed."""

    def bind_and_break() -> None:
        with database.write() as transaction:
            resources.bind_bucket(transaction, BUCKET, "file:///a", NOW_MS)
            end_connections(postgres_url)

    with pytest.raises(DatabaseError):
        bind_and_break()

    with database.read() as transaction:
        assert resources.bucket_url(transaction, BUCKET) is None


@pytest.mark.parametrize(
    "text_",
    ["tab\there", "two\nlines\r", "back\\slash", r"\N", r"\.", "图", " ", "a\\\tb\\n"],
)
def test_postgres_texts_come_back_exactly(database: Database, text_: str) -> None:
    """Whatever a text holds that COPY gives a meaning to, it comes back as it was."""
    job = store_job(database)
    row = make_row(job=job.number, object_key=text_, message=text_, nodes=f'[{{"m":"{text_}"}}]')
    beside = make_row(job=job.number, position=1)
    with database.write() as transaction:
        insert_executions(transaction, [row, beside])

    assert recorded(database, job) == [row, beside]
    assert recorded(database, job, object_key=text_) == [row]


@pytest.mark.parametrize(
    ("text_", "shown"),
    [("a\0b", r"a\x00b"), ("a\udc80b", r"a\udc80b"), ("\0\\\udcff", r"\x00\\udcff")],
)
def test_postgres_texts_that_it_refuses_are_shown(
    database: Database, text_: str, shown: str
) -> None:
    """U+0000 and undecodable bytes, which PostgreSQL cannot hold, are escaped in plain sight."""
    job = store_job(database, make_job(name=text_))
    row = make_row(job=job.number, object_key=text_, message=text_)
    beside = make_row(job=job.number, position=1)
    with database.write() as transaction:
        insert_executions(transaction, [row, beside])

    assert recorded(database, job) == [row._replace(object_key=shown, message=shown), beside]
    assert recorded(database, job, object_key=text_) == recorded(database, job)[:1]
    assert job.name == shown


def test_postgres_executions_lie_in_a_place_that_the_number_tells(database: Database) -> None:
    """Jobs over one object share a table, every other has its own, and `executions` shows all."""
    single = JobInput(kind=InputKind.OBJECT, value="a.jpg")
    shared = [
        store_job(database, make_job(id=make_id("b", number), input=single)) for number in (1, 2)
    ]
    own = [store_job(database, make_job(id=make_id("b", number))) for number in (3, 4)]
    with database.write() as transaction:
        insert_executions(transaction, [make_row(job=job.number) for job in [*shared, *own]])

    with database.read() as transaction:
        rows = transaction.execute(
            text("SELECT tableoid::regclass::text AS place, job FROM executions ORDER BY job")
        ).all()

    assert [job.number for job in [*shared, *own]] == sorted(row.job for row in rows)
    assert {row.job: row.place for row in rows} == {
        **{job.number: "executions_shared" for job in shared},
        **{job.number: f"executions_{job.number}" for job in own},
    }


def test_postgres_new_job_waits_for_no_reader_of_another(database: Database) -> None:
    """Making and dropping the place of a job takes no lock that readers of others hold."""
    old = store_job(database)
    with database.read() as reader:
        reader.execute(text("SELECT count(*) FROM executions"))

        new = store_job(database, make_job(id=make_id("b", 2)))
        with database.write() as transaction:
            insert_executions(transaction, [make_row(job=new.number)])

    assert new.number > old.number
    assert len(recorded(database, new)) == 1
