"""Packages at the door: stored workflows, templates, single jobs and workflow files."""

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.domain.workflows import parse_topology
from penstock.service.operation_rules import rule_faults
from penstock.service.workflow_files import read_workflow_file
from tests.factories import BUCKET, make_node, make_topology
from tests.service.desk import Desk

TYPES = ("StreamPackConfig", "VideoStream", "StreamPack")
EDGES = {"Start": "package", "package": "low,high", "low": "all", "high": "all", "all": "End"}
HLS: Tree = {"Container": {"Format": "hls"}, "Video": {"Width": "320"}}
FILE = """\
name: streams
nodes:
  package: {{type: StreamPackConfig, output: 'p/${{InputName}}.${{Ext}}'{package}}}
  low:
    type: VideoStream
    after: package
    params: {{Container: {{Format: hls}}, Video: {{{video}}}}}
    output: p/${{InputName}}/low.${{Ext}}
  all: {{type: StreamPack, after: low{all}}}
"""


def package(**streams: Tree) -> Tree:
    """A topology of a package with these `Operation` trees of streams."""
    nodes: dict[str, Tree] = {
        name: {
            "Type": "VideoStream",
            "Operation": {**tree, "Output": {"Object": f"{name}/${{InputName}}.${{Ext}}"}},
        }
        for name, tree in streams.items()
    }
    return make_topology(
        {
            "package": make_node("StreamPackConfig", "${InputName}.${Ext}"),
            **nodes,
            "all": make_node("StreamPack"),
        },
        EDGES,
    )


def yaml_of(*, package: str = "", video: str = "Width: 320", all: str = "") -> str:  # noqa: A002
    """A workflow file of a package, with something added to a node."""
    return FILE.format(package=package, video=video, all=all)


def test_streams_take_templates_of_transcode(desk: Desk) -> None:
    """A VideoStream names a Transcode template, whose body is checked as a stream's."""
    template = desk.templates.create(BUCKET, "hls-small", "Transcode", HLS)
    topology = package(low={"TemplateId": template.id}, high={"Transcode": HLS})

    workflow = desk.workflow(topology)

    assert workflow.topology == topology


def test_streams_of_templates_must_fit_their_package(desk: Desk) -> None:
    """A template of another container, or of another operation, is refused with its node."""
    mp4 = desk.templates.create(
        BUCKET, "mp4", "Transcode", {**HLS, "Container": {"Format": "mp4"}}
    )
    stills = desk.templates.create(
        BUCKET, "stills", "Snapshot", {"Mode": "Interval", "Count": "1"}
    )

    with pytest.raises(InvalidArgumentError) as caught:
        desk.workflow(package(low={"TemplateId": mp4.id}, high={"TemplateId": stills.id}))

    faults = " ".join(caught.value.faults)
    assert "low: Transcode.Container.Format must be one of hls, dash, not 'mp4'" in faults
    assert f"high: template {stills.id} is for Snapshot, not for Transcode" in faults


def test_package_faults_are_told_with_all_others(desk: Desk) -> None:
    """Streams that differ, wrong params and wrong places come back in one answer."""
    long: Tree = {**HLS, "Container": {"Format": "hls", "ClipConfig": {"Duration": "9"}}}
    tree = package(low={"Transcode": HLS}, high={"Transcode": long})
    nodes = {**tree["Nodes"], "facts": make_node("MediaInfo")}  # type: ignore[dict-item]  # a tree
    edges = {**EDGES, "package": "low,high,facts", "facts": "End"}

    with pytest.raises(InvalidArgumentError) as caught:
        desk.workflow({"Dependencies": edges, "Nodes": nodes})

    assert set(caught.value.faults) == {
        "all: Container.ClipConfig.Duration of high must be that of low",
        "package: a StreamPackConfig must stand before VideoStream, and not MediaInfo",
    }


@pytest.mark.parametrize("type_", TYPES)
def test_nodes_of_packages_are_no_jobs_of_their_own(desk: Desk, type_: str) -> None:
    """They are neither single jobs nor batch jobs of one operation, and have no templates."""
    assert rule_faults(type_, {}) == [
        f"Tag must not be {type_}, which is a node of workflows only"
    ]
    with pytest.raises(InvalidArgumentError, match=f"{type_} has no templates"):
        desk.templates.create(BUCKET, "a", type_, HLS)


def test_package_file_gives_the_topology_of_the_wire() -> None:
    """A file needs no StreamPackInfo, and its params stand where the wire has them."""
    found = read_workflow_file(yaml_of(package=", params: {PackType: HLS}"), "flow.yaml")

    config, low, pack = parse_topology(found.topology).nodes
    assert config.operation["StreamPackConfig"] == {"PackType": "HLS"}
    assert low.operation["Transcode"] == HLS
    assert pack.operation == {}
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            yaml_of(package=", params: {PackType: DASH}"),
            "flow.yaml:9:8: all: Container.Format of low must be dash, as PackType says",
        ),
        (
            yaml_of(all=", params: {VideoStreamConfig: {VideoStreamName: lower}}"),
            "flow.yaml:9:8: all: StreamPackInfo.VideoStreamConfig[0].VideoStreamName must be ",
        ),
        (
            yaml_of(video="Width: 1"),
            "flow.yaml:5:5: low: Transcode.Video.Width must be a whole number from 128 to 4096",
        ),
    ],
)
def test_package_file_faults_have_their_place(text: str, expected: str) -> None:
    """A fault of a package is told with the line and column of the node it speaks of."""
    with pytest.raises(InvalidArgumentError) as caught:
        read_workflow_file(text, "flow.yaml")

    assert any(fault.startswith(expected) for fault in caught.value.faults)


def test_package_file_warns_of_params_without_effect() -> None:
    """A param that a node of a package never looks at is warned of."""
    text = yaml_of(
        package=", params: {PackTyp: HLS}",
        video="Widht: 320",
        all=", params: {VideoStreamConfig: {VideoStreamName: low, Bandwidth: 1}}",
    )

    found = read_workflow_file(text, "flow.yaml")

    assert [warning.partition(" makes")[2] for warning in found.warnings] == [
        " no use of PackTyp here",
        " no use of Video.Widht here",
        " no use of VideoStreamConfig.Bandwidth here",
    ]
