"""The life of the jobs that one engine drives: take up, expand, pause, finish, fail, cancel."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import LeaseLostError
from penstock.domain.jobs import Counters, Job, JobType, closing_message
from penstock.domain.states import JobEvent, JobState
from penstock.engine.dispatcher import is_held
from penstock.engine.executor import Executor
from penstock.engine.expander import Expander, Expansion
from penstock.state import chunks, job_leases, jobs
from penstock.state.database import Database, Transaction

LEASE_MS = 8_000  # a job is taken over within ten seconds of its engine's death
MOST_EXPANSIONS = 8  # at once: the others wait their turn
MOST_DRIVEN = 256  # jobs of each sort that are not held by a pause

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """A chunk that was handed to a worker.

    Attributes:
        chunk: As it was leased, or cut since.
        expected_seconds: How long it should take.
        late_at: From when on it is late, on the monotonic clock.
    """

    chunk: Chunk
    expected_seconds: float
    late_at: float


@dataclass(slots=True, kw_only=True)
class DrivenJob:
    """A job that this engine drives, and what goes on for it.

    Attributes:
        job: As last read.
        speed: Measured seconds per object; None before the first chunk.
        stop: Tells its expansion to stop.
        expansion: How its expansion ended; None while it goes on.
        thread: Runs its expansion; None when it was expanded before.
        at_work: What was handed to workers, by chunk number.
    """

    job: Job
    speed: float | None
    stop: threading.Event = field(default_factory=threading.Event)
    expansion: Expansion | None = None
    thread: threading.Thread | None = None
    at_work: dict[int, AtWork] = field(default_factory=dict)

    def is_busy(self) -> bool:
        """Whether anything still works on the job."""
        return bool(self.at_work) or (self.thread is not None and self.thread.is_alive())

    def holds(self, chunk: Chunk) -> bool:
        """Whether a chunk is at work under the lease that is named in it."""
        held = self.at_work.get(chunk.number)
        return held is not None and held.chunk.epoch == chunk.epoch


class Driving:
    """Leases jobs and moves them through their states. Used from the coordinator's thread."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        expander: Expander,
        *,
        owner: str,
        now_ms: Callable[[], int],
        planned: Callable[[], None],
    ) -> None:
        """Take what it needs.

        Args:
            owner: Names this engine in leases; unlike any other.
            planned: Called, from any thread, when chunks were planned or an expansion ended.
        """
        self._database = database
        self._executor = executor
        self._expander = expander
        self._owner = owner
        self._now_ms = now_ms
        self._planned = planned
        self._renewed_ms = 0
        self.driven: dict[int, DrivenJob] = {}

    def look_around(self, queue_limits: Mapping[str, int]) -> None:
        """Take up new jobs; move each to the state that the facts call for."""
        self.renew()
        self._refresh()
        self._take_up()
        for driven in list(self.driven.values()):
            try:
                self._start_expansion(driven)
                self._settle(driven, queue_limits)
            except LeaseLostError as error:
                self.lose(error.job)

    def release(self, *, join_seconds: float) -> None:
        """Stop every expansion and give up the leases."""
        for driven in self.driven.values():
            driven.stop.set()
        give_up_at = time.monotonic() + join_seconds
        for driven in self.driven.values():
            if driven.thread is not None:
                driven.thread.join(max(0.0, give_up_at - time.monotonic()))
        with self._database.write() as transaction:
            job_leases.release_jobs(transaction, self._owner)

    def is_renewal_due(self) -> bool:
        """Whether a quarter of the time of the leases has passed: look around before all else."""
        return self._now_ms() - self._renewed_ms >= LEASE_MS / 4

    def renew(self) -> None:
        """Extend every lease when that is due."""
        if not self.is_renewal_due():
            return
        now_ms = self._now_ms()
        if self.driven:
            with self._database.write() as transaction:
                job_leases.extend_leases(transaction, self._owner, until_ms=now_ms + LEASE_MS)
        self._renewed_ms = now_ms

    def lose(self, number: int) -> None:
        """Let go of a job that another engine has now, and of all work on it."""
        driven = self.driven.pop(number)
        driven.stop.set()
        self._executor.cancel(number)
        _log.warning("job_lease_lost", job_id=driven.job.id)

    def _refresh(self) -> None:
        """See what has become of the jobs; those that ended or were taken over are let go."""
        with self._database.read() as transaction:
            found = jobs.refresh_jobs(transaction, [one.job for one in self.driven.values()])
        for number in self.driven.keys() - found.keys():
            self.lose(number)
        for number, job in found.items():
            self.driven[number].job = job

    def _take_up(self) -> None:
        """Lease jobs that are free, and go on with what a dead engine left."""
        now_ms = self._now_ms()
        with self._database.read() as transaction:
            if not job_leases.has_free_job(transaction, now_ms):
                return
        active = Counter(
            one.job.type is JobType.TRIGGER
            for one in self.driven.values()
            if one.job.state is not JobState.PAUSE
        )
        with self._database.write() as transaction:
            taken = [
                job
                for are_singles in (True, False)
                for job in job_leases.lease_free_jobs(
                    transaction,
                    self._owner,
                    now_ms=now_ms,
                    until_ms=now_ms + LEASE_MS,
                    are_singles=are_singles,
                    limit=max(0, MOST_DRIVEN - active[are_singles]),
                )
            ]
            for job in taken:
                self._go_on(transaction, job)
        for job in taken:
            expansion = Expansion() if job.is_expanded else None
            self.driven[job.number] = DrivenJob(
                job=job, speed=job.seconds_per_object, expansion=expansion
            )
            _log.info("job_taken_up", job_id=job.id)

    def _go_on(self, transaction: Transaction, job: Job) -> None:
        """Release what a dead engine left leased, and start a job that is new."""
        left = chunks.release_leased_chunks(transaction, job.number) * len(job.workflows)
        changes = Counters(waiting=left, running=-left)
        jobs.add_counters(transaction, job.number, changes, epoch=job.epoch)
        if job.state is JobState.SUBMITTED:
            jobs.move_job(transaction, job, JobEvent.START, self._now_ms())

    def _start_expansion(self, driven: DrivenJob) -> None:
        """Plan a job's objects in a thread of its own, if it needs it and there is room."""
        busy = sum(
            one.thread is not None and one.thread.is_alive() for one in self.driven.values()
        )
        if driven.expansion is not None or driven.thread is not None or busy >= MOST_EXPANSIONS:
            return
        driven.thread = threading.Thread(
            target=self._expand,
            args=(driven, driven.job),
            name=f"expand-{driven.job.number}",
            daemon=True,
        )
        driven.thread.start()

    def _expand(self, driven: DrivenJob, job: Job) -> None:
        try:
            driven.expansion = self._expander.expand(
                job, is_stopped=driven.stop.is_set, planned=self._planned
            )
        except Exception as error:  # noqa: BLE001  # a thread's end must reach its job
            _log.exception("expansion_broke", job_id=job.id)
            driven.expansion = Expansion(code="InternalError", message=type(error).__name__)
        self._planned()

    def _settle(self, driven: DrivenJob, queue_limits: Mapping[str, int]) -> None:
        job, expansion = driven.job, driven.expansion
        if job.state is JobState.SUBMITTED:
            return  # it was taken up a moment ago: the next look sees it running
        if job.cancel_requested_ms is not None:
            self._abandon(driven, JobEvent.CANCEL)
        elif expansion is not None and expansion.code != "Success":
            self._abandon(driven, JobEvent.FAIL, expansion.code, expansion.message)
        elif _is_done(job):
            if job.state is JobState.PAUSE:
                self._move(driven, JobEvent.RESUME)
            self._end(driven, JobEvent.FINISH, message=closing_message(job.counters))
        elif _is_waiting(driven, queue_limits):
            if job.state is JobState.RUNNING:
                self._move(driven, JobEvent.PAUSE)
        elif job.state is JobState.PAUSE:
            self._move(driven, JobEvent.RESUME)

    def _abandon(
        self, driven: DrivenJob, event: JobEvent, code: str = "Success", message: str = ""
    ) -> None:
        """Stop all work on a job, then end it; called again until nothing is at work."""
        driven.stop.set()
        self._executor.cancel(driven.job.number)
        if driven.is_busy():
            return
        number = driven.job.number
        with self._database.write() as transaction:
            objects = chunks.cancel_planned_chunks(transaction, number, self._now_ms())
            executions = objects * len(driven.job.workflows)
            changes = Counters(cancelled=executions, waiting=-executions)
            jobs.add_counters(transaction, number, changes, epoch=driven.job.epoch)
        self._end(driven, event, code, message)

    def _end(
        self, driven: DrivenJob, event: JobEvent, code: str = "Success", message: str = ""
    ) -> None:
        self._move(driven, event, code, message)
        job = self.driven.pop(driven.job.number).job
        _log.info("job_ended", job_id=job.id, name=job.name, how=str(event), code=code)

    def _move(
        self, driven: DrivenJob, event: JobEvent, code: str = "Success", message: str = ""
    ) -> None:
        with self._database.write() as transaction:
            jobs.move_job(
                transaction, driven.job, event, self._now_ms(), code=code, message=message
            )
            moved = jobs.find_job(transaction, driven.job.number)
        if moved is not None:
            driven.job = moved


def _is_done(job: Job) -> bool:
    return job.is_expanded and job.counters.waiting == job.counters.running == 0


def _is_waiting(driven: DrivenJob, queue_limits: Mapping[str, int]) -> bool:
    """Whether nothing of a job may run: its queue is paused, or its plan unconfirmed."""
    if driven.job.is_dry_run:
        return driven.job.is_expanded
    return is_held(driven.job, queue_limits) and not driven.at_work
