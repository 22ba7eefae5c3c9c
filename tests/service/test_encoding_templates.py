"""Templates of operations that have Transcode encode what they treat."""

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import TemplateNotFoundError
from penstock.domain.trees import Tree, child, text
from penstock.service.operation_rules import rule_faults
from penstock.service.topologies import check_topology
from tests.factories import BUCKET, make_node, make_topology
from tests.service.desk import Desk

_ENCODING: Tree = {"Container": {"Format": "mkv"}, "Video": {"Codec": "H.265"}}
_PARAMS: dict[str, Tree] = {
    "VideoProcess": {"MsSharpen": {"Enable": "true"}},
    "SuperResolution": {"Resolution": "hdto4k"},
    "SDRtoHDR": {"HdrMode": "HLG"},
}


def _find(template_id: str) -> tuple[str, Tree] | None:
    """A template of Transcode, and one of each operation, named like it."""
    known = {"encoding": ("Transcode", _ENCODING)}
    known |= {tag: (tag, params) for tag, params in _PARAMS.items()}
    return known.get(template_id)


def _topology(tag: str, operation: Tree) -> Tree:
    return make_topology({"node": make_node(tag, "out.${Ext}", operation)})


@pytest.mark.parametrize("tag", _PARAMS)
def test_encoding_template_is_put_beside_the_block(tag: str) -> None:
    """TranscodeTemplateId becomes the block Transcode, next to the operation's own template."""
    ids = {"TemplateId": tag, "TranscodeTemplateId": "encoding"}

    checked = check_topology(_topology(tag, ids), _find)

    operation = child(child(child(checked.tree, "Nodes"), "node"), "Operation")
    assert child(operation, "Transcode") == _ENCODING
    assert child(operation, tag) == _PARAMS[tag]
    assert text(operation, "TranscodeTemplateId") == "encoding"


def test_encoding_template_must_exist() -> None:
    """An id that names nothing is refused."""
    ids: Tree = {"SDRtoHDR": {"HdrMode": "HLG"}, "TranscodeTemplateId": "t9"}

    with pytest.raises(TemplateNotFoundError, match="t9"):
        check_topology(_topology("SDRtoHDR", ids), _find)


def test_encoding_template_must_be_one_of_transcode() -> None:
    """A template of something else does not say how to encode."""
    ids = {"TemplateId": "SDRtoHDR", "TranscodeTemplateId": "VideoProcess"}

    with pytest.raises(InvalidArgumentError, match="is for VideoProcess, not for Transcode"):
        check_topology(_topology("SDRtoHDR", ids), _find)


def test_encoding_must_fit_what_is_encoded() -> None:
    """A template that cannot carry HDR is refused with the node, before anything runs."""

    def find(_template_id: str) -> tuple[str, Tree]:
        return "Transcode", {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}}

    ids: Tree = {"SDRtoHDR": {"HdrMode": "HLG"}, "TranscodeTemplateId": "t1"}

    with pytest.raises(
        InvalidArgumentError, match=r"node: Transcode\.Video\.Codec must be H\.265"
    ):
        check_topology(_topology("SDRtoHDR", ids), find)


def test_rule_with_an_encoding_template_is_looked_at_later() -> None:
    """A job that names the template is accepted, one that says nothing is not."""
    output: Tree = {"Region": "r", "Bucket": "b", "Object": "a"}
    operation: Tree = {"SuperResolution": _PARAMS["SuperResolution"], "Output": output}

    assert rule_faults("SuperResolution", {**operation, "TranscodeTemplateId": "t1"}) == []
    assert rule_faults("SuperResolution", operation) == [
        "Transcode must be given, or TranscodeTemplateId"
    ]


@pytest.mark.parametrize(
    ("tag", "body"),
    [
        *_PARAMS.items(),
        ("VideoEnhance", {"SuperResolution": {"Resolution": "sdtohd"}, "Transcode": _ENCODING}),
        ("VideoMontage", {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}}),
        ("VoiceSeparate", {"AudioMode": "IsAudio"}),
        ("NoiseReduction", {"Format": "wav"}),
    ],
)
def test_templates_hold_the_params_alone(desk: Desk, tag: str, body: Tree) -> None:
    """A template needs neither an output nor an encoding, and comes back as it was sent."""
    made = desk.templates.create(BUCKET, "one", tag, body)

    assert (made.tag, made.body) == (tag, body)


@pytest.mark.parametrize("tag", [*_PARAMS, "VideoEnhance", "VideoMontage", "VoiceSeparate"])
def test_templates_are_checked(desk: Desk, tag: str) -> None:
    """A template that says nothing of what must be said is refused."""
    with pytest.raises(InvalidArgumentError, match="must be given"):
        desk.templates.create(BUCKET, "one", tag, {"Nothing": "1"})
