"""Callbacks arrive as the reference has them, and survive the death of the server."""

import hmac
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosServiceError

from penstock.domain.addresses import parse_allowed
from penstock.domain.trees import Tree
from penstock.engine.sender import HttpSender
from penstock.wire.callbacks import sign_body
from tests.e2e.media import picture
from tests.e2e.runs import open_state
from tests.e2e.sdk import XML, Cloud, hashing, shrinking
from tests.e2e.servers import BUCKET, Server
from tests.receiver import Answered, Received, Receiver, receive
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SECRET = "what-receivers-know"  # of these tests
SETTINGS = {
    "PENSTOCK_CALLBACK_ALLOW": "127.0.0.1",
    "PENSTOCK_CALLBACK_SECRET": SECRET,
    "PENSTOCK_CALLBACK_PAUSE_SECONDS": "0.2",
    "PENSTOCK_CALLBACK_LONGEST_PAUSE_SECONDS": "0.5",
}
LEASE_SECONDS = 60.0  # a try that was under way when the server died is made again within


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    with receive() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server over a folder, which may call this machine."""
    made = Server(tmp_path, (tmp_path / "bucket").as_uri(), environment=SETTINGS)
    made.start()
    yield made
    made.kill()


def asking(
    url: str, event: str = "TaskFinish,WorkflowFinish", form: str = "XML"
) -> dict[str, Any]:
    """A workflow that hashes, and asks for callbacks."""
    tree = hashing()
    notify = {"State": "On", "Type": "Url", "Url": url, "Event": event, "ResultFormat": form}
    tree["Nodes"]["Start"]["Input"]["NotifyConfig"] = notify
    return tree


def until(receiver: Receiver, number: int, seconds: float = 30.0) -> list[Received]:
    """What came, as soon as there are so many."""
    wait_until(lambda: len(receiver.received) >= number, f"{number} callbacks", seconds)
    return receiver.received


def part(tree: Tree, name: str) -> Mapping[str, Any]:
    """A nested tree."""
    found = tree[name]
    assert isinstance(found, Mapping)
    return found


def is_signed(request: Received) -> bool:
    """What a receiver checks, as the how-to has it."""
    fields = dict(
        field.split("=", 1) for field in request.headers["x-penstock-signature"].split(",")
    )
    signed = fields["t"].encode() + b"." + request.body
    digest = hmac.new(SECRET.encode(), signed, sha256).hexdigest()
    return hmac.compare_digest(digest, fields["v1"])


def test_callbacks_of_a_workflow_tell_what_the_calls_tell(
    server: Server, receiver: Receiver
) -> None:
    """TaskFinish and WorkflowFinish of each object come signed, in order, with the same facts."""
    cloud = Cloud(server.client())
    for key in ("in/a.txt", "in/b.txt"):
        cloud.put(key, key.encode())
    workflow_id = cloud.create_workflow(asking(receiver.url()), name="sums")
    job_id = cloud.create_job(workflow_id, {"Prefix": "in/"})

    cloud.wait(job_id)
    requests = until(receiver, 4)

    assert all(map(is_signed, requests))
    assert len({request.event_id for request in requests}) == 4
    names: dict[str, list[str]] = {}
    for request in requests:
        tree = request.xml()
        if tree["EventName"] == "TaskFinish":
            detail = part(tree, "JobsDetail")
            run_id = detail["Workflow"]["RunId"]
            assert detail["Tag"] == "FileHashCode"
            assert detail["Workflow"]["WorkflowId"] == workflow_id
            assert detail["Operation"]["FileHashCodeResult"]["MD5"]
        else:
            finish = part(tree, "WorkflowExecution")
            run_id = finish["RunId"]
            known = cloud.execution(run_id)
            assert finish["State"] == known["State"] == "Success"
            assert finish["Object"] == known["Object"]
            assert finish["BucketId"] == BUCKET
            assert finish["WorkflowName"] == "sums"
        names.setdefault(run_id, []).append(str(tree["EventName"]))
    assert list(names.values()) == [["TaskFinish", "WorkflowFinish"]] * 2


def test_callbacks_of_a_job_of_one_operation_go_where_it_says(
    server: Server, receiver: Receiver
) -> None:
    """CallBack and CallBackFormat of a batch job of type Job; there is no WorkflowFinish."""
    cloud = Cloud(server.client())
    cloud.put("in/a.txt", b"a")
    operation = {
        "Tag": "FileHashCode",
        "JobParam": {"FileHashCodeConfig": {"Type": "MD5"}},
        "UserData": "batch 7",
        "CallBack": receiver.url("/own"),
        "CallBackFormat": "JSON",
    }
    job_id = cloud.create(
        {"Name": "sums", "Type": "Job", "Input": {"Prefix": "in/"}, "Operation": operation}
    )

    cloud.wait(job_id)
    (request,) = until(receiver, 1)

    (detail,) = request.json()["JobsDetail"]
    assert request.path == "/own"
    assert request.json()["EventName"] == "TaskFinish"
    assert (detail["State"], detail["Tag"]) == ("Success", "FileHashCode")
    assert detail["Operation"]["UserData"] == "batch 7"
    assert detail["Input"]["Object"] == "in/a.txt"
    assert "Workflow" not in detail


def test_callbacks_of_a_queue_count_where_nothing_nearer_does(
    server: Server, receiver: Receiver
) -> None:
    """A queue's NotifyConfig, set by the SDK, is followed by workflows without their own."""
    cloud = Cloud(server.client())
    cloud.put("in/a.png", picture(32, 32))
    (queue,) = cloud.client.ci_get_media_pic_queue(Bucket=BUCKET)["QueueList"]
    notify = {"State": "On", "Type": "Url", "Event": "WorkflowFinish", "Url": receiver.url("/q")}
    body = {"Name": queue["Name"], "State": "Active", "NotifyConfig": notify}
    cloud.client.ci_update_media_pic_queue(
        Bucket=BUCKET, QueueId=queue["QueueId"], Request=body, ContentType=XML
    )
    workflow_id = cloud.create_workflow(shrinking("out/${InputName}.png"))

    cloud.wait(cloud.create_job(workflow_id, {"Prefix": "in/"}))
    (request,) = until(receiver, 1)

    finish = part(request.xml(), "WorkflowExecution")
    assert request.path == "/q"
    assert finish["Tasks"]["ResultInfo"]["ObjectInfo"]["ObjectName"] == "out/a.png"


