"""Chunks on a real Ray: workers, nodes and the whole cluster die, and nothing is lost."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.engine import executor_ray
from penstock.engine.executor import GivenBack, Progressed
from penstock.engine.executor_ray import RayExecutor, RayOptions
from penstock.engine.ray_process import session_of
from penstock.engine.runner import ChunkOutcome
from penstock.operations.base import Needs
from tests.engine.bench import assign, job_over, put, rows_of
from tests.engine.executor_contract import (
    FACTORY,
    ExecutorContract,
    at_work,
    chunk_over,
    hear,
    is_alive,
)
from tests.factories import make_chunk, make_hash_topology
from tests.ray_cluster import ENVIRONMENT, ROOT, RayCluster, require_ray
from tests.waiting import wait_until

START_SECONDS = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder of the job's bucket."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def joined(
    address: str, scratch: Path, *, factory: str = FACTORY, places: int = 0, **needs: Needs
) -> Iterator[RayExecutor]:
    """An executor on a cluster, or on a Ray of its own with one core; closed in the end."""
    executor = RayExecutor(
        RayOptions(address=address, cpus=1, places=places, needs=needs),
        factory=factory,
        argument=lambda _threads: str(scratch),
    )
    try:
        yield executor
    finally:
        executor.close()


def await_places(executor: RayExecutor, places: int) -> None:
    """Wait until an executor is connected and has so many places."""

    def has_places() -> bool:
        executor.reports(0.05)
        return executor.free_places(is_short=False) == places

    wait_until(has_places, f"{places} places", START_SECONDS)


@pytest.fixture(scope="module")
def small_cluster() -> Iterator[RayCluster]:
    """A cluster with one core."""
    cluster = RayCluster(1)
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayCluster]:
    """A cluster of two nodes with one core each, for a test that breaks it."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    cluster = RayCluster(1, 1)
    yield cluster
    cluster.stop()


class TestRayExecutor(ExecutorContract):
    """The contract on a Ray cluster."""

    @pytest.fixture
    def executor(self, small_cluster: RayCluster, scratch: Path) -> Iterator[RayExecutor]:
        """An executor with one place."""
        with joined(small_cluster.address, scratch) as executor:
            await_places(executor, 1)
            yield executor


def test_ray_executor_gives_back_what_a_lost_node_ran(
    cluster: RayCluster, scratch: Path, bucket: Path
) -> None:
    """The death of a node costs no object an attempt; the rest of the cluster goes on."""
    with joined(cluster.address, scratch) as executor:
        await_places(executor, 2)
        chunks = [chunk_over(bucket, f"gate-{number}.bin", number=number) for number in (0, 1)]
        for chunk in chunks:
            executor.submit(chunk)
        at_work(bucket, "waiting")

        cluster.kill_node(cluster.nodes[0])
        (lost,) = hear(executor, 1, seconds=START_SECONDS)
        put(bucket, "open")
        (outcome,) = hear(executor, 1)

        assert lost in [GivenBack(chunk=chunk.chunk) for chunk in chunks]
        assert isinstance(outcome, ChunkOutcome)
        await_places(executor, 1)


