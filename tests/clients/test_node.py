"""The vendor's Node.js SDK, unmodified, against a running server in each way of addressing it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, BUCKET, REGION, Server

HERE = Path(__file__).parent / "node"
SECONDS = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDK installed from the pinned lock file."""
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI") == "true":
            pytest.fail("npm is missing, and CI must run the Node.js SDK")
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    for path in HERE.iterdir():
        shutil.copy(path, folder)
    subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server over one folder."""
    folder = tmp_path_factory.mktemp("node-server")
    (folder / "bucket").mkdir()
    running = Server(folder, (folder / "bucket").as_uri())
    running.start()
    yield running
    assert running.terminate() == 0


@pytest.mark.parametrize("mode", ["url", "ip", "proxy"])
def test_node_sdk_drives_objects_workflows_and_batch_jobs(
    node_folder: Path, server: Server, mode: str
) -> None:
    """A program that uses the Node.js SDK runs a batch job and reads every answer."""
    answers = _drive(node_folder, server, mode)

    assert answers["read"] == answers["text"]
    assert answers["made"]["State"] == "Submitted"
    assert answers["job"]["State"] == "Success"
    assert answers["listed"]["JobsDetail"]["JobId"] == answers["job"]["JobId"]
    assert answers["listed"]["NextToken"] == ""
    assert answers["run"]["Object"] == f"node/{mode}/a b.txt"
    task = answers["detail"]["Tasks"]
    assert task["State"] == "Success"
    assert len(task["FileHashCodeResult"]["MD5"]) == 32
    assert answers["cancelStatus"] == 200
    assert answers["unknown"]["code"] == "ResourceNotFound"
    assert answers["unknown"]["requestId"]
    assert answers["active"]["RequestId"]
    assert answers["forbidden"]["code"] == "ActiveWorkflowForbiddenUpdate"
    assert answers["deleted"]["WorkflowId"] == answers["workflow"]["WorkflowId"]


def _drive(folder: Path, server: Server, mode: str) -> dict[str, Any]:
    config = {
        "mode": mode,
        "port": server.port,
        "bucket": BUCKET,
        "region": REGION,
        "secretId": ACCESS_KEY_ID,
        "secretKey": ACCESS_KEY,
        "deadlineSeconds": SECONDS / 2,
    }
    done = subprocess.run(
        ["node", "drive.js", json.dumps(config)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers
