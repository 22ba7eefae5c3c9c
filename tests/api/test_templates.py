"""Template calls, by the SDK."""

from pathlib import Path
from typing import Any

import pytest

from penstock.domain.resources import Template
from penstock.operations.registry import find
from penstock.service.builtin_templates import official_templates
from tests.api.ci import CiServer, outcome, refused, serve_ci
from tests.api.server import BUCKET
from tests.e2e.media import clip
from tests.waiting import wait_until

MP4_640 = "t0e2b9f4cd25184c6ab73d0c85a6ee9cb5"
HASH = {"Tag": "FileHashCode", "FileHashCodeConfig": {"Type": "MD5"}}


def transcode(name: str, **video: str) -> dict[str, Any]:
    """A template whose params stand directly under the root."""
    return {
        "Tag": "Transcode",
        "Name": name,
        "Container": {"Format": "mp4"},
        "Video": {"Codec": "H.264", **video},
        "Audio": {"Codec": "aac"},
    }


def create(ci: CiServer, template: dict[str, Any]) -> Any:  # noqa: ANN401  # the SDK's answer
    """Create a template; what the answer tells of it."""
    return ci.sdk().ci_create_template(Bucket=BUCKET, Template=template)["Template"]


def listed(ci: CiServer, **query: Any) -> list[str]:  # noqa: ANN401  # the SDK's parameters
    """The names of the templates of a list."""
    answer = ci.sdk().ci_get_template(Bucket=BUCKET, **query)
    return [one["Name"] for one in answer.get("TemplateList") or []]


def test_template_is_created_with_every_field(ci: CiServer) -> None:
    """The answer to a create has the template's id, kind, place, times and params."""
    made = create(ci, transcode("web", Width="640"))

    assert made["TemplateId"].startswith("t")
    assert len(made["TemplateId"]) == 33
    assert made["CreateTime"] == made["UpdateTime"]
    assert {name: made[name] for name in ("Name", "Tag", "Code", "BucketId", "Category")} == {
        "Name": "web",
        "Tag": "Transcode",
        "Code": "Transcode",
        "BucketId": BUCKET,
        "Category": "Custom",
    }
    assert made["TransTpl"]["Video"] == {"Codec": "H.264", "Width": "640"}


def test_template_is_updated(ci: CiServer) -> None:
    """An update replaces the name and the params, and keeps the id and the time of creation."""
    made = create(ci, transcode("web", Width="640"))
    changed = transcode("big", Width="1280")

    answer = ci.sdk().ci_update_template(
        Bucket=BUCKET, TemplateId=made["TemplateId"], Template=changed
    )

    assert answer["Template"]["TemplateId"] == made["TemplateId"]
    assert answer["Template"]["CreateTime"] == made["CreateTime"]
    assert answer["Template"]["TransTpl"]["Video"]["Width"] == "1280"
    assert listed(ci) == ["big"]


def test_template_answer_can_be_sent_back(ci: CiServer) -> None:
    """The params are also taken from the block that answers have them in."""
    made = create(ci, transcode("web", Width="640"))
    sent = {"Tag": "Transcode", "Name": "again", "TransTpl": made["TransTpl"]}

    answer = ci.sdk().ci_update_template(
        Bucket=BUCKET, TemplateId=made["TemplateId"], Template=sent
    )

    assert answer["Template"]["TransTpl"] == made["TransTpl"]


def test_template_update_leaves_jobs_alone(ci: CiServer) -> None:
    """A job that pinned a template keeps its params when the template changes."""
    made = create(ci, {"Name": "sum", **HASH})
    node = {"Type": "FileHashCode", "Operation": {"TemplateId": made["TemplateId"]}}
    tree = {
        "Dependencies": {"Start": "h", "h": "End"},
        "Nodes": {"Start": {"Type": "Start"}, "h": node},
    }
    workflow = ci.sdk().ci_create_workflow(
        Bucket=BUCKET, Body={"MediaWorkflow": {"Name": "w", "Topology": tree}}
    )
    workflow_id = workflow["MediaWorkflow"]["WorkflowId"]
    body = {
        "Name": "n",
        "Type": "Workflow",
        "Input": {"Prefix": "in/"},
        "Operation": {"WorkflowIds": workflow_id},
    }
    job = ci.sdk().ci_create_inventory_trigger_jobs(Bucket=BUCKET, JobBody=body)["JobsDetail"][0]

    ci.sdk().ci_update_template(
        Bucket=BUCKET,
        TemplateId=made["TemplateId"],
        Template={"Name": "sum", "Tag": "FileHashCode", "FileHashCodeConfig": {"Type": "SHA1"}},
    )

    pinned = ci.system.jobs.get(BUCKET, job["JobId"]).workflows[0].topology
    assert "MD5" in str(pinned)
    assert "SHA1" not in str(pinned)


