"""Runs assignments through a real runner in this process."""

from collections.abc import Callable, Sequence
from pathlib import Path

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Job
from penstock.domain.planning import pack_objects
from penstock.domain.records import ExecutionRow
from penstock.domain.selection import ObjectInfo
from penstock.engine.control import Functions, no_functions
from penstock.engine.runner import Assignment, ChunkOutcome, Runner
from penstock.operations.base import Limits
from penstock.storage.base import ObjectStore
from penstock.storage.opening import open_store
from tests.factories import BUCKET, make_chunk, make_job, make_pinned
from tests.waiting import Clock


def put(folder: Path, *keys: str, content: bytes = b"abc") -> list[ObjectInfo]:
    """Files with these keys; listed as a listing would."""
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [ObjectInfo(key, len(content)) for key in keys]


def job_over(folder: Path, *topologies: object, **changes: object) -> Job:
    """A stored job that runs topologies over a folder."""
    workflows = tuple(
        make_pinned(id=f"w{number}", topology=topology) if topology else make_pinned()
        for number, topology in enumerate(topologies or [None])
    )
    return make_job(
        **{
            "number": 1,
            "workflows": workflows,
            "buckets": {BUCKET: f"file://{folder}"},
            **changes,
        }
    )


def assign(job: Job, objects: Sequence[ObjectInfo], chunk: Chunk | None = None) -> Assignment:
    """An assignment of a chunk with exactly these objects, or of a part of them."""
    return Assignment(
        job=job,
        chunk=chunk or make_chunk(job=job.number, size=len(objects)),
        objects=pack_objects(objects),
    )


class Bench:
    """A runner and what is told to it."""

    def __init__(
        self,
        scratch: Path,
        clock: Clock,
        *,
        open_store: Callable[[str], ObjectStore] = open_store,
        retry_seconds: Sequence[float] = (),
        functions: Functions = no_functions,
    ) -> None:
        self.runner = Runner(
            open_store=open_store,
            now_ms=clock,
            scratch=scratch,
            limits=Limits(seconds=60.0),
            retry_seconds=retry_seconds,
            functions=functions,
        )
        self.is_cancelled: Callable[[], bool] = lambda: False
        self.may_begin: Callable[[int], bool] = lambda _index: True
        self.fractions: list[float] = []

    def run(self, assignment: Assignment) -> ChunkOutcome:
        """Run an assignment to its end."""
        return self.runner.run(
            assignment,
            is_cancelled=self.is_cancelled,
            may_begin=self.may_begin,
            report=self.fractions.append,
        )

    def rows(self, assignment: Assignment) -> list[ExecutionRow]:
        """The executions of an assignment."""
        return rows_of(self.run(assignment))


def rows_of(outcome: ChunkOutcome) -> list[ExecutionRow]:
    """The rows of an outcome as records."""
    return [ExecutionRow(*row) for row in outcome.rows]  # type: ignore[arg-type]  # plain tuples
