"""The installed program on a real PostgreSQL database, alone and in company."""

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.media import picture
from tests.e2e.sdk import Cloud, counters, hashing, shrinking
from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, PROGRAM, STOP_SECONDS, Server
from tests.postgres import PostgresServer
from tests.waiting import wait_until

OBJECTS = 3000
KILLS = 4
JOB_SECONDS = 240.0
MASTER_KEY = "0f" * 32
KEYS = {"PENSTOCK_MASTER_KEY": MASTER_KEY}


class Engine:
    """`penstock engine` as a process."""

    def __init__(self, folder: Path, url: str) -> None:
        """Start it."""
        self.log = folder / "engine.log"
        command = [
            *(*PROGRAM, "engine", "--data", str(folder / "engine"), "--database", url),
            *("--workers", "2"),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)

    def is_running(self) -> bool:
        """Whether it says that it drives jobs."""
        assert self.process.poll() is None, self.log.read_text()
        return "the engine is running" in self.log.read_text()

    def terminate(self) -> int:
        """Ask it to drain and end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it as `kill -9` does; safe when it has ended."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder that is the bucket."""
    folder = tmp_path / "bucket"
    (folder / "in").mkdir(parents=True)
    return folder


def make_server(folder: Path, bucket: Path, url: str, *, workers: int = 2) -> Server:
    """A server on a database that is not started yet."""
    folder.mkdir(exist_ok=True)
    return Server(
        folder,
        bucket.as_uri(),
        environment=KEYS,
        workers=workers,
        options=["--database", url],
    )


@pytest.fixture
def server(tmp_path: Path, bucket: Path, postgres_url: str) -> Iterator[Server]:
    """A server that is not started yet."""
    made = make_server(tmp_path / "first", bucket, postgres_url)
    yield made
    made.kill()


def fill(bucket: Path, number: int) -> None:
    """Put many small pictures below `in/`."""
    contents = [picture(16, 16, seed=seed) for seed in range(64)]
    for index in range(number):
        (bucket / f"in/{index:05}.png").write_bytes(contents[index % 64])


def fetch(url: str, query: str) -> Any:  # noqa: ANN401  # one row of any kind
    """One row of the database."""
    with closing(psycopg.connect(url)) as connection:
        return connection.execute(query).fetchone()


def ended(url: str) -> int:
    """How many executions are recorded."""
    return int(fetch(url, "SELECT count(*) FROM executions")[0])


def check_records(url: str, number: int) -> None:
    """Every object is recorded once, and every recorded address is one of the plan."""
    query = (
        "SELECT count(*), count(DISTINCT object_key), count(DISTINCT (chunk, position)), "
        "string_agg(DISTINCT state, ',') FROM executions"
    )
    assert fetch(url, query) == (number, number, number, "Success")
    planned = "SELECT sum(size), sum(size) FILTER (WHERE state = 'Sealed') FROM chunks"
    assert fetch(url, planned) == (number, number)


def start_job(server: Server) -> str:
    """Start a job over `in/` that makes a picture of each; its id."""
    cloud = Cloud(server.client())
    workflow_id = cloud.create_workflow(shrinking("out/${InputName}.png"))
    return cloud.create_job(workflow_id, {"Prefix": "in/"})


@pytest.mark.slow
def test_server_on_postgres_serves_the_sdk(server: Server, bucket: Path) -> None:
    """Objects, workflows, a job and its executions go the way they go on SQLite."""
    (bucket / "in/a.txt").write_text("a")
    server.start()
    cloud = Cloud(server.client())
    cloud.put("in/b.txt", b"b")
    workflow_id = cloud.create_workflow(hashing())

    job_id = cloud.create_job(workflow_id, {"Prefix": "in/"})

    assert cloud.wait(job_id)["Counters"] == counters(succeeded=2)
    assert cloud.objects(job_id) == ["in/a.txt", "in/b.txt"]
    for entry in cloud.executions(BatchJobId=job_id):
        assert cloud.execution(entry["RunId"])["State"] == "Success"
    assert not (server.data / "penstock.db").exists()
    assert server.terminate() == 0, server.log()


@pytest.mark.slow
def test_server_on_postgres_killed_again_and_again_loses_nothing(
    server: Server, bucket: Path, postgres_url: str
) -> None:
    """Every object is recorded once, whenever the server of its job is killed."""
    fill(bucket, OBJECTS)
    moments = random.Random(20240502)  # noqa: S311  # the same moments in every run
    server.start()
    job_id = start_job(server)

    for number in range(KILLS):
        goal = OBJECTS * (number + 1) // (KILLS + 2) + moments.randrange(100)
        wait_until(lambda goal=goal: ended(postgres_url) > goal, "it to go on", JOB_SECONDS)  # type: ignore[misc]
        server.kill()
        assert ended(postgres_url) < OBJECTS, "the job ended before it could be disturbed"
        server.start()

    detail = Cloud(server.client()).wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=OBJECTS))
    check_records(postgres_url, OBJECTS)
    assert len(list((bucket / "out").iterdir())) == OBJECTS


