from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.workflows import parse_topology
from penstock.service.workflow_files import read_workflow_file
from tests.factories import make_hash_topology

EXAMPLES = sorted((Path(__file__).parents[2] / "examples/workflows").glob("*.yaml"))
HASH = "hash: {type: FileHashCode, params: {Type: MD5}}"


def faults_of(text: str) -> list[str]:
    """What is wrong with a file."""
    with pytest.raises(InvalidArgumentError) as caught:
        read_workflow_file(text, "flow.yaml")
    return list(caught.value.faults)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_workflow_file_examples_can_be_read(path: Path) -> None:
    """Every workflow that we show to people is sound and bears the name of its file."""
    found = read_workflow_file(path.read_text(encoding="utf-8"), path.name)

    assert found.name == path.stem
    assert parse_topology(found.topology).nodes


def test_workflow_file_gives_the_topology_of_the_wire() -> None:
    """The friendly dress and the vendor's tree say the same."""
    found = read_workflow_file(f"name: sums\nnodes:\n  {HASH}\n", "flow.yaml")

    assert found.name == "sums"
    assert found.topology == make_hash_topology()


def test_workflow_file_connects_its_nodes() -> None:
    """A node stands behind Start, one node, or several; what leads nowhere leads to End."""
    text = f"""
name: chain
input: {{prefix: in/, extensions: [JPG, png]}}
nodes:
  {HASH}
  one: {{type: Noop, after: hash}}
  two: {{type: Noop, after: [hash, Start]}}
  three: {{type: Noop, after: [one, two]}}
"""

    found = read_workflow_file(text, "flow.yaml")

    assert found.topology["Dependencies"] == {
        "Start": "hash,two",
        "hash": "one,two",
        "one": "three",
        "two": "three",
        "three": "End",
    }
    start = parse_topology(found.topology).start
    assert start["ObjectPrefix"] == "in/"
    assert start["ExtFilter"] == {"State": "On", "Custom": "true", "CustomExts": "JPG/png"}


def test_workflow_file_keeps_scalars_as_they_were_written() -> None:
    """Numbers and words of YAML stay the text that the vendor's parameters want."""
    text = """
name: stills
nodes:
  cover:
    type: Snapshot
    params: {Mode: Interval, Start: 1.50, Count: 010}
    output: {Object: "${InputName}_${Number}.jpg", Bucket: other-1}
"""

    found = read_workflow_file(text, "flow.yaml")

    (node,) = parse_topology(found.topology).nodes
    assert node.operation["Snapshot"] == {"Mode": "Interval", "Start": "1.50", "Count": "010"}
    assert node.operation["Output"] == {
        "Object": "${InputName}_${Number}.jpg",
        "Bucket": "other-1",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ["1:1: the file is empty"], id="empty"),
        pytest.param("# nothing\n", ["1:1: the file is empty"], id="a comment"),
        pytest.param(
            "- a\n", ["1:1: the file must be a mapping", "1:1: name must be given",
                      "1:1: nodes must be given"], id="a list"
        ),
        pytest.param(f"nodes:\n  {HASH}\n", ["1:1: name must be given"], id="no name"),
        pytest.param(
            f"name: a b\nnodes:\n  {HASH}\n", ["1:7: name may hold"], id="name"
        ),
        pytest.param(
            f"name: [a]\nnodes:\n  {HASH}\n",
            ["1:7: must be a text", "1:7: name must be given"],
            id="name that is a list",
        ),
        pytest.param("name: a\n", ["1:1: nodes must be given"], id="no nodes"),
        pytest.param("name: a\nnodes: x\n", ["2:8: nodes must be a mapping"], id="nodes"),
        pytest.param(
            f"name: a\nnode: x\nnodes:\n  {HASH}\n",
            ["2:1: the file: 'node' is not one of input, name, nodes"],
            id="unknown word",
        ),
        pytest.param(
            f"name: a\nname: b\nnodes:\n  {HASH}\n",
            ["2:1: the file: 'name' is given twice"],
            id="twice",
        ),
        pytest.param(
            "name: a\nnodes:\n  x:\n    typ: Noop\n",
            ["4:5: x: 'typ' is not one of after, output, params, template, type",
             "4:5: x: type must be given"],
            id="unknown word of a node",
        ),
        pytest.param(
            "name: a\nnodes:\n  x: {type: Magic}\n",
            ["3:13: x: this build has no operation 'Magic'; use "],
            id="unknown operation",
        ),
        pytest.param(
            "name: a\nnodes:\n  x: {type: Noop, after: y}\n",
            ["3:26: x: after names 'y', which is no node"],
            id="unknown predecessor",
        ),
        pytest.param(
            "name: a\nnodes:\n  End: {type: Noop}\n  x: {type: Noop}\n",
            ["3:8: a node cannot be named End"],
            id="reserved name",
        ),
        pytest.param(
            "name: a\nnodes:\n  x: Noop\n", ["3:6: x must be a mapping",
                                             "3:6: x: type must be given"], id="node"
        ),
        pytest.param(
            "name: a\nnodes:\n  x:\n    type: FileHashCode\n    params: {Type: CRC}\n",
            ["4:5: x: FileHashCodeConfig.Type must be one of MD5"],
            id="params",
        ),
        pytest.param(
            "name: a\nnodes:\n  x:\n    type: PicProcess\n"
            "    params: {ProcessRule: imageMogr2/format/png}\n",
            ["4:5: x: Output must be given"],
            id="no output",
        ),
        pytest.param(
            "name: a\nnodes:\n  x: {type: Noop, after: y}\n  y: {type: Noop, after: x}\n",
            ["1:1: Topology.Dependencies.Start must not lead to End"],
            id="cycle without Start",
        ),
        pytest.param(
            "name: a\nnodes:\n  s: {type: Noop}\n  x: {type: Noop, after: y}\n"
            "  y: {type: Noop, after: x}\n",
            ["1:1: Topology: x, y cannot be reached from Start"],
            id="cycle",
        ),
        pytest.param(
            f"name: a\ninput: {{extension: jpg}}\nnodes:\n  {HASH}\n",
            ["2:9: input: 'extension' is not one of extensions, prefix"],
            id="input",
        ),
        pytest.param(
            f"name: a\ninput: {{extensions: []}}\nnodes:\n  {HASH}\n",
            ["1:1: Start.Input.ExtFilter is On but accepts nothing"],
            id="no extension",
        ),
        pytest.param("name: a\nnodes: {x: [\n", ["3:1: "], id="no YAML"),
        pytest.param("name: a\n---\nname: b\n", ["2:1: "], id="two documents"),
        pytest.param("name: *x\n", ["1:7: "], id="unknown alias"),
        pytest.param("name: \x07\n", ["1:7: "], id="control character"),
        pytest.param(
            "name: a\nnodes:\n  x: {type: FileHashCode, params: &p {Type: *p}}\n",
            ["3:"],
            id="a value inside itself",
        ),
        pytest.param(
            "name: a\nnodes:\n  x: {type: FileHashCode, template: t1}\n",
            ["3:37: "],
            id="template",
        ),
    ],
)  # fmt: skip
def test_workflow_file_faults_have_a_place(text: str, expected: list[str]) -> None:
    """Each fault says in which line and column it is, and what is expected there."""
    faults = faults_of(text)

    assert len(faults) == len(expected), faults
    for fault, words in zip(faults, expected, strict=True):
        assert fault.startswith(f"flow.yaml:{words}")


