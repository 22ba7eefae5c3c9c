"""Nodes that leave the service: a real server, the SDK, and a function over HTTP."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.wire.callbacks import sign_body
from tests.e2e.media import look, picture
from tests.e2e.runs import Run, summary
from tests.e2e.sdk import Answer, Cloud, as_list, made, node, tasks, topology
from tests.e2e.servers import BUCKET, Server
from tests.receiver import Answered, Received, Receiver, receive
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SECRET = "of-callbacks-and-functions"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A running function."""
    with receive() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """A server that knows one function."""
    folder = tmp_path_factory.mktemp("server")
    environment = {
        "PENSTOCK_FUNCTIONS": json.dumps({"mirror": receiver.url("/mirror?token=t")}),
        "PENSTOCK_CALLBACK_SECRET": SECRET,
    }
    found = Server(folder, (folder / "bucket").as_uri(), environment=environment)
    try:
        found.start()
        yield found
        assert found.terminate() == 0, found.log()
    finally:
        found.kill()


@pytest.fixture
def cloud(server: Server) -> Cloud:
    """The SDK over the server."""
    return Cloud(server.client())


def calling(**behind: str) -> Answer:
    """A topology of one call of the function, and of a node behind it."""
    small = node("PicProcess", "small/${InputName}.png", **behind)
    return topology(
        {"Call": node("SCF", FunctionName="mirror", Region="ap-x"), "Small": small},
        {"Start": "Call", "Call": "Small", "Small": "End"},
    )


def test_function_works_between_two_nodes(cloud: Cloud, receiver: Receiver) -> None:
    """It reads and writes objects like any client, and what it names flows on to the next node."""

    def mirror(request: Received) -> Answered:
        found = request.json()["ObjectInfo"]
        assert found["BucketId"] == BUCKET
        key = f"made/{found['Object'].rpartition('/')[2]}"
        cloud.put(key, cloud.get(found["Object"]))
        return Answered(body=json.dumps({"Objects": [key]}).encode())

    receiver.answer = mirror
    cloud.put("in/a.png", picture(32, 16))
    workflow = cloud.create_workflow(calling(ProcessRule="imageMogr2/thumbnail/8x8"))

    job = cloud.wait(cloud.create_job(workflow, {"Object": "in/a.png"}))

    found = tasks(cloud.only_execution(str(job["JobId"])))
    assert {task["State"] for task in found.values()} == {"Success"}
    (told,) = made(found["Call"])
    (small,) = made(found["Small"])
    assert (told["ObjectName"], told["InputObjectName"]) == ("made/a.png", "in/a.png")
    assert (small["ObjectName"], small["InputObjectName"]) == ("small/a.png", "made/a.png")
    assert look(cloud.get("small/a.png"))[1] == (8, 4)
    request = receiver.received[-1]
    time_ms = int(request.headers["x-penstock-signature"].partition(",")[0][2:]) * 1000
    assert request.headers["x-penstock-signature"] == sign_body(SECRET, time_ms, request.body)
    assert request.json()["JobId"] == found["Call"]["JobId"]


def test_function_that_the_server_does_not_know_is_refused(cloud: Cloud) -> None:
    """A workflow with another name is not stored."""
    tree = topology({"Call": node("SCF", FunctionName="lost")}, {"Start": "Call", "Call": "End"})

    with pytest.raises(Exception, match="there is no function 'lost'; the setting functions"):
        cloud.create_workflow(tree)


def test_function_in_silence_does_not_hold_up_a_cancellation(
    cloud: Cloud, receiver: Receiver, server: Server
) -> None:
    """A job whose function says nothing is cancelled before it answers, and no worker dies."""
    end = threading.Event()

    def wait(_request: Received) -> Answered:
        end.wait()
        return Answered()

    receiver.answer = wait
    before, workers = len(receiver.received), server.workers()
    cloud.put("in/a.png", picture(32, 16))
    workflow = cloud.create_workflow(calling(ProcessRule="imageMogr2/thumbnail/8x8"))
    job = cloud.create_job(workflow, {"Object": "in/a.png"})
    try:
        wait_until(lambda: len(receiver.received) > before, "the call")

        cloud.client.ci_delete_inventory_trigger_jobs(Bucket=BUCKET, JobId=job)
        cloud.wait(job, "Cancel")
    finally:
        end.set()

    assert server.workers() == workers


