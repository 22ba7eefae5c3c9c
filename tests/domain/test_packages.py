"""The nodes of an adaptive package: where they may stand, and what the last one works by."""

from collections.abc import Mapping

import pytest

from penstock.domain.packages import node_settings, package_faults
from penstock.domain.trees import Tree
from penstock.domain.workflows import Node, parse_topology
from tests.factories import make_node, make_topology

NODES: Mapping[str, Tree] = {
    "config": make_node("StreamPackConfig", "p.m3u8", {"StreamPackConfig": {"PackType": "DASH"}}),
    "low": make_node("VideoStream", "low.m3u8", {"Transcode": {"Video": {"Width": "320"}}}),
    "high": make_node("VideoStream", "high.m3u8"),
    "pack": make_node("StreamPack", after_type={"StreamPackInfo": {"VideoStreamConfig": ""}}),
}
EDGES = {
    "Start": "config",
    "config": "low,high",
    "low": "pack",
    "high": "pack",
    "pack": "End",
}


def nodes_of(nodes: Mapping[str, Tree], edges: Mapping[str, str]) -> tuple[Node, ...]:
    """The nodes of a topology, read as a service reads them."""
    return parse_topology(make_topology(nodes, edges)).nodes


def test_package_in_its_documented_form_has_no_faults() -> None:
    """Config, streams and pack in their order are accepted, beside any other nodes."""
    nodes = {**NODES, "facts": make_node("MediaInfo")}
    edges = {**EDGES, "Start": "config,facts", "facts": "End"}

    assert package_faults(nodes_of(nodes, edges)) == []
    assert (
        package_faults(nodes_of({"facts": nodes["facts"]}, {"Start": "facts", "facts": "End"}))
        == []
    )


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        (
            {"more": NODES["config"]},
            {"Start": "config,more", "more": "low"},
            "more: there may be one StreamPackConfig only",
        ),
        (
            {"more": NODES["pack"]},
            {"high": "more", "more": "End"},
            "more: there may be one StreamPack only",
        ),
        (
            {"clip": make_node("Transcode")},
            {"Start": "clip", "clip": "config"},
            "config: a StreamPackConfig must stand directly behind Start, and not Transcode",
        ),
        (
            {"facts": make_node("MediaInfo")},
            {"config": "low,high,facts", "facts": "End"},
            "config: a StreamPackConfig must stand before VideoStream, and not MediaInfo",
        ),
        (
            {},
            {"Start": "config,low", "config": "high"},
            "low: a VideoStream must stand directly behind StreamPackConfig, and not Start",
        ),
        (
            {},
            {"low": "End"},
            "low: a VideoStream must stand before StreamPack, and not nothing of the kind",
        ),
        (
            {"facts": make_node("MediaInfo")},
            {"low": "pack,facts", "facts": "End"},
            "low: a VideoStream must stand before StreamPack, and not MediaInfo",
        ),
        (
            {},
            {"Start": "config,pack"},
            "pack: a StreamPack must stand directly behind VideoStream, and not Start",
        ),
        (
            {"facts": make_node("MediaInfo")},
            {"pack": "facts", "facts": "End"},
            "pack: nothing may follow a StreamPack",
        ),
    ],
)
def test_package_in_another_form_is_refused(
    nodes: Mapping[str, Tree], edges: Mapping[str, str], expected: str
) -> None:
    """Whatever else stands beside a node of a package is named, with the node."""
    found = package_faults(nodes_of({**NODES, **nodes}, {**EDGES, **edges}))

    assert expected in found


def test_package_whose_streams_lie_in_another_bucket_is_refused() -> None:
    """An index can name by a path only what lies in its own bucket."""
    away = make_node(
        "VideoStream", after_type={"Output": {"Bucket": "away-1250000000", "Object": "a"}}
    )

    (fault,) = package_faults(nodes_of({**NODES, "high": away}, EDGES))

    assert fault.startswith("high: Output.Bucket must be that of config")


def test_settings_of_a_pack_are_those_of_its_package() -> None:
    """A pack works by the config's block and output and by every stream before it, by name."""
    nodes = nodes_of(NODES, EDGES)
    pack = next(node for node in nodes if node.name == "pack")

    found = node_settings(pack, nodes)

    assert found["StreamPackConfig"] == {"PackType": "DASH"}
    assert found["Output"] == {"Object": "p.m3u8"}
    assert found["StreamPackInfo"] == {"VideoStreamConfig": ""}
    assert found["VideoStream"] == [
        {**NODES["low"]["Operation"], "Name": "low"},  # type: ignore[dict-item]  # a tree
        {**NODES["high"]["Operation"], "Name": "high"},  # type: ignore[dict-item]  # a tree
    ]


def test_settings_of_other_nodes_are_their_own() -> None:
    """Nothing is added to a node that is no pack."""
    nodes = nodes_of(NODES, EDGES)

    for node in nodes:
        if node.type != "StreamPack":
            assert node_settings(node, nodes) is node.operation


def test_settings_of_a_pack_without_a_config_are_empty() -> None:
    """A pack that stands alone is told nothing, and complains by itself."""
    nodes = nodes_of({"pack": NODES["pack"]}, {"Start": "pack", "pack": "End"})

    found = node_settings(nodes[0], nodes)

    assert (found["StreamPackConfig"], found["Output"], found["VideoStream"]) == ({}, {}, [])
