"""Real worker processes: they run chunks, die, are replaced, and never outlive their parent."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.jobs import JobType
from penstock.engine.executor import GivenBack, WorkerDied
from penstock.engine.executor_local import LocalExecutor
from penstock.engine.runner import ChunkOutcome
from tests.engine.bench import job_over, put
from tests.engine.executor_contract import (
    FACTORY,
    ExecutorContract,
    chunk_over,
    hear,
    is_alive,
)
from tests.factories import make_hash_topology
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder of the job's bucket."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def workers(scratch: Path, count: int = 1, *, singles: int = 0) -> Iterator[LocalExecutor]:
    """An executor that is closed in the end."""
    executor = LocalExecutor(
        workers=count, factory=FACTORY, argument=str(scratch), single_workers=singles
    )
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


class TestLocalExecutor(ExecutorContract):
    """The contract on worker processes."""

    @pytest.fixture
    def executor(self, scratch: Path) -> Iterator[LocalExecutor]:
        """An executor with one worker, and one for single triggers."""
        with workers(scratch, singles=1) as executor:
            yield executor


def test_local_executor_runs_singles_beside_a_batch(scratch: Path, bucket: Path) -> None:
    """While a batch holds every ordinary worker, a single trigger is run at once."""
    single = job_over(bucket, make_hash_topology(), number=2, type=JobType.TRIGGER)
    with workers(scratch, singles=1) as executor:
        executor.submit(chunk_over(bucket, "gate.bin"))
        assert executor.free_places(is_short=False) == 0
        assert executor.free_places(is_short=False, is_single=True) == 1

        executor.submit(chunk_over(bucket, "a.bin", job=single))
        (first,) = hear(executor, 1)
        (bucket / "open").touch()
        (second,) = hear(executor, 1)

        assert (first.chunk.job, second.chunk.job) == (2, 1)


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


def test_local_executor_shares_chunks_between_workers(scratch: Path, bucket: Path) -> None:
    """A second chunk goes to the worker that has nothing to do."""
    with workers(scratch, 2) as executor:
        executor.submit(chunk_over(bucket, "gate.bin"))
        executor.submit(chunk_over(bucket, "a.bin", number=1))

        (first,) = hear(executor, 1)
        put(bucket, "open")
        (second,) = hear(executor, 1)

        assert [first.chunk.number, second.chunk.number] == [1, 0]


def test_local_executor_close_leaves_no_process(scratch: Path, bucket: Path) -> None:
    """Closing ends every worker, also one in the middle of an object."""
    with workers(scratch, 2) as executor:
        executor.submit(chunk_over(bucket, "hang.bin"))
        wait_until(lambda: len(worker_pids(os.getpid())) == 2, "two workers")
        pids = worker_pids(os.getpid())

    assert not any(map(is_alive, pids))


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
        wait_until(lambda: len(worker_pids(parent.pid)) == 2, "two workers")
        pids = worker_pids(parent.pid)

        parent.kill()

    wait_until(lambda: not any(map(is_alive, pids)), "the workers to die")
