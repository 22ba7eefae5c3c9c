"""`penstock bench`: what its commands print and write."""

from importlib.util import find_spec
from pathlib import Path

from typer.testing import CliRunner

from penstock.cli.app import app
from penstock.cli.bench_memory import held, memory_log


def shown(*options: str) -> dict[str, str]:
    """The lines that a benchmark prints, by name."""
    done = CliRunner().invoke(app, ["bench", *options])
    assert done.exit_code == 0, done.output
    return {line[:32].strip(): line[32:] for line in done.stdout.splitlines()}


def test_bench_manifest_reads_each_format_as_others_do() -> None:
    """Both formats are read, every way keeps the same rows, and what is missing is said."""
    lines = shown("manifest", "--rows", "2000", "--turns", "1")

    assert lines["CSV.gz: Penstock"].endswith("rows/s")
    assert "ratio" in lines["CSV.gz: zcat | wc -l"]
    assert lines["Parquet: Penstock"].endswith("rows/s")
    assert ("CSV.gz: DuckDB" in lines) == (find_spec("duckdb") is None)


def test_bench_listing_finds_what_a_walk_finds() -> None:
    """The folder is listed whole, beside a bare walk."""
    lines = shown("listing", "--files", "2500", "--turns", "1")

    assert lines["Penstock"].endswith("files/s")
    assert "ratio" in lines["walk by os.scandir"]


def test_memory_log_is_a_row_a_look(tmp_path: Path) -> None:
    """Each look is a row: seconds from the first, objects, and what the processes hold."""
    path = tmp_path / "memory.csv"

    with memory_log(path) as log:
        log.look(0)
        log.look(500)

    head, first, second = (line.split(",") for line in path.read_text().splitlines())
    assert head == ["seconds", "objects", "main_mib", "workers_mib", "planners_mib"]
    assert first[:2] == ["0.00", "0"]
    assert second[1] == "500"
    assert float(second[2]) > 1


def test_memory_log_without_a_file_writes_nothing() -> None:
    """Nothing is written or measured when nobody asked."""
    with memory_log(None) as log:
        log.look(1)

    assert held().workers == 0
