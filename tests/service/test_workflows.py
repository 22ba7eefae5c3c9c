import pytest

from penstock.domain.errors import ActiveWorkflowError, InvalidArgumentError
from penstock.domain.refusals import (
    BucketNotBoundError,
    QueueNotFoundError,
    ResourceNotFoundError,
    TemplateNotFoundError,
)
from penstock.domain.trees import Tree
from penstock.domain.workflows import WorkflowState
from penstock.service.workflows import WorkflowService
from tests.factories import BUCKET, NOW_MS, make_hash_topology, make_node, make_topology
from tests.service.desk import Desk, Ids

OTHER = "other-1250000000"
ACTIVE = WorkflowState.ACTIVE
PAUSED = WorkflowState.PAUSED


def test_workflow_that_was_created_can_be_read(desk: Desk) -> None:
    """What comes back has an id, its times, and the topology as it was sent."""
    topology = make_hash_topology()

    made = desk.workflows.create(BUCKET, "sums", PAUSED, topology)

    assert desk.workflows.get(BUCKET, made.id) == made
    assert (made.name, made.state, made.topology) == ("sums", PAUSED, topology)
    assert made.created_ms == made.updated_ms == NOW_MS


def test_workflow_names_every_fault_at_once(desk: Desk) -> None:
    """Faults of the name, of node types and of params come in one answer."""
    topology = make_topology(
        {
            "hash": make_node("FileHashCode"),
            "magic": make_node("Magic"),
            "thumb": make_node("PicProcess"),
        },
        start={"ExtFilter": {"State": "On"}},
    )

    with pytest.raises(InvalidArgumentError) as caught:
        desk.workflows.create(BUCKET, "a b", PAUSED, topology)

    found = "\n".join(caught.value.faults)
    for words in ("Name may hold", "hash: ", "magic: this build has no operation 'Magic'",
                  "thumb: Output must be given", "ExtFilter is On"):  # fmt: skip
        assert words in found


def test_workflow_with_a_bad_name_alone_is_refused(desk: Desk) -> None:
    """A sound topology does not make up for a name."""
    with pytest.raises(InvalidArgumentError, match="Name must be given"):
        desk.workflows.create(BUCKET, "", PAUSED, make_topology())


def test_workflow_of_an_unbound_bucket_is_refused(desk: Desk) -> None:
    """Nothing is stored for a bucket that the server does not know."""
    with pytest.raises(BucketNotBoundError):
        desk.workflows.create(OTHER, "sums", PAUSED, make_topology())


def test_workflow_with_an_unknown_template_or_queue_is_refused(desk: Desk) -> None:
    """A template or queue that the bucket does not have is named."""
    template: Tree = make_topology({"n": make_node("Noop", after_type={"TemplateId": "t9"})})
    pic = make_node("PicProcess", "x", {"PicProcess": {"ProcessRule": "imageMogr2/format/png"}})
    queue = make_topology({"n": pic}, start={"PicProcessQueueId": "p9"})

    with pytest.raises(TemplateNotFoundError, match="t9"):
        desk.workflow(template)
    with pytest.raises(QueueNotFoundError, match="p9"):
        desk.workflow(queue)


def test_workflow_is_updated_while_it_is_paused(desk: Desk) -> None:
    """A paused workflow takes a new name, state and topology, and keeps its id and age."""
    made = desk.workflow()
    desk.clock.move(5)

    changed = desk.workflows.update(BUCKET, made.id, "other", ACTIVE, make_hash_topology())

    assert desk.workflows.get(BUCKET, made.id) == changed
    assert (changed.id, changed.created_ms) == (made.id, made.created_ms)
    assert (changed.name, changed.state) == ("other", ACTIVE)
    assert changed.updated_ms == NOW_MS + 5000


