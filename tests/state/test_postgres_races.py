"""Several engines and servers on one PostgreSQL database, at the same moment."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import pytest

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Counters, InputKind, JobInput
from penstock.domain.states import JobEvent
from penstock.state import chunks, job_leases, jobs, keys, resources, services
from penstock.state.database import Database, insert_executions
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_id,
    make_job,
    make_queue,
    make_row,
    make_template,
)
from tests.state.key_contract import make_key
from tests.state.racing import RIVALS, race
from tests.state.stored import (
    add_counters,
    lease,
    lease_all,
    plan,
    recorded,
    release,
    seal,
    store_job,
    stored,
    unsealed,
)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A new database on a server."""
    database = Database.open(postgres_url)
    yield database
    database.close()


def places(leased: Sequence[Chunk]) -> list[tuple[int, int]]:
    """Where the objects of chunks lie, each as origin and index."""
    return [(one.origin, one.start + index) for one in leased for index in range(one.size)]


def lease_until_empty(url: str, number: int) -> list[tuple[int, int]]:
    """Lease and seal chunks of a job until it has none; the work of one process."""
    database = Database.open(url, connections=4)
    job = make_job(number=number)
    leased = lease_all(database, job, most_objects=7)
    for chunk in leased:
        assert seal(database, chunk, done=chunk.size)
    database.close()
    return places(leased)


def test_chunks_are_leased_once_by_rivals(database: Database) -> None:
    """Whoever leases beside others gets chunks that nobody else has, and none is left out."""
    job = store_job(database)
    plan(database, job, *([1] * 40), 100, 33)

    leased = race(lambda _: lease_all(database, job, most_objects=5))

    taken = [place for mine in leased for place in places(mine)]
    assert len(taken) == len(set(taken)) == 173
    assert len({chunk.number for mine in leased for chunk in mine}) == sum(map(len, leased))


@pytest.mark.slow
def test_chunks_are_leased_once_by_rival_processes(postgres_url: str) -> None:
    """Processes that share nothing but the database lease and seal every object once."""
    database = Database.open(postgres_url)
    job = store_job(database)
    plan(database, job, *([3] * 50), 200)

    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(lease_until_empty, [postgres_url] * 4, [job.number] * 4))

    taken = [place for mine in found for place in mine]
    assert len(taken) == len(set(taken)) == 350
    assert unsealed(database, job) == []
    database.close()


def test_chunk_is_sealed_by_one_of_its_holders(database: Database) -> None:
    """Of several that record the same lease one wins, and its outcomes alone are stored."""
    job = store_job(database)
    plan(database, job, 4)
    chunk = lease(database, job)
    assert chunk is not None

    def record(number: int) -> bool:
        with database.write() as transaction:
            won = chunks.seal_chunk_if_leased(
                transaction, chunk, done=4, seconds=1.0, now_ms=NOW_MS
            )
            if won:
                rows = [
                    make_row(job=job.number, position=position, message=str(number))
                    for position in range(4)
                ]
                insert_executions(transaction, rows)
            return won

    won = race(record)

    assert won.count(True) == 1
    assert {row.message for row in recorded(database, job)} == {str(won.index(True))}


def test_chunk_is_sealed_or_released_but_not_both(database: Database) -> None:
    """A worker's end and the take-over of its job at the same moment lose no object."""
    job = store_job(database)
    plan(database, job, *([2] * 20))
    held = lease_all(database, job)

    def end(number: int) -> list[int]:
        if number % 2:
            with database.write() as transaction:
                chunks.release_leased_chunks(transaction, job.number)
            return []
        return [chunk.number for chunk in held if seal(database, chunk, done=2)]

    sealed = [number for numbers in race(end) for number in numbers]

    assert len(sealed) == len(set(sealed))
    left = {chunk.number for chunk in unsealed(database, job)}
    assert left | set(sealed) == {chunk.number for chunk in held}
    assert not left & set(sealed)


def test_chunk_is_cancelled_or_leased_but_not_both(database: Database) -> None:
    """What a cancel says it closed is what nobody runs."""
    job = store_job(database)
    plan(database, job, *([1] * 60))

    def end(number: int) -> int:
        if not number:
            with database.write() as transaction:
                return chunks.cancel_planned_chunks(transaction, job.number, NOW_MS)
        return len(lease_all(database, job))

    ended = race(end)

    assert sum(ended) == 60


def test_chunk_numbers_are_given_once(database: Database) -> None:
    """An expander and engines that cut chunks beside it take different numbers."""
    job = store_job(database)

    numbers = race(lambda _: [number for _ in range(10) for number in plan(database, job, 1, 1)])

    assert sorted(number for mine in numbers for number in mine) == list(range(RIVALS * 20))