def test_condition_decides_over_many_objects(cloud: Cloud) -> None:
    """Over a prefix the large pictures are shrunk, the others left out, and all have succeeded."""
    sizes = {"wide": 64, "wider": 128, "narrow": 16}
    for name, width in sizes.items():
        cloud.put(f"choose/{name}.png", picture(width, 16))
    small = node("PicProcess", "chosen/${InputName}.png", ProcessRule="imageMogr2/thumbnail/8x8")
    tree = topology(
        {"Wide": node("Condition", Express="ImageWidth >= 64"), "Small": small},
        {"Start": "Wide", "Wide": "Small", "Small": "End"},
    )

    batch = cloud.create_job(cloud.create_workflow(tree), {"Prefix": "choose/"})
    job = cloud.wait(batch)

    assert job["State"] == "Success"
    assert cloud.keys("chosen/") == ["chosen/wide.png", "chosen/wider.png"]
    judged = {}
    for entry in cloud.executions(BatchJobId=batch):
        execution = cloud.execution(str(entry["RunId"]))
        assert execution["State"] == "Success"
        (told,) = as_list(tasks(execution)["Wide"]["JudgementInfo"]["JudgementResult"])
        judged[told["ObjectName"]] = (told["State"], told["InputObjectInfo"]["ImageWidth"])
    assert judged == {
        "choose/wide.png": ("Success", "64"),
        "choose/wider.png": ("Success", "128"),
        "choose/narrow.png": ("Failed", "16"),
    }


def test_condition_decides_in_a_run(tmp_path: Path) -> None:
    """A workflow file says the same in a word, and the report tells why an object was left out."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "wide.png").write_bytes(picture(64, 16))
    (source / "narrow.png").write_bytes(picture(16, 16))
    report = tmp_path / "report.jsonl"
    workflow = """\
name: choose
nodes:
  wide:
    type: Condition
    when: ImageWidth > 32 && Ext in ['png', 'jpg']
  small:
    type: PicProcess
    after: wide
    params: {ProcessRule: imageMogr2/thumbnail/8x8/format/png}
    output: ${InputName}.png
"""
    run = Run(tmp_path, source, tmp_path / "out", "--report", report, workflow=workflow)

    ended = run()

    assert ended.code == 0, ended
    rows = {row["key"]: row for row in map(json.loads, report.read_text().splitlines())}
    assert (ended.code, summary(ended)) == (0, (2, 0, 0))
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["wide.png"]
    assert rows["narrow.png"]["message"] == "skipped: small"
    assert rows["narrow.png"]["facts"]["wide"]["JudgementResult"][0]["State"] == "Failed"


def test_function_serves_a_run(tmp_path: Path, receiver: Receiver) -> None:
    """Without a server the same settings count; a function that fails is called again."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.bin").write_bytes(b"abc")
    answers = [Answered(status=503), Answered(body=b"{}")]
    receiver.answer = lambda _request: answers.pop(0)
    before = len(receiver.received)
    workflow = "name: call\nnodes:\n  work: {type: SCF, params: {FunctionName: mirror}}\n"
    environment = {"PENSTOCK_FUNCTIONS": json.dumps({"mirror": receiver.url("/mirror")})}
    run = Run(tmp_path, source, tmp_path / "out", workflow=workflow, environment=environment)

    ended = run()
    unknown = workflow.replace("mirror", "lost")
    refused = Run(tmp_path, source, tmp_path / "out", workflow=unknown)()

    first, second = receiver.received[before:]
    assert (ended.code, refused.code) == (0, 2)
    assert first.event_id == second.event_id
    assert "work: there is no function 'lost'; the setting functions has none" in refused.prose
