from collections.abc import Sequence

import pytest

from penstock.domain.callbacks import (
    CallbackFormat,
    CallbackTarget,
    JobTargets,
    WorkflowTargets,
    event_id,
    resolve_targets,
)
from penstock.domain.jobs import Job, JobType
from penstock.domain.resources import Queue
from penstock.domain.trees import Tree
from tests.factories import make_id, make_job, make_node, make_pinned, make_queue, make_topology

BOTH = "TaskFinish,WorkflowFinish"


def notify(url: str, event: str = BOTH, **others: str) -> Tree:
    """A configuration that is switched on."""
    return {"State": "On", "Type": "Url", "Url": url, "Event": event, **others}


def to(url: str, form: CallbackFormat = CallbackFormat.XML) -> CallbackTarget:
    """A target."""
    return CallbackTarget(url=url, format=form)


def job_of(
    start: Tree | None = None, rule: Tree | None = None, type_: JobType = JobType.WORKFLOW
) -> Job:
    """A job of one workflow with a node of the family `file` and one of the family `media`."""
    topology = make_topology({"sum": make_node("Sum"), "film": make_node("Film")}, start=start)
    return make_job(type=type_, rule=rule or {}, workflows=(make_pinned(topology=topology),))


def queue_of_family(family: str, config: Tree, number: int = 1) -> Queue:
    """A queue with a callback configuration."""
    return make_queue(id=make_id("p", number), family=family, notify=config)


def resolve(job: Job, queues: Sequence[Queue] = ()) -> JobTargets:
    """Who is told; `Sum` belongs to files, everything else to media."""
    return resolve_targets(job, queues, lambda tag: "file" if tag == "Sum" else "media")


def only(job: Job, queues: Sequence[Queue] = ()) -> WorkflowTargets:
    """Who is told about the one workflow of a job."""
    (found,) = resolve(job, queues).workflows
    return found


def test_callbacks_of_a_job_without_any_are_silent() -> None:
    """Nobody is told anything where nobody asks."""
    found = resolve(job_of(), [queue_of_family("file", {})])

    assert found.is_silent
    assert not found.undelivered


def test_callbacks_of_a_workflow_win_over_those_of_a_queue() -> None:
    """The Start node's configuration counts for every node and for the execution."""
    job = job_of({"NotifyConfig": notify("http://w/", ResultFormat="JSON")})

    found = only(job, [queue_of_family("file", notify("http://q/"))])

    there = to("http://w/", CallbackFormat.JSON)
    assert found == WorkflowTargets(nodes={1: there, 2: there}, execution=there)


def test_callbacks_of_a_workflow_send_what_they_ask_for() -> None:
    """Events that the Start node does not name are not sent, whatever a queue wants."""
    queue = queue_of_family("file", notify("http://q/"))

    tasks = only(job_of({"NotifyConfig": notify("http://w/", "TaskFinish")}), [queue])
    ends = only(job_of({"NotifyConfig": notify("http://w/", "WorkflowFinish")}), [queue])

    assert tasks == WorkflowTargets(nodes={1: to("http://w/"), 2: to("http://w/")}, execution=None)
    assert ends == WorkflowTargets(nodes={}, execution=to("http://w/"))


def test_callbacks_that_a_workflow_switches_off_stay_off() -> None:
    """Off at the Start node silences the queue as well."""
    job = job_of({"NotifyConfig": {"State": "Off"}})

    assert resolve(job, [queue_of_family("file", notify("http://q/"))]).is_silent


def test_callbacks_of_a_workflow_need_no_state() -> None:
    """A Start node's configuration without a state is on; one with empty elements is none."""
    config = {"Url": "http://w/", "Event": "WorkflowFinish"}
    queue = queue_of_family("file", notify("http://q/", "WorkflowFinish"))

    given = only(job_of({"NotifyConfig": config}), [queue])
    empty = only(job_of({"NotifyConfig": {"Url": "", "State": ""}}), [queue])

    assert given.execution == to("http://w/")
    assert empty.execution == to("http://q/")