def test_ray_executor_runs_a_late_object_twice(
    cluster: RayCluster, scratch: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that hangs on one node is run on another; its outcome comes once."""
    monkeypatch.setattr(executor_ray, "LATE_SECONDS", 0.5)
    with joined(cluster.address, scratch) as executor:
        await_places(executor, 2)
        chunk = chunk_over(bucket, "once.bin")
        executor.submit(dataclasses.replace(chunk, expected_seconds=0.01))
        at_work(bucket, "hanging")

        (outcome,) = hear(executor, 1, seconds=START_SECONDS)

        assert isinstance(outcome, ChunkOutcome)
        assert [row.state for row in rows_of(outcome)] == ["Success"]
        await_places(executor, 2)
        assert not [one for one in executor.reports(0.5) if not isinstance(one, Progressed)]


def test_ray_executor_survives_the_loss_of_the_head(
    cluster: RayCluster, scratch: Path, bucket: Path
) -> None:
    """Everything in flight is given back; the executor finds the head that comes again."""
    with joined(cluster.address, scratch) as executor:
        await_places(executor, 2)
        chunk = chunk_over(bucket, "gate.bin")
        executor.submit(chunk)
        worker = at_work(bucket, "waiting")

        cluster.kill_head()
        (lost,) = hear(executor, 1, seconds=START_SECONDS)
        for node in cluster.nodes:
            cluster.kill_node(node)
        cluster.start_head()
        cluster.add_node(1)
        put(bucket, "open")
        await_places(executor, 1)
        executor.submit(chunk)
        (outcome,) = hear(executor, 1)

        assert lost == GivenBack(chunk=chunk.chunk)
        assert isinstance(outcome, ChunkOutcome)
        assert not is_alive(worker)


def test_ray_executor_waits_for_a_cluster_that_is_not_there_yet(
    cluster: RayCluster, scratch: Path
) -> None:
    """Where nobody answers it has no places, and goes on trying."""
    cluster.kill_head()
    with joined(cluster.address, scratch) as executor:
        executor.reports(0.5)
        places = executor.free_places(is_short=True)

        for node in cluster.nodes:
            cluster.kill_node(node)
        cluster.start_head()
        cluster.add_node(1)

        assert places == 0
        await_places(executor, 1)


def test_ray_executor_ends_the_work_of_a_driver_that_died(
    small_cluster: RayCluster, scratch: Path, bucket: Path
) -> None:
    """Nobody waits for what it had handed out: its workers end themselves, chunks come back."""
    with joined(small_cluster.address, scratch) as executor:
        await_places(executor, 1)
        chunk = chunk_over(bucket, "hang.bin")
        executor.submit(chunk)
        worker = at_work(bucket, "hanging")

        os.kill(driver_of(os.getpid()), signal.SIGKILL)
        (lost,) = hear(executor, 1)

        assert lost == GivenBack(chunk=chunk.chunk)
        wait_until(lambda: not is_alive(worker), "its worker to end")
        await_places(executor, 1)


def test_ray_executor_places_work_by_what_it_needs(
    cluster: RayCluster, scratch: Path, bucket: Path
) -> None:
    """One chunk that needs more than there is waits for a node that has it; others go on."""
    with joined(cluster.address, scratch, FileHashCode=Needs(gpus=1)) as executor:
        await_places(executor, 2)
        drawing = job_over(bucket, make_hash_topology(), number=2)
        before = executor.free_places(is_short=False, job=drawing)
        executor.submit(chunk_over(bucket, "a.bin", job=drawing))
        beside = executor.free_places(is_short=False, job=drawing)
        executor.submit(chunk_over(bucket, "a.bin", job=job_over(bucket)))

        (first,) = hear(executor, 1)
        cluster.add_node(1, gpus=1)
        (second,) = hear(executor, 1, seconds=START_SECONDS)

        assert (before, beside) == (1, 0)
        assert isinstance(first, ChunkOutcome)
        assert isinstance(second, ChunkOutcome)
        assert [first.chunk.job, second.chunk.job] == [1, 2]


def test_ray_executor_bounds_what_is_in_flight(small_cluster: RayCluster, scratch: Path) -> None:
    """A number of places that was set holds, whatever the cluster has."""
    with joined(small_cluster.address, scratch, places=7) as executor:
        await_places(executor, 7)


def test_ray_executor_charges_no_object_for_a_node_that_cannot_run_it(
    small_cluster: RayCluster, scratch: Path, bucket: Path
) -> None:
    """A chunk that cannot be begun comes back as it was, and nothing is handed out for a while."""
    broken = "tests.engine.workers:nowhere"
    with joined(small_cluster.address, scratch, factory=broken) as executor:
        await_places(executor, 1)
        chunk = chunk_over(bucket, "a.bin")
        executor.submit(chunk)

        (report,) = hear(executor, 1)

        assert report == GivenBack(chunk=chunk.chunk)
        assert executor.free_places(is_short=False) == 0
        await_places(executor, 1)


def test_ray_executor_sends_long_lists_of_objects_once(
    small_cluster: RayCluster, scratch: Path, bucket: Path
) -> None:
    """The pieces of a large chunk find their objects in Ray's store."""
    objects = put(bucket, *(os.urandom(100).hex() for _ in range(1000)))
    job = job_over(bucket, make_hash_topology())
    with joined(small_cluster.address, scratch) as executor:
        await_places(executor, 1)
        whole = assign(job, objects)
        assert len(whole.objects) > 64 << 10
        for number, start in ((1, 0), (2, 998)):
            piece = make_chunk(number=number, start=start, size=2)
            executor.submit(assign(job, objects, piece))

        outcomes = hear(executor, 2)

        keys = [row.object_key for one in outcomes for row in rows_of(one)]  # type: ignore[arg-type]
        assert sorted(keys) == sorted(one.key for one in [*objects[:2], *objects[998:]])


def driver_of(parent: int) -> int:
    """The process that talks to Ray for an executor of a process."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_driver = b"penstock.engine.ray_driver" in (path / "cmdline").read_bytes()
            ppid = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if is_driver and ppid == parent and is_alive(int(path.name)):
                return int(path.name)
    raise AssertionError


def listening(pids: set[int]) -> set[str]:
    """The addresses at which processes listen, as `/proc` writes them."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115
            sockets |= {link[8:-1] for link in links if link.startswith("socket:[")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in sockets:
                found.add(columns[1].rpartition(":")[0])
    return found


def test_ray_executor_of_its_own_stays_on_this_machine_and_leaves_nothing(
    scratch: Path, bucket: Path
) -> None:
    """Without an address a Ray is started; closing ends every process of it."""
    require_ray()
    with joined("", scratch) as executor:
        await_places(executor, 1)
        executor.submit(chunk_over(bucket, "a.bin"))
        (outcome,) = hear(executor, 1)
        executor.submit(chunk_over(bucket, "hang.bin", number=1))
        at_work(bucket, "hanging")
        pids = set(session_of(driver_of(os.getpid())))
        addresses = listening(pids)

    assert isinstance(outcome, ChunkOutcome)
    assert len(pids) > 3
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert not any(map(is_alive, pids))


def test_ray_executor_of_its_own_dies_with_its_parent(scratch: Path) -> None:
    """When the process that made it is killed, every process of its Ray is gone too."""
    require_ray()
    script = (
        "import sys\n"
        "from penstock.engine.executor_ray import RayExecutor, RayOptions\n"
        "executor = RayExecutor(RayOptions(address='', cpus=1),\n"
        f"    factory={FACTORY!r}, argument=lambda _: {str(scratch)!r})\n"
        "while not executor.free_places(is_short=False):\n"
        "    executor.reports(0.1)\n"
        "print('made', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert b"made\n" in iter(parent.stdout.readline, b"")
        pids = session_of(driver_of(parent.pid))

        parent.kill()

    assert len(pids) > 3
    wait_until(lambda: not any(map(is_alive, pids)), "its Ray to die")


def test_ray_executor_says_how_to_install_ray(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra nothing is started, and the message has the command."""
    monkeypatch.setitem(sys.modules, "ray", None)

    with (
        pytest.raises(InvalidArgumentError, match=r"pip install 'penstock\[ray\]'"),
        joined("", scratch),
    ):
        pass
