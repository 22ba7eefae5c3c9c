"""Every service over one database and folders, under a clock and ids that the test knows."""

from collections import Counter
from pathlib import Path

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Counters, Job
from penstock.domain.planning import unpack_objects
from penstock.domain.trees import Tree
from penstock.domain.workflows import Workflow, WorkflowState
from penstock.engine.recorder import Recorder
from penstock.engine.runner import ChunkOutcome
from penstock.service.buckets import BucketService
from penstock.service.executions import ExecutionService
from penstock.service.jobs import JobService
from penstock.service.node_jobs import NodeJobService
from penstock.service.queues import QueueService
from penstock.service.templates import TemplateService
from penstock.service.workflows import WorkflowService
from penstock.state import chunks
from penstock.state.database import Database
from penstock.storage.opening import open_store
from tests.factories import BUCKET, NOW_MS, make_row, make_topology
from tests.state.stored import add_counters, lease, plan
from tests.waiting import Clock


class Ids:
    """Ids that count up, each letter by itself."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, letter: str) -> str:
        """The next id of a letter."""
        self._counts[letter] += 1
        return f"{letter}{self._counts[letter]:032x}"


class Desk:
    """The services, and the few steps of an engine that their tests need."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.clock = Clock(NOW_MS)
        self.folder = folder
        self.database = database or Database.open_sqlite(folder / "penstock.db")
        ids = Ids()
        self.buckets = BucketService(self.database, open_store, now_ms=self.clock, new_id=ids)
        self.queues = QueueService(self.database, self.buckets, now_ms=self.clock)
        self.workflows = WorkflowService(
            self.database, self.buckets, now_ms=self.clock, new_id=ids
        )
        self.templates = TemplateService(
            self.database, self.buckets, now_ms=self.clock, new_id=ids
        )
        self.jobs = JobService(self.database, self.buckets, now_ms=self.clock, new_id=ids)
        self.executions = ExecutionService(self.database, self.buckets)
        self.node_jobs = NodeJobService(self.database, self.buckets, self.jobs, now_ms=self.clock)

    def bind(self, name: str = BUCKET) -> Path:
        """Bind a bucket to a folder of its own."""
        folder = self.folder / name
        folder.mkdir()
        self.buckets.bind(name, f"file://{folder}")
        return folder

    def workflow(self, topology: Tree | None = None, name: str = "previews") -> Workflow:
        """A stored, paused workflow."""
        return self.workflows.create(
            BUCKET, name, WorkflowState.PAUSED, topology or make_topology()
        )

    def plan(self, job: Job, *sizes: int, first: int = 0) -> list[int]:
        """Plan chunks of a job, as an expander does."""
        numbers = plan(self.database, job, *sizes, first=first)
        executions = sum(sizes) * len(job.workflows)
        add_counters(self.database, job, Counters(total=executions, waiting=executions))
        return numbers

    def lease(self, job: Job, *, most_objects: int = 1000) -> Chunk | None:
        """Lease the next chunk of a job, as a coordinator does."""
        chunk = lease(self.database, job, most_objects=most_objects, now_ms=self.clock())
        if chunk is not None:
            executions = chunk.size * len(job.workflows)
            add_counters(self.database, job, Counters(running=executions, waiting=-executions))
        return chunk

    def record(
        self, job: Job, chunk: Chunk, done: int | None = None, state: str = "Success"
    ) -> bool:
        """Seal a chunk, or a first part of it, with rows as a runner makes them."""
        done = chunk.size if done is None else done
        width = len(job.workflows)
        with self.database.read() as transaction:
            packed = chunks.packed_objects(transaction, job.number, chunk.origin)
        objects = unpack_objects(packed, chunk.start, done)
        rows = [
            tuple(
                make_row(
                    job=job.number,
                    chunk=chunk.origin,
                    position=(chunk.start + index) * width + workflow,
                    object_key=listed.key,
                    state=state,
                    code=state,
                )
            )
            for index, listed in enumerate(objects)
            for workflow in range(width)
        ]
        outcome = ChunkOutcome(chunk=chunk, done=done, rows=rows, seconds=1.0)
        with self.database.write() as transaction:
            return Recorder(now_ms=self.clock).record(transaction, job, outcome)

    def give_back(self, job: Job, chunk: Chunk, *, is_attempt: bool = False) -> bool:
        """Release a chunk; one that counts an attempt is cut in half."""
        with self.database.write() as transaction:
            return Recorder(now_ms=self.clock).give_back(
                transaction, job, chunk, is_attempt=is_attempt
            )