def test_callbacks_of_queues_go_by_the_family_of_the_node() -> None:
    """Each node's end is told to the queue of its family; the execution's to the first asking."""
    queues = [
        queue_of_family("file", notify("http://file/", "TaskFinish"), 1),
        queue_of_family("media", notify("http://media/", ResultFormat="JSON"), 2),
    ]

    found = only(job_of(), queues)

    media = to("http://media/", CallbackFormat.JSON)
    assert found == WorkflowTargets(nodes={1: to("http://file/"), 2: media}, execution=media)


def test_callbacks_of_the_queue_that_start_names_win_within_a_family() -> None:
    """Of two queues of a family, the one that the Start node names is asked."""
    queues = [
        queue_of_family("media", notify("http://first/"), 1),
        queue_of_family("media", notify("http://named/"), 2),
    ]

    named = only(job_of({"QueueId": make_id("p", 2)}), queues)
    unnamed = only(job_of(), queues)

    assert named.nodes == {2: to("http://named/")}
    assert unnamed.nodes == {2: to("http://first/")}


@pytest.mark.parametrize("state", ["Off", ""])
def test_callbacks_of_a_queue_have_to_be_switched_on(state: str) -> None:
    """A queue without the state On says nothing."""
    queue = queue_of_family("file", {**notify("http://q/"), "State": state})

    assert resolve(job_of(), [queue]).is_silent


def test_callbacks_of_a_job_win_over_all_others() -> None:
    """The job's own URL gets every event, in its own format."""
    rule = {"CallBack": "http://j/", "CallBackFormat": "JSON"}
    job = job_of({"NotifyConfig": notify("http://w/", "TaskFinish")}, rule)

    found = only(job, [queue_of_family("file", notify("http://q/"))])

    mine = to("http://j/", CallbackFormat.JSON)
    assert found == WorkflowTargets(nodes={1: mine, 2: mine}, execution=mine)


def test_callbacks_that_a_job_suppresses_are_not_sent() -> None:
    """The word `no` silences the workflow and the queues."""
    job = job_of({"NotifyConfig": notify("http://w/")}, {"CallBack": "no"})

    assert resolve(job, [queue_of_family("file", notify("http://q/"))]).is_silent


def test_callback_format_of_a_job_counts_without_a_url() -> None:
    """A job may choose the format alone, and leave the rest to the others."""
    job = job_of({"NotifyConfig": notify("http://w/")}, {"CallBackFormat": "JSON"})

    assert only(job).execution == to("http://w/", CallbackFormat.JSON)


@pytest.mark.parametrize("type_", [JobType.JOB, JobType.TRIGGER])
def test_callbacks_of_one_operation_have_no_workflow_finish(type_: JobType) -> None:
    """A job of one operation is no workflow: only the ends of its nodes are told."""
    job = job_of(rule={"CallBack": "http://j/"}, type_=type_)
    pinned = make_pinned(id="", topology=job.workflows[0].topology)

    found = resolve(make_job(type=type_, rule=job.rule, workflows=(pinned,)))

    assert found.workflows[0].execution is None
    assert found.workflows[0].nodes
    assert found.tells_skipped == (type_ is JobType.TRIGGER)


@pytest.mark.parametrize("type_", ["TDMQ", "Kafka"])
def test_callbacks_by_message_queue_are_told_of_and_not_delivered(type_: str) -> None:
    """Types that this build cannot deliver are named, once, and nothing is queued for them."""
    by_workflow = job_of({"NotifyConfig": {**notify(""), "Type": type_}})
    by_job = job_of(rule={"CallBackType": type_})

    for found in (resolve(by_workflow), resolve(by_job)):
        assert found.is_silent
        assert found.undelivered == {type_}


def test_callbacks_are_those_of_each_workflow() -> None:
    """Workflows of one job are told of separately."""
    loud = make_topology(start={"NotifyConfig": notify("http://w/", "WorkflowFinish")})
    job = make_job(workflows=(make_pinned(), make_pinned(topology=loud)))

    first, second = resolve(job).workflows

    assert (first.execution, second.execution) == (None, to("http://w/"))


def test_event_ids_have_the_form_of_all_ids() -> None:
    """A letter, 26 digits of the number and six of the job."""
    assert event_id(255, "abcdef") == "e" + "0" * 24 + "ff" + "abcdef"
