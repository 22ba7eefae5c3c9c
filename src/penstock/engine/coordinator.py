"""The loop that drives jobs: look around, record what came back, hand out chunks.

Everything it decides is in the database before it acts on it, so it may be killed at any moment:
the next coordinator releases what was leased and goes on. What it keeps in memory is only what it
has handed to workers.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import BackendError, LeaseLostError, RefusedRowError
from penstock.domain.jobs import Counters, JobType
from penstock.domain.planning import (
    TARGET_SECONDS,
    blend_seconds,
    last_chunk_size,
    leased_chunk_size,
)
from penstock.engine.dispatcher import Shares, next_job
from penstock.engine.driving import AtWork, DrivenJob, Driving
from penstock.engine.executor import (
    CutShort,
    Executor,
    Finished,
    GivenBack,
    Progressed,
    Report,
    WorkerDied,
)
from penstock.engine.expander import Expander
from penstock.engine.recorder import Recorder, is_unrecordable, unrecordable
from penstock.engine.runner import Assignment, ChunkOutcome
from penstock.state import chunks, job_leases, jobs, resources
from penstock.state.database import Database, Transaction

POLL_SECONDS = 0.2
SHORT_SECONDS = 0.25
DRAIN_SECONDS = 20.0
PROGRESS_SECONDS = 1.0
LATE_SECONDS = 10.0
LATE_FACTOR = 5.0

News = Finished | CutShort

_log = structlog.get_logger()


class Coordinator:
    """Drives every job that it can lease. One thread runs it; `stop` may come from another."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        expander: Expander,
        recorder: Recorder,
        *,
        owner: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._executor = executor
        self._recorder = recorder
        self._now_ms = now_ms
        self._driving = Driving(
            database, executor, expander, owner=owner, now_ms=now_ms, planned=self._wake
        )
        self._queue_limits: dict[str, int] = {}
        self._exhausted: set[int] = set()
        self._planned = threading.Event()
        self._stopping = threading.Event()
        self._looked_at = 0.0
        self._saved_at = 0.0
        self._unrecorded: list[Report] = []
        self._fractions: dict[Chunk, float] = {}
        self._shares = Shares()
        self._is_careful = False
        self._dry: set[int] = set()
        self._is_look_due = False

    def recover(self) -> None:
        """Take back what a dead predecessor held; only when no other engine can be alive."""
        with self._database.write() as transaction:
            job_leases.release_jobs(transaction)

    def run(self) -> None:
        """Drive jobs until `stop`, then let workers stop behind their present object."""
        while not self._stopping.is_set():
            try:
                self.step(POLL_SECONDS)
            except BackendError as error:
                _log.exception("database_failed", error=str(error))
                time.sleep(1.0)
        self._drain()

    def stop(self) -> None:
        """Have `run` come to its end; safe from any thread."""
        self._stopping.set()
        self._executor.wake()

    def step(self, wait_seconds: float) -> None:
        """One round: look around, record and hand out chunks, wait for news."""
        is_late = time.monotonic() - self._looked_at >= POLL_SECONDS
        if is_late or self._is_look_due or self._driving.is_renewal_due():
            with self._database.read() as transaction:
                self._queue_limits = resources.queue_limits(transaction)
                self._recorder.look_around(transaction)
            self._driving.look_around(self._queue_limits)
            self._shares.keep(self._driving.driven)
            self._cut_late_chunks()
            self._exhausted.clear()
            self._looked_at = time.monotonic()
        if self._planned.is_set():
            self._planned.clear()
            self._exhausted.clear()
        has_handed = self._record_and_dispatch(is_open=True)
        before, self._dry = self._dry, self._dry_jobs()
        self._is_look_due = not self._dry <= before  # the next one ends the job
        is_urgent = has_handed or self._is_look_due
        self._unrecorded += self._executor.reports(0.0 if is_urgent else wait_seconds)

    def _dry_jobs(self) -> set[int]:
        """Jobs that are all planned and have nothing at work: they may be at their end."""
        return {
            number
            for number, one in self._driving.driven.items()
            if one.expansion is not None and not one.at_work
        }

    def _wake(self) -> None:
        self._planned.set()
        self._executor.wake()

    def _record_and_dispatch(self, *, is_open: bool) -> bool:
        """Record what came back and lease what goes out; whether there is more to do at once.

        Args:
            is_open: Whether chunks are handed out.
        """
        news = self._take_news()
        is_open = is_open and not self._is_careful
        if not news and not (is_open and self._next_lease() is not None):
            self._save_progress()
            return False
        try:
            has_handed = self._commit(news, is_open=is_open)
        except RefusedRowError as error:
            self._single_out(news, error)
            return True
        self._save_progress()
        return has_handed or self._is_careful

    def _single_out(self, news: list[News], error: RefusedRowError) -> None:
        """Go on one report a round; the outcome that the database refuses becomes a failure."""
        if not self._is_careful:
            self._is_careful = True
            return
        (report,) = news
        if not isinstance(report, ChunkOutcome) or is_unrecordable(report):
            raise error
        _log.error("outcome_refused", job=report.chunk.job, chunk=report.chunk.number)
        self._unrecorded[0] = unrecordable(report, error)

    def _commit(self, news: list[News], *, is_open: bool) -> bool:
        """Write one round in one transaction; workers get their chunks when it is committed.

        When it fails, memory is as before, and the next round begins with the same reports.

        Returns:
            Whether there is more to do at once.
        """
        before = {number: dict(one.at_work) for number, one in self._driving.driven.items()}
        handed: list[Assignment] = []
        try:
            with self._database.write() as transaction:
                for report in news:
                    self._record(transaction, report)
                while is_open and (lease := self._next_lease(len(handed))) is not None:
                    handed += self._lease_chunk(transaction, *lease)
        except (BackendError, LeaseLostError) as error:
            for number, at_work in before.items():
                self._driving.driven[number].at_work = at_work
            self._unrecorded = [*news, *self._unrecorded]
            if not isinstance(error, LeaseLostError):
                raise
            self._driving.lose(error.job)
            return True
        for report in news:
            self._forget(report)
        for assignment in handed:
            self._executor.submit(assignment)
        return bool(handed)

    # --- what came back -------------------------------------------------------------------

    def _take_news(self) -> list[News]:
        """The reports that change something; progress is kept aside, and what is stale dropped.

        Only one while the outcome is sought that the database refuses.
        """
        news: list[News] = []
        while self._unrecorded and not (news and self._is_careful):
            report = self._unrecorded.pop(0)
            driven = self._driving.driven.get(report.chunk.job)
            if driven is None or not driven.holds(report.chunk):
                continue  # the lease is lost, and with it this
            if isinstance(report, Progressed):
                self._fractions[report.chunk] = report.fraction
            else:
                news.append(report)
        self._is_careful = self._is_careful and bool(news)
        return news

    def _record(self, transaction: Transaction, report: News) -> None:
        driven = self._driving.driven[report.chunk.job]
        job, held = driven.job, driven.at_work[report.chunk.number]
        if isinstance(report, CutShort):
            cut = self._recorder.cut(transaction, job, held.chunk, report.size)
            if cut is not None:
                driven.at_work[cut.number] = replace(held, chunk=cut)
            return
        del driven.at_work[report.chunk.number]
        if isinstance(report, WorkerDied):
            died = replace(report, assignment=replace(report.assignment, chunk=held.chunk))
            self._recorder.record_death(transaction, job, died)
        elif isinstance(report, GivenBack):
            self._recorder.give_back(transaction, job, held.chunk)
        else:
            if report.done:
                driven.speed = blend_seconds(driven.speed, report.seconds / report.done)
                self._shares.correct(job, report.seconds - held.expected_seconds)
            outcome = replace(report, chunk=held.chunk)
            self._recorder.record(transaction, job, outcome, speed=driven.speed)

    def _forget(self, report: News) -> None:
        """What is recorded is over; what it gave back can be leased again."""
        self._exhausted.discard(report.chunk.job)
        if not isinstance(report, CutShort):
            self._fractions.pop(report.chunk, None)

    def _save_progress(self) -> None:
        """Keep the progress of chunks that take long, once a second."""
        if not self._fractions or time.monotonic() - self._saved_at < PROGRESS_SECONDS:
            return
        self._saved_at = time.monotonic()
        with self._database.write() as transaction:
            for chunk, fraction in self._fractions.items():
                chunks.save_progress(transaction, chunk, fraction)
        self._fractions.clear()

    # --- what goes out --------------------------------------------------------------------

    def _next_lease(self, handed: int = 0) -> tuple[DrivenJob, int] | None:
        """Which job may hand out a chunk now, and of how many objects; None when none may.

        Args:
            handed: Chunks that are leased, but not with a worker yet.
        """
        driven = self._driving.driven
        full: set[int] = set()  # jobs whose turn it is, but for whose needs there is no place
        while True:
            job = next_job(
                (one.job for one in driven.values() if not one.stop.is_set()),
                shares=self._shares,
                in_flight={number: len(one.at_work) for number, one in driven.items()},
                queue_limits=self._queue_limits,
                exhausted=self._exhausted | full,
            )
            if job is None:
                return None
            chosen = driven[job.number]
            size = leased_chunk_size(chosen.speed)
            is_short = chosen.speed is not None and size * chosen.speed < SHORT_SECONDS
            is_single = job.type is JobType.TRIGGER
            places = self._executor.free_places(is_short=is_short, is_single=is_single, job=job)
            if places > handed:
                return chosen, size
            full.add(job.number)

    def _lease_chunk(
        self, transaction: Transaction, driven: DrivenJob, size: int
    ) -> list[Assignment]:
        """Lease one chunk of a job; nothing when it has none that is planned."""
        number = driven.job.number
        if driven.speed is not None and size > 1:
            sharers = len(driven.at_work) + 1
            left = chunks.count_last_objects(transaction, number, most_chunks=2 * sharers)
            if left is not None:
                size = last_chunk_size(size, driven.speed, left=left, sharers=sharers)
        chunk = chunks.lease_next_chunk(
            transaction, number, most_objects=size, now_ms=self._now_ms()
        )
        if chunk is None:
            self._exhausted.add(number)
            return []
        executions = chunk.size * len(driven.job.workflows)
        changes = Counters(running=executions, waiting=-executions)
        jobs.add_counters(transaction, number, changes, epoch=driven.job.epoch)
        objects = chunks.packed_objects(transaction, number, chunk.origin)
        expected = None if driven.speed is None else chunk.size * driven.speed
        seconds = TARGET_SECONDS if expected is None else expected
        self._shares.serve(driven.job, seconds)
        driven.at_work[chunk.number] = AtWork(
            chunk=chunk,
            expected_seconds=seconds,
            late_at=time.monotonic() + max(LATE_SECONDS, LATE_FACTOR * seconds),
        )
        return [
            Assignment(job=driven.job, chunk=chunk, objects=objects, expected_seconds=expected)
        ]

    def _cut_late_chunks(self) -> None:
        """Free what waits behind an object that takes far longer than the others did."""
        now = time.monotonic()
        for driven in self._driving.driven.values():
            for number, held in driven.at_work.items():
                if now > held.late_at and held.chunk.size > 1:
                    self._executor.cut(held.chunk)
                    driven.at_work[number] = replace(held, late_at=now + LATE_SECONDS)

    # --- the end --------------------------------------------------------------------------

    def _drain(self) -> None:
        """Let workers stop behind their present object; give the rest back."""
        self._executor.drain()
        give_up_at = time.monotonic() + DRAIN_SECONDS
        try:
            while self._at_work() and time.monotonic() < give_up_at:
                self._driving.renew()
                self._unrecorded += self._executor.reports(POLL_SECONDS)
                self._record_and_dispatch(is_open=False)
            self._unrecorded = [GivenBack(chunk=chunk) for chunk in self._at_work()]
            self._record_and_dispatch(is_open=False)
            self._driving.release(join_seconds=TARGET_SECONDS)
        except BackendError as error:  # what is leased comes free when the leases run out
            _log.exception("drain_failed", error=str(error))
        finally:
            self._executor.close()

    def _at_work(self) -> list[Chunk]:
        driven = self._driving.driven.values()
        return [held.chunk for one in driven for held in one.at_work.values()]
