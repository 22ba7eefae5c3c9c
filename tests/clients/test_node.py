"""The vendor's Node.js SDK, unmodified, against a running server in each way of addressing it."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.media import picture, tone
from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, BUCKET, REGION, Server

HERE = Path(__file__).parent / "node"
SECONDS = 120
MODES = ("url", "ip", "proxy")

pytestmark = pytest.mark.slow

Answers = dict[str, Any]


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDK, installed from the pinned lock file, the scripts and media."""
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI") == "true":
            pytest.fail("npm is missing, and CI must run the Node.js SDK")
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    for path in HERE.iterdir():
        shutil.copy(path, folder)
    (folder / "tone.wav").write_bytes(tone())
    (folder / "picture.png").write_bytes(picture())
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


@pytest.fixture(scope="module", params=MODES)
def drive(
    request: pytest.FixtureRequest, node_folder: Path, server: Server
) -> Callable[[str], Answers]:
    """Plays a scenario of the scripts in one way of addressing, and gives its answers."""
    mode: str = request.param
    return lambda scenario: _drive(node_folder, server, mode, scenario)


def test_node_sdk_drives_objects_workflows_and_batch_jobs(
    drive: Callable[[str], Answers],
) -> None:
    """A program that uses the Node.js SDK runs a batch job and reads every answer."""
    answers = drive("everyday")

    assert answers["read"] == answers["text"]
    assert answers["renamed"]["Name"] == answers["workflow"]["Name"] + "-2"
    assert answers["found"] == answers["renamed"]
    assert answers["made"]["State"] == "Submitted"
    assert answers["job"]["State"] == "Success"
    assert answers["listed"]["JobsDetail"]["JobId"] == answers["job"]["JobId"]
    assert answers["listed"]["NextToken"] == ""
    assert answers["run"]["Object"].endswith("/everyday/a b.txt")
    task = answers["detail"]["Tasks"]
    assert task["State"] == "Success"
    assert len(task["FileHashCodeResult"]["MD5"]) == 32
    assert answers["cancelStatus"] == 200
    assert answers["unknown"]["code"] == "ResourceNotFound"
    assert answers["unknown"]["requestId"]
    assert answers["active"]["RequestId"]
    assert answers["forbidden"]["code"] == "ActiveWorkflowForbiddenUpdate"
    assert answers["deleted"]["WorkflowId"] == answers["workflow"]["WorkflowId"]


def test_node_sdk_drives_templates(drive: Callable[[str], Answers]) -> None:
    """A template is created, found by its name, changed, deleted, and then unknown."""
    answers = drive("templates")

    made, changed = answers["made"], answers["changed"]
    assert answers["listed"] == made
    assert (changed["TemplateId"], changed["Name"]) == (made["TemplateId"], made["Name"])
    assert "SHA1" in json.dumps(changed)
    assert "mp4-640" in answers["officialNames"]
    assert answers["deleted"]["TemplateId"] == made["TemplateId"]
    assert _outcome(answers["gone"]) == (400, "TemplateNotFound")


def test_node_sdk_drives_queues(drive: Callable[[str], Answers]) -> None:
    """A queue is paused, a job that waits in it is cancelled, and the queue is resumed."""
    answers = drive("queues")

    assert answers["listed"]["TotalCount"] == "1"
    assert answers["paused"]["QueueId"] == answers["listed"]["QueueList"]["QueueId"]
    assert (answers["paused"]["State"], answers["resumed"]["State"]) == ("Paused", "Active")
    assert answers["held"]["State"] == "Pause"
    assert answers["cancelStatus"] == 200
    assert answers["cancelled"]["State"] == "Cancel"


def test_node_sdk_drives_single_jobs(drive: Callable[[str], Answers]) -> None:
    """Jobs made at each door end well, are found, listed, and no longer cancelled."""
    answers = drive("singleJobs")

    assert [job["State"] for job in answers["made"]] == ["Submitted"] * 3
    file, media, small = answers["file"], answers["media"], answers["picture"]
    assert [job["State"] for job in (file, media, small)] == ["Success"] * 3
    hashed = file["Operation"]["FileHashCodeResult"]
    assert hashed["MD5"] == "900150983cd24fb0d6963f7d28e17f72"
    assert media["Operation"]["MediaInfo"]["Stream"]["Audio"]["CodecName"] == "pcm_s16le"
    assert small["Operation"]["PicProcessResult"]["ObjectName"].endswith("/small.png")
    assert answers["pictureStart"] == "PNG"
    assert answers["atDoors"] == [file, small]
    assert media["JobId"] in answers["listedIds"]
    assert file["JobId"] not in answers["listedIds"]
    assert _outcome(answers["late"]) == (400, "InvalidArgument")
    assert answers["unknown"] == "j0"
    assert _outcome(answers["wrongDoor"]) == (400, "InvalidArgument")


def test_node_sdk_drives_batches_of_one_operation(drive: Callable[[str], Answers]) -> None:
    """A batch job of type Job runs its operation over every object, and is listed as such."""
    answers = drive("batchOfOneOperation")

    job = answers["job"]
    assert (job["State"], job["Type"]) == ("Success", "Job")
    assert job["JobId"] == answers["made"]["JobId"]
    assert (job["Counters"]["Total"], job["Counters"]["Succeeded"]) == ("2", "2")
    assert job["JobId"] in answers["listedIds"]


def test_node_sdk_drives_activation(drive: Callable[[str], Answers]) -> None:
    """A family is listed, closed and opened once, and opening it twice is refused."""
    answers = drive("activation")

    assert answers["media"]["MediaBucketList"]["BucketId"] == BUCKET
    assert answers["closed"]["BucketName"] == BUCKET
    assert _outcome(answers["refusedWhileClosed"]) == (400, "FileBucketUnBinded")
    assert answers["opened"]["FileBucket"]["BucketId"] == BUCKET
    assert _outcome(answers["again"]) == (403, "FileBucketAlreadyBinded")


def test_node_sdk_drives_triggers_and_pages(drive: Callable[[str], Answers]) -> None:
    """Triggered executions and single jobs are listed in pages, without loss or repetition."""
    answers = drive("triggersAndPages")

    run_pages, job_pages = answers["runPages"], answers["jobPages"]
    assert run_pages == [answers["runIds"][:2], answers["runIds"][2:]]
    keys = itertools.chain.from_iterable(answers["objectPages"])
    assert [key.rpartition("/")[2] for key in keys] == ["a b", "+", "黑"]
    assert all(len(page) == 2 for page in job_pages[:-1])
    jobs = list(itertools.chain.from_iterable(job_pages))
    assert len(set(jobs)) == len(jobs)
    assert [job for job in jobs if job in answers["jobIds"]] == answers["jobIds"]
    assert _outcome(answers["missing"]) == (400, "ResourceNotFound")


def _outcome(refusal: Answers) -> tuple[int, str]:
    return refusal["status"], refusal["code"]


def _drive(folder: Path, server: Server, mode: str, scenario: str) -> Answers:
    config = {
        "scenario": scenario,
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
    answers: Answers = json.loads(done.stdout)
    return answers
