"""What every executor must do: one suite, run by `test_executor_<name>.py`.

A test class inherits from `ExecutorContract` and has an `executor` fixture: one worker, ready to
run chunks, with the runners of `tests.engine.workers`.
"""

import os
import signal
import time
from pathlib import Path

import pytest

from penstock.domain.jobs import Job
from penstock.engine.executor import CutShort, Executor, GivenBack, Progressed, Report, WorkerDied
from penstock.engine.runner import Assignment, ChunkOutcome
from tests.engine.bench import assign, job_over, put, rows_of
from tests.engine.workers import WAITS_FOR_DRAIN
from tests.factories import make_chunk, make_hash_topology
from tests.waiting import wait_until

FACTORY = "tests.engine.workers:make_runner"


def chunk_over(bucket: Path, *keys: str, number: int = 0, job: Job | None = None) -> Assignment:
    """A chunk of a hashing job with these objects."""
    objects = put(bucket, *keys)
    job = job or job_over(bucket, make_hash_topology())
    return assign(job, objects, make_chunk(job=job.number, number=number, size=len(objects)))


def hear(
    executor: Executor, count: int, *, with_progress: bool = False, seconds: float = 60.0
) -> list[Report]:
    """So many reports of the executor."""
    found: list[Report] = []

    def has_heard() -> bool:
        found.extend(
            report
            for report in executor.reports(0.1)
            if with_progress or not isinstance(report, Progressed)
        )
        return len(found) >= count

    wait_until(has_heard, f"{count} reports", seconds)
    return found


def at_work(bucket: Path, name: str) -> int:
    """The process that waits in an object: `hanging`, or `waiting` at a gate."""
    marker = bucket / name
    text = wait_until(lambda: marker.exists() and marker.read_text(), f"a worker {name}")
    return int(text)


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


