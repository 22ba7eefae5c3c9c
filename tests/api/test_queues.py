"""Queue calls, by the SDK where it has one."""

from pathlib import Path
from typing import Any

import pytest

from penstock.bootstrap.system import System
from tests.api.ci import CiServer, outcome, refused, serve_ci, value, values
from tests.api.server import BUCKET
from tests.waiting import wait_until

FAMILIES = {
    "/queue": ("Transcoding", "queue-1"),
    "/picqueue": ("PicProcessing", "queue-pic-process-1"),
    "/docqueue": ("DocProcessing", "queue-doc-process-1"),
    "/ai_queue": ("AIProcess", "queue-ai-process-1"),
    "/asrqueue": ("SpeechRecognition", "queue-speech-1"),
    "/file_queue": ("FileProcessing", "queue-file-process-1"),
}
NOTIFY = {
    "State": "On",
    "Event": "TaskFinish,WorkflowFinish",
    "Type": "Url",
    "Url": "http://example.org/cb",
    "ResultFormat": "JSON",
}
Answer = dict[str, Any]


def media(ci: CiServer, **query: str) -> list[Answer]:
    """The media queues of a list."""
    answer = ci.sdk().ci_get_media_queue(Bucket=BUCKET, **query)
    found: list[Answer] = answer.get("QueueList") or []
    return found


def update(ci: CiServer, **changes: Any) -> Answer:  # noqa: ANN401  # any body
    """Change the media queue; what the answer tells of it."""
    (queue,) = media(ci)
    body = {"Name": "queue-1", "State": "Active", "NotifyConfig": {"State": "Off"}, **changes}
    answer = ci.sdk().ci_update_media_queue(Bucket=BUCKET, QueueId=queue["QueueId"], Request=body)
    (changed,) = answer["Queue"]
    found: Answer = changed
    return found


@pytest.mark.parametrize(("path", "facts"), FAMILIES.items())
def test_queue_is_there_once_a_family(ci: CiServer, path: str, facts: tuple[str, str]) -> None:
    """Each family of a bucket has one active queue with the vendor's name and category."""
    answer = ci.call("GET", path)

    assert answer.status == 200
    assert value(answer, "TotalCount") == "1"
    assert (value(answer, "Category"), value(answer, "Name")) == facts
    assert values(answer, "State") == ["Active", "Off"]
    assert (value(answer, "MaxSize"), value(answer, "MaxConcurrent")) == ("10000", "10")
    assert value(answer, "BucketId") == BUCKET


@pytest.mark.parametrize(
    ("get", "put"),
    [
        ("ci_get_media_queue", "ci_update_media_queue"),
        ("ci_get_media_pic_queue", "ci_update_media_pic_queue"),
        ("ci_get_doc_queue", "ci_update_doc_queue"),
        ("ci_get_ai_queue", "ci_update_ai_queue"),
        ("ci_get_asr_queue", "ci_update_asr_queue"),
    ],
)
def test_queue_is_paused_and_resumed_by_the_sdk(ci: CiServer, get: str, put: str) -> None:
    """Every method of the SDK lists and changes the queue of its family."""
    client = ci.sdk()
    (queue,) = getattr(client, get)(Bucket=BUCKET)["QueueList"]
    body = {"Name": "lane_*-1", "State": "Paused", "NotifyConfig": NOTIFY}

    answer = getattr(client, put)(Bucket=BUCKET, QueueId=queue["QueueId"], Request=body)

    (changed,) = answer["Queue"]
    assert (changed["Name"], changed["State"]) == ("lane_*-1", "Paused")
    assert changed["NotifyConfig"] == NOTIFY
    assert changed["CreateTime"] == queue["CreateTime"]
    (listed,) = getattr(client, get)(Bucket=BUCKET)["QueueList"]
    assert listed == changed


def test_queue_callbacks_may_be_changed_in_part(ci: CiServer) -> None:
    """What a `NotifyConfig` does not name stays; the whole must be right after it."""
    update(ci, NotifyConfig=NOTIFY)

    changed = update(ci, NotifyConfig={"ResultFormat": "XML"})
    emptied = update(ci, NotifyConfig={"State": "Off"})

    assert changed["NotifyConfig"] == {**NOTIFY, "ResultFormat": "XML"}
    assert emptied["NotifyConfig"]["State"] == "Off"
    assert emptied["NotifyConfig"]["Url"] == NOTIFY["Url"]


