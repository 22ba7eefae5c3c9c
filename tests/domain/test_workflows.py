import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.domain.workflows import (
    MAX_NODES,
    extensions_of_filter,
    parse_topology,
    topology_digest,
)
from tests.factories import make_node, make_topology

Edges = dict[str, list[str]]


@st.composite
def graphs(draw: st.DrawFn) -> Edges:
    """Predecessors of every node of a sound graph, by name, in no order that tells anything."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 8)))]
    before: Edges = {}
    for index, name in enumerate(names):
        earlier = ["Start", *names[:index]]
        before[name] = draw(
            st.lists(st.sampled_from(earlier), min_size=1, max_size=3, unique=True)
        )
    shuffled = draw(st.permutations(names))
    return {name: before[name] for name in shuffled}


def tree_of(before: Edges, *, repeat: bool = False) -> Tree:
    """A topology tree of a graph: comma lists, or repeated elements."""
    after: Edges = {name: [] for name in ["Start", *before]}
    for name, row in before.items():
        for one in row:
            after[one].append(name)
    edges: dict[str, Any] = {
        name: (row or ["End"]) if repeat else ",".join(row or ["End"])
        for name, row in after.items()
    }
    return make_topology({name: make_node() for name in before}, edges)


def faults_of(tree: Tree) -> list[str]:
    """What is wrong with a topology."""
    with pytest.raises(InvalidArgumentError) as caught:
        parse_topology(tree)
    return list(caught.value.faults)


@given(before=graphs(), repeat=st.booleans())
def test_topology_numbers_every_node_behind_its_predecessors(
    before: Edges, *, repeat: bool
) -> None:
    """A sound graph keeps all nodes and edges; fan-out and fan-in included."""
    topology = parse_topology(tree_of(before, repeat=repeat))

    names = {0: "Start"} | {node.number: node.name for node in topology.nodes}
    assert [node.number for node in topology.nodes] == list(range(1, len(before) + 1))
    assert {
        node.name: {names[number] for number in node.predecessors} for node in topology.nodes
    } == {name: set(row) for name, row in before.items()}
    assert all(number < node.number for node in topology.nodes for number in node.predecessors)


@given(before=graphs(), data=st.data())
def test_topology_refuses_every_cycle(before: Edges, data: st.DataObject) -> None:
    """One edge back to an earlier or the same node makes the graph unusable, and it is named."""
    order = [node.name for node in parse_topology(tree_of(before)).nodes]
    late = data.draw(st.sampled_from(order))
    early = data.draw(st.sampled_from(ancestors(before, late)))
    cyclic = {**before, early: [*before[early], late]}

    (fault,) = faults_of(tree_of(cyclic))

    assert early in fault
    assert "cycle" in fault


def ancestors(before: Edges, name: str) -> list[str]:
    """A node and every node that its inputs come from."""
    found = [name]
    for one in found:
        found += [other for other in before[one] if other != "Start" and other not in found]
    return found


def test_topology_keeps_what_a_node_says() -> None:
    """Type, operation and the Start node's input come through as they were sent."""
    node = make_node("PicProcess", "out/${InputName}.${Ext}")
    tree = make_topology({"thumb": node}, start={"ObjectPrefix": "in/"})

    topology = parse_topology(tree)

    assert topology.start == {"ObjectPrefix": "in/"}
    assert topology.nodes[0].type == "PicProcess"
    assert topology.nodes[0].operation == node["Operation"]


def test_topology_takes_an_end_under_nodes_and_a_doubled_name() -> None:
    """The SDKs' way of listing End under Nodes, or a successor twice, changes nothing."""
    tree = make_topology(
        {"a": make_node(), "End": {"Type": "End"}}, {"Start": "a, a,", "a": "End"}
    )

    topology = parse_topology(tree)

    assert [(node.name, node.predecessors) for node in topology.nodes] == [("a", (0,))]


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        pytest.param({"a": make_node()}, {"a": "End"}, ["a node named Start"], id="missing Start"),
        pytest.param(
            {"Start": {"Type": "Noop"}, "a": make_node()},
            {"Start": "a", "a": "End"},
            ["Start must be of type Start"],
            id="Start of another type",
        ),
        pytest.param(
            {"Start": {}}, {"Start": "End"}, ["a node besides", "not lead to End"], id="no node"
        ),
        pytest.param(
            {"Start": {}, "a": {"Operation": {}}},
            {"Start": "a", "a": "End"},
            ["a.Type must be given"],
            id="no type",
        ),
        pytest.param(
            {"Start": {}, "a": "text"},
            {"Start": "a", "a": "End"},
            ["Nodes.a must hold a node"],
            id="node that is a leaf",
        ),
        pytest.param(
            {"Start": {}, "a": {"Type": "Start"}},
            {"Start": "a", "a": "End"},
            ["only one node may be of type Start"],
            id="two Starts",
        ),
        pytest.param(
            {"Start": {}, "a": make_node()},
            {"Start": "a,b", "a": "End", "c": "a"},
            ["names c", "names b"],
            id="unknown names",
        ),
        pytest.param(
            {"Start": {}, "a": make_node()},
            {"Start": "a", "a": "Start,End"},
            ["lead back to Start"],
            id="back to Start",
        ),
        pytest.param(
            {"Start": {}, "a": make_node()},
            {"Start": "a", "a": "End", "End": "a"},
            ["nothing may follow End"],
            id="behind End",
        ),
        pytest.param(
            {"Start": {}, "a": make_node(), "b": make_node()},
            {"Start": "a", "a": "End", "b": " , "},
            ["Dependencies.b must name what follows b, or End"],
            id="no way to End",
        ),
        pytest.param(
            {"Start": {}, "a": make_node()},
            {"Start": "a", "a": {"x": "End"}},
            ["Dependencies.a must name what follows a, or End"],
            id="dependency that is a tree",
        ),
        pytest.param(
            {"Start": {}, "a": make_node(), "b": make_node()},
            {"Start": "a", "a": "End", "b": "End"},
            ["b cannot be reached from Start"],
            id="unreachable",
        ),
        pytest.param(
            {"Start": {}, "a": make_node()},
            {"Start": "a,End", "a": "End"},
            ["Start must not lead to End"],
            id="Start to End",
        ),
    ],
)
def test_topology_names_each_fault(
    nodes: Mapping[str, Any], edges: Mapping[str, Any], expected: list[str]
) -> None:
    """A graph that cannot be run is refused with a fault that names the node."""
    faults = faults_of({"Nodes": nodes, "Dependencies": edges})

    assert len(faults) == len(expected)
    assert all(words in fault for fault, words in zip(faults, expected, strict=True))


