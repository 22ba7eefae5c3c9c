import pytest

from penstock.domain.operation_rules import OperationRule
from penstock.domain.refusals import QueueNotFoundError
from penstock.domain.trees import Tree
from penstock.operations import file_hash
from penstock.operations.base import Family
from penstock.operations.registry import OPERATIONS
from penstock.service.operation_rules import rule_faults, rule_queue_ids
from tests.factories import BUCKET, make_rule
from tests.service.desk import Desk

OUTPUT: Tree = {"Region": "r", "Bucket": BUCKET, "Object": "${InputName}.${Ext}"}
TRANSCODE: Tree = {"Transcode": {"Container": {"Format": "mp3"}, "Audio": {"Codec": "mp3"}}}


def test_rule_of_a_known_operation_has_no_faults() -> None:
    """An operation with right params and an output is accepted."""
    assert rule_faults("Transcode", {**TRANSCODE, "Output": OUTPUT}) == []


@pytest.mark.parametrize("tag", ["Nonsense", "transcode", ""])
def test_rule_of_an_unknown_tag_names_the_tags_that_are_offered(tag: str) -> None:
    """A tag that this build lacks is refused, and the answer says which there are."""
    (fault,) = rule_faults(tag, {})

    assert all((one.tag in fault) != one.is_node_only for one in OPERATIONS)
    assert repr(tag) in fault or not tag


def test_rule_of_another_family_is_refused() -> None:
    """Where only one family is taken, the tags of that family are offered."""
    (fault,) = rule_faults("Transcode", TRANSCODE, family="pic")

    assert "PicProcess" in fault
    assert "Snapshot" not in fault


def test_rule_of_a_family_without_operations_is_refused() -> None:
    """A family that has no operation at all says so."""
    (fault,) = rule_faults("Translation", {}, family="ai", operations=[file_hash.OPERATION])

    assert fault == "Tag 'Translation' is not offered: this build's family ai has no operation"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({}, ["Output must be given"]),
        ({"Object": "a"}, ["Output.Region must be given", "Output.Bucket must be given"]),
        ({"Region": "r", "Bucket": "b"}, ["Output.Object must be given"]),
    ],
)
def test_rule_needs_the_whole_output(output: Tree, expected: list[str]) -> None:
    """Region, bucket and key of an output must be there; every one that is not is named."""
    assert rule_faults("Transcode", {**TRANSCODE, "Output": output}) == expected


def test_rule_of_sheets_needs_no_single_pictures() -> None:
    """A snapshot may have SpriteObject in place of Object."""
    sprite: Tree = {"Columns": "2", "Lines": "2", "Color": "Black"}
    params: Tree = {
        "Mode": "Interval",
        "Count": "4",
        "SnapshotOutMode": "OnlySprite",
        "SpriteSnapshotConfig": sprite,
    }
    output: Tree = {"Region": "r", "Bucket": "b", "SpriteObject": "sheet.jpg"}

    assert rule_faults("Snapshot", {"Snapshot": params, "Output": output}) == []
    (fault,) = rule_faults(
        "Snapshot", {"TemplateId": "t1", "Output": {**output, "SpriteObject": ""}}
    )
    assert fault == "Output.Object or Output.SpriteObject must be given"


def test_rule_without_results_needs_no_output() -> None:
    """What only finds out something may leave the output away."""
    assert rule_faults("MediaInfo", {}) == []


def test_rule_names_faults_of_params_and_output_once() -> None:
    """All faults come at once, and none comes twice."""
    faults = rule_faults("Snapshot", {"Snapshot": {"Mode": "Odd"}, "Output": {"Region": "r"}})

    assert len(faults) == len(set(faults))
    text = "\n".join(faults)
    assert "Output.Bucket" in text
    assert "Snapshot.Mode" in text


def test_rule_with_a_template_does_not_read_inline_params() -> None:
    """The template wins, so what stands beside it may be wrong."""
    operation: Tree = {"TemplateId": "t1", "Transcode": {"Container": "?"}, "Output": OUTPUT}

    assert rule_faults("Transcode", operation) == []


def test_rule_queue_is_found_by_id_or_by_type(desk: Desk) -> None:
    """A queue of the operation's family is named by its id or its category."""
    (queue,) = desk.queues.of_family(BUCKET, "media")

    def chosen(rule: OperationRule) -> tuple[str, ...]:
        with desk.database.read() as transaction:
            return rule_queue_ids(transaction, BUCKET, {Family.MEDIA}, rule)

    assert chosen(make_rule(queue_id=queue.id)) == (queue.id,)
    assert chosen(make_rule(queue_type="Transcoding")) == (queue.id,)
    assert chosen(make_rule()) == ()


@pytest.mark.parametrize("family", [Family.PICTURE, Family.FILE])
def test_rule_queue_of_another_family_is_unknown(desk: Desk, family: Family) -> None:
    """An operation cannot pass through the queue of another family."""
    (queue,) = desk.queues.of_family(BUCKET, "media")

    with desk.database.read() as transaction, pytest.raises(QueueNotFoundError, match=queue.id):
        rule_queue_ids(transaction, BUCKET, {family}, make_rule(queue_id=queue.id))


@pytest.mark.parametrize("tag", ["Condition", "SCF"])
def test_rule_of_a_node_of_workflows_is_refused(tag: str) -> None:
    """What decides or leaves the service is no job of its own, and the answer says so."""
    assert rule_faults(tag, {}) == [f"Tag must not be {tag}, which is a node of workflows only"]
