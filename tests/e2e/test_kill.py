"""Nothing is lost or recorded twice, whichever processes are killed, at whatever moment."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.media import clip, look, picture, probe
from tests.e2e.runs import open_state
from tests.e2e.sdk import Cloud, counters, node, shrinking, topology
from tests.e2e.servers import Server
from tests.waiting import wait_until

OBJECTS = 5000
KILLS = 8
WORKERS = 2 + 1  # one more takes single triggers only
JOB_SECONDS = 240.0
PARTIAL = ".penstock-partial"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder that is the bucket."""
    folder = tmp_path / "bucket"
    (folder / "in").mkdir(parents=True)
    return folder


@pytest.fixture
def server(tmp_path: Path, bucket: Path) -> Iterator[Server]:
    """A server that is not started yet."""
    made = Server(tmp_path, bucket.as_uri())
    yield made
    made.kill()


def fill(bucket: Path, number: int) -> None:
    """Put many small pictures, no two alike, below `in/`."""
    contents = [picture(16, 16, seed=seed) for seed in range(256)]
    for index in range(number):
        (bucket / f"in/{index:05}.png").write_bytes(contents[index % 256])


def start_job(server: Server) -> str:
    """Start a job over `in/` that makes a picture of each; its id."""
    cloud = Cloud(server.client())
    workflow_id = cloud.create_workflow(shrinking("out/${InputName}.png"))
    return cloud.create_job(workflow_id, {"Prefix": "in/"})


def ended(data: Path) -> int:
    """How many executions are recorded."""
    with closing(open_state(data)) as state:
        (rows,) = state.execute("SELECT count(*) FROM executions").fetchone()
    return int(rows)