def test_chunks_that_are_cut_by_rivals_cover_every_object(database: Database) -> None:
    """Leases, releases and partial seals side by side neither lose nor double an object."""
    job = store_job(database)
    plan(database, job, 50, 50)

    def work(number: int) -> list[tuple[int, int]]:
        done: list[tuple[int, int]] = []
        for turn in range(12):
            chunk = lease(database, job, most_objects=number + 2)
            if chunk is None:
                break
            if turn % 3 == number % 3:
                assert release(database, chunk, is_attempt=True, is_cut=chunk.size > 1)
            else:
                half = (chunk.size + 1) // 2
                assert seal(database, chunk, done=half)
                done += places([chunk])[:half]
        return done

    sealed = [place for mine in race(work) for place in mine]

    left = places(unsealed(database, job))
    assert len(sealed) == len(set(sealed))
    assert sorted([*sealed, *left]) == [
        (origin, index) for origin in (0, 1) for index in range(50)
    ]


def test_jobs_are_claimed_by_one_engine_each(database: Database) -> None:
    """Engines that look for work at the same moment share the jobs, and wait for nobody."""
    made = [store_job(database, make_job(id=make_id("b", number))) for number in range(30)]

    def claim(number: int) -> list[int]:
        mine: list[int] = []
        while True:
            with database.write() as transaction:
                found = job_leases.lease_free_jobs(
                    transaction,
                    f"engine-{number}",
                    now_ms=NOW_MS,
                    until_ms=NOW_MS + 1000,
                    are_singles=False,
                    limit=2,
                )
            if not found:
                return mine
            mine += [job.number for job in found]

    claimed = [number for mine in race(claim) for number in mine]

    assert sorted(claimed) == [job.number for job in made]


def test_job_moves_once(database: Database) -> None:
    """Of several that move a job out of the state they read, one wins."""
    job = store_job(database)

    def cancel(number: int) -> bool:
        with database.write() as transaction:
            return jobs.move_job(transaction, job, JobEvent.CANCEL, NOW_MS + number)

    assert race(cancel).count(True) == 1


def test_job_counters_add_up_under_rivals(database: Database) -> None:
    """No change of a counter is lost between others."""
    job = store_job(database)

    def count(_: int) -> None:
        for _ in range(20):
            add_counters(database, job, Counters(total=2, waiting=2))
            add_counters(database, job, Counters(waiting=-1, succeeded=1))

    race(count)

    assert stored(database, job).counters == Counters(
        total=RIVALS * 40, waiting=RIVALS * 20, succeeded=RIVALS * 20
    )


def test_jobs_are_stored_side_by_side(database: Database) -> None:
    """Large and single jobs made at the same moment have numbers and places of their own."""
    single = JobInput(kind=InputKind.OBJECT, value="a.jpg")

    def make(number: int) -> list[int]:
        made = [
            store_job(
                database,
                make_job(
                    id=make_id("b", number * 10 + turn), **({"input": single} if turn % 2 else {})
                ),
            )
            for turn in range(6)
        ]
        for job in made:
            with database.write() as transaction:
                insert_executions(transaction, [make_row(job=job.number)])
        assert [len(recorded(database, job)) for job in made] == [1] * 6
        return [job.number for job in made]

    numbers = [number for mine in race(make) for number in mine]

    assert len(set(numbers)) == RIVALS * 6


def test_resources_are_made_once_by_rivals(database: Database) -> None:
    """Binding, opening and naming the same thing at the same moment gives one of it."""

    def make(number: int) -> tuple[bool, bool]:
        with database.write() as transaction:
            resources.bind_bucket(transaction, BUCKET, f"file:///{number}", NOW_MS)
            resources.insert_queue_if_missing(transaction, make_queue(id=make_id("p", number)))
            opened = services.open_service(transaction, BUCKET, "media", NOW_MS)
            template = make_template(id=make_id("t", number))
            return opened, resources.insert_template_if_name_free(transaction, template)

    made = race(make)

    with database.read() as transaction:
        assert len(resources.list_buckets(transaction)) == 1
        assert len(resources.list_queues(transaction, BUCKET)) == 1
        assert len(resources.list_templates(transaction, BUCKET)) == 1
    assert [opened for opened, _ in made].count(True) == 1
    assert [named for _, named in made].count(True) == 1


def test_key_secret_is_replaced_by_one_of_its_rivals(database: Database) -> None:
    """Of several that rotate a key they read before, one wins, and the others are told."""
    key = make_key()
    with database.write() as transaction:
        keys.insert_key(transaction, key)

    def rotate(number: int) -> bool:
        with database.write() as transaction:
            return keys.replace_secret_if_same(transaction, key, bytes([number]), None)

    won = race(rotate)

    with database.read() as transaction:
        found = keys.find_key(transaction, key.secret_id)
    assert found is not None
    assert won.count(True) == 1
    assert found.sealed == bytes([won.index(True)])
