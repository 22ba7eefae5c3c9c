"""Single jobs and batch jobs of one operation, driven with the SDK as its users do."""

from typing import Any

import pytest
from qcloud_cos import CosServiceError

from tests.e2e.media import clip, picture, tone
from tests.e2e.sdk import ENDED, Answer, Cloud, hashing, target
from tests.e2e.servers import BUCKET
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

UNKNOWN = "j" + "0" * 32
SMALL = {"PicProcess": {"ProcessRule": "imageMogr2/thumbnail/8x8/format/png"}}


def body(tag: str, key: str, **operation: Any) -> Answer:  # noqa: ANN401  # any tree
    """A single job."""
    return {"Tag": tag, "Input": {"Object": key}, "Operation": operation}


def create(cloud: Cloud, jobs: Answer) -> list[Answer]:
    """Create single jobs at `/jobs`."""
    answer = cloud.client.ci_create_media_jobs(
        Bucket=BUCKET, Jobs=jobs, Lst={}, ContentType="application/xml"
    )
    made: list[Answer] = answer["JobsDetail"]
    return made


def get(cloud: Cloud, job_id: str) -> Answer:
    """One job."""
    answer = cloud.client.ci_get_media_jobs(Bucket=BUCKET, JobIDs=job_id)
    (found,) = answer["JobsDetail"]
    detail: Answer = found
    return detail


def wait(cloud: Cloud, job_id: str) -> Answer:
    """Poll a job until it has ended."""
    wait_until(lambda: get(cloud, job_id)["State"] in ENDED, f"job {job_id} to end")
    return get(cloud, job_id)


def run(cloud: Cloud, jobs: Answer) -> Answer:
    """Create one single job and wait for its end."""
    (made,) = create(cloud, jobs)
    return wait(cloud, made["JobId"])


def listed(cloud: Cloud, tag: str, **filters: Any) -> list[str]:  # noqa: ANN401  # any filter
    """The ids of every job that a list shows, page by page."""
    found: list[str] = []
    token = ""
    while True:
        answer = cloud.client.ci_list_media_jobs(
            Bucket=BUCKET, Tag=tag, NextToken=token, **{"Size": 100, **filters}
        )
        found += [job["JobId"] for job in answer.get("JobsDetail") or []]
        token = answer["NextToken"] or ""
        if not token:
            return found


def refusal(caught: pytest.ExceptionInfo[CosServiceError]) -> tuple[int, str]:
    """Status and code of a call that was refused."""
    return caught.value.get_status_code(), caught.value.get_error_code()


def test_single_media_job_writes_its_output(cloud: Cloud) -> None:
    """A Transcode of one object ends with its output, an MD5 and all that was asked for."""
    cloud.put("single/tone.wav", tone())
    params = {"Transcode": {"Container": {"Format": "mp3"}, "Audio": {"Codec": "mp3"}}}
    output = target("single/out/${InputName}_${JobId}.${Ext}")

    (made,) = create(
        cloud,
        body("Transcode", "single/tone.wav", **params, Output=output, UserData="me", JobLevel="1"),
    )

    assert (made["State"], made["StartTime"], made["Tag"]) == ("Submitted", "-", "Transcode")
    ended = wait(cloud, made["JobId"])
    key = f"single/out/tone_{made['JobId']}.mp3"
    assert (ended["State"], ended["Code"], ended["Progress"]) == ("Success", "Success", "100")
    assert (ended["Operation"]["UserData"], ended["Operation"]["JobLevel"]) == ("me", "1")
    assert ended["Operation"]["Output"] == output
    file = ended["Operation"]["MediaResult"]["OutputFile"]
    assert (file["Bucket"], file["ObjectName"], file["ObjectPrefix"]) == (BUCKET, key, None)
    assert file["Md5Info"]["ObjectName"] == key
    assert ended["Input"]["Object"] == "single/tone.wav"
    assert "Workflow" not in ended
    assert cloud.get(key)


def test_single_snapshots_are_told_by_prefix_and_number(folder_cloud: Cloud) -> None:
    """Snapshots are named without what their keys share."""
    folder_cloud.put("single/clip.mp4", clip())
    params = {"Snapshot": {"Mode": "Interval", "Start": "0", "Count": "2", "TimeInterval": "0.4"}}
    output = target("single/snap-${Number}.jpg")

    ended = run(folder_cloud, body("Snapshot", "single/clip.mp4", **params, Output=output))

    file = ended["Operation"]["MediaResult"]["OutputFile"]
    assert file["ObjectPrefix"] == "single/snap-"
    assert file["ObjectName"] == ["0.jpg", "1.jpg"]


