"""Memory does not grow with the number of objects of a job."""

import csv
import subprocess
from pathlib import Path

import pytest

from tests.e2e.servers import PROGRAM

FEW, MANY = 100_000, 1_000_000
ALLOWED = 1.05
LIMIT_SECONDS = 600


def peaks(folder: Path, objects: int) -> dict[str, float]:
    """The most that each kind of process held while a job of no-ops ran, in MiB."""
    log = folder / f"{objects}.csv"
    size, target = ("--objects", str(objects)), ("--memory-csv", str(log))
    subprocess.run(
        [*PROGRAM, "bench", "control-plane", "--workers", "1", *size, *target],
        check=True,
        capture_output=True,
        timeout=LIMIT_SECONDS,
    )
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["objects"]) == objects
    names = ("main_mib", "workers_mib", "planners_mib")
    return {name: max(float(row[name]) for row in rows) for name in names}


@pytest.mark.slow
def test_memory_is_flat_over_objects(tmp_path: Path) -> None:
    """Ten times as many objects need no more memory in any process."""
    few, many = peaks(tmp_path, FEW), peaks(tmp_path, MANY)

    assert many["workers_mib"] < few["workers_mib"] * ALLOWED
    assert many["planners_mib"] < few["planners_mib"] * ALLOWED
    assert many["main_mib"] < few["main_mib"] * ALLOWED
