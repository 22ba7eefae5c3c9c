"""`penstock bench manifest`: an inventory, filtered by time, beside DuckDB and `zcat | wc -l`.

All read the same files in turn, and of each the best turn counts.
"""

import importlib
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from penstock.cli.bench_inventories import (
    MANIFEST,
    PYARROW,
    count_kept,
    kept_bounds,
    write_csv,
    write_parquet,
)
from penstock.cli.bench_printing import best_seconds, print_figure, print_rates
from penstock.domain.selection import ObjectFilter
from penstock.storage.folder import FolderStore
from penstock.storage.manifest import ManifestSource

_DUCKDB_COLUMNS = (
    "{'appid': 'VARCHAR', 'bucket': 'VARCHAR', 'key': 'VARCHAR', 'size': 'BIGINT',"
    " 'last_modified_date': 'TIMESTAMP'}"
)

# No part of Penstock needs it: it is imported by name, where somebody has it.
_DUCKDB = "duckdb"


def manifest(rows: int, turns: int) -> None:
    """Make an inventory in each format, read it in every way, and print rates and ratios.

    Args:
        rows: Objects that it names.
        turns: How often each way is taken.
    """
    print_figure("rows", f"{rows:,}, of which a tenth is kept")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as temporary:
        folder = Path(temporary)
        _compare("CSV.gz", write_csv(folder / "csv", rows), rows, turns)
        if find_spec(PYARROW) is None:
            print_figure("Parquet", "skipped: needs pyarrow, pip install 'penstock[parquet]'")
            return
        _compare("Parquet", write_parquet(folder / "parquet", rows), rows, turns)


def _compare(form: str, parts: Sequence[Path], rows: int, turns: int) -> None:
    kept = count_kept(rows)
    ways: dict[str, Callable[[], int]] = {"Penstock": lambda: _read(parts[0].parent)}
    if form == "CSV.gz":
        ways["zcat | wc -l"] = lambda: _count_lines(parts) - rows + kept
    if find_spec(_DUCKDB) is not None:
        ways["DuckDB, one thread"] = lambda: _scan(form, parts, threads=1)
        ways["DuckDB, all threads"] = lambda: _scan(form, parts, threads=None)
    print_rates(best_seconds(ways, expected=kept, turns=turns), rows, "rows", title=f"{form}: ")
    if find_spec(_DUCKDB) is None:
        print_figure(f"{form}: DuckDB", "skipped: pip install duckdb")


def _read(folder: Path) -> int:
    """Rows that pass, read as a planner reads them."""
    low, high = kept_bounds()
    kept = ObjectFilter(
        modified_from_ms=int(low.timestamp() * 1000), modified_to_ms=int(high.timestamp() * 1000)
    )
    source = ManifestSource(FolderStore(folder), MANIFEST, bucket_names=(), scratch=folder)
    return sum(len(page.objects) for page in source.pages(only=kept))


def _scan(form: str, parts: Sequence[Path], *, threads: int | None) -> int:
    """Rows that pass, by DuckDB."""
    names = [str(part) for part in parts]
    read = f"read_csv({names}, header = false, columns = {_DUCKDB_COLUMNS})"
    source = read if form == "CSV.gz" else f"read_parquet({names})"
    low, high = (f"TIMESTAMP '{bound:%Y-%m-%d %H:%M:%S}'" for bound in kept_bounds())
    query = (
        f"SELECT count(key), sum(size) FROM {source}"  # noqa: S608  # names and times of our own
        f" WHERE last_modified_date BETWEEN {low} AND {high}"
    )
    duckdb: Any = importlib.import_module(_DUCKDB)
    with duckdb.connect(config={"threads": threads} if threads else {}) as connection:
        found: int = connection.execute(query).fetchone()[0]
    return found


def _count_lines(parts: Sequence[Path]) -> int:
    command = f"zcat {shlex.join(map(str, parts))} | wc -l"
    return int(subprocess.check_output(["/bin/sh", "-c", command]))
