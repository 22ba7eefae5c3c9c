"""Batch jobs from upload to results, through the official SDK, on a folder and on S3."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.media import clip, look, probe, tone
from tests.e2e.previews import Finished
from tests.e2e.sdk import (
    Cloud,
    as_list,
    counters,
    hashing,
    node,
    target,
    tasks,
    topology,
)
from tests.e2e.servers import BUCKET, Form, Server
from tests.waiting import wait_until

JOB_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0800")
OUTPUTS = {
    "previews/out/clip.mp4",
    "previews/out/clip_0.jpg",
    "previews/out/drawing.webp",
    "previews/out/photo.webp",
}
LONG = node(
    "Transcode",
    "long/out/${InputName}.${Ext}",
    Container={"Format": "mp4"},
    Video={"Codec": "H.264", "Width": "1920", "Height": "1080", "Preset": "slower"},
)


def test_job_detail_tells_every_field(finished: Finished) -> None:
    """The answer about a job that ended has all fields of the wire, and counters that add up."""
    detail = finished.detail

    times = [detail.pop(name) for name in ("CreationTime", "StartTime", "EndTime")]
    assert all(JOB_TIME.fullmatch(time) for time in times), times
    assert times == sorted(times)
    assert detail == {
        "Code": "Success",
        "Message": "3 of 4 succeeded, 1 failed",
        "Type": "Workflow",
        "Name": "previews",
        "JobId": finished.job_id,
        "State": "Success",
        "Progress": "100",
        "Input": {"Prefix": "previews/in/"},
        "Operation": {"WorkflowIds": finished.workflow_id},
        "Counters": counters(succeeded=3, failed=1),
    }
    assert re.fullmatch(r"b[0-9a-f]{32}", finished.job_id)


def test_job_outputs_can_be_downloaded_and_are_what_was_asked_for(finished: Finished) -> None:
    """Every output is there under its name, and independent decoders accept it."""
    cloud = finished.cloud

    assert set(cloud.keys("previews/out/")) == OUTPUTS
    assert look(cloud.get("previews/out/photo.webp")) == ("WEBP", (40, 25))
    assert look(cloud.get("previews/out/drawing.webp")) == ("WEBP", (40, 40))
    assert look(cloud.get("previews/out/clip_0.jpg")) == ("JPEG", (128, 96))
    web = probe(cloud.get("previews/out/clip.mp4"))
    assert (web.video, web.audio, web.size) == ("h264", "aac", (128, 96))
    assert web.seconds == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    ("filters", "is_found"),
    [
        ({}, True),
        ({"States": "Success"}, True),
        ({"States": "Running,Failed"}, False),
        ({"Type": "Job"}, False),
        ({"Name": "previews"}, True),
        ({"Name": "another"}, False),
        ({"StartCreationTime": "2001-01-01T00:00:00+0800"}, True),
        ({"EndCreationTime": "2001-01-01T00:00:00+0800"}, False),
    ],
)
def test_jobs_are_filtered(finished: Finished, filters: dict[str, str], is_found: bool) -> None:  # noqa: FBT001
    """Each filter of the job list shows a job exactly when it matches."""
    client = finished.cloud.client

    page = client.ci_list_inventory_trigger_jobs(
        Bucket=BUCKET, WorkflowId=finished.workflow_id, **filters
    )

    jobs = [job["JobId"] for job in as_list(page.get("JobsDetail"))]
    assert jobs == ([finished.job_id] if is_found else [])
    assert page["NextToken"] is None


def test_jobs_page_through_in_both_orders(cloud: Cloud) -> None:
    """Pages of one job bring every job of a name once, newest or oldest first."""
    workflow_id = cloud.create_workflow(hashing())
    chosen = {"Prefix": "nothing/lies/here/"}
    created = [cloud.create_job(workflow_id, chosen, "paged") for _ in range(3)]

    def listed(order: str) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            page = cloud.client.ci_list_inventory_trigger_jobs(
                Bucket=BUCKET, Name="paged", Size=1, OrderByTime=order, NextToken=token
            )
            found += [job["JobId"] for job in page["JobsDetail"]]
            token = page["NextToken"] or ""
            if not token:
                return found

    assert listed("Asc") == created
    assert listed("Desc") == created[::-1]


def test_job_that_matched_nothing_says_so(cloud: Cloud) -> None:
    """A job without a single object ends well, with a message."""
    workflow_id = cloud.create_workflow(hashing())

    detail = cloud.wait(cloud.create_job(workflow_id, {"Prefix": "nothing/lies/here/"}))

    assert detail["State"] == "Success"
    assert detail["Message"] == "no object matched the input and the filters"
    assert detail["Counters"] == counters()


def test_unknown_jobs_are_named_beside_those_found(finished: Finished) -> None:
    """Asking for an unknown job is no error: the answer names it, and has those that exist."""
    unknown = "b" + "0" * 32

    answer = finished.cloud.client.ci_get_inventory_trigger_jobs(
        Bucket=BUCKET, JobID=f"{unknown},{finished.job_id}"
    )

    assert answer["NonExistJobIds"] == answer["NonExistJobId"] == unknown
    assert [job["JobId"] for job in answer["JobsDetail"]] == [finished.job_id]


def test_job_of_one_operation_needs_no_workflow(cloud: Cloud) -> None:
    """A batch job of type Job transcodes sound, and is listed as such."""
    cloud.put("sound/in/tone.wav", tone())
    operation = {
        "Tag": "Transcode",
        "JobParam": {"Transcode": {"Container": {"Format": "mp3"}, "Audio": {"Codec": "mp3"}}},
        "Output": target("sound/out/${InventoryTriggerJobId}/${InputName}.${Ext}"),
    }
    body = {
        "Name": "sound",
        "Type": "Job",
        "Input": {"Prefix": "sound/in/"},
        "Operation": operation,
    }

    job_id = cloud.create(body)

    detail = cloud.wait(job_id)
    assert (detail["State"], detail["Message"]) == ("Success", None)
    assert detail["Type"] == "Job"
    assert detail["Operation"] == operation
    key = f"sound/out/{job_id}/tone.mp3"
    assert cloud.keys("sound/out/") == [key]
    found = probe(cloud.get(key))
    assert (found.format, found.audio, found.video) == ("mp3", "mp3", "")
    page = cloud.client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, Type="Job")
    assert job_id in [job["JobId"] for job in page["JobsDetail"]]


def test_cancelled_job_leaves_nothing_at_work(server: Server, cloud: Cloud) -> None:
    """A job of long transcodes is cancelled while it runs: no ffmpeg outlives the answer."""
    for number in range(3):
        cloud.put(f"long/in/{number}.mp4", clip(20))
    workflow_id = cloud.create_workflow(topology({"Web": LONG}, {"Start": "Web", "Web": "End"}))
    job_id = cloud.create_job(workflow_id, {"Prefix": "long/in/"})
    wait_until(server.media_programs, "ffmpeg to work")
    cloud.wait_read(job_id, "Running")

    response = cloud.client.ci_delete_inventory_trigger_jobs(Bucket=BUCKET, JobId=job_id)

    assert response.status_code == 200
    detail = cloud.wait(job_id)
    wait_until(lambda: not server.media_programs(), "every ffmpeg to end")
    assert detail["State"] == "Cancel"
    assert detail["Counters"] == counters(cancelled=3)
    states = [run["State"] for run in cloud.executions(BatchJobId=job_id)]
    assert states == ["Cancel"] * 3
    assert cloud.keys("long/out/") == []


def test_cancelling_an_ended_job_changes_nothing(finished: Finished) -> None:
    """A job that has ended stays as it is."""
    before = finished.cloud.job(finished.job_id)

    response = finished.cloud.client.ci_delete_inventory_trigger_jobs(
        Bucket=BUCKET, JobId=finished.job_id
    )

    assert response.status_code == 200
    assert finished.cloud.job(finished.job_id) == before


@pytest.mark.parametrize("form", list(Form))
def test_every_way_to_point_the_sdk_works(folder_server: Server, form: Form) -> None:
    """Objects, jobs and executions answer under each of the ways to configure the SDK."""
    cloud = Cloud(folder_server.client(form))
    folder = f"forms/{form.name}"
    cloud.put(f"{folder}/a b.txt", b"some text")
    workflow_id = cloud.create_workflow(hashing())

    detail = cloud.wait(cloud.create_job(workflow_id, {"Prefix": f"{folder}/"}))

    assert detail["Counters"] == counters(succeeded=1)
    run = cloud.only_execution(detail["JobId"])
    found = tasks(run)["Hash"]["FileHashCodeResult"]
    assert found["MD5"] == "552e21cd4cd9918678e3c1a0df491bc3"
    assert cloud.get(f"{folder}/a b.txt") == b"some text"


@pytest.mark.slow
def test_server_drains_and_keeps_its_state(tmp_path: Path) -> None:
    """A server told to end ends with code 0; started again it knows all that it knew."""
    server = Server(tmp_path, (tmp_path / "bucket").as_uri(), workers=1)
    try:
        server.start()
        cloud = Cloud(server.client())
        cloud.put("one.txt", b"one")
        job_id = cloud.create_job(cloud.create_workflow(hashing()), {"Object": "one.txt"})
        before = cloud.wait(job_id)

        code = server.terminate()

        assert code == 0
        server.start()
        again = Cloud(server.client())
        assert again.job(job_id) == before
        assert again.only_execution(job_id)["State"] == "Success"
        assert server.terminate() == 0
    finally:
        server.kill()


def test_installed_command_is_the_same_program() -> None:
    """The `penstock` script beside the interpreter runs and tells its version."""
    script = Path(sys.executable).with_name("penstock")

    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert re.fullmatch(r"penstock \d+\.\d+\.\d+\n", done.stdout)
