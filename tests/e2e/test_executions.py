"""Executions: listed, filtered, paged, and told in every detail, through the official SDK."""

import re
from typing import Any

import pytest
from qcloud_cos.cos_exception import CosServiceError

from tests.e2e.media import clip
from tests.e2e.previews import Finished, run_of
from tests.e2e.sdk import Cloud, made, tasks
from tests.e2e.servers import BUCKET, REGION

pytestmark = pytest.mark.slow

EXECUTION_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00")


def test_executions_page_through_to_the_last(finished: Finished) -> None:
    """Pages of one entry bring every execution once, in the order asked for."""
    cloud = finished.cloud

    down = cloud.executions(size=1, BatchJobId=finished.job_id)
    up = cloud.executions(size=3, BatchJobId=finished.job_id, OrderByTime="Asc")

    assert [entry["Object"] for entry in up] == [
        f"previews/in/{name}" for name in ("broken.jpg", "clip.mp4", "drawing.png", "photo.jpg")
    ]
    assert down == up[::-1]
    for entry in up:
        assert set(entry) == set("RunId WorkflowId State Object CreateTime CreationTime".split())
        assert re.fullmatch(r"i[0-9a-f]{32}", entry["RunId"])
        assert entry["WorkflowId"] == finished.workflow_id
        assert EXECUTION_TIME.fullmatch(entry["CreateTime"])
        assert entry["CreationTime"] == entry["CreateTime"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"States": "Failed"}, ["broken.jpg"]),
        ({"States": "Success"}, ["clip.mp4", "drawing.png", "photo.jpg"]),
        ({"States": "Success,Failed", "Name": "previews/in/clip.mp4"}, ["clip.mp4"]),
        ({"States": "Running,Cancel"}, []),
        ({"StartCreationTime": "2124-01-01T00:00:00+0800"}, []),
        ({"EndCreationTime": "2001-01-01T00:00:00+0800"}, []),
        (
            {
                "StartCreationTime": "2001-01-01T00:00:00+0800",
                "EndCreationTime": "2124-01-01T00:00:00+0800",
                "States": "Failed",
            },
            ["broken.jpg"],
        ),
        ({"Name": "previews/in/clip"}, []),
    ],
)
def test_executions_are_filtered(
    finished: Finished, filters: dict[str, Any], expected: list[str]
) -> None:
    """Each filter of the list leaves exactly the executions that match."""
    found = finished.cloud.executions(WorkflowId=finished.workflow_id, **filters)

    assert sorted(entry["Object"].removeprefix("previews/in/") for entry in found) == expected


def test_execution_tells_what_became_of_each_node(finished: Finished) -> None:
    """An execution shows its workflow as it ran, its tasks in order, and their results."""
    run = run_of(finished, "clip.mp4")

    assert run["State"] == "Success"
    assert run["WorkflowId"] == finished.workflow_id
    assert run["Name"] == run["WorkflowName"] == "previews"
    assert run["Object"] == "previews/in/clip.mp4"
    assert run["Topology"]["Dependencies"]["Web"] == "Cover"
    by_name = tasks(run)
    assert {name: task["Type"] for name, task in by_name.items()} == {
        "Small": "PicProcess",
        "Web": "Transcode",
        "Cover": "Snapshot",
        "Facts": "MediaInfo",
    }
    assert {name: task["State"] for name, task in by_name.items()} == {
        "Small": "Cancel",
        "Web": "Success",
        "Cover": "Success",
        "Facts": "Success",
    }
    assert by_name["Small"]["Code"] == "Skipped"
    for name in ("Web", "Cover", "Facts"):
        task = by_name[name]
        assert task["Code"] == "Success"
        times = [task[field] for field in ("CreateTime", "StartTime", "EndTime")]
        assert all(EXECUTION_TIME.fullmatch(time) for time in times), times
        assert times == sorted(times)
        assert re.fullmatch(r"j[0-9a-f]{32}", task["JobId"])


def test_execution_tells_what_was_made_and_found(finished: Finished) -> None:
    """Results name their object, its URL and what it was made from; facts are the true ones."""
    by_name = tasks(run_of(finished, "clip.mp4"))

    (cover,) = made(by_name["Cover"])
    assert by_name["Cover"]["ResultInfo"]["ObjectCount"] == "1"
    key = "previews/out/clip_0.jpg"
    assert cover["ObjectName"] == key
    assert cover["ObjectUrl"] == f"http://{BUCKET}.cos.{REGION}.myqcloud.com/{key}"
    assert cover["InputObjectName"] == "previews/out/clip.mp4"
    assert cover["Code"] == "0"
    facts = by_name["Facts"]["FileInfo"]
    video = facts["MediaInfo"]["Video"]
    assert (video["Width"], video["Height"]) == ("160", "120")
    assert facts["BasicInfo"]["Size"] == str(len(clip()))
    assert float(facts["MediaInfo"]["Format"]["Duration"]) == pytest.approx(1, abs=0.2)


def test_execution_that_failed_says_why(finished: Finished) -> None:
    """A broken picture fails alone, with a code and a message that names it."""
    run = run_of(finished, "broken.jpg")

    assert run["State"] == "Failed"
    assert run["Code"] == "ResourceNotSupported"
    assert "broken.jpg" in run["Message"]
    assert tasks(run)["Small"]["State"] == "Failed"
    assert "ResultInfo" not in tasks(run)["Small"]


def test_execution_that_nobody_made_is_not_found(cloud: Cloud) -> None:
    """A run id that names nothing is answered with a code and the id."""
    unknown = "i" + "0" * 32

    with pytest.raises(CosServiceError) as refused:
        cloud.execution(unknown)

    assert refused.value.get_status_code() == 400
    assert refused.value.get_error_code() == "ResourceNotFound"
    assert unknown in refused.value.get_error_msg()