def test_single_media_info_needs_nothing(folder_cloud: Cloud) -> None:
    """MediaInfo runs without params and output, and its result stands in the answer."""
    folder_cloud.put("single/clip.mp4", clip())

    ended = run(folder_cloud, {"Tag": "MediaInfo", "Input": {"Object": "single/clip.mp4"}})

    (made,) = [ended["Operation"]["MediaInfo"]["Stream"]["Video"]]
    assert made["CodecName"] == "h264"


def test_single_picture_job_goes_through_its_own_door(cloud: Cloud) -> None:
    """A PicProcess made at /pic_jobs is found at /pic_jobs and /jobs, and listed at both."""
    cloud.put("single/a.png", picture())
    output = target("single/small/${InputName}.png")

    answer = cloud.client.ci_create_media_pic_jobs(
        Bucket=BUCKET, Jobs=body("PicProcess", "single/a.png", **SMALL, Output=output), Lst={}
    )

    job_id = answer["JobsDetail"][0]["JobId"]
    assert job_id.startswith("c")
    ended = wait(cloud, job_id)
    assert ended["Operation"]["PicProcessResult"]["ObjectName"] == "single/small/a.png"
    found = cloud.client.ci_get_media_pic_jobs(Bucket=BUCKET, JobIDs=job_id)
    assert found["JobsDetail"] == [ended]
    assert job_id in listed(cloud, "PicProcess", Path="/pic_jobs")
    assert job_id in listed(cloud, "PicProcess")


def test_single_file_job_is_made_by_the_sdk(folder_cloud: Cloud) -> None:
    """The SDK's own call for hashes works, and its query finds the result."""
    folder_cloud.put("single/a.txt", b"abc")
    client = folder_cloud.client

    made = client.ci_create_file_hash_job(
        Bucket=BUCKET, InputObject="single/a.txt", FileHashCodeConfig={"Type": "MD5"}
    )

    job_id = made["JobsDetail"]["JobId"]
    wait(folder_cloud, job_id)
    found = client.ci_get_file_process_jobs(Bucket=BUCKET, JobIDs=job_id)
    result = found["JobsDetail"][0]["Operation"]["FileHashCodeResult"]
    assert result["MD5"] == "900150983cd24fb0d6963f7d28e17f72"


def test_several_operations_are_made_at_once(folder_cloud: Cloud) -> None:
    """One request with several operations gives one job each, over the same object."""
    folder_cloud.put("single/many.txt", b"abc")
    operations = [
        {"Tag": "FileHashCode", "FileHashCodeConfig": {"Type": word}} for word in ("MD5", "SHA1")
    ]

    made = create(folder_cloud, {"Input": {"Object": "single/many.txt"}, "Operation": operations})

    ended = [wait(folder_cloud, job["JobId"]) for job in made]
    results = [job["Operation"]["FileHashCodeResult"] for job in ended]
    assert ["MD5" in results[0], "SHA1" in results[1]] == [True, True]


def test_single_job_that_cannot_be_done_has_failed(folder_cloud: Cloud) -> None:
    """An object that the operation does not read fails its job, with a message."""
    folder_cloud.put("single/no.txt", b"abc")

    ended = run(folder_cloud, body("MediaInfo", "single/no.txt"))

    assert (ended["State"], ended["Code"]) == ("Failed", "ResourceNotSupported")
    assert "single/no.txt" in ended["Message"]


def test_unknown_jobs_are_named(folder_cloud: Cloud) -> None:
    """A query by several ids shows those that exist and names those that do not."""
    folder_cloud.put("single/a.txt", b"abc")
    (made,) = create(folder_cloud, body("Noop", "single/a.txt"))

    answer = folder_cloud.client.ci_get_media_jobs(
        Bucket=BUCKET, JobIDs=f"{UNKNOWN},{made['JobId']},nonsense"
    )

    assert [job["JobId"] for job in answer["JobsDetail"]] == [made["JobId"]]
    assert answer["NonExistJobIds"] == f"{UNKNOWN},nonsense"