def test_topology_names_all_faults_at_once() -> None:
    """Faults of nodes and of dependencies come in one answer."""
    tree: Tree = {
        "Nodes": {"a": {"Operation": {}}, "b": "text"},
        "Dependencies": {"a": "c", "b": "Start"},
    }

    found = "\n".join(faults_of(tree))

    for words in ("named Start", "a.Type", "b must hold", "names c", "back to Start"):
        assert words in found


def test_topology_of_nothing_is_refused() -> None:
    """A tree without any of its parts is refused, not a crash."""
    assert len(faults_of({})) == 2


@pytest.mark.parametrize(("count", "is_sound"), [(MAX_NODES - 1, True), (MAX_NODES, False)])
def test_topology_has_at_most_as_many_nodes_as_ids_can_name(count: int, *, is_sound: bool) -> None:
    """A node's number must fit two hex digits."""
    tree = make_topology({f"n{number}": make_node() for number in range(count)})

    if is_sound:
        assert len(parse_topology(tree).nodes) == count
    else:
        assert re.search(rf"more than {MAX_NODES - 1} nodes", faults_of(tree)[0])


def test_topology_digest_changes_with_the_topology() -> None:
    """Equal trees have equal digests, another tree has another."""
    digest = topology_digest(make_topology())

    assert digest == topology_digest(make_topology())
    assert digest != topology_digest(make_topology({"other": make_node()}))


@pytest.mark.parametrize(
    ("ext_filter", "accepted", "refused"),
    [
        ({"State": "On", "Video": "true"}, {"mp4"}, {"mp3", "jpg"}),
        ({"State": "on", "Audio": "True"}, {"mp3"}, {"mp4", "jpg"}),
        ({"State": "On", "Image": "true"}, {"jpg", "heic"}, {"mp4"}),
        ({"State": "On", "ContentType": "true"}, {"mp4", "mp3", "jpg"}, {"pdf"}),
        (
            {"State": "On", "Custom": "true", "CustomExts": "JPG/.raw, x//"},
            {"jpg", "raw", "x"},
            {""},
        ),
        (
            {"State": "On", "Video": "true", "Custom": "true", "CustomExts": "pdf"},
            {"mp4", "pdf"},
            {"mp3"},
        ),
    ],
)
def test_filter_lets_through_what_it_names(
    ext_filter: Tree, accepted: set[str], refused: set[str]
) -> None:
    """Each switch adds its kind's extensions; custom ones are read as people write them."""
    found = extensions_of_filter({"ExtFilter": ext_filter})

    assert found is not None
    assert accepted <= found
    assert not refused & found


@pytest.mark.parametrize(
    "start",
    [
        {},
        {"ExtFilter": ""},
        {"ExtFilter": {"State": "Off", "Video": "true"}},
        {"ExtFilter": {"State": "On", "AllFile": "true", "Video": "false"}},
    ],
)
def test_filter_that_is_off_lets_everything_through(start: Tree) -> None:
    """Without a filter, with one that is off, and with AllFile every object is taken."""
    assert extensions_of_filter(start) is None


@pytest.mark.parametrize(
    "ext_filter",
    [
        {"State": "On"},
        {"State": "On", "Video": "false"},
        {"State": "On", "Custom": "true", "CustomExts": " / , "},
        {"State": "On", "CustomExts": "jpg"},
    ],
)
def test_filter_that_lets_nothing_through_is_refused(ext_filter: Tree) -> None:
    """A filter that is on but accepts nothing would make a job of nothing."""
    with pytest.raises(InvalidArgumentError, match="accepts nothing"):
        extensions_of_filter({"ExtFilter": ext_filter})