class ExecutorContract:
    """Chunks are run, cancelled, cut, drained; the death of a worker is told."""

    @pytest.fixture
    def bucket(self, tmp_path: Path) -> Path:
        """The folder of the job's bucket."""
        folder = tmp_path / "bucket"
        folder.mkdir()
        return folder

    def test_chunk_comes_back_with_its_rows(self, executor: Executor, bucket: Path) -> None:
        """A chunk that was handed out comes back run, and its place is free again."""
        assert executor.free_places(is_short=False) == 1
        executor.submit(chunk_over(bucket, "a.bin", "b.bin"))
        assert executor.free_places(is_short=False) == 0
        assert executor.free_places(is_short=True) >= 1

        (outcome,) = hear(executor, 1)

        assert isinstance(outcome, ChunkOutcome)
        assert [row.state for row in rows_of(outcome)] == ["Success", "Success"]
        assert executor.free_places(is_short=False) == 1

    def test_single_trigger_has_a_place_beside_a_batch(
        self, executor: Executor, bucket: Path
    ) -> None:
        """Where batches have all places, a trigger is taken still."""
        executor.submit(chunk_over(bucket, "gate.bin"))

        places = executor.free_places(is_short=False, is_single=True)

        assert places >= 1
        put(bucket, "open")
        hear(executor, 1)

    @pytest.mark.parametrize("key", ["kill.bin", "exit.bin"])
    def test_death_of_a_worker_is_survived(
        self, executor: Executor, bucket: Path, key: str
    ) -> None:
        """The chunk at hand comes back as a death with its cause, and another worker goes on."""
        deadly = chunk_over(bucket, "a.bin", key)
        executor.submit(deadly)

        (report,) = hear(executor, 1)
        executor.submit(chunk_over(bucket, "a.bin", number=1))
        (outcome,) = hear(executor, 1)

        assert isinstance(report, WorkerDied)
        assert report.assignment == deadly
        assert report.cause
        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1

    def test_worker_killed_from_outside_is_replaced(
        self, executor: Executor, bucket: Path
    ) -> None:
        """A worker that the system kills while it works is told as dead, and another goes on."""
        executor.submit(chunk_over(bucket, "gate.bin"))
        worker = at_work(bucket, "waiting")

        os.kill(worker, signal.SIGKILL)
        (report,) = hear(executor, 1)
        executor.submit(chunk_over(bucket, "a.bin", number=1))
        (outcome,) = hear(executor, 1)

        assert isinstance(report, WorkerDied)
        assert isinstance(outcome, ChunkOutcome)

    def test_progress_is_told(self, executor: Executor, bucket: Path) -> None:
        """A chunk under way says how far it is."""
        executor.submit(chunk_over(bucket, "a.bin", "endless.bin", "b.bin"))

        (report,) = hear(executor, 1, with_progress=True)

        assert isinstance(report, Progressed)
        assert 0 < report.fraction < 1
        executor.cancel(1)
        hear(executor, 1)

    def test_cancel_stops_a_worker_that_listens(self, executor: Executor, bucket: Path) -> None:
        """A worker gives up its object at the next checkpoint; what it had done is kept."""
        executor.submit(chunk_over(bucket, "a.bin", "endless.bin", "b.bin"))
        hear(executor, 1, with_progress=True)

        executor.cancel(1)
        (outcome,) = hear(executor, 1)

        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1

    def test_cancel_ends_a_worker_that_does_not_listen(
        self, executor: Executor, bucket: Path
    ) -> None:
        """Work that hears nothing is ended, however often it is cancelled."""
        chunk = chunk_over(bucket, "a.bin", "hang.bin")
        executor.submit(chunk)
        worker = at_work(bucket, "hanging")
        found: list[Report] = []

        def has_ended() -> bool:
            executor.cancel(1)  # as a coordinator does until nothing is at work
            reports = executor.reports(0.1)
            found.extend(one for one in reports if not isinstance(one, Progressed))
            return bool(found)

        wait_until(has_ended, "the chunk to come back")
        assert found == [GivenBack(chunk=chunk.chunk)]
        wait_until(lambda: not is_alive(worker), "the worker to be gone")
        executor.submit(chunk_over(bucket, "a.bin", number=1, job=job_over(bucket, number=2)))
        assert isinstance(hear(executor, 1)[0], ChunkOutcome)

    def test_cancel_leaves_other_jobs_alone(self, executor: Executor, bucket: Path) -> None:
        """Cancelling one job stops nothing of another."""
        executor.submit(chunk_over(bucket, "gate.bin"))

        executor.cancel(2)
        put(bucket, "open")
        (outcome,) = hear(executor, 1)

        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1

    def test_cancellation_is_forgotten_with_its_claim(
        self, executor: Executor, bucket: Path
    ) -> None:
        """A job that this engine lost and has claimed anew runs."""
        executor.submit(chunk_over(bucket, "endless.bin"))
        executor.cancel(1)
        hear(executor, 1)
        anew = job_over(bucket, make_hash_topology(), epoch=1)

        executor.submit(chunk_over(bucket, "a.bin", job=anew))
        (outcome,) = hear(executor, 1)

        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1

    def test_cut_ends_a_chunk_behind_its_present_object(
        self, executor: Executor, bucket: Path
    ) -> None:
        """A worker says where it ends its chunk, once; its last object leaves nothing to cut."""
        chunk = chunk_over(bucket, "a.bin", "gate.bin", "b.bin", "c.bin")
        executor.submit(chunk)
        at_work(bucket, "waiting")

        executor.cut(chunk.chunk)
        (cut,) = hear(executor, 1)
        executor.cut(chunk.chunk)
        put(bucket, "open")
        (outcome,) = hear(executor, 1)

        assert cut == CutShort(chunk=chunk.chunk, size=2)
        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 2

    def test_drain_stops_behind_the_present_object(self, executor: Executor, bucket: Path) -> None:
        """A draining worker ends its object; what it had not begun comes back untouched."""
        job = job_over(bucket, make_hash_topology(), name=WAITS_FOR_DRAIN)
        executor.submit(chunk_over(bucket, "a.bin", "b.bin", job=job))
        hear(executor, 1, with_progress=True)
        waiting = chunk_over(bucket, "c.bin", number=1)
        executor.submit(waiting)

        executor.drain()
        reports = hear(executor, 2)

        done = {
            one.chunk.number: one.done if isinstance(one, ChunkOutcome) else 0 for one in reports
        }
        assert done == {0: 1, 1: 0}
        assert not any(isinstance(one, WorkerDied) for one in reports)

    def test_reader_is_woken(self, executor: Executor) -> None:
        """`wake` ends a wait at once, and waking often before a wait is no error."""
        for _ in range(100_000):
            executor.wake()
        begun = time.monotonic()

        executor.reports(60.0)

        assert time.monotonic() - begun < 30
