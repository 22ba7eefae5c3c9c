"""Workflow calls to the last field, and uploads that start Active workflows, by the SDK."""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.workflows import WorkflowState
from tests.api.ci import CiServer, outcome, refused, serve_ci, value
from tests.api.server import BUCKET, OTHER
from tests.waiting import wait_until

Tree = dict[str, Any]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJRU5"
    "ErkJggg=="
)
HASH: Tree = {"Type": "FileHashCode", "Operation": {"FileHashCodeConfig": {"Type": "MD5"}}}


def topology(**start: Any) -> Tree:  # noqa: ANN401  # any tree
    """A topology that hashes an object; `start` is the Start node's input."""
    return {
        "Dependencies": {"Start": "h", "h": "End"},
        "Nodes": {"Start": {"Type": "Start", "Input": start}, "h": HASH},
    }


def create(ci: CiServer, name: str = "sums", state: str = "Paused", **start: Any) -> Tree:  # noqa: ANN401
    """Store a workflow; what the answer tells of it."""
    body = {"MediaWorkflow": {"Name": name, "State": state, "Topology": topology(**start)}}
    found: Tree = ci.sdk().ci_create_workflow(Bucket=BUCKET, Body=body)["MediaWorkflow"]
    return found


def update(ci: CiServer, workflow_id: str, name: str, state: str = "Paused") -> Tree:
    """Replace a workflow; what the answer tells of it."""
    body = {"MediaWorkflow": {"Name": name, "State": state, "Topology": topology()}}
    answer = ci.sdk().ci_update_workflow(Bucket=BUCKET, WorkflowId=workflow_id, Body=body)
    found: Tree = answer["MediaWorkflow"]
    return found


def set_state(ci: CiServer, workflow_id: str, state: str) -> None:
    """Activate or pause a workflow."""
    ci.sdk().ci_update_workflow_state(Bucket=BUCKET, WorkflowId=workflow_id, UpdateState=state)


def listed(ci: CiServer, **query: Any) -> list[str]:  # noqa: ANN401  # the SDK's parameters
    """Names of the workflows of a list."""
    answer = ci.sdk().ci_get_workflow(Bucket=BUCKET, **query)
    return [one["Name"] for one in answer.get("MediaWorkflowList") or []]


def started(ci: CiServer, workflow_id: str = "") -> list[tuple[str, str]]:
    """Key and state of every execution, in the order of their start."""
    answer = ci.sdk().ci_list_workflowexecution(
        Bucket=BUCKET, WorkflowId=workflow_id, Size=100, OrderByTime="Asc"
    )
    found = answer.get("WorkflowExecutionList") or []
    return [
        (one["Object"], one["State"]) for one in (found if isinstance(found, list) else [found])
    ]


def keys(ci: CiServer, workflow_id: str = "") -> list[str]:
    """The keys that were started."""
    return [key for key, _ in started(ci, workflow_id)]


def put(ci: CiServer, *names: str, bucket: str = BUCKET) -> None:
    """Upload small objects."""
    for name in names:
        ci.client().put_object(Bucket=bucket, Key=name, Body=b"x")


# --- definitions --------------------------------------------------------------------------


def test_workflow_keeps_every_field_of_its_start(ci: CiServer) -> None:
    """What a Start node says is stored and shown as it was sent."""
    queue_id = value(ci.call("GET", "/queue"), "QueueId")
    start: Tree = {
        "ObjectPrefix": "/in/",
        "QueueId": queue_id,
        "NotifyConfig": {
            "State": "On",
            "Type": "Url",
            "Url": "http://example.org/cb",
            "Event": "TaskFinish,WorkflowFinish,WorkflowStart",
            "ResultFormat": "JSON",
        },
        "ExtFilter": {"State": "On", "Video": "true", "Custom": "true", "CustomExts": "a/b/c"},
    }

    made = create(ci, **start)

    assert made["Topology"]["Nodes"]["Start"]["Input"] == start
    assert made["State"] == "Paused"
    assert made["BucketId"] == BUCKET
    assert made["CreateTime"] == made["UpdateTime"]