def test_template_lists_filter_and_page(ci: CiServer) -> None:
    """Names are found by their beginning; ids, category and pages narrow the list."""
    ids = {name: create(ci, {"Name": name, **HASH})["TemplateId"] for name in ("web-a", "web-b")}
    create(ci, transcode("other"))

    page = ci.sdk().ci_get_template(Bucket=BUCKET, PageNumber=2, PageSize=2)
    assert (page["TotalCount"], page["PageNumber"], page["PageSize"]) == ("3", "2", "2")
    assert len(page["TemplateList"]) == 1
    assert sorted(listed(ci, Name="web")) == ["web-a", "web-b"]
    assert listed(ci, Name="eb") == []
    assert listed(ci, Ids=f"{ids['web-b']},t0") == ["web-b"]
    assert "mp4-640" in listed(ci, Category="Official", PageSize=100)
    assert listed(ci, Category="All", Ids=f"{MP4_640},{ids['web-a']}") == ["web-a", "mp4-640"]
    assert ci.call("GET", "/template?tag=Transcode").body.count(b"<TemplateId>") == 1


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ({}, ("Name must be given", "Tag must be given")),
        ({"Tag": "Magic", "Name": "a b"}, ("no operation 'Magic'", "not 'a b'")),
        (
            {**transcode("x" * 65, Width="127", Fps="61")},
            ("at most 64 characters, not 65", "Video.Width", "Video.Fps"),
        ),
    ],
)
def test_template_faults_stand_in_one_message(
    ci: CiServer, template: dict[str, Any], parts: tuple[str, ...]
) -> None:
    """All that is wrong with a template is told at once, with the range where it has one."""
    with refused("InvalidArgument", 400, *parts):
        create(ci, template)


def test_template_names_are_the_vendors(ci: CiServer) -> None:
    """A name may hold letters, digits, Chinese characters, `_`, `-` and `*`, up to 64 of them."""
    name = "模板_-*a1" + "x" * 57

    assert create(ci, {"Name": name, **HASH})["Name"] == name


def test_template_name_is_unique(ci: CiServer) -> None:
    """A name that is taken is refused on create and on update; a template may keep its own."""
    create(ci, {"Name": "a", **HASH})
    second = create(ci, {"Name": "b", **HASH})["TemplateId"]

    with refused("TemplateNameDuplicate", 400, "'a'"):
        create(ci, {"Name": "a", **HASH})
    with refused("TemplateNameDuplicate", 400, "'a'"):
        ci.sdk().ci_update_template(
            Bucket=BUCKET, TemplateId=second, Template={"Name": "a", **HASH}
        )
    ci.sdk().ci_update_template(Bucket=BUCKET, TemplateId=second, Template={"Name": "b", **HASH})


def test_template_update_keeps_the_tag(ci: CiServer) -> None:
    """What refers to a template relies on its operation, so that an update cannot change it."""
    made = create(ci, {"Name": "a", **HASH})["TemplateId"]

    with refused("InvalidArgument", 400, "Tag must be 'FileHashCode'"):
        ci.sdk().ci_update_template(Bucket=BUCKET, TemplateId=made, Template=transcode("a"))


def test_template_that_is_not_there(ci: CiServer) -> None:
    """An unknown template is TemplateNotFound, for an update, a delete and a workflow."""
    body = {"Name": "a", **HASH}

    with refused("TemplateNotFound", 400, "'t9'"):
        ci.sdk().ci_update_template(Bucket=BUCKET, TemplateId="t9", Template=body)
    with refused("TemplateNotFound", 400, "'t9'"):
        ci.sdk().ci_delete_template(Bucket=BUCKET, TemplateId="t9")


