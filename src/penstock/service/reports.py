"""Reports: one line an execution, streamed into a file that appears when it is whole."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from penstock.domain.views import Execution

_CSV_COLUMNS = (
    "key",
    "workflow",
    "state",
    "code",
    "message",
    "seconds",
    "run_id",
    "outputs",
    "facts",
)


def write_report(path: Path, executions: Iterable[Execution]) -> None:
    """Write a report; a name that ends in `.csv` gives CSV, any other JSON lines.

    The file replaces an earlier one in one step, when it is complete.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if path.suffix.lower() == ".csv":
            writer = csv.writer(file)
            writer.writerow(_CSV_COLUMNS)
            writer.writerows(map(_csv_row, executions))
        else:
            file.writelines(_json_lines(executions))
    partial.replace(path)


def _json_lines(executions: Iterable[Execution]) -> Iterator[str]:
    for execution in executions:
        line = {
            **_columns(execution),
            "outputs": [
                {"node": view.node.name, "key": output.key, "size_bytes": output.size_bytes}
                for view in execution.nodes
                for output in view.outcome.outputs
            ],
            "facts": _facts(execution),
        }
        yield json.dumps(line) + "\n"


def _csv_row(execution: Execution) -> list[object]:
    keys = [output.key for view in execution.nodes for output in view.outcome.outputs]
    facts = json.dumps(_facts(execution)) if _facts(execution) else ""
    return [*_columns(execution).values(), " ".join(keys), facts]


def _facts(execution: Execution) -> dict[str, object]:
    """What the nodes found out, by node name."""
    return {view.node.name: view.outcome.facts for view in execution.nodes if view.outcome.facts}


def _columns(execution: Execution) -> dict[str, object]:
    return {
        "key": execution.object_key,
        "workflow": execution.workflow.name,
        "state": str(execution.state),
        "code": execution.code,
        "message": execution.message,
        "seconds": (execution.ended_ms - execution.started_ms) / 1000,
        "run_id": execution.run_id,
    }