def test_workflow_that_is_active_cannot_be_changed(ci: CiServer) -> None:
    """An Active workflow is neither updated nor deleted, until it is paused; states may repeat."""
    workflow_id = create(ci)["WorkflowId"]
    set_state(ci, workflow_id, "active")
    set_state(ci, workflow_id, "active")

    with refused("ActiveWorkflowForbiddenUpdate", 403, workflow_id):
        update(ci, workflow_id, "other")
    with refused("ActiveWorkflowForbiddenUpdate", 403, workflow_id):
        ci.sdk().ci_delete_workflow(Bucket=BUCKET, WorkflowId=workflow_id)
    set_state(ci, workflow_id, "paused")
    changed = update(ci, workflow_id, "other", state="Active")

    assert (changed["Name"], changed["State"], changed["WorkflowId"]) == (
        "other",
        "Active",
        workflow_id,
    )


def test_workflow_state_call_wants_one_state(ci: CiServer) -> None:
    """Both states at once are refused; neither is an update, which needs a body."""
    workflow_id = create(ci)["WorkflowId"]

    both = ci.call("PUT", f"/workflow/{workflow_id}?active&paused", "")
    neither = ci.call("PUT", f"/workflow/{workflow_id}", "")

    assert outcome(both) == (400, "InvalidArgument")
    assert outcome(neither) == (400, "MissingContent")


def test_workflow_lists_filter_and_page(ci: CiServer) -> None:
    """A part of the name, ids and pages narrow the list; unknown ids are named."""
    ids = {name: create(ci, name)["WorkflowId"] for name in ("web-a", "web-b", "sums")}

    found = ci.sdk().ci_get_workflow(Bucket=BUCKET, Ids=f"{ids['sums']},w9")
    page = ci.sdk().ci_get_workflow(Bucket=BUCKET, PageNumber="2", PageSize="2")

    assert [one["Name"] for one in found["MediaWorkflowList"]] == ["sums"]
    assert found["NonExistIDs"] == "w9"
    assert (page["TotalCount"], page["PageNumber"], page["PageSize"]) == ("3", "2", "2")
    assert len(page["MediaWorkflowList"]) == 1
    assert sorted(listed(ci, Name="web")) == ["web-a", "web-b"]
    assert listed(ci, Name="%") == []


def test_workflow_that_is_not_there(ci: CiServer) -> None:
    """An unknown workflow is ResourceNotFound in every call that names one."""
    put(ci, "a")
    gone = "w" + "0" * 32

    with refused("ResourceNotFound", 400, gone):
        update(ci, gone, "a")
    with refused("ResourceNotFound", 400, gone):
        set_state(ci, gone, "active")
    with refused("ResourceNotFound", 400, gone):
        ci.sdk().ci_delete_workflow(Bucket=BUCKET, WorkflowId=gone)
    with refused("ResourceNotFound", 400, gone):
        ci.sdk().ci_trigger_workflow(Bucket=BUCKET, WorkflowId=gone, Key="a")


@pytest.mark.parametrize(
    ("start", "parts"),
    [
        ({"ExtFilter": {"State": "Perhaps"}}, ("ExtFilter.State",)),
        (
            {"ExtFilter": {"State": "On", "Video": "yes", "Custom": "true"}},
            ("ExtFilter.Video", "ExtFilter.CustomExts must be given"),
        ),
        (
            {
                "ExtFilter": {
                    "State": "On",
                    "Custom": "true",
                    "CustomExts": "/".join("abcdefghijk"),
                }
            },
            ("may hold 10 extensions, not 11",),
        ),
        (
            {"ExtFilter": {"State": "On", "Custom": "true", "CustomExts": "mp4/*"}},
            ("no extensions are '*'",),
        ),
        ({"ExtFilter": {"State": "On"}}, ("accepts nothing",)),
        (
            {"ExtFilter": {"State": "On", "Image": "true", "AutoContentType": "image/png"}},
            ("AutoContentType is not offered",),
        ),
        ({"SamplingConfig": {"State": "On"}}, ("SamplingConfig is not offered",)),
        (
            {"NotifyConfig": {"State": "On", "Type": "Url", "Event": "Nothing"}},
            ("NotifyConfig.Event", "NotifyConfig.Url must be given"),
        ),
    ],
)
def test_workflow_start_faults(ci: CiServer, start: Tree, parts: tuple[str, ...]) -> None:
    """What is wrong with a Start node is told, all at once, and nothing is stored."""
    with refused("InvalidArgument", 400, *parts):
        create(ci, **start)

    assert listed(ci) == []