def test_template_of_the_vendor_cannot_be_changed(ci: CiServer) -> None:
    """A built-in template can be neither updated nor deleted."""
    with refused("AccessDenied", 403, MP4_640):
        ci.sdk().ci_update_template(Bucket=BUCKET, TemplateId=MP4_640, Template=transcode("mine"))
    with refused("AccessDenied", 403, MP4_640):
        ci.sdk().ci_delete_template(Bucket=BUCKET, TemplateId=MP4_640)


def test_template_lists_refuse_what_they_do_not_know(ci: CiServer) -> None:
    """An unknown category, and a page below the first, are refused."""
    with refused("InvalidArgument", 400, "category"):
        listed(ci, Category="Mine")
    assert outcome(ci.call("GET", "/template?pageNumber=0")) == (400, "InvalidArgument")
    assert outcome(ci.call("GET", "/template?pageSize=x")) == (400, "InvalidArgument")


def test_template_number_is_limited(tmp_path: Path) -> None:
    """A bucket that has as many templates as it may gets no more; deleting one makes room."""
    with serve_ci(tmp_path, template_limit=1) as ci:
        made = create(ci, {"Name": "a", **HASH})["TemplateId"]

        with refused("CreatedTemplateNumLimit", 403, "1 templates"):
            create(ci, {"Name": "b", **HASH})
        ci.sdk().ci_delete_template(Bucket=BUCKET, TemplateId=made)

        assert create(ci, {"Name": "b", **HASH})


@pytest.mark.parametrize("template", official_templates(), ids=lambda one: one.name)
def test_official_template_is_accepted_by_its_operation(template: Template) -> None:
    """Every built-in template has params that its operation takes, and an id of the right form."""
    operation = find(template.tag)

    assert operation is not None
    assert operation.parse({operation.block: template.body, "Output": {"Object": "${Number}"}})
    assert len(template.id) == 34


def test_official_templates_are_the_vendors_three_tables() -> None:
    """Ids and names of built-in templates are unique; there are 15 transcodes and 3 snapshots."""
    made = official_templates()

    assert len({one.id for one in made}) == len({one.name for one in made}) == len(made)
    assert [one.tag for one in made].count("Transcode") == 15
    assert [one.tag for one in made].count("Snapshot") == 3
    assert [one.tag for one in made].count("Animation") == (18 if find("Animation") else 0)


@pytest.mark.slow
def test_official_templates_make_what_their_names_say(tmp_path: Path) -> None:
    """The ids that the vendor's demos use run without anything being created for them."""
    names = {"mp4-640": "mp4", "hls-640": "m3u8", "flv-640": "flv", "jpg-320x180": "jpg"}
    ids = {one.name: one for one in official_templates() if one.name in names}
    nodes: dict[str, Any] = {
        name.replace("-", "_"): {
            "Type": one.tag,
            "Operation": {
                "TemplateId": one.id,
                "Output": {
                    "Region": "x",
                    "Bucket": BUCKET,
                    "Object": f"{name}/${{Number}}.${{Ext}}",
                },
            },
        }
        for name, one in ids.items()
    }
    tree = {
        "Dependencies": {"Start": ",".join(nodes), **dict.fromkeys(nodes, "End")},
        "Nodes": {"Start": {"Type": "Start"}, **nodes},
    }
    with serve_ci(tmp_path, with_engine=True) as ci:
        client = ci.sdk()
        client.put_object(Bucket=BUCKET, Key="in/clip.mp4", Body=clip(3))
        workflow = client.ci_create_workflow(
            Bucket=BUCKET, Body={"MediaWorkflow": {"Name": "all", "Topology": tree}}
        )
        run_id = client.ci_trigger_workflow(
            Bucket=BUCKET, WorkflowId=workflow["MediaWorkflow"]["WorkflowId"], Key="in/clip.mp4"
        )["InstanceId"]

        def found() -> dict[str, Any]:
            answer = client.ci_get_workflowexecution(Bucket=BUCKET, RunId=run_id)
            execution: dict[str, Any] = answer["WorkflowExecution"][0]
            return execution

        wait_until(lambda: found()["State"] not in {"Submitted", "Running"}, "the end", 120)

        assert found()["State"] == "Success", found()["Tasks"]
        stored = {path.parent.name for path in (tmp_path / BUCKET).glob("*/*") if path.is_file()}
        assert stored == {"in", *names}
        made = {path.suffix for path in (tmp_path / BUCKET).glob("*/*")}
        assert made >= {".mp4", ".m3u8", ".flv", ".jpg"}
