"""Inventories for benchmarks: they name objects that nobody ever reads."""

import gzip
import hashlib
import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"

_KEPT_DAYS = 100
_ROWS_A_PART = 250_000
_DAYS = 1000
_FIRST = datetime(2022, 1, 1, 10, tzinfo=UTC)
_SIZE_BYTES = 1 << 20
_CSV_COLUMNS = "Appid, Bucket, Key, Size, LastModifiedDate"

# No part of Penstock needs it: it is imported by name, where somebody has it.
PYARROW = "pyarrow"


def write_plain_csv(folder: Path, rows: int) -> None:
    """Write an inventory of COS in one data file; all objects are of one day."""
    folder.mkdir()
    part = folder / "part.csv.gz"
    _write_part(part, ((number, _FIRST) for number in range(rows)), level=1)
    _write_manifest(folder, "CSV", _CSV_COLUMNS, [part])


def write_csv(folder: Path, rows: int) -> list[Path]:
    """Write an inventory of COS over many days, and tell its data files."""
    folder.mkdir()
    parts: list[Path] = []
    for numbers in _parts(rows):
        path = folder / f"part-{len(parts)}.csv.gz"
        _write_part(path, ((number, _time(number)) for number in numbers), level=6)
        parts.append(path)
    _write_manifest(folder, "CSV", _CSV_COLUMNS, parts)
    return parts


def write_parquet(folder: Path, rows: int) -> list[Path]:
    """Write the same inventory as Parquet, and tell its data files; needs pyarrow."""
    pyarrow: Any = importlib.import_module(PYARROW)
    parquet: Any = importlib.import_module(f"{PYARROW}.parquet")
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


def count_kept(rows: int) -> int:
    """How many objects of an inventory lie within `kept_bounds`."""
    return sum(_day(number) < _KEPT_DAYS for number in range(rows))


def kept_bounds() -> tuple[datetime, datetime]:
    """First and last modification of the wanted objects, a tenth of all."""
    return _FIRST, _FIRST + timedelta(days=_KEPT_DAYS - 1)


def _write_part(path: Path, objects: Iterable[tuple[int, datetime]], *, level: int) -> None:
    with gzip.open(path, "wt", compresslevel=level) as file:
        file.writelines(
            f'"1250000000","bench","{_key(number)}","{_SIZE_BYTES}",'
            f'"{time:%Y-%m-%dT%H:%M:%S}.000Z"\n'
            for number, time in objects
        )


def _write_manifest(folder: Path, form: str, schema: str, parts: Sequence[Path]) -> None:
    files = [
        {"key": part.name, "size": part.stat().st_size, "md5Checksum": _md5(part)}
        for part in parts
    ]
    fields = {
        "sourceAppid": "1250000000",
        "sourceBucket": "bench",
        "fileFormat": form,
        "fileSchema": schema,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(fields))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


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