@pytest.mark.parametrize(
    ("jobs", "code", "words"),
    [
        (body("Nonsense", "a"), "InvalidArgument", ["Nonsense", "Transcode", "PicProcess"]),
        (body("", "a"), "InvalidArgument", ["Tag", "given"]),
        (body("Noop", ""), "InvalidArgument", ["Input.Object"]),
        (
            {"Tag": "Noop", "Input": {"Url": "http://h/a"}},
            "InvalidArgument",
            ["Input.Url", "Noop"],
        ),
        (body("Noop", "no/where.txt"), "ResourceNotFound", ["no/where.txt"]),
        (body("Transcode", "a", TemplateId="t1"), "InvalidArgument", ["Output must be given"]),
        (
            body("PicProcess", "single/a.txt", TemplateId="t1", Output=target("o")),
            "TemplateNotFound",
            ["t1"],
        ),
        (
            {**body("Noop", "single/a.txt"), "QueueId": "p1"},
            "QueueNotFound",
            ["p1"],
        ),
        (
            {**body("Noop", "a", JobLevel="3", UserData="é"), "CallBack": "nowhere"},
            "InvalidArgument",
            ["JobLevel", "UserData", "nowhere"],
        ),
    ],
)
def test_wrong_single_job_is_refused(
    folder_cloud: Cloud, jobs: Answer, code: str, words: list[str]
) -> None:
    """A job that could not be carried out is refused at once, with every fault named."""
    folder_cloud.put("single/a.txt", b"abc")

    with pytest.raises(CosServiceError) as caught:
        create(folder_cloud, jobs)

    assert refusal(caught) == (400, code)
    assert all(word in caught.value.get_error_msg() for word in words)


def test_door_takes_its_own_family_only(folder_cloud: Cloud) -> None:
    """A Transcode is no picture job, and the answer names what is."""
    jobs = body("Transcode", "single/a.txt", TemplateId="t1", Output=target("o"))

    with pytest.raises(CosServiceError) as caught:
        folder_cloud.client.ci_create_media_pic_jobs(Bucket=BUCKET, Jobs=jobs, Lst={})

    assert refusal(caught) == (400, "InvalidArgument")
    assert "PicProcess" in caught.value.get_error_msg()
    assert "Snapshot" not in caught.value.get_error_msg()


def test_job_that_has_ended_is_not_cancelled(folder_cloud: Cloud) -> None:
    """Cancelling comes too late for a job that has ended, and is refused for an unknown one."""
    folder_cloud.put("single/a.txt", b"abc")
    ended = run(folder_cloud, body("Noop", "single/a.txt"))

    with pytest.raises(CosServiceError) as late:
        folder_cloud.client.ci_cancel_jobs(Bucket=BUCKET, JobID=ended["JobId"])
    with pytest.raises(CosServiceError) as unknown:
        folder_cloud.client.ci_cancel_jobs(Bucket=BUCKET, JobID=UNKNOWN)

    assert refusal(late) == (400, "InvalidArgument")
    assert refusal(unknown) == (400, "ResourceNotFound")


def test_job_in_a_paused_queue_waits_and_is_cancelled(folder_cloud: Cloud) -> None:
    """While its queue is paused a job shows Pause, and can be cancelled for good."""
    folder_cloud.put("single/a.png", picture())
    client = folder_cloud.client
    queue_id = client.ci_get_media_pic_queue(Bucket=BUCKET)["QueueList"][0]["QueueId"]
    settings = {"Name": "pictures", "QueueID": queue_id, "NotifyConfig": {"State": "Off"}}

    def set_state(state: str) -> None:
        request = {**settings, "State": state}
        client.ci_update_media_pic_queue(
            Bucket=BUCKET,
            QueueId=queue_id,
            Request=request,
            ContentType="application/xml",
        )

    set_state("Paused")
    try:
        output = target("single/never.png")
        (made,) = create(folder_cloud, body("PicProcess", "single/a.png", **SMALL, Output=output))
        job_id = made["JobId"]
        wait_until(lambda: get(folder_cloud, job_id)["State"] == "Pause", "the job to pause")
        assert job_id in listed(folder_cloud, "PicProcess", States="Pause", QueueId=queue_id)

        client.ci_cancel_jobs(Bucket=BUCKET, JobID=job_id)

        assert get(folder_cloud, job_id)["State"] == "Cancel"
    finally:
        set_state("Active")
    assert "single/never.png" not in folder_cloud.keys("single/")
    assert get(folder_cloud, job_id)["State"] == "Cancel"


def test_batch_of_one_operation_is_listed_object_by_object(cloud: Cloud) -> None:
    """Every object of a batch of type Job is a job, with what the batch asked for."""
    for number in range(3):
        cloud.put(f"jobs-batch/{number}.png", picture(seed=number))
    rule = {
        "Tag": "PicProcess",
        "JobParam": SMALL,
        "Output": target("jobs-batch-out/${InputName}_${InventoryTriggerJobId}.png"),
        "UserData": "batch 7",
        "JobLevel": "2",
        "CallBack": "no",
    }
    batch_id = cloud.create(
        {"Name": "b", "Type": "Job", "Input": {"Prefix": "jobs-batch/"}, "Operation": rule}
    )
    batch = cloud.wait(batch_id)
    assert (batch["State"], batch["Operation"]) == ("Success", rule)

    entries = [entry["RunId"] for entry in cloud.executions(BatchJobId=batch_id)]
    shown = [cloud.execution(run_id)["Tasks"]["JobId"] for run_id in entries]

    assert len(shown) == 3
    assert set(shown) <= set(listed(cloud, "PicProcess", States="Success"))
    one = get(cloud, shown[0])
    assert one["InventoryTriggerJobId"] == batch_id
    assert (one["Operation"]["UserData"], one["Operation"]["JobLevel"]) == ("batch 7", "2")
    with pytest.raises(CosServiceError) as caught:
        cloud.client.ci_cancel_jobs(Bucket=BUCKET, JobID=shown[0])
    assert refusal(caught) == (400, "InvalidArgument")
    assert batch_id in caught.value.get_error_msg()


