"""Workflows, triggers, templates and queues, through the official SDK."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from qcloud_cos.cos_exception import CosServiceError

from tests.e2e.media import clip, look, picture
from tests.e2e.sdk import (
    XML,
    Answer,
    Cloud,
    as_list,
    counters,
    hashing,
    made,
    node,
    shrinking,
    target,
    tasks,
    topology,
)
from tests.e2e.servers import BUCKET

pytestmark = pytest.mark.slow


def refused(call: Callable[[], object]) -> tuple[int, str, str]:
    """Status, code and message of the answer to a call that must be refused."""
    with pytest.raises(CosServiceError) as caught:
        call()
    error = caught.value
    return error.get_status_code(), error.get_error_code(), error.get_error_msg()


def find_workflow(cloud: Cloud, workflow_id: str) -> Answer:
    """A workflow as the list shows it."""
    answer = cloud.client.ci_get_workflow(Bucket=BUCKET, Ids=workflow_id)
    (found,) = answer["MediaWorkflowList"]
    detail: Answer = found
    return detail


def set_state(cloud: Cloud, workflow_id: str, state: str) -> None:
    """Activate or pause a workflow."""
    cloud.client.ci_update_workflow_state(Bucket=BUCKET, WorkflowId=workflow_id, UpdateState=state)


def test_workflow_is_listed_as_it_was_created(folder_cloud: Cloud) -> None:
    """A stored workflow comes back by id and by name, with its whole topology."""
    tree = shrinking("small/${InputName}.png")
    workflow_id = folder_cloud.create_workflow(tree, "listed-workflow")

    found = find_workflow(folder_cloud, workflow_id)

    assert re.fullmatch(r"w[0-9a-f]{32}", workflow_id)
    assert (found["Name"], found["State"]) == ("listed-workflow", "Paused")
    assert found["BucketId"] == BUCKET
    assert found["CreateTime"] == found["UpdateTime"]
    assert found["Topology"]["Dependencies"] == tree["Dependencies"]
    assert found["Topology"]["Nodes"]["Small"] == tree["Nodes"]["Small"]
    by_name = folder_cloud.client.ci_get_workflow(Bucket=BUCKET, Name="listed-workflow")
    assert by_name["TotalCount"] == "1"
    assert by_name["MediaWorkflowList"] == [found]


def test_active_workflow_is_protected(folder_cloud: Cloud) -> None:
    """An Active workflow is neither updated nor deleted; paused, it is both."""
    client = folder_cloud.client
    workflow_id = folder_cloud.create_workflow(hashing(), "protected")
    body = {"MediaWorkflow": {"Name": "renamed", "Topology": hashing()}}

    def update() -> Any:  # noqa: ANN401  # the SDK's answer
        return client.ci_update_workflow(
            Bucket=BUCKET, WorkflowId=workflow_id, Body=body, ContentType=XML
        )

    def delete() -> Any:  # noqa: ANN401  # the SDK's answer
        return client.ci_delete_workflow(Bucket=BUCKET, WorkflowId=workflow_id)

    set_state(folder_cloud, workflow_id, "active")
    assert find_workflow(folder_cloud, workflow_id)["State"] == "Active"
    for call in (update, delete):
        status, code, message = refused(call)
        assert (status, code) == (403, "ActiveWorkflowForbiddenUpdate")
        assert workflow_id in message
    set_state(folder_cloud, workflow_id, "paused")
    assert update()["MediaWorkflow"]["Name"] == "renamed"
    assert find_workflow(folder_cloud, workflow_id)["Name"] == "renamed"
    assert delete()["WorkflowId"] == workflow_id
    answer = client.ci_get_workflow(Bucket=BUCKET, Ids=workflow_id)
    assert answer["TotalCount"] == "0"
    assert answer["NonExistIDs"] == workflow_id


def test_job_keeps_the_workflow_it_was_made_with(folder_cloud: Cloud) -> None:
    """A workflow that is changed and deleted later does not change what an execution shows."""
    folder_cloud.put("pinned/one.txt", b"one")
    workflow_id = folder_cloud.create_workflow(hashing(), "pinned")
    job_id = folder_cloud.create_job(workflow_id, {"Object": "pinned/one.txt"})
    folder_cloud.client.ci_delete_workflow(Bucket=BUCKET, WorkflowId=workflow_id)

    detail = folder_cloud.wait(job_id)

    assert detail["State"] == "Success"
    run = folder_cloud.only_execution(job_id)
    assert (run["State"], run["Name"]) == ("Success", "pinned")
    assert run["Topology"]["Nodes"]["Hash"]["Type"] == "FileHashCode"


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (topology({"A": node("MediaInfo")}, {"Start": "A", "A": "A"}), "A"),
        (topology({"A": node("MediaInfo")}, {"Start": "B", "A": "End"}), "B"),
        (topology({"A": node("PicProcess")}, {"Start": "A", "A": "End"}), "Output"),
        (topology({"A": {"Type": "Nonsense"}}, {"Start": "A", "A": "End"}), "Nonsense"),
        (
            topology(
                {"A": node("PicProcess", "x.png", ProcessRule="imageMogr2/turn/7")},
                {"Start": "A", "A": "End"},
            ),
            "turn",
        ),
    ],
    ids=["cycle", "unknown successor", "no output", "unknown type", "bad rule"],
)
def test_wrong_topology_is_refused(folder_cloud: Cloud, tree: Answer, words: str) -> None:
    """A workflow that could not run is not stored, and the answer names the place."""
    status, code, message = refused(lambda: folder_cloud.create_workflow(tree, "wrong"))

    assert (status, code) == (400, "InvalidArgument")
    assert words in message
    answer = folder_cloud.client.ci_get_workflow(Bucket=BUCKET, Name="wrong")
    assert answer["TotalCount"] == "0"


def test_trigger_runs_one_object(cloud: Cloud) -> None:
    """A trigger answers with the id of an execution, which comes to its end with its output."""
    key = "trigger/in/a photo+1%.png"
    cloud.put(key, picture(32, 16))
    workflow_id = cloud.create_workflow(shrinking("trigger/out/${InputName}.${Ext}"), "trigger")

    answer = cloud.client.ci_trigger_workflow(Bucket=BUCKET, WorkflowId=workflow_id, Key=key)

    run = cloud.wait_execution(answer["InstanceId"])
    assert (run["State"], run["Object"]) == ("Success", key)
    (output,) = made(tasks(run)["Small"])
    assert output["ObjectName"] == "trigger/out/a photo+1%.png"
    assert look(cloud.get(output["ObjectName"])) == ("PNG", (8, 4))
    listed = cloud.executions(WorkflowId=workflow_id)
    assert [entry["RunId"] for entry in listed] == [answer["InstanceId"]]
    page = cloud.client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, WorkflowId=workflow_id)
    assert as_list(page.get("JobsDetail")) == []


def test_trigger_of_what_is_not_there_is_refused(cloud: Cloud) -> None:
    """A trigger names the object or workflow that does not exist."""
    workflow_id = cloud.create_workflow(hashing())
    cloud.put("trigger/there.txt", b"there")
    trigger = cloud.client.ci_trigger_workflow

    no_object = refused(
        lambda: trigger(Bucket=BUCKET, WorkflowId=workflow_id, Key="trigger/missing.txt")
    )
    no_workflow = refused(lambda: trigger(Bucket=BUCKET, WorkflowId="w0", Key="trigger/there.txt"))

    assert no_object[:2] == no_workflow[:2] == (400, "ResourceNotFound")
    assert "trigger/missing.txt" in no_object[2]
    assert "w0" in no_workflow[2]


@pytest.mark.parametrize("family", ["pic", "media"])
def test_paused_queue_holds_a_job(folder_cloud: Cloud, family: str) -> None:
    """A job behind a paused queue is in Pause and makes nothing; resumed, it ends well."""
    client = folder_cloud.client
    folder = f"paused-{family}"
    if family == "pic":
        read, update = client.ci_get_media_pic_queue, client.ci_update_media_pic_queue
        folder_cloud.put(f"{folder}/in/a.png", picture(16, 16))
        tree = shrinking(f"{folder}/out/${{InputName}}.png")
    else:
        read, update = client.ci_get_media_queue, client.ci_update_media_queue
        folder_cloud.put(f"{folder}/in/a.mp4", clip())
        tree = topology({"Facts": node("MediaInfo")}, {"Start": "Facts", "Facts": "End"})
    workflow_id = folder_cloud.create_workflow(tree, folder)
    queue = read(Bucket=BUCKET)["QueueList"][0]

    def set_queue(state: str) -> str:
        body = {"Name": queue["Name"], "State": state, "NotifyConfig": {"State": "Off"}}
        answer = update(Bucket=BUCKET, QueueId=queue["QueueId"], Request=body, ContentType=XML)
        return str(answer["Queue"][0]["State"])

    assert set_queue("Paused") == "Paused"
    try:
        job_id = folder_cloud.create_job(workflow_id, {"Prefix": f"{folder}/in/"})
        held = folder_cloud.wait_read(job_id, "Pause")
        assert held["Counters"]["Waiting"] == held["Counters"]["Total"] == "1"
        assert folder_cloud.keys(f"{folder}/out/") == []
        assert folder_cloud.only_execution(job_id)["State"] in {"Pause", "Submitted"}
    finally:
        assert set_queue("Active") == "Active"
    detail = folder_cloud.wait(job_id)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=1))


def test_held_job_can_be_cancelled(folder_cloud: Cloud) -> None:
    """A job that waits behind a paused queue is cancelled without having done anything."""
    client = folder_cloud.client
    folder_cloud.put("held/in/a.png", picture(16, 16))
    workflow_id = folder_cloud.create_workflow(shrinking("held/out/${InputName}.png"), "held")
    queue = client.ci_get_media_pic_queue(Bucket=BUCKET)["QueueList"][0]

    def set_queue(state: str) -> None:
        body = {"Name": queue["Name"], "State": state, "NotifyConfig": {"State": "Off"}}
        client.ci_update_media_pic_queue(
            Bucket=BUCKET, QueueId=queue["QueueId"], Request=body, ContentType=XML
        )

    set_queue("Paused")
    try:
        job_id = folder_cloud.create_job(workflow_id, {"Prefix": "held/in/"})
        folder_cloud.wait_read(job_id, "Pause")
        client.ci_delete_inventory_trigger_jobs(Bucket=BUCKET, JobId=job_id)
        detail = folder_cloud.wait(job_id)
    finally:
        set_queue("Active")

    assert (detail["State"], detail["Counters"]) == ("Cancel", counters(cancelled=1))
    assert folder_cloud.keys("held/out/") == []


def test_template_serves_a_workflow(folder_cloud: Cloud) -> None:
    """A template is created, listed, used by its id, and deleted."""
    client = folder_cloud.client
    folder_cloud.put("template/in/a.png", picture(40, 20))
    template = {
        "Tag": "PicProcess",
        "Name": "tiny-picture",
        "PicProcess": {"ProcessRule": "imageMogr2/thumbnail/10x10/format/jpg"},
    }

    created = client.ci_create_template(Bucket=BUCKET, Template=template)["Template"]

    template_id = created["TemplateId"]
    assert re.fullmatch(r"t[0-9a-f]{32}", template_id)
    assert (created["Tag"], created["Name"]) == ("PicProcess", "tiny-picture")
    for filters in ({"Name": "tiny-"}, {"Ids": template_id}):
        listed = client.ci_get_template(Bucket=BUCKET, **filters)
        assert listed["TotalCount"] == "1"
        (shown,) = listed["TemplateList"]
        assert shown["PicProcess"]["ProcessRule"] == template["PicProcess"]["ProcessRule"]  # type: ignore[index]
    small = {
        "Type": "PicProcess",
        "Operation": {
            "TemplateId": template_id,
            "Output": target("template/out/${InputName}.${Ext}"),
        },
    }
    tree = topology({"Small": small}, {"Start": "Small", "Small": "End"})
    workflow_id = folder_cloud.create_workflow(tree, "templated")
    detail = folder_cloud.wait(folder_cloud.create_job(workflow_id, {"Prefix": "template/in/"}))
    assert detail["Counters"] == counters(succeeded=1)
    assert look(folder_cloud.get("template/out/a.jpg")) == ("JPEG", (10, 5))
    deleted = client.ci_delete_template(Bucket=BUCKET, TemplateId=template_id)
    assert deleted["TemplateId"] == template_id
    assert client.ci_get_template(Bucket=BUCKET, Ids=template_id)["TotalCount"] == "0"
    status, code, message = refused(lambda: folder_cloud.create_workflow(tree, "templated"))
    assert (status, code) == (400, "TemplateNotFound")
    assert template_id in message


def test_template_names_are_unique(folder_cloud: Cloud) -> None:
    """A second template of the same name is refused with the vendor's code."""
    template = {"Tag": "FileHashCode", "Name": "unique", "FileHashCodeConfig": {"Type": "MD5"}}
    create = folder_cloud.client.ci_create_template
    created = create(Bucket=BUCKET, Template=template)["Template"]

    status, code, message = refused(lambda: create(Bucket=BUCKET, Template=template))

    assert (status, code) == (400, "TemplateNameDuplicate")
    assert "unique" in message
    folder_cloud.client.ci_delete_template(Bucket=BUCKET, TemplateId=created["TemplateId"])
