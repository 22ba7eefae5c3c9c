"""The loop that drives jobs: lease, expand, dispatch, record, finish.

Everything it decides is in the database before it acts on it, so it may be killed at any moment:
the next coordinator releases what was leased and goes on. What it keeps in memory is only what it
has handed to workers.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import BackendError
from penstock.domain.jobs import Counters, Job, closing_message
from penstock.domain.planning import TARGET_SECONDS, blend_seconds, leased_chunk_size
from penstock.domain.states import JobEvent, JobState
from penstock.engine.dispatcher import is_held, next_job
from penstock.engine.executor import Executor, GivenBack, Progressed, Report, WorkerDied
from penstock.engine.expander import Expander, Expansion
from penstock.engine.recorder import Recorder
from penstock.engine.runner import Assignment
from penstock.state import chunks, jobs, resources
from penstock.state.database import Database

POLL_SECONDS = 0.2
LEASE_MS = 30_000
SHORT_SECONDS = 0.25
DRAIN_SECONDS = 20.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Driven:
    """A job that this coordinator drives, and what goes on for it.

    Attributes:
        job: As last read.
        speed: Measured seconds per object.
        stop: Tells its expander to stop.
        expansion: How its expansion ended; None while it goes on.
        at_work: Chunks handed to workers, by chunk number.
    """

    job: Job
    speed: float | None
    stop: threading.Event = field(default_factory=threading.Event)
    expansion: Expansion | None = None
    thread: threading.Thread | None = None
    at_work: dict[int, Chunk] = field(default_factory=dict)


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
        self._expander = expander
        self._recorder = recorder
        self._owner = owner
        self._now_ms = now_ms
        self._driven: dict[int, _Driven] = {}
        self._queue_limits: dict[str, int] = {}
        self._exhausted: set[int] = set()
        self._planned = threading.Event()
        self._stopping = threading.Event()
        self._looked_at = 0.0
        self._saved_at = 0.0
        self._renewed_ms = 0
        self._fractions: dict[tuple[int, int], float] = {}

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
        """One round: look around, hand out chunks, wait for news, record it."""
        if time.monotonic() - self._looked_at >= POLL_SECONDS:
            self._look_around()
        self._dispatch()
        for report in self._executor.reports(wait_seconds):
            self._take(report)
        if self._planned.is_set():
            self._planned.clear()
            self._exhausted.clear()
        self._save_fractions()

    # --- jobs ---------------------------------------------------------------------------

    def _look_around(self) -> None:
        """Read what changed in the state: new jobs, cancellations, pauses, ends."""
        now_ms = self._now_ms()
        with self._database.read() as transaction:
            open_jobs = jobs.list_open_jobs(transaction)
            self._queue_limits = resources.queue_limits(transaction)
        for job in open_jobs:
            driven = self._driven.get(job.number)
            if driven is None:
                driven = self._take_up(job, now_ms)
            if driven is not None:
                driven.job = job
                self._settle(driven)
        still_open = {job.number for job in open_jobs}
        for number in [number for number in self._driven if number not in still_open]:
            self._driven.pop(number).stop.set()
        self._renew()
        self._exhausted.clear()
        self._looked_at = time.monotonic()

    def _take_up(self, job: Job, now_ms: int) -> _Driven | None:
        with self._database.write() as transaction:
            won = jobs.lease_job_if_free(
                transaction, job.number, self._owner, now_ms=now_ms, until_ms=now_ms + LEASE_MS
            )
            if not won:
                return None
            objects = chunks.release_leased_chunks(transaction, job.number)
            executions = objects * len(job.workflows)
            jobs.add_counters(
                transaction, job.number, Counters(waiting=executions, running=-executions)
            )
            if job.state is JobState.SUBMITTED:
                jobs.move_job(transaction, job, JobEvent.START, now_ms)
        _log.info("job_taken_up", job_id=job.id, released_executions=executions)
        driven = _Driven(job=job, speed=job.seconds_per_object)
        self._driven[job.number] = driven
        if job.is_expanded:
            driven.expansion = Expansion()
        else:
            driven.thread = threading.Thread(
                target=self._expand, args=(driven, job), name=f"expand-{job.number}", daemon=True
            )
            driven.thread.start()
        return driven

    def _expand(self, driven: _Driven, job: Job) -> None:
        try:
            expansion = self._expander.expand(
                job, is_stopped=driven.stop.is_set, planned=self._wake
            )
        except Exception as error:  # noqa: BLE001  # a thread's end must reach the job
            _log.exception("expansion_broke", job_id=job.id)
            expansion = Expansion(code="InternalError", message=type(error).__name__)
        driven.expansion = expansion
        self._wake()

    def _wake(self) -> None:
        self._planned.set()
        self._executor.wake()

    def _settle(self, driven: _Driven) -> None:
        """Move a job to the state that the facts call for."""
        job = driven.job
        if job.state is JobState.SUBMITTED:
            return  # it was taken up a moment ago: the next look sees it running
        expansion = driven.expansion
        if job.cancel_requested_ms is not None:
            self._abandon(driven, JobEvent.CANCEL, code="Success", message="")
        elif expansion is not None and expansion.code != "Success":
            self._abandon(driven, JobEvent.FAIL, code=expansion.code, message=expansion.message)
        elif job.is_expanded and job.counters.waiting == job.counters.running == 0:
            self._move(driven, JobEvent.RESUME if job.state is JobState.PAUSE else None)
            self._end(driven, JobEvent.FINISH, "Success", closing_message(job.counters))
        elif self._is_waiting(driven):
            if job.state is JobState.RUNNING:
                self._move(driven, JobEvent.PAUSE)
        elif job.state is JobState.PAUSE:
            self._move(driven, JobEvent.RESUME)

    def _is_waiting(self, driven: _Driven) -> bool:
        """Whether nothing of a job may run: its queue is paused, or its plan unconfirmed."""
        job = driven.job
        if job.is_dry_run:
            return job.is_expanded
        return is_held(job, self._queue_limits) and not driven.at_work

    def _abandon(self, driven: _Driven, event: JobEvent, *, code: str, message: str) -> None:
        """Stop all work on a job, then end it; called again until nothing is at work."""
        driven.stop.set()
        self._executor.cancel(driven.job.number)
        if driven.at_work or (driven.thread is not None and driven.thread.is_alive()):
            return
        number = driven.job.number
        with self._database.write() as transaction:
            objects = chunks.cancel_planned_chunks(transaction, number, self._now_ms())
            executions = objects * len(driven.job.workflows)
            jobs.add_counters(
                transaction, number, Counters(cancelled=executions, waiting=-executions)
            )
        self._end(driven, event, code, message)

    def _end(self, driven: _Driven, event: JobEvent, code: str, message: str) -> None:
        self._move(driven, event, code=code, message=message)
        job = self._driven.pop(driven.job.number).job
        _log.info("job_ended", job_id=job.id, name=job.name, how=str(event), code=code)

    def _move(
        self, driven: _Driven, event: JobEvent | None, *, code: str = "Success", message: str = ""
    ) -> None:
        if event is None:
            return
        with self._database.write() as transaction:
            jobs.move_job(
                transaction, driven.job, event, self._now_ms(), code=code, message=message
            )
            moved = jobs.find_job(transaction, driven.job.number)
        if moved is not None:
            driven.job = moved

    def _renew(self) -> None:
        """Extend the leases of all driven jobs, when a third of their time has passed."""
        now_ms = self._now_ms()
        if now_ms - self._renewed_ms < LEASE_MS / 3:
            return
        self._renewed_ms = now_ms
        with self._database.write() as transaction:
            for number in self._driven:
                jobs.lease_job_if_free(
                    transaction, number, self._owner, now_ms=now_ms, until_ms=now_ms + LEASE_MS
                )

    # --- chunks -------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Hand out chunks while workers have room and a job has something planned."""
        while True:
            job = next_job(
                (driven.job for driven in self._driven.values()),
                in_flight={number: len(one.at_work) for number, one in self._driven.items()},
                queue_limits=self._queue_limits,
                exhausted=self._exhausted,
            )
            if job is None:
                return
            driven = self._driven[job.number]
            size = leased_chunk_size(driven.speed)
            is_short = driven.speed is not None and size * driven.speed < SHORT_SECONDS
            if not self._executor.free_places(is_short=is_short):
                return
            if not self._hand_out(driven, size):
                self._exhausted.add(job.number)

    def _hand_out(self, driven: _Driven, size: int) -> bool:
        number = driven.job.number
        with self._database.write() as transaction:
            chunk = chunks.lease_next_chunk(
                transaction, number, most_objects=size, now_ms=self._now_ms()
            )
            if chunk is None:
                return False
            executions = chunk.size * len(driven.job.workflows)
            jobs.add_counters(
                transaction, number, Counters(running=executions, waiting=-executions)
            )
            packed = chunks.packed_objects(transaction, number, chunk.origin)
        driven.at_work[chunk.number] = chunk
        self._executor.submit(Assignment(job=driven.job, chunk=chunk, objects=packed))
        return True

    def _take(self, report: Report) -> None:
        """Record a report of the executor."""
        chunk = report.assignment.chunk if isinstance(report, WorkerDied) else report.chunk
        if isinstance(report, Progressed):
            self._fractions[(chunk.job, chunk.number)] = report.fraction
            return
        self._fractions.pop((chunk.job, chunk.number), None)
        driven = self._driven.get(chunk.job)
        if driven is None:
            return  # another engine ended the job; the lease is lost, and with it this outcome
        driven.at_work.pop(chunk.number, None)
        self._exhausted.discard(chunk.job)
        workflows = len(driven.job.workflows)
        if isinstance(report, WorkerDied):
            self._recorder.record_death(report, workflows=workflows)
        elif isinstance(report, GivenBack):
            self._recorder.give_back(chunk, workflows=workflows)
        else:
            if report.done:
                measured = report.seconds / report.done
                driven.speed = blend_seconds(driven.speed, measured)
            self._recorder.record(report, workflows=workflows, speed=driven.speed)
        if not driven.at_work:
            self._looked_at = 0.0  # it may have come to its end: look at once

    def _save_fractions(self) -> None:
        """Keep the progress of chunks that take long, once a second."""
        if not self._fractions or time.monotonic() - self._saved_at < 1.0:
            return
        self._saved_at = time.monotonic()
        with self._database.write() as transaction:
            for (number, chunk), fraction in self._fractions.items():
                driven = self._driven.get(number)
                if driven is not None and chunk in driven.at_work:
                    chunks.save_progress(transaction, driven.at_work[chunk], fraction)
        self._fractions.clear()

    # --- the end ------------------------------------------------------------------------

    def _drain(self) -> None:
        """Let workers stop behind their present object; give the rest back."""
        for driven in self._driven.values():
            driven.stop.set()
        self._executor.drain()
        give_up_at = time.monotonic() + DRAIN_SECONDS
        while self._at_work() and time.monotonic() < give_up_at:
            for report in self._executor.reports(POLL_SECONDS):
                self._take(report)
        for chunk in self._at_work():
            self._recorder.give_back(chunk, workflows=len(self._driven[chunk.job].job.workflows))
        for driven in self._driven.values():
            if driven.thread is not None:
                driven.thread.join(TARGET_SECONDS)
        with self._database.write() as transaction:
            jobs.release_jobs(transaction, self._owner)
        self._executor.close()

    def _at_work(self) -> list[Chunk]:
        return [chunk for one in self._driven.values() for chunk in one.at_work.values()]
