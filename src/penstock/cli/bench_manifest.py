"""`penstock bench manifest`: an inventory, filtered by time, beside DuckDB and `zcat | wc -l`.

All read the same files in turn, and of each the best turn counts.
"""

import gzip
import hashlib
import importlib
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from penstock.domain.selection import ObjectFilter
from penstock.storage.folder import FolderStore
from penstock.storage.manifest import ManifestSource

_ROWS_A_PART = 250_000
_DAYS = 1000
_KEPT_DAYS = 100
_FIRST = datetime(2022, 1, 1, 10, tzinfo=UTC)
_SIZE_BYTES = 1 << 20
_MANIFEST = "manifest.json"
_CSV_COLUMNS = "Appid, Bucket, Key, Size, LastModifiedDate"
_DUCKDB_COLUMNS = (
    "{'appid': 'VARCHAR', 'bucket': 'VARCHAR', 'key': 'VARCHAR', 'size': 'BIGINT',"
    " 'last_modified_date': 'TIMESTAMP'}"
)

# Libraries that no part of Penstock needs are imported by name, where somebody has them.
_DUCKDB, _PYARROW = "duckdb", "pyarrow"


def manifest(rows: int, turns: int) -> None:
    """Make an inventory in each format, read it in every way, and print rates and ratios.

    Args:
        rows: Objects that it names.
        turns: How often each way is taken.
    """
    _print("rows", f"{rows:,}, of which a tenth is kept")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as temporary:
        folder = Path(temporary)
        _compare("CSV.gz", _write_csv(folder / "csv", rows), rows, turns)
        if find_spec(_PYARROW) is None:
            _print("Parquet", "skipped: needs pyarrow, pip install 'penstock[parquet]'")
            return
        _compare("Parquet", _write_parquet(folder / "parquet", rows), rows, turns)


def _compare(form: str, parts: Sequence[Path], rows: int, turns: int) -> None:
    kept = sum(_day(number) < _KEPT_DAYS for number in range(rows))
    ways: dict[str, Callable[[], int]] = {"Penstock": lambda: _read(parts[0].parent)}
    if form == "CSV.gz":
        ways["zcat | wc -l"] = lambda: _count_lines(parts) - rows + kept
    if find_spec(_DUCKDB) is not None:
        ways["DuckDB, one thread"] = lambda: _scan(form, parts, threads=1)
        ways["DuckDB, all threads"] = lambda: _scan(form, parts, threads=None)
    seconds = {name: min(_seconds(way, kept) for _ in range(turns)) for name, way in ways.items()}
    ours = seconds["Penstock"]
    for name, taken in seconds.items():
        ratio = "" if name == "Penstock" else f", ratio {taken / ours:.2f}"
        _print(f"{form}: {name}", f"{rows / taken:,.0f} rows/s{ratio}")
    if find_spec(_DUCKDB) is None:
        _print(f"{form}: DuckDB", "skipped: pip install duckdb")


def _seconds(way: Callable[[], int], kept: int) -> float:
    started = time.perf_counter()
    found = way()
    taken = time.perf_counter() - started
    if found != kept:
        message = f"{found:,} rows were kept, not {kept:,}"
        raise RuntimeError(message)
    return taken


def _read(folder: Path) -> int:
    """Rows that pass, read as a planner reads them."""
    low, high = _bounds()
    kept = ObjectFilter(
        modified_from_ms=int(low.timestamp() * 1000), modified_to_ms=int(high.timestamp() * 1000)
    )
    source = ManifestSource(FolderStore(folder), _MANIFEST, bucket_names=(), scratch=folder)
    return sum(len(list(kept.select(page.objects))) for page in source.pages())


def _scan(form: str, parts: Sequence[Path], *, threads: int | None) -> int:
    """Rows that pass, by DuckDB."""
    names = [str(part) for part in parts]
    read = f"read_csv({names}, header = false, columns = {_DUCKDB_COLUMNS})"
    source = read if form == "CSV.gz" else f"read_parquet({names})"
    low, high = (f"TIMESTAMP '{bound:%Y-%m-%d %H:%M:%S}'" for bound in _bounds())
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


def _write_csv(folder: Path, rows: int) -> list[Path]:
    folder.mkdir()
    parts: list[Path] = []
    for numbers in _parts(rows):
        path = folder / f"part-{len(parts)}.csv.gz"
        with gzip.open(path, "wt", compresslevel=6) as file:
            file.writelines(
                f'"1250000000","bench","{_key(number)}","{_SIZE_BYTES}",'
                f'"{_time(number):%Y-%m-%dT%H:%M:%S}.000Z"\n'
                for number in numbers
            )
        parts.append(path)
    _write_manifest(folder, "CSV", _CSV_COLUMNS, parts)
    return parts


def _write_parquet(folder: Path, rows: int) -> list[Path]:
    pyarrow: Any = importlib.import_module(_PYARROW)
    parquet: Any = importlib.import_module(f"{_PYARROW}.parquet")
    folder.mkdir()
    parts: list[Path] = []
    for numbers in _parts(rows):
        times = pyarrow.array(map(_time, numbers), pyarrow.timestamp("ms"))
        table = pyarrow.table(
            {
                "bucket": ["bench"] * len(numbers),
                "key": [_key(number) for number in numbers],
                "size": [_SIZE_BYTES] * len(numbers),
                "last_modified_date": times,
            }
        )
        path = folder / f"part-{len(parts)}.parquet"
        parquet.write_table(table, path)
        parts.append(path)
    _write_manifest(folder, "Parquet", "message s3.inventory { }", parts)
    return parts


def _write_manifest(folder: Path, form: str, schema: str, parts: Sequence[Path]) -> None:
    files = [
        {
            "key": part.name,
            "size": part.stat().st_size,
            "md5Checksum": hashlib.md5(part.read_bytes(), usedforsecurity=False).hexdigest(),
        }
        for part in parts
    ]
    fields = {
        "sourceAppid": "1250000000",
        "sourceBucket": "bench",
        "fileFormat": form,
        "fileSchema": schema,
        "files": files,
    }
    (folder / _MANIFEST).write_text(json.dumps(fields))


def _parts(rows: int) -> Iterator[range]:
    for first in range(0, rows, _ROWS_A_PART):
        yield range(first, min(first + _ROWS_A_PART, rows))


def _key(number: int) -> str:
    return f"photos/{number // 1000:06}/IMG_{number:09}.jpg"


def _day(number: int) -> int:
    """Spread over all days, so that no run of rows falls to one side of the filter."""
    return number * 7919 % _DAYS


def _time(number: int) -> datetime:
    return _FIRST + timedelta(days=_day(number))


def _bounds() -> tuple[datetime, datetime]:
    return _FIRST, _FIRST + timedelta(days=_KEPT_DAYS - 1)


def _print(name: str, value: str) -> None:
    sys.stdout.write(f"{name:32}{value}\n")
    sys.stdout.flush()
