"""The vendor's Python SDK, unmodified, through every call it has a word for, in each form."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from qcloud_cos import CosServiceError

from tests.e2e.media import picture, tone
from tests.e2e.sdk import ENDED, XML, Answer, Cloud, as_list, hashing, target
from tests.e2e.servers import BUCKET, REGION, Form, Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

MD5 = {"FileHashCodeConfig": {"Type": "MD5"}}
SMALL = {"PicProcess": {"ProcessRule": "imageMogr2/thumbnail/8x8/format/png"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server over one folder."""
    folder = tmp_path_factory.mktemp("python-server")
    (folder / "bucket").mkdir()
    running = Server(folder, (folder / "bucket").as_uri())
    running.start()
    yield running
    assert running.terminate() == 0


@pytest.fixture(scope="module", params=list(Form), ids=lambda form: form.name.lower())
def cloud(request: pytest.FixtureRequest, server: Server) -> Cloud:
    """The SDK, pointed at the server in one of its forms."""
    form: Form = request.param
    return Cloud(server.client(form))


@pytest.fixture
def area() -> str:
    """A word that no other test uses, for names and the beginning of keys."""
    return f"a{uuid.uuid4().hex[:12]}"


def test_python_sdk_drives_objects(cloud: Cloud, area: str) -> None:
    """An object is stored, looked at, listed, copied, read and deleted."""
    client = cloud.client
    key = f"{area}/a b+黑.txt"
    source = {"Bucket": BUCKET, "Key": key, "Region": REGION}

    cloud.put(key, b"abc")
    client.copy_object(Bucket=BUCKET, Key=f"{area}/copy.txt", CopySource=source)

    assert client.head_object(Bucket=BUCKET, Key=key)["Content-Length"] == "3"
    assert sorted(cloud.keys(f"{area}/")) == [key, f"{area}/copy.txt"]
    assert cloud.get(f"{area}/copy.txt") == b"abc"
    client.delete_object(Bucket=BUCKET, Key=key)
    assert cloud.keys(f"{area}/") == [f"{area}/copy.txt"]


def test_python_sdk_drives_workflows(cloud: Cloud, area: str) -> None:
    """A workflow is created, found, renamed, made active, kept from deletion, and deleted."""
    client = cloud.client
    workflow_id = cloud.create_workflow(hashing(), area)
    renamed = {"MediaWorkflow": {"Name": f"{area}-2", "State": "Paused", "Topology": hashing()}}

    client.ci_update_workflow(Bucket=BUCKET, WorkflowId=workflow_id, Body=renamed, ContentType=XML)
    client.ci_update_workflow_state(Bucket=BUCKET, WorkflowId=workflow_id, UpdateState="active")

    (found,) = client.ci_get_workflow(Bucket=BUCKET, Name=area)["MediaWorkflowList"]
    assert (found["WorkflowId"], found["Name"]) == (workflow_id, f"{area}-2")
    assert found["State"] == "Active"
    with pytest.raises(CosServiceError) as caught:
        client.ci_delete_workflow(Bucket=BUCKET, WorkflowId=workflow_id)
    assert caught.value.get_error_code() == "ActiveWorkflowForbiddenUpdate"
    client.ci_update_workflow_state(Bucket=BUCKET, WorkflowId=workflow_id, UpdateState="paused")
    deleted = client.ci_delete_workflow(Bucket=BUCKET, WorkflowId=workflow_id)
    assert deleted["WorkflowId"] == workflow_id


def test_python_sdk_drives_batches_of_a_workflow(cloud: Cloud, area: str) -> None:
    """A batch job and a trigger of a workflow end well, and all their executions are paged."""
    for name in ("a b", "+", "黑"):
        cloud.put(f"{area}/{name}", name.encode())
    workflow_id = cloud.create_workflow(hashing(), area)

    job_id = cloud.create_job(workflow_id, {"Prefix": f"{area}/"}, area)
    ended = cloud.wait(job_id)
    triggered = cloud.client.ci_trigger_workflow(
        Bucket=BUCKET, WorkflowId=workflow_id, Key=f"{area}/+"
    )

    run_id = triggered["InstanceId"]
    assert ended["State"] == "Success"
    assert cloud.wait_execution(run_id)["Object"] == f"{area}/+"
    assert sorted(cloud.objects(job_id)) == sorted(f"{area}/{name}" for name in ("a b", "+", "黑"))
    runs = [entry["RunId"] for entry in cloud.executions(size=2, WorkflowId=workflow_id)]
    assert len(set(runs)) == len(runs) == 4
    assert run_id in runs
    listed = cloud.client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, WorkflowId=workflow_id)
    assert job_id in [job["JobId"] for job in listed["JobsDetail"]]
    cloud.client.ci_delete_inventory_trigger_jobs(Bucket=BUCKET, JobId=job_id)
    assert cloud.job(job_id)["State"] == "Success"


