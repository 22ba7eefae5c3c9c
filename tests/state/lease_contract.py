"""What the leases of jobs promise on every database."""

import pytest

from penstock.domain.errors import LeaseLostError
from penstock.domain.jobs import Counters, Job, JobType
from penstock.domain.states import JobEvent
from penstock.state import job_leases, jobs
from penstock.state.database import Database
from tests.factories import NOW_MS, make_id, make_job
from tests.state.stored import move, store_job, stored

LEASE_MS = 100


def claim(
    database: Database,
    owner: str,
    now_ms: int = NOW_MS,
    *,
    are_singles: bool = False,
    limit: int = 10,
) -> list[Job]:
    """What an engine gets when it looks for jobs."""
    with database.write() as transaction:
        return job_leases.lease_free_jobs(
            transaction,
            owner,
            now_ms=now_ms,
            until_ms=now_ms + LEASE_MS,
            are_singles=are_singles,
            limit=limit,
        )


def extend(database: Database, owner: str, now_ms: int) -> None:
    """Extend the claims of an engine."""
    with database.write() as transaction:
        job_leases.extend_leases(transaction, owner, until_ms=now_ms + LEASE_MS)


class JobLeaseContract:
    """Test cases; a subclass gives the database."""

    def test_job_lease_keeps_others_out_until_it_expires(self, database: Database) -> None:
        """One engine holds a job, extends its claim, and loses it when the claim runs out."""
        job = store_job(database)

        (held,) = claim(database, "a")
        early = claim(database, "b", NOW_MS + 50)
        extend(database, "a", NOW_MS + 50)
        still = claim(database, "b", NOW_MS + 150)
        (taken,) = claim(database, "b", NOW_MS + 151)
        extend(database, "a", NOW_MS + 152)
        late = claim(database, "a", NOW_MS + 153)

        assert (held.number, taken.number) == (job.number, job.number)
        assert (early, still, late) == ([], [], [])
        assert (held.epoch, taken.epoch) == (1, 2)

    def test_job_lease_ends_with_the_job(self, database: Database) -> None:
        """Nobody leases a job that has ended."""
        job = store_job(database)
        move(database, job, JobEvent.CANCEL)

        assert claim(database, "a") == []

    def test_job_leases_go_by_sort_priority_and_age(self, database: Database) -> None:
        """Singles and batches are asked for apart; the larger priority comes before the older."""
        for number, priority in ((1, 0), (2, 2), (3, 0)):
            store_job(database, make_job(id=make_id("b", number), priority=priority))
        store_job(database, make_job(id=make_id("b", 4), type=JobType.TRIGGER))

        singles = claim(database, "a", are_singles=True)
        first = claim(database, "a", limit=2)
        rest = claim(database, "a")

        assert [job.id for job in singles] == [make_id("b", 4)]
        assert {job.id for job in first} == {make_id("b", 1), make_id("b", 2)}
        assert [job.id for job in rest] == [make_id("b", 3)]

    def test_job_lease_is_seen_as_free(self, database: Database) -> None:
        """There is a free job until all are held, and again when a claim has run out."""
        store_job(database)

        def is_free(now_ms: int) -> bool:
            with database.read() as transaction:
                return job_leases.has_free_job(transaction, now_ms)

        assert is_free(NOW_MS)
        claim(database, "a")
        assert not is_free(NOW_MS + LEASE_MS)
        assert is_free(NOW_MS + LEASE_MS + 1)

    @pytest.mark.parametrize(("owner", "freed"), [("a", {1}), (None, {1, 2})])
    def test_job_leases_are_released(
        self, database: Database, owner: str | None, freed: set[int]
    ) -> None:
        """An engine gives up its own claims; at a start all claims are given up."""
        numbers = []
        for number, holder in ((1, "a"), (2, "b")):
            numbers.append(store_job(database, make_job(id=make_id("b", number))).number)
            claim(database, holder)

        with database.write() as transaction:
            job_leases.release_jobs(transaction, owner)

        found = {numbers.index(job.number) + 1 for job in claim(database, "c", NOW_MS + 1)}
        assert found == freed

    def test_job_lease_fences_counters(self, database: Database) -> None:
        """Under an earlier claim nothing of a job changes; without any claim it does."""
        store_job(database)
        (held,) = claim(database, "a")
        (taken,) = claim(database, "b", NOW_MS + LEASE_MS + 1)
        changes = Counters(total=1, waiting=1)

        with pytest.raises(LeaseLostError) as lost, database.write() as transaction:
            jobs.add_counters(transaction, held.number, changes, epoch=held.epoch)
        with database.write() as transaction:
            jobs.add_counters(transaction, held.number, changes, epoch=taken.epoch)
            jobs.add_counters(transaction, held.number, changes)

        assert lost.value.job == held.number
        assert stored(database, held).counters == Counters(total=2, waiting=2)

    def test_job_lease_fences_the_state(self, database: Database) -> None:
        """Whoever lost a job moves it no more, although it is in the state it was read in."""
        store_job(database)
        (held,) = claim(database, "a")
        (taken,) = claim(database, "b", NOW_MS + LEASE_MS + 1)

        assert not move(database, held, JobEvent.START)
        assert move(database, taken, JobEvent.START)

    def test_jobs_are_refreshed(self, database: Database) -> None:
        """An engine sees what changed about its jobs, and no longer those that it lost."""
        kept, ended, lost = (
            store_job(database, make_job(id=make_id("b", number))) for number in (1, 2, 3)
        )
        held = {job.number: job for job in claim(database, "a")}
        move(database, held[ended.number], JobEvent.CANCEL)
        move(database, held[kept.number], JobEvent.START)
        with database.write() as transaction:
            job_leases.release_jobs(transaction, "a")
        retaken = claim(database, "b", NOW_MS + 1)
        mine = [stored(database, kept), held[ended.number], held[lost.number]]

        with database.read() as transaction:
            found = jobs.refresh_jobs(transaction, mine)

        assert {job.number for job in retaken} == {kept.number, lost.number}
        assert found == {kept.number: stored(database, kept)}
