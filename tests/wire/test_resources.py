"""Templates, queues, bindings on the wire: what is read, and what is shown."""

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.wire.activation import encode_binding, encode_opening, write_state
from penstock.wire.queues import decode_queue, encode_queue
from penstock.wire.templates import decode_template, encode_template
from tests.factories import BUCKET, NOW_MS, make_queue, make_template


@pytest.mark.parametrize(
    ("tree", "body"),
    [
        ({"Tag": "Transcode", "Container": {"Format": "mp4"}}, {"Container": {"Format": "mp4"}}),
        ({"Tag": "Transcode", "TransTpl": {"Video": {"Fps": "1"}}}, {"Video": {"Fps": "1"}}),
        ({"Tag": "Concat", "ConcatTemplate": {"Index": "1"}}, {"Index": "1"}),
        ({"Tag": "Snapshot", "Snapshot": {"Count": "1"}}, {"Count": "1"}),
        ({"Tag": "FileHashCode", "FileHashCodeConfig": {"Type": "MD5"}}, {"Type": "MD5"}),
        ({"Tag": "Snapshot", "Name": "a"}, {}),
    ],
)
def test_template_params_are_found_where_the_vendor_has_them(tree: Tree, body: Tree) -> None:
    """Params stand in the block of the tag, in that of an answer, or directly under the root."""
    assert decode_template(tree).body == body


def test_template_shows_its_category_and_its_tag_twice() -> None:
    """Go looks for the tag in `Code`; built-in templates are Official and have no times."""
    shown = encode_template(make_template(category="Official", created_ms=0, updated_ms=0))

    assert (shown["Tag"], shown["Code"], shown["Category"]) == (
        "FileHashCode",
        "FileHashCode",
        "Official",
    )
    assert (shown["CreateTime"], shown["UpdateTime"]) == ("-", "-")
    assert shown["FileHashCodeConfig"] == {"Type": "MD5"}


def test_queue_body_names_every_fault() -> None:
    """A name and a state must be given; the name's characters differ between families."""
    with pytest.raises(InvalidArgumentError) as caught:
        decode_queue({"State": "Maybe"})
    assert len(caught.value.faults) == 2
    with pytest.raises(InvalidArgumentError, match="Name may hold"):
        decode_queue({"Name": "a b", "State": "Active"})

    assert decode_queue({"Name": "a b", "State": "Paused"}, is_any_name=True).is_paused


def test_queue_shows_all_of_its_callbacks() -> None:
    """The usual children of `NotifyConfig` are always there, those of message queues if set."""
    plain = encode_queue(make_queue(notify={}))
    told = encode_queue(make_queue(notify={"State": "On", "Type": "TDMQ", "MqName": "q"}))

    assert plain["NotifyConfig"] == {
        "Url": "",
        "Event": "",
        "Type": "",
        "State": "Off",
        "ResultFormat": "",
    }
    assert told["NotifyConfig"] == {
        "Url": "",
        "Event": "",
        "Type": "TDMQ",
        "State": "On",
        "ResultFormat": "",
        "MqName": "q",
    }


def test_opening_shows_an_alias_for_documents_only() -> None:
    """Every entry has the bucket twice, its region and its time."""
    plain = encode_opening(BUCKET, NOW_MS, "local")

    assert plain["BucketId"] == plain["Name"] == BUCKET
    assert plain["Region"] == "local"
    assert plain["AliasBucketId"] is None
    assert encode_opening(BUCKET, NOW_MS, "local", has_alias=True)["AliasBucketId"] == ""


@pytest.mark.parametrize(
    ("bucket", "name", "app_id"),
    [("demo-1250000000", "demo", "1250000000"), ("photos", "photos", ""), ("a-b", "a-b", "")],
)
def test_binding_takes_a_name_apart(bucket: str, name: str, app_id: str) -> None:
    """Name and account stand alone where the bucket's name has both."""
    shown = encode_binding(bucket, NOW_MS, "local")

    assert (shown["BucketName"], shown["AppId"]) == (name, app_id)


def test_binding_state_is_a_root_of_text() -> None:
    """`GET /` answers one element, on or off."""
    assert write_state(is_bound=True).endswith(b"<CIStatus>on</CIStatus>")
    assert write_state(is_bound=False).endswith(b"<CIStatus>off</CIStatus>")
