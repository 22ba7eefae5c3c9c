"""ImageInspect in the three forms of the wire: a single job, a batch job, a node of a workflow."""

from typing import Any

import pytest
from qcloud_cos import CosServiceError

from tests.e2e.media import picture
from tests.e2e.sdk import ENDED, Answer, Cloud, as_list, node, topology
from tests.e2e.servers import BUCKET
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PACKETS = (b"G\x40\x11\x10" + bytes(184)) * 20


def inspected(cloud: Cloud, job_id: str) -> Answer:
    """The `ImageInspectResult` of a job, when it has ended."""

    def job() -> Any:  # noqa: ANN401  # any tree
        return cloud.client.ci_get_media_pic_jobs(Bucket=BUCKET, JobIDs=job_id)["JobsDetail"][0]

    wait_until(lambda: job()["State"] in ENDED, f"job {job_id} to end")
    result: Answer = job()["Operation"]["ImageInspectResult"]
    return result


def create(cloud: Cloud, key: str, **params: str) -> Answer:
    """Create a single job."""
    jobs = {
        "Tag": "ImageInspect",
        "Input": {"Object": key},
        "Operation": {"ImageInspect": params or {"AutoProcess": "false"}},
    }
    made: Answer = cloud.client.ci_create_media_pic_jobs(Bucket=BUCKET, Jobs=jobs, Lst={})
    return made


def test_single_job_inspects_a_picture(folder_cloud: Cloud) -> None:
    """A single job tells what is hidden behind a picture, and needs no output."""
    image = picture()
    folder_cloud.put("inspect/a.png", image + PACKETS)

    answer = create(folder_cloud, "inspect/a.png")

    result = inspected(folder_cloud, answer["JobsDetail"][0]["JobId"])
    assert (result["State"], result["InputObjectName"]) == ("Success", "inspect/a.png")
    assert result["ProcessResult"] == {
        "PicSize": str(len(image + PACKETS)),
        "PicType": "PNG",
        "Suspicious": "true",
        "SuspiciousBeginByte": str(len(image)),
        "SuspiciousEndByte": str(len(image + PACKETS) - 1),
        "SuspiciousSize": str(len(PACKETS)),
        "SuspiciousType": "MPEG-TS",
    }


def test_batch_inspects_every_picture(folder_cloud: Cloud) -> None:
    """A batch job over a prefix, without output, looks at each picture and leaves it alone."""
    folder_cloud.put("batch/a.png", picture())
    folder_cloud.put("batch/b.png", picture() + PACKETS)
    body = {
        "Name": "inspect",
        "Type": "Job",
        "Input": {"Prefix": "batch/"},
        "Operation": {
            "Tag": "ImageInspect",
            "JobParam": {"ImageInspect": {"AutoProcess": "false"}},
        },
    }

    ended = folder_cloud.wait(folder_cloud.create(body))

    assert ended["State"] == "Success"
    assert folder_cloud.keys("batch/") == ["batch/a.png", "batch/b.png"]
    assert folder_cloud.get("batch/b.png").endswith(PACKETS)


def test_workflow_inspects_a_picture(folder_cloud: Cloud) -> None:
    """A node of a workflow inspects, with its settings inline as the SDK sends them."""
    folder_cloud.put("flow/a.png", picture())
    inspect = node("ImageInspect", AutoProcess="false", ProcessType="BackupObject")
    tree = topology({"Look": inspect}, {"Start": "Look", "Look": "End"})

    job_id = folder_cloud.create_job(folder_cloud.create_workflow(tree), {"Object": "flow/a.png"})

    assert folder_cloud.wait(job_id)["State"] == "Success"
    (task,) = as_list(folder_cloud.only_execution(job_id)["Tasks"])
    assert task["Type"] == "ImageInspect"
    assert task["State"] == "Success"
    assert task["ImageInspectResult"]["ProcessResult"]["Suspicious"] == "false"


def test_automatic_treatment_is_refused_at_the_door(folder_cloud: Cloud) -> None:
    """What would change stored objects is refused when it is sent."""
    with pytest.raises(CosServiceError) as caught:
        create(folder_cloud, "inspect/a.png", AutoProcess="true", ProcessType="DeleteObject")

    assert caught.value.get_error_code() == "InvalidArgument"
    assert "AutoProcess" in caught.value.get_error_msg()
