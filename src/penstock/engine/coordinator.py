"""The loop that drives jobs: look around, record what came back, hand out chunks.

Everything it decides is in the database before it acts on it, so it may be killed at any moment:
the next coordinator releases what was leased and goes on. What it keeps in memory is only what it
has handed to workers.
"""

import threading
import time
from collections.abc import Callable

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import BackendError
from penstock.domain.jobs import Counters
from penstock.domain.planning import TARGET_SECONDS, blend_seconds, leased_chunk_size
from penstock.engine.dispatcher import next_job
from penstock.engine.driving import DrivenJob, Driving
from penstock.engine.executor import (
    Executor,
    Finished,
    GivenBack,
    Progressed,
    Report,
    WorkerDied,
)
from penstock.engine.expander import Expander
from penstock.engine.recorder import Recorder
from penstock.engine.runner import Assignment
from penstock.state import chunks, jobs, resources
from penstock.state.database import Database, Transaction

POLL_SECONDS = 0.2
SHORT_SECONDS = 0.25
DRAIN_SECONDS = 20.0
PROGRESS_SECONDS = 1.0

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

    def recover(self) -> None:
        """Take back what a dead predecessor held; only when no other engine can be alive."""
        with self._database.write() as transaction:
            jobs.release_jobs(transaction)

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
        if is_late or self._driving.is_renewal_due():
            with self._database.read() as transaction:
                self._queue_limits = resources.queue_limits(transaction)
                self._recorder.look_around(transaction)
            self._driving.look_around(self._queue_limits)
            self._exhausted.clear()
            self._looked_at = time.monotonic()
        if self._planned.is_set():
            self._planned.clear()
            self._exhausted.clear()
        self._record_and_dispatch(is_open=True)
        self._unrecorded += self._executor.reports(wait_seconds)

    def _wake(self) -> None:
        self._planned.set()
        self._executor.wake()

    def _record_and_dispatch(self, *, is_open: bool) -> None:
        """Record what came back and lease what goes out, in one transaction.

        Workers get their chunks, and memory forgets the reports, when it is committed; when it
        fails, the next round begins with the same reports.

        Args:
            is_open: Whether chunks are handed out.
        """
        news = self._take_news()
        handed: list[Assignment] = []
        if not news and not (is_open and self._next_lease() is not None):
            self._save_progress()
            return
        try:
            with self._database.write() as transaction:
                for report in news:
                    self._record(transaction, report)
                    self._forget(report.chunk)
                while is_open and (lease := self._next_lease(len(handed))) is not None:
                    handed += self._lease_chunk(transaction, *lease)
        except BackendError:
            self._undo(news, handed)
            raise
        for assignment in handed:
            self._executor.submit(assignment)
        self._save_progress()

    # --- what came back -------------------------------------------------------------------

    def _take_news(self) -> list[Finished]:
        """The reports that change something; progress is kept aside."""
        news: list[Finished] = []
        for report in self._unrecorded:
            if report.chunk.job not in self._driving.driven:
                continue  # another engine ended the job: the lease is lost, and with it this
            if isinstance(report, Progressed):
                self._fractions[report.chunk] = report.fraction
            else:
                news.append(report)
        self._unrecorded = []
        return news

    def _record(self, transaction: Transaction, report: Finished) -> None:
        driven = self._driving.driven[report.chunk.job]
        workflows = len(driven.job.workflows)
        if isinstance(report, WorkerDied):
            self._recorder.record_death(transaction, report, workflows=workflows)
        elif isinstance(report, GivenBack):
            self._recorder.give_back(transaction, report.chunk, workflows=workflows)
        else:
            if report.done:
                driven.speed = blend_seconds(driven.speed, report.seconds / report.done)
            self._recorder.record(transaction, report, workflows=workflows, speed=driven.speed)

    def _forget(self, chunk: Chunk) -> None:
        self._fractions.pop(chunk, None)
        self._exhausted.discard(chunk.job)
        at_work = self._driving.driven[chunk.job].at_work
        at_work.pop(chunk.number, None)
        if not at_work:
            self._looked_at = 0.0  # the job may have come to its end: look at once

    def _undo(self, news: list[Finished], handed: list[Assignment]) -> None:
        """Be as before a round whose transaction failed."""
        self._unrecorded = [*news, *self._unrecorded]
        for report in news:
            self._driving.driven[report.chunk.job].at_work[report.chunk.number] = report.chunk
        for assignment in handed:
            at_work = self._driving.driven[assignment.chunk.job].at_work
            at_work.pop(assignment.chunk.number, None)

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
        job = next_job(
            (one.job for one in driven.values() if not one.stop.is_set()),
            in_flight={number: len(one.at_work) for number, one in driven.items()},
            queue_limits=self._queue_limits,
            exhausted=self._exhausted,
        )
        if job is None:
            return None
        chosen = driven[job.number]
        size = leased_chunk_size(chosen.speed)
        is_short = chosen.speed is not None and size * chosen.speed < SHORT_SECONDS
        if self._executor.free_places(is_short=is_short) <= handed:
            return None
        return chosen, size

    def _lease_chunk(
        self, transaction: Transaction, driven: DrivenJob, size: int
    ) -> list[Assignment]:
        """Lease one chunk of a job; nothing when it has none that is planned."""
        number = driven.job.number
        chunk = chunks.lease_next_chunk(
            transaction, number, most_objects=size, now_ms=self._now_ms()
        )
        if chunk is None:
            self._exhausted.add(number)
            return []
        executions = chunk.size * len(driven.job.workflows)
        jobs.add_counters(transaction, number, Counters(running=executions, waiting=-executions))
        objects = chunks.packed_objects(transaction, number, chunk.origin)
        driven.at_work[chunk.number] = chunk
        return [Assignment(job=driven.job, chunk=chunk, objects=objects)]

    # --- the end --------------------------------------------------------------------------

    def _drain(self) -> None:
        """Let workers stop behind their present object; give the rest back."""
        self._executor.drain()
        give_up_at = time.monotonic() + DRAIN_SECONDS
        while self._at_work() and time.monotonic() < give_up_at:
            self._unrecorded += self._executor.reports(POLL_SECONDS)
            self._record_and_dispatch(is_open=False)
        self._unrecorded = [GivenBack(chunk=chunk) for chunk in self._at_work()]
        self._record_and_dispatch(is_open=False)
        self._driving.release(join_seconds=TARGET_SECONDS)
        self._executor.close()

    def _at_work(self) -> list[Chunk]:
        return [chunk for one in self._driving.driven.values() for chunk in one.at_work.values()]