def pass_time(seconds: float, unless: Callable[[], bool] = lambda: False) -> None:
    """Let a random time pass, or less when a condition holds."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until or unless(), "a random moment")


def kill_at_work(server: Server, bucket: Path, moments: random.Random, most: int) -> None:
    """Kill a server up to two seconds after it began to publish, in the middle of its chunks.

    Args:
        most: Kill it at once when more executions than these are recorded.
    """
    out = bucket / "out"
    before = out.stat().st_mtime_ns if out.exists() else 0
    wait_until(
        lambda: out.exists() and out.stat().st_mtime_ns != before, "it to publish", JOB_SECONDS
    )
    pass_time(moments.uniform(0, 2.2), unless=lambda: ended(server.data) > most)
    server.kill()
    assert ended(server.data) < OBJECTS, "the job ended before it could be disturbed"


def kill_at_start(server: Server, moments: random.Random) -> None:
    """Kill a server while it starts and takes back what the one before it held."""
    server.launch()
    pass_time(moments.uniform(0.2, 1.5))
    server.kill()


def check_records(data: Path, number: int) -> None:
    """Every object is recorded once, and every recorded address is one of the plan."""
    with closing(open_state(data)) as state:
        (rows, keys, states) = state.execute(
            "SELECT count(*), count(DISTINCT object_key), group_concat(DISTINCT state) "
            "FROM executions"
        ).fetchone()
        (addresses,) = state.execute(
            "SELECT count(*) FROM (SELECT DISTINCT chunk, position FROM executions)"
        ).fetchone()
        (planned, sealed) = state.execute(
            "SELECT sum(size), sum(CASE state WHEN 'Sealed' THEN size END) FROM chunks"
        ).fetchone()
        (faults,) = state.execute("PRAGMA integrity_check").fetchone()
    assert (rows, keys, addresses, states) == (number, number, number, "Success")
    assert (planned, sealed) == (number, number)
    assert faults == "ok"


def check_outputs(bucket: Path, number: int) -> None:
    """Every output is there and decodes, and nothing else is."""
    found = {path.relative_to(bucket).parts[0] for path in bucket.rglob("*")}
    assert found <= {"in", "out", PARTIAL}
    assert {path.name for path in (bucket / "out").iterdir()} == {
        f"{index:05}.png" for index in range(number)
    }
    for path in (bucket / "out").iterdir():
        assert look(path.read_bytes()) == ("PNG", (8, 8))


@pytest.mark.slow
def test_server_killed_again_and_again_loses_nothing(server: Server, bucket: Path) -> None:
    """A job over thousands of objects survives kills of its server at random moments."""
    fill(bucket, OBJECTS)
    server.start()
    job_id = start_job(server)
    moments = random.Random(20240501)  # noqa: S311  # the same moments in every run

    for number in range(KILLS):
        kill_at_work(server, bucket, moments, most=OBJECTS * (number + 1) // (KILLS + 1))
        if number % 4 == 3:
            kill_at_start(server, moments)
        server.start()

    cloud = Cloud(server.client())
    detail = cloud.wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Message"]) == ("Success", None)
    assert detail["Counters"] == counters(succeeded=OBJECTS)
    check_records(server.data, OBJECTS)
    check_outputs(bucket, OBJECTS)
    assert len(cloud.executions(BatchJobId=job_id)) == OBJECTS
    assert server.terminate() == 0
    for path in (bucket / PARTIAL).glob("*"):
        os.utime(path, (0, 0))
    server.start()
    assert not (bucket / PARTIAL).exists()
    assert list((server.data / "scratch").iterdir()) == []
    check_outputs(bucket, OBJECTS)


@pytest.mark.slow
def test_killed_workers_are_replaced_and_their_objects_succeed(
    server: Server, bucket: Path
) -> None:
    """Workers killed at random while a job runs cost time, but no object."""
    number = 3000
    fill(bucket, number)
    server.start()
    job_id = start_job(server)
    moments = random.Random(7)  # noqa: S311  # the same moments in every run
    wait_until(lambda: ended(server.data) > 0, "the first executions", JOB_SECONDS)

    for _ in range(5):
        wait_until(lambda: len(server.workers()) == WORKERS, "all workers")
        victim = moments.choice(sorted(server.workers()))
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda gone=victim: gone not in server.workers(), "it to be gone")  # type: ignore[misc]
        pass_time(moments.uniform(0.1, 0.6))
    assert ended(server.data) < number, "the job ended before it could be disturbed"

    cloud = Cloud(server.client())
    detail = cloud.wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=number))
    check_records(server.data, number)
    check_outputs(bucket, number)
    assert len(server.workers()) == WORKERS


@pytest.mark.slow
def test_killed_server_takes_its_ffmpeg_with_it(server: Server, bucket: Path) -> None:
    """No ffmpeg outlives a killed server or worker, and the transcode is done in the end."""
    (bucket / "in/clip.mp4").write_bytes(clip(10))
    web = node(
        "Transcode",
        "out/${InputName}.${Ext}",
        Container={"Format": "mp4"},
        Video={"Codec": "H.264", "Width": "640", "Height": "480", "Preset": "slower"},
    )
    server.start()
    cloud = Cloud(server.client())
    workflow_id = cloud.create_workflow(topology({"Web": web}, {"Start": "Web", "Web": "End"}))
    job_id = cloud.create_job(workflow_id, {"Prefix": "in/"})
    wait_until(server.media_programs, "ffmpeg to work")

    server.kill()
    wait_until(lambda: not server.media_programs(), "ffmpeg to end with the server")
    server.start()
    wait_until(server.media_programs, "ffmpeg to work again")
    before = server.media_programs()
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not before & server.media_programs(), "ffmpeg to end with its worker")

    cloud = Cloud(server.client())
    detail = cloud.wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=1))
    assert probe((bucket / "out/clip.mp4").read_bytes()).size == (640, 480)


@pytest.mark.slow
def test_server_told_to_end_gives_back_what_it_has_not_done(server: Server, bucket: Path) -> None:
    """Ended politely in the middle of a job, a server leaves with code 0; the next goes on."""
    number = 3000
    fill(bucket, number)
    server.start()
    job_id = start_job(server)
    wait_until(lambda: ended(server.data) > 0, "the first executions", JOB_SECONDS)

    code = server.terminate()

    assert code == 0
    assert ended(server.data) < number
    with closing(open_state(server.data)) as state:
        states = {row[0] for row in state.execute("SELECT DISTINCT state FROM chunks")}
    assert states <= {"Planned", "Sealed"}
    assert not list((bucket / PARTIAL).glob("*"))
    server.start()
    detail = Cloud(server.client()).wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=number))
    check_records(server.data, number)
    check_outputs(bucket, number)
