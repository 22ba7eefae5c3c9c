import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.executions import OutputObject
from penstock.domain.states import ExecutionState
from penstock.domain.views import Execution, NodeView
from penstock.domain.workflows import parse_topology
from penstock.service.reports import write_report
from tests.factories import BUCKET, make_execution, make_outcome, make_topology


def execution_with(**changes: object) -> Execution:
    """An execution of one node."""
    (node,) = parse_topology(make_topology()).nodes
    outcome = make_outcome(**changes)
    return make_execution(nodes=(NodeView(node=node, job_id="f1", outcome=outcome),))


def test_report_in_json_has_a_line_an_execution(tmp_path: Path) -> None:
    """Each line is a whole JSON object with state, outputs and facts by node."""
    path = tmp_path / "report.jsonl"
    made = execution_with(
        outputs=(OutputObject(BUCKET, "out/a.png", 7, "e"),), facts={"MediaInfo": {"x": "1"}}
    )
    failed = make_execution(state=ExecutionState.FAILED, code="X", message='a "b"\nc')

    write_report(path, [made, failed])

    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert first["key"] == "in/photo.jpg"
    assert first["seconds"] == 1.5
    assert first["outputs"] == [{"node": "nothing", "key": "out/a.png", "size_bytes": 7}]
    assert first["facts"] == {"nothing": {"MediaInfo": {"x": "1"}}}
    assert (second["state"], second["code"], second["message"]) == ("Failed", "X", 'a "b"\nc')


@pytest.mark.parametrize("name", ["report.csv", "REPORT.CSV"])
def test_report_in_csv_has_a_row_an_execution(tmp_path: Path, name: str) -> None:
    """A name that ends in .csv gives a table with a head, quoted where it must be."""
    path = tmp_path / name
    outputs = tuple(OutputObject(BUCKET, key, 7, "e") for key in ("a.png", "b.png"))
    failed = make_execution(state=ExecutionState.FAILED, message='a "b",\nc')

    write_report(path, [execution_with(outputs=outputs), failed])

    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["key"], first["state"]) == ("in/photo.jpg", "Success")
    assert first["outputs"] == "a.png b.png"
    assert second["message"] == 'a "b",\nc'


def test_report_replaces_an_earlier_one_only_when_it_is_whole(tmp_path: Path) -> None:
    """A report that breaks off half way leaves the earlier one as it was."""
    path = tmp_path / "report.jsonl"
    path.write_text("earlier")

    def breaking() -> Iterator[Execution]:
        yield make_execution()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_report(path, breaking())

    assert path.read_text() == "earlier"
    write_report(path, [make_execution()])
    assert path.read_text().count("\n") == 1


def test_report_of_nothing_is_empty(tmp_path: Path) -> None:
    """A job of nothing has a report too."""
    path = tmp_path / "report.jsonl"

    write_report(path, [])

    assert path.read_text() == ""