@pytest.mark.slow
def test_servers_and_engines_share_a_database(
    server: Server, bucket: Path, postgres_url: str, tmp_path: Path
) -> None:
    """Two servers answer for the same jobs, and an engine takes over what a killed one drove."""
    fill(bucket, OBJECTS)
    second = make_server(tmp_path / "second", bucket, postgres_url)
    engine = None
    try:
        server.start()
        job_id = start_job(server)
        wait_until(lambda: ended(postgres_url) > 50, "the first executions", JOB_SECONDS)
        second.start()
        seen = Cloud(second.client()).job(job_id)

        server.kill()
        second.kill()
        before = ended(postgres_url)
        engine = Engine(tmp_path, postgres_url)
        wait_until(engine.is_running, "the engine to run")
        state = "SELECT state FROM jobs"
        wait_until(lambda: fetch(postgres_url, state)[0] == "Success", "the end", JOB_SECONDS)

        assert seen["State"] == "Running"
        assert before < OBJECTS
        check_records(postgres_url, OBJECTS)
        assert engine.terminate() == 0
    finally:
        second.kill()
        if engine is not None:
            engine.kill()


@pytest.mark.slow
def test_server_outlives_a_restart_of_its_database(
    server: Server, bucket: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    """A restart of the database costs a job some seconds, and none of its objects."""
    fill(bucket, OBJECTS)
    server.start()
    job_id = start_job(server)
    wait_until(lambda: ended(postgres_url) > 50, "the first executions", JOB_SECONDS)

    postgres.restart()

    assert ended(postgres_url) < OBJECTS, "the job ended before it could be disturbed"
    wait_until(lambda: is_answered(server, job_id), "an answer")
    detail = Cloud(server.client()).wait(job_id, seconds=JOB_SECONDS)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=OBJECTS))
    check_records(postgres_url, OBJECTS)
    assert server.terminate() == 0, server.log()


def is_answered(server: Server, job_id: str) -> bool:
    """Whether the server can tell of a job again."""
    try:
        Cloud(server.client()).job(job_id)
    except Exception:  # noqa: BLE001  # whatever the SDK makes of a 503
        return False
    return True


@pytest.mark.slow
def test_server_with_another_master_key_is_refused(
    server: Server, bucket: Path, postgres_url: str, tmp_path: Path
) -> None:
    """A second server with another key ends with exit code 2, and names the variable."""
    server.start()

    done = subprocess.run(
        [
            *(*PROGRAM, "serve", "--data", str(tmp_path / "other"), "--listen", "127.0.0.1:0"),
            *("--database", postgres_url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
        env={
            "PENSTOCK_MASTER_KEY": "1e" * 32,
            "PENSTOCK_SECRET_ID": ACCESS_KEY_ID,
            "PENSTOCK_SECRET_KEY": ACCESS_KEY,
        },
    )

    assert done.returncode == 2
    assert "PENSTOCK_MASTER_KEY" in done.stderr


@pytest.mark.slow
def test_keys_are_managed_on_postgres_beside_its_servers(
    server: Server, postgres_url: str, tmp_path: Path
) -> None:
    """A key that is made from another place counts at once, and ends at once."""
    server.start()

    def keys(*words: str) -> str:
        command = [*PROGRAM, "keys", *words, "--database", postgres_url]
        done = subprocess.run(
            [*command, "--data", str(tmp_path / "nowhere")],
            capture_output=True,
            text=True,
            check=True,
            timeout=STOP_SECONDS,
            env=KEYS,
        )
        return done.stdout

    policy = {"effect": "allow", "action": ["*"], "resource": "*"}
    (tmp_path / "policy.json").write_text(json.dumps({"version": "2.0", "statement": [policy]}))

    made = json.loads(
        keys("make", "ann", "--policy", str(tmp_path / "policy.json"), "--output", "json")
    )
    client = server.client(secret_id=made["secret_id"], secret=made["secret_key"])
    Cloud(client).create_workflow(hashing())
    keys("revoke", made["secret_id"])

    with pytest.raises(Exception, match="SecretidNotExist"):
        Cloud(client).create_workflow(hashing())
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (("engine",), "database: must be given"),
        (("serve", "--database", "mysql://host/name"), "database"),
        (("bench", "control-plane", "--database", "sqlite:///a"), "postgresql://"),
        (("keys", "adopt"), "database: must be given"),
    ],
)
def test_commands_tell_what_is_wrong_with_a_database(
    tmp_path: Path, command: tuple[str, ...], fault: str
) -> None:
    """A missing or wrong URL is bad usage, told in one line."""
    done = subprocess.run(
        [*PROGRAM, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
        cwd=tmp_path,
    )

    assert done.returncode == 2
    assert fault in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_bench_on_postgres_leaves_nothing_behind(postgres_url: str) -> None:
    """The control plane is measured beside bare COPY, in a schema that is gone afterwards."""
    command = [*PROGRAM, "bench", "control-plane", "--objects", "2000", "--workers", "1"]

    done = subprocess.run(
        [*command, "--database", postgres_url],
        capture_output=True,
        text=True,
        check=True,
        timeout=JOB_SECONDS,
    )

    words = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert (words["objects"], words["database"]) == ("2,000", "PostgreSQL")
    assert float(words["ratio"]) > 0
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'penstock%'"
    assert fetch(postgres_url, schemas) == (0,)
    assert ended(postgres_url) == 0
