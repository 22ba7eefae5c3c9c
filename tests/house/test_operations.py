"""The reference of operations describes exactly those that exist, each with an example."""

import re
from pathlib import Path

import pytest

from penstock.domain.selection import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from penstock.domain.workflows import parse_topology
from penstock.operations.registry import OPERATIONS
from penstock.service.workflow_files import read_workflow_file

PAGE = Path(__file__).parents[2] / "docs/reference/operations.md"
SECTION = re.compile(r"^## +(\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS = {
    "picture": IMAGE_EXTENSIONS,
    "video": VIDEO_EXTENSIONS,
    "sound": AUDIO_EXTENSIONS,
}


def sections() -> dict[str, str]:
    """What the page says of each operation."""
    return dict(SECTION.findall(PAGE.read_text(encoding="utf-8")))


def test_operations_page_has_a_heading_for_each() -> None:
    """Every operation has a heading, every heading is an operation, in the registry's order."""
    assert list(sections()) == [operation.tag for operation in OPERATIONS]


@pytest.mark.parametrize("tag", [operation.tag for operation in OPERATIONS])
def test_operations_page_has_an_example_of_each(tag: str) -> None:
    """The one example of an operation is a workflow file without fault that uses it."""
    (example,) = EXAMPLE.findall(sections()[tag])

    file = read_workflow_file(example, PAGE.name)

    assert tag in {node.type for node in parse_topology(file.topology).nodes}


@pytest.mark.parametrize(("kind", "extensions"), KINDS.items(), ids=KINDS)
def test_operations_page_names_the_extensions_of_each_kind(
    kind: str, extensions: frozenset[str]
) -> None:
    """The table of kinds names exactly the extensions by which a kind is told."""
    row = re.search(rf"^\| {kind} \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert row is not None
    assert sorted(row[1].split(", ")) == sorted(extensions)
