"""Real worker processes: they run chunks, die, are replaced, and never outlive their parent."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.jobs import Job
from penstock.engine.executor import GivenBack, Progressed, Report, WorkerDied
from penstock.engine.executor_local import LocalExecutor
from penstock.engine.runner import Assignment, ChunkOutcome
from tests.engine.bench import assign, job_over, put, rows_of
from tests.engine.workers import WAITS_FOR_DRAIN
from tests.factories import make_chunk, make_hash_topology
from tests.waiting import wait_until

FACTORY = "tests.engine.workers:make_runner"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder of the job's bucket."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def workers(scratch: Path, count: int = 1) -> Iterator[LocalExecutor]:
    """An executor that is closed in the end."""
    executor = LocalExecutor(workers=count, factory=FACTORY, argument=str(scratch))
    try:
        yield executor
    finally:
        executor.close()


def worker_pids(parent: int) -> set[int]:
    """The worker processes that live below a process."""
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            is_worker = b"penstock.engine.worker" in (folder / "cmdline").read_bytes()
            if int(ppid) == parent and state != "Z" and is_worker:
                found.add(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def chunk_over(bucket: Path, *keys: str, number: int = 0, job: Job | None = None) -> Assignment:
    """A chunk of a hashing job with these objects."""
    objects = put(bucket, *keys)
    job = job or job_over(bucket, make_hash_topology())
    return assign(job, objects, make_chunk(job=job.number, number=number, size=len(objects)))


def hear(executor: LocalExecutor, count: int, *, with_progress: bool = False) -> list[Report]:
    """So many reports of the executor."""
    found: list[Report] = []

    def has_heard() -> bool:
        found.extend(
            report
            for report in executor.reports(0.1)
            if with_progress or not isinstance(report, Progressed)
        )
        return len(found) >= count

    wait_until(has_heard, f"{count} reports")
    return found


def test_local_executor_runs_a_chunk(scratch: Path, bucket: Path) -> None:
    """A chunk that was handed out comes back with its rows, and the place is free again."""
    with workers(scratch) as executor:
        assert executor.free_places(is_short=False) == 1
        executor.submit(chunk_over(bucket, "a.bin", "b.bin"))
        assert executor.free_places(is_short=False) == 0
        assert executor.free_places(is_short=True) == 1

        (outcome,) = hear(executor, 1)

        assert isinstance(outcome, ChunkOutcome)
        assert [row.state for row in rows_of(outcome)] == ["Success", "Success"]
        assert executor.free_places(is_short=False) == 1


@pytest.mark.parametrize(
    ("key", "cause"), [("kill.bin", "signal SIGKILL"), ("exit.bin", "code 3")]
)
def test_local_executor_survives_the_death_of_a_worker(
    scratch: Path, bucket: Path, key: str, cause: str
) -> None:
    """The chunk at hand comes back as a death with its cause, and a new worker takes over."""
    with workers(scratch) as executor:
        deadly = chunk_over(bucket, "a.bin", key)
        executor.submit(deadly)

        (report,) = hear(executor, 1)
        executor.submit(chunk_over(bucket, "a.bin", number=1))
        (outcome,) = hear(executor, 1)

        assert isinstance(report, WorkerDied)
        assert report.assignment == deadly
        assert cause in report.cause
        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1


def test_local_executor_gives_back_what_a_dead_worker_had_not_begun(
    scratch: Path, bucket: Path
) -> None:
    """Only the chunk at hand counts as having killed its worker."""
    with workers(scratch) as executor:
        executor.submit(chunk_over(bucket, "gate.bin", "kill.bin"))
        waiting = chunk_over(bucket, "a.bin", number=1)
        executor.submit(waiting)
        put(bucket, "open")

        reports = hear(executor, 2)

        assert isinstance(reports[0], WorkerDied)
        assert reports[1] == GivenBack(chunk=waiting.chunk)


def test_local_executor_reports_a_worker_that_was_killed_from_outside(
    scratch: Path, bucket: Path
) -> None:
    """A worker that the system kills while it works is reported and replaced."""
    with workers(scratch) as executor:
        (pid,) = worker_pids(os.getpid())
        job = job_over(bucket, make_hash_topology(), name=WAITS_FOR_DRAIN)
        executor.submit(chunk_over(bucket, "a.bin", job=job))
        hear(executor, 1, with_progress=True)

        os.kill(pid, signal.SIGKILL)
        (report,) = hear(executor, 1)

        assert isinstance(report, WorkerDied)
        assert report.cause == "signal SIGKILL"
        wait_until(lambda: len(worker_pids(os.getpid())) == 1, "another worker")
        assert pid not in worker_pids(os.getpid())


def test_local_executor_shares_chunks_between_workers(scratch: Path, bucket: Path) -> None:
    """A second chunk goes to the worker that has nothing to do."""
    with workers(scratch, 2) as executor:
        executor.submit(chunk_over(bucket, "gate.bin"))
        executor.submit(chunk_over(bucket, "a.bin", number=1))

        (first,) = hear(executor, 1)
        put(bucket, "open")
        (second,) = hear(executor, 1)

        assert [first.chunk.number, second.chunk.number] == [1, 0]


def test_local_executor_reports_progress(scratch: Path, bucket: Path) -> None:
    """A chunk under way says how far it is."""
    with workers(scratch) as executor:
        executor.submit(chunk_over(bucket, "a.bin", "b.bin", "gate.bin"))

        (report,) = hear(executor, 1, with_progress=True)

        assert isinstance(report, Progressed)
        assert 0 < report.fraction < 1


def test_local_executor_close_leaves_no_process(scratch: Path, bucket: Path) -> None:
    """Closing ends every worker, also one in the middle of an object."""
    with workers(scratch, 2) as executor:
        executor.submit(chunk_over(bucket, "hang.bin"))
        wait_until(lambda: len(worker_pids(os.getpid())) == 2, "two workers")
        pids = worker_pids(os.getpid())

    assert not any(map(is_alive, pids))


def test_local_executor_cancel_stops_a_worker_that_listens(scratch: Path, bucket: Path) -> None:
    """A worker gives up its object at the next checkpoint and stays alive."""
    with workers(scratch) as executor:
        pids = worker_pids(os.getpid())
        executor.submit(chunk_over(bucket, "a.bin", "endless.bin", "b.bin"))
        hear(executor, 1, with_progress=True)
        begun = time.monotonic()

        executor.cancel(1)
        (outcome,) = hear(executor, 1)

        assert time.monotonic() - begun < 2.0
        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1
        assert worker_pids(os.getpid()) == pids


def test_local_executor_cancel_kills_a_worker_that_does_not_listen(
    scratch: Path, bucket: Path
) -> None:
    """Work that hears nothing is ended within two seconds, however often it is cancelled."""
    with workers(scratch) as executor:
        chunk = chunk_over(bucket, "a.bin", "hang.bin")
        executor.submit(chunk)
        hear(executor, 1, with_progress=True)
        begun = time.monotonic()

        found: list[Report] = []
        while not found and time.monotonic() - begun < 10:
            executor.cancel(1)  # as a coordinator does until nothing is at work
            found += executor.reports(0.1)

        assert time.monotonic() - begun < 3.0
        assert found == [GivenBack(chunk=chunk.chunk)]
        executor.submit(chunk_over(bucket, "a.bin", number=1, job=job_over(bucket, number=2)))
        assert isinstance(hear(executor, 1)[0], ChunkOutcome)


def test_local_executor_charges_no_object_for_a_worker_that_cannot_start(bucket: Path) -> None:
    """A worker that dies before it is ready began nothing: its chunk comes back as it was."""
    broken = LocalExecutor(workers=1, factory="tests.engine.workers:nowhere", argument="")
    try:
        chunk = chunk_over(bucket, "a.bin")
        broken.submit(chunk)

        reports = hear(broken, 1)

        assert reports == [GivenBack(chunk=chunk.chunk)]
    finally:
        broken.close()


def test_local_executor_cancel_leaves_other_jobs_alone(scratch: Path, bucket: Path) -> None:
    """Cancelling one job stops nothing of another."""
    with workers(scratch) as executor:
        executor.submit(chunk_over(bucket, "gate.bin"))

        executor.cancel(2)
        put(bucket, "open")
        (outcome,) = hear(executor, 1)

        assert isinstance(outcome, ChunkOutcome)
        assert outcome.done == 1


def test_local_executor_drain_stops_behind_the_present_object(scratch: Path, bucket: Path) -> None:
    """A draining worker ends its object; what it had not begun comes back untouched."""
    with workers(scratch) as executor:
        job = job_over(bucket, make_hash_topology(), name=WAITS_FOR_DRAIN)
        executor.submit(chunk_over(bucket, "a.bin", "b.bin", job=job))
        executor.submit(chunk_over(bucket, "c.bin", number=1))
        hear(executor, 1, with_progress=True)

        executor.drain()
        reports = hear(executor, 2)

        assert [
            (one.chunk.number, one.done) for one in reports if isinstance(one, ChunkOutcome)
        ] == [
            (0, 1),
            (1, 0),
        ]


def test_local_executor_wakes_its_reader(scratch: Path) -> None:
    """`wake` ends a wait at once, and waking often before a wait is no error."""
    with workers(scratch) as executor:
        for _ in range(100_000):
            executor.wake()
        begun = time.monotonic()

        assert executor.reports(60.0) == []

        assert time.monotonic() - begun < 30


def test_local_executor_workers_die_with_their_parent(scratch: Path) -> None:
    """When the process that made them is killed, the workers are gone too."""
    script = (
        "import sys\n"
        "from penstock.engine.executor_local import LocalExecutor\n"
        f"executor = LocalExecutor(workers=2, factory={FACTORY!r}, argument={str(scratch)!r})\n"
        "print('made', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"made\n"
        pids = worker_pids(parent.pid)

        parent.kill()

    assert len(pids) == 2
    wait_until(lambda: not any(map(is_alive, pids)), "the workers to die")