def test_workflow_that_is_active_cannot_be_changed(desk: Desk) -> None:
    """An active workflow is neither updated nor deleted until it is paused."""
    made = desk.workflow()
    desk.workflows.set_state(BUCKET, made.id, ACTIVE)

    with pytest.raises(ActiveWorkflowError):
        desk.workflows.update(BUCKET, made.id, "other", PAUSED, make_topology())
    with pytest.raises(ActiveWorkflowError):
        desk.workflows.delete(BUCKET, made.id)

    assert desk.workflows.get(BUCKET, made.id).name == made.name
    desk.workflows.set_state(BUCKET, made.id, PAUSED)
    desk.workflows.delete(BUCKET, made.id)
    assert desk.workflows.unknown(BUCKET, [made.id]) == [made.id]


def test_workflow_update_is_checked_like_a_new_one(desk: Desk) -> None:
    """A wrong topology leaves the stored version as it is."""
    made = desk.workflow()

    with pytest.raises(InvalidArgumentError):
        desk.workflows.update(BUCKET, made.id, "other", PAUSED, {"Nodes": {}})

    assert desk.workflows.get(BUCKET, made.id) == made


def test_workflow_of_another_bucket_is_not_found(desk: Desk) -> None:
    """An id is good in its own bucket only, whatever is done with it."""
    made = desk.workflow()
    desk.bind(OTHER)

    with pytest.raises(ResourceNotFoundError):
        desk.workflows.get(OTHER, made.id)
    with pytest.raises(ResourceNotFoundError):
        desk.workflows.update(OTHER, made.id, "x", PAUSED, make_topology())
    with pytest.raises(ResourceNotFoundError):
        desk.workflows.set_state(OTHER, made.id, ACTIVE)
    with pytest.raises(ResourceNotFoundError):
        desk.workflows.delete(OTHER, made.id)
    assert desk.workflows.get(BUCKET, made.id) == made


def test_workflow_pages_count_what_matches(desk: Desk) -> None:
    """A page tells how many there are in all; page numbers begin with 1."""
    names = ["web-a", "web-b", "web-c", "sums"]
    for name in names:
        desk.clock.move(1)
        desk.workflow(name=name)

    total, second = desk.workflows.page(BUCKET, ids=[], name="web", page_number=2, page_size=2)

    assert total == 3
    assert [workflow.name for workflow in second] == ["web-c"]


def test_template_must_be_for_the_type_of_its_node(desk: Desk) -> None:
    """A template of one operation cannot be put into a node of another."""
    template = desk.templates.create(BUCKET, "a", "FileHashCode", {"Type": "MD5"})
    topology = make_topology({"n": make_node("Noop", after_type={"TemplateId": template.id})})

    with pytest.raises(InvalidArgumentError, match="is for FileHashCode, not for Noop"):
        desk.workflow(topology)


def test_workflow_keeps_a_condition_of_another_grammar(desk: Desk) -> None:
    """An expression that only its author understands is stored as it was sent."""
    odd = make_node("Condition", after_type={"Condition": {"Express": "width gt 5"}})
    edges = {"Start": "odd", "odd": "nothing", "nothing": "End"}
    topology = make_topology({"odd": odd, "nothing": make_node()}, edges)

    made = desk.workflows.create(BUCKET, "odd", PAUSED, topology)

    assert desk.workflows.get(BUCKET, made.id).topology == topology


def test_workflow_that_calls_an_unknown_function_is_refused(desk: Desk) -> None:
    """Where the table of functions is known, a name that it lacks is a fault at creation."""
    service = WorkflowService(
        desk.database, desk.buckets, now_ms=desk.clock, new_id=Ids(), functions={"known": "url"}
    )
    known, lost = (
        make_topology({"work": make_node("SCF", after_type={"SCF": {"FunctionName": name}})})
        for name in ("known", "lost")
    )

    made = service.create(BUCKET, "known", PAUSED, known)
    with pytest.raises(InvalidArgumentError, match="no function 'lost'; the setting functions"):
        service.create(BUCKET, "lost", PAUSED, lost)

    assert made.topology == known