def test_queue_lists_filter(ci: CiServer) -> None:
    """Ids, state and category narrow a list; unknown ids are named."""
    (queue,) = media(ci)
    unknown = ci.sdk().ci_get_media_queue(Bucket=BUCKET, QueueIds=f"{queue['QueueId']},p1,p2")

    assert unknown["TotalCount"] == "1"
    assert unknown["NonExistPIDs"] == ["p1", "p2"]
    assert media(ci, State="Paused") == []
    assert media(ci, State="Active") == [queue]
    for path, count in {
        "/queue?category=CateAll": "1",
        "/queue?category=Transcoding": "1",
        "/queue?category=SpeedTranscoding": "0",
        "/docqueue?category=DocProcess": "1",
        "/docqueue?category=DocProcessing": "1",
        "/queue?pageNumber=2": "1",
    }.items():
        assert value(ci.call("GET", path), "TotalCount") == count, path


@pytest.mark.parametrize(
    "query",
    [
        "queueIds=1,2,3,4,5,6,7,8,9,10,11",
        "state=Sleeping",
        "category=PicProcessing",
        "pageNumber=0",
        "pageSize=-1",
        "pageSize=99999999999999999999",
    ],
)
def test_queue_list_refuses_wrong_parameters(ci: CiServer, query: str) -> None:
    """A parameter out of its range is InvalidArgument."""
    assert outcome(ci.call("GET", f"/queue?{query}")) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"Name": "", "State": "Off"}, ("Name must be given", "State must be Active or Paused")),
        ({"Name": "列" * 43}, ("at most 128 bytes",)),
        (
            {"NotifyConfig": {"State": "On", "Type": "Pigeon", "ResultFormat": "YAML"}},
            ("NotifyConfig.Type", "NotifyConfig.ResultFormat", "NotifyConfig.Event must be given"),
        ),
        ({"NotifyConfig": {"State": "Maybe"}}, ("NotifyConfig.State",)),
        ({"NotifyConfig": {**NOTIFY, "Url": "ftp://x/"}}, ("NotifyConfig.Url",)),
        ({"NotifyConfig": {**NOTIFY, "Url": ""}}, ("NotifyConfig.Url must be given",)),
        ({"NotifyConfig": {**NOTIFY, "Event": "Birthday"}}, ("NotifyConfig.Event",)),
    ],
)
def test_queue_update_names_every_fault(
    ci: CiServer, changes: Answer, parts: tuple[str, ...]
) -> None:
    """What is wrong with an update is told at once, and nothing is changed."""
    before = media(ci)

    with refused("InvalidArgument", 400, *parts):
        update(ci, **changes)

    assert media(ci) == before


def test_queue_name_rules_differ_between_families(ci: CiServer) -> None:
    """A media queue may have any name of 128 bytes; the others have the vendor's characters."""
    spaced = "all my films; " * 9
    (pictures,) = ci.sdk().ci_get_media_pic_queue(Bucket=BUCKET)["QueueList"]

    assert update(ci, Name=spaced)["Name"] == spaced.strip()
    with refused("InvalidArgument", 400, "Name may hold"):
        ci.sdk().ci_update_media_pic_queue(
            Bucket=BUCKET,
            QueueId=pictures["QueueId"],
            Request={"Name": "my pictures", "State": "Active", "NotifyConfig": {"State": "Off"}},
        )


def test_queue_of_another_family_is_not_found(ci: CiServer) -> None:
    """A queue is changed under the path of its own family only; unknown ids are refused."""
    (queue,) = media(ci)
    body = {"Name": "a", "State": "Active", "NotifyConfig": {"State": "Off"}}

    for queue_id in (queue["QueueId"], "p" + "0" * 32):
        with refused("QueueNotFound", 400, queue_id):
            ci.sdk().ci_update_media_pic_queue(Bucket=BUCKET, QueueId=queue_id, Request=body)


def test_queue_bounds_follow_the_settings(tmp_path: Path) -> None:
    """Length and concurrency are those of the settings, also for queues made before."""
    with serve_ci(tmp_path / "a", queue_size=7, queue_concurrency=3) as first:
        (queue,) = media(first)
    assert (queue["MaxSize"], queue["MaxConcurrent"]) == ("7", "3")

    later = System(first.system.settings.model_copy(update={"queue_size": 9}))
    (found,) = later.queues.of_family(BUCKET, "media")
    later.close()

    assert (found.id, found.max_size, found.max_concurrent) == (queue["QueueId"], 9, 3)


def hashing(ci: CiServer) -> str:
    """A stored workflow that hashes an object; its id."""
    node = {"Type": "FileHashCode", "Operation": {"FileHashCodeConfig": {"Type": "MD5"}}}
    tree = {
        "Dependencies": {"Start": "h", "h": "End"},
        "Nodes": {"Start": {"Type": "Start"}, "h": node},
    }
    answer = ci.sdk().ci_create_workflow(
        Bucket=BUCKET, Body={"MediaWorkflow": {"Name": "sums", "Topology": tree}}
    )
    return str(answer["MediaWorkflow"]["WorkflowId"])