def test_workflow_faults_of_name_start_and_graph_stand_in_one_message(ci: CiServer) -> None:
    """Name, Start node and nodes are looked through together."""
    tree = topology(SamplingConfig={"State": "On"})
    tree["Nodes"]["x"] = {"Type": "Magic"}
    tree["Dependencies"] = {"Start": "h,x", "h": "End", "x": "End"}
    body = {"MediaWorkflow": {"Name": "a b", "Topology": tree}}

    with refused("InvalidArgument", 400, "Name may hold", "SamplingConfig", "'Magic'"):
        ci.sdk().ci_create_workflow(Bucket=BUCKET, Body=body)


def test_workflow_that_names_what_is_not_there(ci: CiServer) -> None:
    """An unknown queue or template of a workflow has the vendor's code."""
    node = {"Type": "FileHashCode", "Operation": {"TemplateId": "t9"}}
    tree = {**topology(), "Nodes": {"Start": {"Type": "Start"}, "h": node}}

    with refused("TemplateNotFound", 400, "t9"):
        ci.sdk().ci_create_workflow(
            Bucket=BUCKET, Body={"MediaWorkflow": {"Name": "a", "Topology": tree}}
        )
    queued = {**topology(QueueId="p9")}
    queued["Nodes"]["h"] = {"Type": "MediaInfo"}
    with refused("QueueNotFound", 400, "p9"):
        ci.sdk().ci_create_workflow(
            Bucket=BUCKET, Body={"MediaWorkflow": {"Name": "a", "Topology": queued}}
        )


def test_workflow_number_is_limited(tmp_path: Path) -> None:
    """A bucket that has as many workflows as it may gets no more."""
    with serve_ci(tmp_path, workflow_limit=1) as ci:
        create(ci, "first")

        with refused("WorkFlowNumLimit", 403, "1 workflows"):
            create(ci, "second")


def test_workflow_trigger_refuses_what_it_would_not_do(ci: CiServer) -> None:
    """Parameters that would have no effect, and names that are none, are refused."""
    workflow_id = create(ci)["WorkflowId"]
    put(ci, "a")
    path = f"/triggerworkflow?workflowId={workflow_id}&object=a"

    assert ci.call("POST", path, "").status == 200
    assert ci.call("POST", f"{path}&name=ok-1", "").status == 200
    for query in ("&name=a%20b", f"&name={'x' * 129}", "&attachParam"):
        assert outcome(ci.call("POST", path + query, "")) == (400, "InvalidArgument"), query
    assert outcome(ci.call("POST", "/triggerworkflow?object=a", "")) == (400, "InvalidArgument")
    missing = ci.call("POST", f"/triggerworkflow?workflowId={workflow_id}&object=b", "")
    assert outcome(missing) == (400, "ResourceNotFound")


# --- uploads ------------------------------------------------------------------------------


def test_upload_starts_active_workflows_of_its_prefix(ci: CiServer) -> None:
    """An upload starts each Active workflow whose prefix its key has; one slash is ignored."""
    rooted = create(ci, "rooted", "Active", ObjectPrefix="/in/")["WorkflowId"]
    every = create(ci, "every", "Active")["WorkflowId"]
    create(ci, "asleep", "Paused")

    put(ci, "in/a.jpg", "out/b.jpg", "inner/c.jpg")

    assert keys(ci, rooted) == ["in/a.jpg"]
    assert keys(ci, every) == ["in/a.jpg", "out/b.jpg", "inner/c.jpg"]
    assert len(started(ci)) == 4


@pytest.mark.parametrize(
    ("ext_filter", "expected"),
    [
        ({"State": "Off", "Image": "true"}, ["a.JPG", "b.mp4", "c", "d.txt"]),
        ({"State": "On", "Image": "true"}, ["a.JPG"]),
        ({"State": "on", "Video": "true", "Image": "TRUE"}, ["a.JPG", "b.mp4"]),
        ({"State": "On", "Custom": "true", "CustomExts": "txt/.mp4"}, ["b.mp4", "d.txt"]),
        ({"State": "On", "AllFile": "true"}, ["a.JPG", "b.mp4", "c", "d.txt"]),
    ],
)
def test_upload_passes_the_filter(
    ci: CiServer, ext_filter: Mapping[str, str], expected: list[str]
) -> None:
    """Only objects that the workflow's ExtFilter lets through start it."""
    create(ci, "filtered", "Active", ExtFilter=dict(ext_filter))

    put(ci, "a.JPG", "b.mp4", "c", "d.txt")

    assert keys(ci) == expected


