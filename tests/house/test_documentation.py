"""Links lead somewhere, and the examples in the documentation are what they claim to be."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from penstock.service.workflow_files import read_workflow_file

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")],
)
WORKFLOWS = sorted(ROOT.glob("examples/workflows/*.yaml"))

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """How a file is named in the list of tests."""
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> Iterator[str]:
    """The code blocks of a page that are of one language."""
    for found, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if found == language:
            yield code


def anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings, as the usual viewers spell them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_documentation_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository, and a heading that it has."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []

    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_documentation_python_can_be_read(page: Path) -> None:
    """Python in the documentation is at least Python."""
    for code in blocks(page, "python"):
        ast.parse(code)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_documentation_workflows_are_accepted(page: Path) -> None:
    """Workflow files in the documentation are without fault."""
    for code in blocks(page, "yaml"):
        assert read_workflow_file(code, page.name).name


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_example_workflows_are_accepted(path: Path) -> None:
    """The workflow files among the examples are without fault, and named like their files."""
    workflow = read_workflow_file(path.read_text(encoding="utf-8"), path.name)

    assert workflow.name == path.stem
