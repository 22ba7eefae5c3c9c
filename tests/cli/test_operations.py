"""`penstock operations`: a table for people, entries for programs."""

import json

import pytest
from typer.testing import CliRunner

from penstock import __version__
from penstock.cli.app import app
from penstock.operations.registry import OPERATIONS, catalogue


def shown(*options: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, ["operations", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_operations_are_a_table_by_default() -> None:
    """Each operation that can be used is a row with its family, what it reads and its origin."""
    head, *rows = shown().splitlines()

    assert head.split() == ["operation", "family", "reads", "output", "from"]
    by_tag = {row.split()[0]: row.split() for row in rows}
    assert by_tag["PicProcess"] == [
        "PicProcess",
        "pic",
        "image",
        "needed",
        "penstock",
        __version__,
    ]
    assert by_tag["MediaInfo"][3] == "-"


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_operations_are_entries_for_programs(form: str) -> None:
    """Every operation of the build is an entry, available or not, with the same facts."""
    text = shown("--output", form)

    rows = json.loads(text) if form == "json" else list(map(json.loads, text.splitlines()))
    assert {row["operation"] for row in rows} >= {one.tag for one in OPERATIONS}
    (found,) = [row for row in rows if row["operation"] == "FileHashCode"]
    assert found == {
        "operation": "FileHashCode",
        "available": True,
        "reason": None,
        "command": None,
        "package": "penstock",
        "version": __version__,
        "family": "file",
        "reads": ["audio", "image", "other", "video"],
        "needs_output": False,
        "missing_parts": [],
    }


def test_operations_that_lack_something_are_told_with_the_command() -> None:
    """What is not available stands below the table, each with its reason."""
    lines = shown().splitlines()

    for offer in catalogue().offers:
        told = [line for line in lines if line.startswith(f"not available: {offer.tag} ")]
        assert bool(told) == bool(offer.fault)
        assert all(offer.command in line for line in told)
