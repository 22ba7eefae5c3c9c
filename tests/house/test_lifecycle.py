"""The page on the life of a job has the diagrams and arrows of the state tables."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import pytest

from penstock.domain.states import CHUNK_TABLE, FINAL_EXECUTION_STATES, JOB_TABLE, ExecutionState

PAGE = Path(__file__).parents[2] / "docs/explanation/job-lifecycle.md"
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^\| (\w+) \| (\w+) \| (\w+) \| .+ \| (?:engine|service) \|$", re.MULTILINE)
STATE = re.compile(r"^\| (\w+) \| .+ \| (yes|no) \|$", re.MULTILINE)

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
Table = Mapping[S, Mapping[E, S]]


def section(title: str) -> str:
    """What stands under a heading."""
    found: dict[str, str] = dict(SECTION.findall(PAGE.read_text(encoding="utf-8")))
    return found[title]


def diagram(table: Table[S, E]) -> str:
    """A state table as Mermaid draws it; its first state is where everything begins."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table))}"]
    for state, row in table.items():
        lines += [f"    {state} --> {after}: {event}" for event, after in row.items()]
    lines += [f"    {state} --> [*]" for state, row in table.items() if not row]
    return "".join(f"{line}\n" for line in lines)


def arrows(table: Table[S, E]) -> list[tuple[str, str, str]]:
    """From, event and to of every arrow of a table."""
    return [
        (str(state), str(event), str(after))
        for state, row in table.items()
        for event, after in row.items()
    ]


@pytest.mark.parametrize(("title", "table"), [("Jobs", JOB_TABLE), ("Chunks", CHUNK_TABLE)])
def test_lifecycle_diagram_is_that_of_the_table(title: str, table: Table[S, E]) -> None:
    """The diagram in the page is the one that the table gives."""
    assert DIAGRAM.findall(section(title)) == [diagram(table)]


@pytest.mark.parametrize(("title", "table"), [("Jobs", JOB_TABLE), ("Chunks", CHUNK_TABLE)])
def test_lifecycle_gives_a_reason_for_every_arrow(title: str, table: Table[S, E]) -> None:
    """Each arrow of the table has a row that says why it happens and who does it."""
    assert ARROW.findall(section(title)) == arrows(table)


def test_lifecycle_names_every_state_of_an_execution() -> None:
    """Each state of an execution is told, in the order of the code; a stored one is final."""
    rows = STATE.findall(section("Executions and nodes"))

    assert [name for name, _ in rows] == [str(state) for state in ExecutionState]
    assert {name for name, stored in rows if stored == "yes"} <= set(FINAL_EXECUTION_STATES)