def test_workflow_file_names_all_faults_at_once() -> None:
    """Faults of different nodes come in one answer, in the order of the file."""
    text = "name: a b\nnodes:\n  x: {type: Magic}\n  y: {after: z}\n"

    faults = faults_of(text)

    assert [fault.split(":")[1] for fault in faults] == ["1", "3", "4", "4"]


def test_workflow_file_warns_of_params_that_nothing_uses() -> None:
    """A misspelt param is no fault, as on the wire, but the person who wrote it is told."""
    text = "name: a\nnodes:\n  x:\n    type: FileHashCode\n    params: {Type: MD5, Tpye: 1}\n"

    found = read_workflow_file(text, "flow.yaml")

    (warning,) = found.warnings
    assert warning.startswith("flow.yaml:5:25: x: ")
    assert "Tpye" in warning


def test_workflow_file_says_conditions_in_a_word() -> None:
    """`when` is the expression that stands in the vendor's tree as `Express`."""
    text = f"""
name: large
nodes:
  large: {{type: Condition, when: "Size > 1M"}}
  spelt: {{type: Condition, params: {{Express: Size > 1M}}, after: large}}
  {HASH[:-1]}, after: spelt}}
"""

    found = read_workflow_file(text, "flow.yaml")

    large, spelt, _ = parse_topology(found.topology).nodes
    assert large.operation == spelt.operation == {"Condition": {"Express": "Size > 1M"}}
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ("{type: Condition, when: Size >> 1}", "3:30: x: character 7: expected a number"),
        ("{type: Noop, when: Size > 1}", "3:25: x: when belongs to nodes of type Condition"),
        ("{type: Condition, when: Size > 1, template: t}", "3:30: x: when belongs to"),
        (
            "{type: Condition, when: Size > 1, params: {Express: a}}",
            "3:30: x: when belongs to",
        ),
        ("{type: Condition}", "3:6: x: Condition.Express must be given"),
        ("{type: Condition, when: Size > 1, output: a}", "3:6: x: Output must be absent"),
    ],
)
def test_workflow_file_checks_conditions(node: str, fault: str) -> None:
    """An expression must be one here, and its place is told."""
    found = faults_of(f"name: n\nnodes:\n  x: {node}\n  y: {{type: Noop, after: x}}\n")

    assert any(one.startswith(f"flow.yaml:{fault}") for one in found), found


def test_workflow_file_checks_conditions_among_params() -> None:
    """An expression that stands among the params is held to the same grammar."""
    text = "name: n\nnodes:\n  x: {type: Condition, params: {Express: odd}}\n"

    found = faults_of(f"{text}  y: {{type: Noop, after: x}}\n")

    assert found[0].startswith("flow.yaml:3:32: x: character 1: expected one of AudioCodec")


def test_workflow_file_with_a_condition_at_its_end_is_refused() -> None:
    """A condition behind which nothing stands decides nothing."""
    found = faults_of("name: n\nnodes:\n  x: {type: Condition, when: Size > 1}\n")

    assert found == ["flow.yaml:3:6: x: a Condition must be followed by another node, not by End"]