def test_upload_of_every_kind_starts(ci: CiServer) -> None:
    """A PUT, a copy and a multipart upload start a workflow once the object is there."""
    create(ci, "every", "Active")
    client = ci.client()
    put(ci, "put")
    client.copy_object(
        Bucket=BUCKET,
        Key="copied",
        CopySource={"Bucket": BUCKET, "Key": "put", "Region": "ap-chongqing"},
    )
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    part = client.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    before = keys(ci)
    client.complete_multipart_upload(
        Bucket=BUCKET,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )

    assert before == ["put", "copied"]
    assert keys(ci) == ["put", "copied", "parts"]


def test_upload_into_another_bucket_starts_nothing(ci: CiServer) -> None:
    """Workflows belong to a bucket."""
    create(ci, "every", "Active")

    ci.client().put_object(Bucket=OTHER, Key="a", Body=b"x")

    assert keys(ci) == []


def test_upload_follows_the_state_of_a_workflow(ci: CiServer) -> None:
    """An upload starts what is Active at that moment."""
    workflow_id = create(ci)["WorkflowId"]
    put(ci, "a")
    set_state(ci, workflow_id, "active")
    put(ci, "b")
    set_state(ci, workflow_id, "paused")
    put(ci, "c")

    assert keys(ci) == ["b"]


def test_upload_never_fails_because_of_a_workflow(ci: CiServer) -> None:
    """A workflow that cannot be started keeps neither the upload nor the other workflows back."""
    template = {"Tag": "FileHashCode", "Name": "t", "FileHashCodeConfig": {"Type": "MD5"}}
    template_id = ci.sdk().ci_create_template(Bucket=BUCKET, Template=template)["Template"][
        "TemplateId"
    ]
    tree = topology()
    tree["Nodes"]["h"] = {"Type": "FileHashCode", "Operation": {"TemplateId": template_id}}
    body = {"MediaWorkflow": {"Name": "broken", "State": "Active", "Topology": tree}}
    ci.sdk().ci_create_workflow(Bucket=BUCKET, Body=body)
    good = create(ci, "good", "Active")["WorkflowId"]
    ci.sdk().ci_delete_template(Bucket=BUCKET, TemplateId=template_id)

    put(ci, "a")

    assert started(ci) == started(ci, good) == [("a", "Submitted")]


def test_upload_starts_nothing_where_media_is_closed(ci: CiServer) -> None:
    """Where the media family is closed, uploads are plain uploads."""
    create(ci, "every", "Active")
    ci.call("DELETE", "/mediabucket", "")

    put(ci, "a")
    ci.call("POST", "/mediabucket", "")

    assert keys(ci) == []


def test_upload_runs_to_its_end_and_results_start_nothing(tmp_path: Path) -> None:
    """What a workflow publishes below its own prefix does not start it again."""
    node = {
        "Type": "PicProcess",
        "Operation": {
            "PicProcess": {"ProcessRule": "imageMogr2/thumbnail/2x2"},
            "Output": {"Region": "x", "Bucket": BUCKET, "Object": "in/small-${InputName}.png"},
        },
    }
    tree = topology(ObjectPrefix="in/")
    tree["Nodes"]["h"] = node
    with serve_ci(tmp_path, with_engine=True) as ci:
        body = {"MediaWorkflow": {"Name": "loop", "State": "Active", "Topology": tree}}
        ci.sdk().ci_create_workflow(Bucket=BUCKET, Body=body)

        ci.client().put_object(Bucket=BUCKET, Key="in/a.png", Body=PNG)
        wait_until(lambda: started(ci) == [("in/a.png", "Success")], "the upload to be worked on")

        assert ci.client().head_object(Bucket=BUCKET, Key="in/small-a.png")
        assert started(ci) == [("in/a.png", "Success")]


def test_upload_waits_a_moment_at_most(ci: CiServer) -> None:
    """While the database is held by another, an upload is answered all the same, and started."""
    create(ci, "every", "Active")
    began = time.monotonic()

    with ci.system.database.write():
        put(ci, "a")
        seconds = time.monotonic() - began

    assert seconds < 10
    wait_until(lambda: keys(ci) == ["a"], "the start to be recorded")


def test_workflow_state_words_are_the_domains(ci: CiServer) -> None:
    """The wire shows the states of the domain."""
    workflow_id = create(ci, state="Active")["WorkflowId"]

    assert ci.system.workflows.get(BUCKET, workflow_id).state is WorkflowState.ACTIVE