def test_batch_with_a_template_uses_it(folder_cloud: Cloud) -> None:
    """A batch of type Job takes its params from a template, and jobs tell the template's name."""
    folder_cloud.put("jobs-template/a.png", picture())
    answer = folder_cloud.client.ci_create_template(
        Bucket=BUCKET, Template={"Tag": "PicProcess", "Name": "tiny", **SMALL}
    )
    template_id = answer["Template"]["TemplateId"]
    rule = {
        "Tag": "PicProcess",
        "JobParam": {"TemplateId": template_id},
        "Output": target("jobs-template/out/${InputName}.png"),
    }

    batch_id = folder_cloud.create(
        {"Name": "t", "Type": "Job", "Input": {"Object": "jobs-template/a.png"}, "Operation": rule}
    )

    assert folder_cloud.wait(batch_id)["State"] == "Success"
    job_id = folder_cloud.only_execution(batch_id)["Tasks"]["JobId"]
    operation = get(folder_cloud, job_id)["Operation"]
    assert (operation["TemplateId"], operation["TemplateName"]) == (template_id, "tiny")


@pytest.mark.parametrize(
    ("rule", "code", "words"),
    [
        ({"Tag": "VideoTag", "JobParam": ""}, "InvalidArgument", ["VideoTag", "Transcode"]),
        ({"Tag": "Noop"}, "InvalidArgument", ["JobParam"]),
        (
            {"Tag": "PicProcess", "JobParam": SMALL, "Output": {"Object": "o"}},
            "InvalidArgument",
            ["Output.Region", "Output.Bucket"],
        ),
        ({"Tag": "Noop", "JobParam": "", "QueueId": "p1"}, "QueueNotFound", ["p1"]),
        (
            {"Tag": "Noop", "JobParam": "", "JobLevel": "x", "CallBack": "mailto:me"},
            "InvalidArgument",
            ["JobLevel", "mailto:me"],
        ),
    ],
)
def test_wrong_batch_of_one_operation_is_refused(
    folder_cloud: Cloud, rule: Answer, code: str, words: list[str]
) -> None:
    """A batch whose operation could not be carried out is refused at once."""
    request = {"Name": "b", "Type": "Job", "Input": {"Prefix": "x/"}, "Operation": rule}

    with pytest.raises(CosServiceError) as caught:
        folder_cloud.create(request)

    assert refusal(caught) == (400, code)
    assert all(word in caught.value.get_error_msg() for word in words)


def test_node_of_a_workflow_is_a_job(folder_cloud: Cloud) -> None:
    """The id that an execution shows for a task leads to a job that names its workflow."""
    folder_cloud.put("jobs-flow/a.txt", b"abc")
    workflow_id = folder_cloud.create_workflow(hashing(), "hashes")
    job_id = folder_cloud.create_job(workflow_id, {"Prefix": "jobs-flow/"})
    folder_cloud.wait(job_id)
    execution = folder_cloud.only_execution(job_id)

    job = get(folder_cloud, execution["Tasks"]["JobId"])

    assert job["Workflow"] == {
        "RunId": execution["RunId"],
        "WorkflowId": workflow_id,
        "WorkflowName": "hashes",
        "Name": "Hash",
    }
    assert job["InventoryTriggerJobId"] == job_id
    assert (job["State"], job["Tag"]) == ("Success", "FileHashCode")


def test_lists_page_through_everything(folder_cloud: Cloud) -> None:
    """Small pages show the same jobs as a large one, in both orders."""
    folder_cloud.put("single/a.txt", b"abc")
    for _ in range(3):
        create(folder_cloud, body("Noop", "single/a.txt"))

    once = listed(folder_cloud, "Noop")

    assert listed(folder_cloud, "Noop", Size=2) == once
    assert listed(folder_cloud, "Noop", Size=2, OrderByTime="Asc") == once[::-1]
    assert len(once) >= 3
