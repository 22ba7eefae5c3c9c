"""A server on a Ray cluster: whatever of the cluster dies, every object is recorded once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.media import clip, look, picture, probe
from tests.e2e.sdk import Cloud, counters, node, topology
from tests.e2e.servers import Server, s3_environment, s3_url
from tests.e2e.test_kill import check_outputs, check_records, ended, fill, start_job
from tests.ray_cluster import ENVIRONMENT, RayCluster, require_ray
from tests.storage.servers import S3Server
from tests.waiting import wait_until

OBJECTS = 2000
JOB_SECONDS = 240.0

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder that is the bucket."""
    folder = tmp_path / "bucket"
    (folder / "in").mkdir(parents=True)
    return folder


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """A cluster of two nodes with one core each."""
    cluster = RayCluster(1, 1)
    yield cluster
    cluster.stop()


@pytest.fixture
def server(tmp_path: Path, bucket: Path, cluster: RayCluster) -> Iterator[Server]:
    """A server that drives its jobs on the cluster, started."""
    made = Server(
        tmp_path,
        bucket.as_uri(),
        options=["--engine", "ray", "--ray-address", cluster.address],
        environment={
            **ENVIRONMENT,
            "PENSTOCK_RAY_SCRATCH": str(tmp_path / "data" / "nodes"),
            "PENSTOCK_LOG_LEVEL": "info",
        },
    )
    made.start()
    yield made
    made.kill()


def await_first(server: Server) -> None:
    """Wait until some executions are recorded."""
    wait_until(lambda: ended(server.data) > 0, "the first executions", JOB_SECONDS)


def check_all(server: Server, bucket: Path, job_id: str) -> None:
    """The job ends well, with every object recorded once and every output right."""
    detail = Cloud(server.client()).wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=OBJECTS))
    check_records(server.data, OBJECTS)
    check_outputs(bucket, OBJECTS)


def test_server_on_ray_survives_dead_workers_and_nodes(
    server: Server, bucket: Path, cluster: RayCluster
) -> None:
    """Workers killed with SIGKILL and a node that is lost cost time, but no object."""
    fill(bucket, OBJECTS)
    job_id = start_job(server)
    await_first(server)

    for _ in range(2):
        os.kill(min(wait_until(cluster.workers, "a worker", 60)), signal.SIGKILL)
    cluster.kill_node(cluster.nodes[0])
    assert ended(server.data) < OBJECTS, "the job ended before it could be disturbed"

    check_all(server, bucket, job_id)
    assert server.terminate() == 0


def test_server_on_ray_survives_the_loss_of_the_head(
    server: Server, bucket: Path, cluster: RayCluster
) -> None:
    """The head of the cluster dies and another one comes; the same server process goes on."""
    fill(bucket, OBJECTS)
    job_id = start_job(server)
    await_first(server)
    pid = server.pid

    cluster.kill_head()
    wait_until(lambda: "ray_lost" in server.log(), "the server to notice")
    at_loss = ended(server.data)
    for lost in cluster.nodes:
        cluster.kill_node(lost)
    cluster.start_head()
    cluster.add_node(2)

    assert at_loss < OBJECTS, "the job ended before it could be disturbed"
    check_all(server, bucket, job_id)
    assert server.pid == pid
    assert server.is_running()


def test_ffmpeg_dies_with_its_ray_worker(
    server: Server, bucket: Path, cluster: RayCluster
) -> None:
    """No ffmpeg outlives a Ray worker that is killed, and the transcode is done in the end."""
    (bucket / "in/clip.mp4").write_bytes(clip(10))
    web = node(
        "Transcode",
        "out/${InputName}.${Ext}",
        Container={"Format": "mp4"},
        Video={"Codec": "H.264", "Width": "640", "Height": "480", "Preset": "slower"},
    )
    cloud = Cloud(server.client())
    workflow_id = cloud.create_workflow(topology({"Web": web}, {"Start": "Web", "Web": "End"}))
    job_id = cloud.create_job(workflow_id, {"Prefix": "in/"})
    programs = wait_until(server.media_programs, "ffmpeg to work")

    for worker in cluster.workers():
        os.kill(worker, signal.SIGKILL)

    wait_until(lambda: not programs & server.media_programs(), "ffmpeg to end with its worker")
    detail = cloud.wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=1))
    assert probe((bucket / "out/clip.mp4").read_bytes()).size == (640, 480)


def test_server_told_to_end_leaves_its_ray_empty(
    server: Server, bucket: Path, cluster: RayCluster
) -> None:
    """Ended politely in the middle of a job, a server takes all of it back; the next goes on."""
    fill(bucket, OBJECTS)
    job_id = start_job(server)
    await_first(server)

    code = server.terminate()

    assert code == 0
    assert ended(server.data) < OBJECTS
    wait_until(lambda: not cluster.workers(), "its workers to stop")
    server.start()
    check_all(server, bucket, job_id)


def test_server_with_a_ray_of_its_own(tmp_path: Path, bucket: Path) -> None:
    """`--engine ray` alone starts a Ray, runs a job on it, and takes it down at the end."""
    require_ray()
    fill(bucket, OBJECTS)
    server = Server(tmp_path, bucket.as_uri(), options=["--engine", "ray"])
    server.start()
    try:
        check_all(server, bucket, start_job(server))

        assert server.terminate() == 0
    finally:
        server.kill()


def test_server_with_a_ray_of_its_own_reaches_s3(tmp_path: Path, s3: S3Server) -> None:
    """Workers of that Ray find the credentials of a store in the server's environment."""
    require_ray()
    server = Server(
        tmp_path,
        s3_url(s3, "input"),
        environment=s3_environment(s3),
        options=["--engine", "ray"],
    )
    server.start()
    try:
        cloud = Cloud(server.client())
        for number in range(5):
            cloud.put(f"in/{number}.png", picture(16, 16, seed=number))

        detail = cloud.wait(start_job(server), seconds=JOB_SECONDS)

        assert detail["Counters"] == counters(succeeded=5)
        assert [look(cloud.get(key)) for key in cloud.keys("out/")] == [("PNG", (8, 8))] * 5
    finally:
        server.kill()
