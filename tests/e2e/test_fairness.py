"""Small jobs beside large ones, on the installed program."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.sdk import Cloud, counters, hashing, node, topology
from tests.e2e.servers import BUCKET, Server

OBJECTS = 40
OBJECT_BYTES = 64 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with one ordinary worker, over files that take a while to hash."""
    bucket = tmp_path / "bucket"
    (bucket / "in").mkdir(parents=True)
    for number in range(OBJECTS):
        (bucket / f"in/{number:02}.bin").touch()
        os.truncate(bucket / f"in/{number:02}.bin", OBJECT_BYTES)
    made = Server(tmp_path, bucket.as_uri(), workers=1)
    made.start()
    yield made
    made.kill()


@pytest.mark.slow
def test_single_trigger_ends_while_a_batch_runs(server: Server) -> None:
    """One object that comes later is done while a batch keeps every ordinary worker busy."""
    cloud = Cloud(server.client())
    batch = cloud.create_job(cloud.create_workflow(hashing(), "batch"), {"Prefix": "in/"})
    single = cloud.create_workflow(
        topology({"one": node("Noop")}, {"Start": "one", "one": "End"}), "single"
    )

    answer = cloud.client.ci_trigger_workflow(Bucket=BUCKET, WorkflowId=single, Key="in/00.bin")
    execution = cloud.wait_execution(answer["InstanceId"])
    meanwhile = cloud.job(batch)

    assert execution["State"] == "Success"
    assert meanwhile["State"] in {"Submitted", "Running"}
    assert cloud.wait(batch)["Counters"] == counters(succeeded=OBJECTS)