def test_python_sdk_drives_batches_of_one_operation(cloud: Cloud, area: str) -> None:
    """A batch job of type Job runs its operation over every object, and is listed as such."""
    for name in ("a", "b"):
        cloud.put(f"{area}/{name}.txt", name.encode())
    body = {
        "Name": area,
        "Type": "Job",
        "Input": {"Prefix": f"{area}/"},
        "Operation": {"Tag": "FileHashCode", "JobParam": MD5},
    }

    job_id = cloud.create(body)

    ended = cloud.wait(job_id)
    assert (ended["State"], ended["Counters"]["Succeeded"]) == ("Success", "2")
    listed = cloud.client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, Type="Job", Size=100)
    assert job_id in [job["JobId"] for job in listed["JobsDetail"]]


def test_python_sdk_drives_templates(cloud: Cloud, area: str) -> None:
    """A template is created, found by its name, changed, deleted, and then unknown."""
    client = cloud.client
    template = {"Tag": "FileHashCode", "Name": area, **MD5}
    changed = {**template, "FileHashCodeConfig": {"Type": "SHA1"}}

    made = client.ci_create_template(Bucket=BUCKET, Template=template)["Template"]
    chosen = {"Bucket": BUCKET, "TemplateId": made["TemplateId"]}
    answer = client.ci_update_template(**chosen, Template=changed)

    assert answer["Template"]["TemplateId"] == made["TemplateId"]
    (found,) = client.ci_get_template(Bucket=BUCKET, Name=area)["TemplateList"]
    assert "SHA1" in str(found)
    client.ci_delete_template(**chosen)
    with pytest.raises(CosServiceError) as caught:
        client.ci_delete_template(**chosen)
    assert caught.value.get_error_code() == "TemplateNotFound"


@pytest.mark.parametrize("family", ["media", "media_pic", "doc", "ai", "asr"])
def test_python_sdk_drives_queues(cloud: Cloud, family: str) -> None:
    """The queue of a family is found, paused and resumed."""
    get = getattr(cloud.client, f"ci_get_{family}_queue")
    update = getattr(cloud.client, f"ci_update_{family}_queue")
    (queue,) = get(Bucket=BUCKET)["QueueList"]

    def states(state: str) -> tuple[str, str]:
        """What the change and the list tell of the queue afterwards."""
        body = {"Name": queue["Name"], "State": state, "NotifyConfig": {"State": "Off"}}
        answer = update(Bucket=BUCKET, QueueId=queue["QueueId"], Request=body, ContentType=XML)
        (listed,) = get(Bucket=BUCKET, QueueIds=queue["QueueId"])["QueueList"]
        return as_list(answer["Queue"])[0]["State"], listed["State"]

    assert states("Paused") == ("Paused", "Paused")
    assert states("Active") == ("Active", "Active")


def test_python_sdk_drives_single_media_jobs(cloud: Cloud, area: str) -> None:
    """A job of `/jobs` ends well, is listed, and is no longer cancelled."""
    cloud.put(f"{area}/tone.wav", tone())
    jobs = single("MediaInfo", f"{area}/tone.wav", "")

    made = cloud.client.ci_create_media_jobs(Bucket=BUCKET, Jobs=jobs, Lst={}, ContentType=XML)[
        "JobsDetail"
    ][0]

    ended = wait(cloud, made["JobId"])
    assert ended["State"] == "Success"
    assert ended["Operation"]["MediaInfo"]["Stream"]["Audio"]["CodecName"] == "pcm_s16le"
    listed = cloud.client.ci_list_media_jobs(Bucket=BUCKET, Tag="MediaInfo", Size=100)
    assert made["JobId"] in [job["JobId"] for job in listed["JobsDetail"]]
    with pytest.raises(CosServiceError) as caught:
        cloud.client.ci_cancel_jobs(Bucket=BUCKET, JobID=made["JobId"])
    assert caught.value.get_error_code() == "InvalidArgument"


