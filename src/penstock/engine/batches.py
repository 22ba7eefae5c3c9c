"""Reads a job's input in batches: what one transaction plans, packed and ready to be stored."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from penstock.domain.errors import PenstockError
from penstock.domain.jobs import Job
from penstock.domain.planning import pack_objects, planned_chunk_size
from penstock.domain.selection import ObjectInfo
from penstock.state.chunks import PackedObjects
from penstock.storage.pages import FailedEntry, Page, Source

BATCH_OBJECTS = 4000
BATCH_SECONDS = 0.5

Speed = Callable[[], float | None]
"""Tells the job's measured seconds per object by now; None before the first chunk."""

ReadBatches = Callable[[Job, Speed], Generator["Batch", None, None]]
"""Reads a job's input from its cursor on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A run of whole pages.

    Attributes:
        packed: The objects that the job takes, in chunks.
        failed: Entries that name no object.
        cursor: Where the input goes on behind them.
        is_last: Whether nothing comes behind them.
    """

    packed: list[PackedObjects]
    failed: list[FailedEntry]
    cursor: str
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The input cannot be read.

    Attributes:
        code: Why.
        message: One sentence for a person.
        is_retryable: Whether its store failed, and may answer later.
    """

    code: str
    message: str
    is_retryable: bool


Reading = Batch | Broken
"""What a planner answers to a job, until the last batch or what broke it."""


class UnreadableInputError(PenstockError):
    """The input of a job cannot be read, as was found in another process.

    Attributes:
        found: The code of the error there.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.found = code


def read_batches(source: Source, job: Job, speed: Speed) -> Generator[Batch, None, None]:
    """Batches of a source from the job's cursor on; the first is one page, so that work begins."""
    batch = _Batch(job)
    began = time.monotonic()
    is_first = True
    for page in source.pages(cursor=job.cursor, only=job.filter):
        batch.add(page)
        is_due = time.monotonic() - began > BATCH_SECONDS
        if is_first or is_due or len(batch.objects) >= BATCH_OBJECTS:
            is_first = False
            yield batch.take(speed(), is_last=False)
            began = time.monotonic()
    yield batch.take(speed(), is_last=True)


class _Batch:
    """Objects that are read but not packed yet, always up to the end of a page."""

    def __init__(self, job: Job) -> None:
        self.objects: list[ObjectInfo] = []
        self._failed: list[FailedEntry] = []
        self._cursor = job.cursor
        self._chunk_size = 0

    def add(self, page: Page) -> None:
        self.objects += page.objects
        self._failed += page.failed
        self._cursor = page.cursor

    def take(self, seconds_per_object: float | None, *, is_last: bool) -> Batch:
        packed = []
        start = 0
        while start < len(self.objects):
            self._chunk_size = planned_chunk_size(self._chunk_size, seconds_per_object)
            part = self.objects[start : start + self._chunk_size]
            packed.append(PackedObjects(pack_objects(part), len(part)))
            start += len(part)
        taken = Batch(packed=packed, failed=self._failed, cursor=self._cursor, is_last=is_last)
        self.objects, self._failed = [], []
        return taken