def set_file_queue(ci: CiServer, state: str) -> None:
    """Pause or resume the queue that the workflow passes through."""
    queue_id = value(ci.call("GET", "/file_queue"), "QueueId")
    body = (
        f"<Request><Name>q</Name><State>{state}</State>"
        "<NotifyConfig><State>Off</State></NotifyConfig></Request>"
    )
    assert ci.call("PUT", f"/file_queue/{queue_id}", body).status == 200


def start(ci: CiServer, workflow_id: str, name: str = "sums") -> str:
    """Start a batch job over `in/`; its id."""
    body = {
        "Name": name,
        "Type": "Workflow",
        "Input": {"Prefix": "in/"},
        "Operation": {"WorkflowIds": workflow_id},
    }
    answer = ci.sdk().ci_create_inventory_trigger_jobs(Bucket=BUCKET, JobBody=body)
    return str(answer["JobsDetail"][0]["JobId"])


def test_queue_pause_holds_jobs_and_loses_nothing(tmp_path: Path) -> None:
    """A job for a paused queue is accepted and shows Pause; resumed, it does every object."""
    with serve_ci(tmp_path, with_engine=True) as ci:
        client = ci.sdk()
        workflow_id = hashing(ci)
        for number in range(5):
            client.put_object(Bucket=BUCKET, Key=f"in/{number}", Body=b"x")

        set_file_queue(ci, "Paused")
        job_id = start(ci, workflow_id)
        single = client.ci_trigger_workflow(Bucket=BUCKET, WorkflowId=workflow_id, Key="in/0")[
            "InstanceId"
        ]

        def state() -> str:
            found = client.ci_get_inventory_trigger_jobs(Bucket=BUCKET, JobID=job_id)
            return str(found["JobsDetail"][0]["State"])

        def single_state() -> str:
            found = client.ci_get_workflowexecution(Bucket=BUCKET, RunId=single)
            return str(found["WorkflowExecution"][0]["State"])

        wait_until(lambda: state() == "Pause", "the job to show Pause")
        paused = (single_state(), ci.system.jobs.get(BUCKET, job_id).counters)
        set_file_queue(ci, "Active")
        wait_until(lambda: state() == "Success", "the job to end")
        wait_until(lambda: single_state() == "Success", "the single object to end")

        assert paused[0] in {"Submitted", "Pause"}
        assert paused[1].ended == 0
        assert ci.system.jobs.get(BUCKET, job_id).counters.succeeded == 5


def test_queue_pause_may_refuse_jobs(tmp_path: Path) -> None:
    """Where the setting says so, jobs and triggers for a paused queue are refused."""
    with serve_ci(tmp_path, refuse_paused=True) as ci:
        workflow_id = hashing(ci)
        ci.sdk().put_object(Bucket=BUCKET, Key="in/a", Body=b"x")
        set_file_queue(ci, "Paused")

        with refused("QueuePaused", 403, "Paused"):
            start(ci, workflow_id)
        with refused("QueuePaused", 403, "Paused"):
            ci.sdk().ci_trigger_workflow(Bucket=BUCKET, WorkflowId=workflow_id, Key="in/a")
        set_file_queue(ci, "Active")

        assert start(ci, workflow_id)


def test_queue_takes_as_many_single_objects_as_fit(tmp_path: Path) -> None:
    """Single objects that wait count against the queue's length; objects of batches do not."""
    with serve_ci(tmp_path, queue_size=2, running_job_limit=0) as ci:
        workflow_id = hashing(ci)
        trigger = ci.sdk().ci_trigger_workflow
        ci.sdk().put_object(Bucket=BUCKET, Key="in/a", Body=b"x")
        for name in ("one", "two", "three"):
            start(ci, workflow_id, name)
        for _ in range(2):
            trigger(Bucket=BUCKET, WorkflowId=workflow_id, Key="in/a")

        with refused("QueueSaturated", 403, "2 objects wait"):
            trigger(Bucket=BUCKET, WorkflowId=workflow_id, Key="in/a")


def test_batch_jobs_of_a_bucket_are_limited(tmp_path: Path) -> None:
    """A bucket has as many open batch jobs as it may; cancelling one makes room."""
    with serve_ci(tmp_path, running_job_limit=2) as ci:
        workflow_id = hashing(ci)
        first, _ = start(ci, workflow_id, "one"), start(ci, workflow_id, "two")

        with refused("QueueSaturated", 403, "2 open batch jobs"):
            start(ci, workflow_id, "three")
        ci.sdk().ci_delete_inventory_trigger_jobs(Bucket=BUCKET, JobId=first)

        assert start(ci, workflow_id, "three")