def test_python_sdk_drives_single_picture_jobs(cloud: Cloud, area: str) -> None:
    """A job of `/pic_jobs` writes its picture, and is found and listed there."""
    cloud.put(f"{area}/a.png", picture())
    operation = {**SMALL, "Output": target(f"{area}/small.png")}
    jobs = single("PicProcess", f"{area}/a.png", operation)

    made = cloud.client.ci_create_media_pic_jobs(
        Bucket=BUCKET, Jobs=jobs, Lst={}, ContentType=XML
    )["JobsDetail"][0]

    ended = wait(cloud, made["JobId"])
    assert ended["State"] == "Success"
    assert cloud.get(f"{area}/small.png").startswith(b"\x89PNG")
    found = cloud.client.ci_get_media_pic_jobs(Bucket=BUCKET, JobIDs=made["JobId"])
    assert found["JobsDetail"] == [ended]
    listed = cloud.client.ci_list_media_pic_jobs(Bucket=BUCKET, Tag="PicProcess", Size=100)
    assert made["JobId"] in [job["JobId"] for job in listed["JobsDetail"]]


def test_python_sdk_drives_single_file_jobs(cloud: Cloud, area: str) -> None:
    """A job of `/file_jobs` by the SDK's own call for hashes ends well, and is found there."""
    cloud.put(f"{area}/a.txt", b"abc")

    made = cloud.client.ci_create_file_hash_job(
        Bucket=BUCKET, InputObject=f"{area}/a.txt", FileHashCodeConfig={"Type": "MD5"}
    )["JobsDetail"]

    wait(cloud, made["JobId"])
    found = cloud.client.ci_get_file_process_jobs(Bucket=BUCKET, JobIDs=made["JobId"])
    (job,) = found["JobsDetail"]
    assert job["Operation"]["FileHashCodeResult"]["MD5"] == "900150983cd24fb0d6963f7d28e17f72"


@pytest.mark.parametrize(
    ("family", "block"), [("pic", "PicBucket"), ("ai", "AiBucket"), ("asr", "AsrBucket")]
)
def test_python_sdk_drives_activation(cloud: Cloud, family: str, block: str) -> None:
    """A family is closed, opened, listed, and not opened twice."""
    client = cloud.client
    open_family = getattr(client, f"ci_open_{family}_bucket")

    _, closed = getattr(client, f"ci_close_{family}_bucket")(Bucket=BUCKET)
    _, opened = open_family(Bucket=BUCKET)

    assert closed["BucketName"] == BUCKET
    assert as_list(opened[block])[0]["BucketId"] == BUCKET
    listed = getattr(client, f"ci_get_{family}_bucket")()
    assert as_list(listed[f"{block}List"])[0]["BucketId"] == BUCKET
    with pytest.raises(CosServiceError) as caught:
        open_family(Bucket=BUCKET)
    assert caught.value.get_status_code() == 403
    assert caught.value.get_error_code() == f"{block}AlreadyBinded"


@pytest.mark.parametrize(
    ("method", "block"),
    [("ci_get_media_bucket", "MediaBucketList"), ("ci_get_doc_bucket", "DocBucketList")],
)
def test_python_sdk_lists_families_that_it_cannot_open(
    cloud: Cloud, method: str, block: str
) -> None:
    """The families without a call to open them are listed on the bucket."""
    answer = getattr(cloud.client, method)(BucketNames=BUCKET)

    assert as_list(answer[block])[0]["BucketId"] == BUCKET


def single(tag: str, key: str, operation: Any) -> Answer:  # noqa: ANN401  # any tree
    """A single job over one object."""
    return {"Tag": tag, "Input": {"Object": key}, "Operation": operation}


def wait(cloud: Cloud, job_id: str) -> Answer:
    """Poll a single job until it has ended."""
    seen: list[Answer] = []

    def has_ended() -> bool:
        answer = cloud.client.ci_get_media_jobs(Bucket=BUCKET, JobIDs=job_id)
        seen[:] = answer["JobsDetail"]
        return seen[0]["State"] in ENDED

    wait_until(has_ended, f"job {job_id} to end")
    return seen[0]