def test_callback_urls_that_cannot_be_called_are_refused(server: Server) -> None:
    """Workflow, job and queue refuse a URL that is none, by an error that names its place."""
    cloud = Cloud(server.client())
    workflow_id = cloud.create_workflow(hashing())
    queue = cloud.client.ci_get_media_queue(Bucket=BUCKET)["QueueList"][0]
    notify = {"State": "On", "Type": "Url", "Event": "TaskFinish", "Url": "ftp://hooks.example/"}

    operation = {"WorkflowIds": workflow_id, "CallBack": "hooks.example"}
    job = {"Name": "job", "Input": {"Prefix": "in/"}, "Operation": operation}

    def update_queue() -> None:
        body = {"Name": "queue-1", "State": "Active", "NotifyConfig": notify}
        cloud.client.ci_update_media_queue(
            Bucket=BUCKET, QueueId=queue["QueueId"], Request=body, ContentType=XML
        )

    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: cloud.create_workflow(asking("hooks.example")), "NotifyConfig.Url"),
        (lambda: cloud.create(job), "CallBack"),
        (update_queue, "NotifyConfig.Url"),
    ]
    for call, place in calls:
        with pytest.raises(CosServiceError) as caught:
            call()
        assert caught.value.get_error_code() == "InvalidArgument"
        assert place in caught.value.get_error_msg()


def undelivered(data: Path) -> int:
    """How many events wait."""
    with closing(open_state(data)) as state:
        (rows,) = state.execute("SELECT count(*) FROM events WHERE state = 'Waiting'").fetchone()
    return int(rows)


@pytest.mark.slow
def test_callbacks_survive_the_death_of_the_server(server: Server, receiver: Receiver) -> None:
    """What a killed server had not delivered is delivered by the next one, each at least once."""
    cloud = Cloud(server.client())
    for number in range(20):
        cloud.put(f"in/{number}.txt", b"a")
    receiver.answer = lambda _request: Answered(status=503)
    workflow_id = cloud.create_workflow(asking(receiver.url()))
    cloud.wait(cloud.create_job(workflow_id, {"Prefix": "in/"}))
    until(receiver, 20)

    server.kill()
    waiting = undelivered(server.data)
    receiver.answer = lambda _request: Answered()
    before = len(receiver.received)
    server.start()
    wait_until(lambda: not undelivered(server.data), "every callback", LEASE_SECONDS)

    later = receiver.received[before:]
    assert waiting == 40
    assert len({request.event_id for request in later}) == 40
    assert server.terminate() == 0


def test_callback_receiver_of_the_examples_takes_what_is_genuine() -> None:
    """The example drops what is not signed, and acts once on what comes twice."""
    program = Path(__file__).parents[2] / "examples/callback_receiver.py"
    process = subprocess.Popen(
        [sys.executable, str(program), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PENSTOCK_CALLBACK_SECRET": SECRET},
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stderr.readline().split()[-1]
            sender = HttpSender(parse_allowed("127.0.0.1"))
            body = b'{"EventName": "TaskFinish"}'
            headers = {"Content-Type": "application/json", "x-penstock-event-id": "e1"}
            signature = sign_body(SECRET, time.time_ns() // 1_000_000, body)
            old = sign_body(SECRET, 0, body)

            replies = [
                sender.send(url, {**headers, "x-penstock-signature": one}, body)
                for one in (signature, signature, old, "")
            ]
        finally:
            process.terminate()
        lines = process.stdout.read().splitlines()

    assert [reply.is_delivered for reply in replies] == [True, True, False, False]
    assert lines == ["e1 TaskFinish"]
