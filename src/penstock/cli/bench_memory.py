"""Memory over time: what the processes of this program hold while a job runs."""

import csv
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_PROCESSES = Path("/proc")
_MEBIBYTE_KIB = 1024
_WORKER, _PLANNER = b"penstock.engine.worker", b"penstock.engine.planner"


class Held(NamedTuple):
    """Memory by what the processes do, in MiB; shared pages are divided among their sharers.

    Attributes:
        main: This process.
        workers: All worker processes together.
        planners: All processes that read the inputs of jobs.
    """

    main: float
    workers: float
    planners: float


class MemoryLog:
    """Notes what is held, a row a look."""

    def __init__(self, path: Path | None) -> None:
        """A log.

        Args:
            path: The CSV file to write; None writes nothing.
        """
        self._file = path.open("w", newline="") if path is not None else None
        self._started: float | None = None
        self._write("seconds", "objects", *(f"{name}_mib" for name in Held._fields))

    def look(self, objects: int) -> None:
        """Note what is held now; seconds count from the first look.

        Args:
            objects: How many have been taken to an end.
        """
        if self._file is not None:
            now = time.monotonic()
            self._started = now if self._started is None else self._started
            seconds = now - self._started
            self._write(f"{seconds:.2f}", str(objects), *(f"{mib:.1f}" for mib in held()))

    def close(self) -> None:
        """Close the file; safe to repeat."""
        if self._file is not None:
            self._file.close()

    def _write(self, *fields: str) -> None:
        if self._file is not None:
            csv.writer(self._file, lineterminator="\n").writerow(fields)


@contextmanager
def memory_log(path: Path | None) -> Iterator[MemoryLog]:
    """A log that is closed on the way out."""
    log = MemoryLog(path)
    try:
        yield log
    finally:
        log.close()


def held() -> Held:
    """What this process and its children hold now; Linux only."""
    mine = os.getpid()
    workers = planners = 0.0
    for child in _children(mine):
        command = _read(_PROCESSES / str(child) / "cmdline")
        if _WORKER in command:
            workers += _pss_mib(child)
        elif _PLANNER in command:
            planners += _pss_mib(child)
    return Held(_pss_mib(mine), workers, planners)


def _children(process: int) -> Iterator[int]:
    for path in (_PROCESSES / str(process) / "task").glob("*/children"):
        yield from map(int, _read(path).split())


def _pss_mib(process: int) -> float:
    """Proportional set size of a process; 0 when it has ended."""
    for line in _read(_PROCESSES / str(process) / "smaps_rollup").splitlines():
        name, _, value = line.partition(b":")
        if name == b"Pss":
            return int(value.split()[0]) / _MEBIBYTE_KIB
    return 0.0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
