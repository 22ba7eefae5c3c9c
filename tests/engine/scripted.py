"""An executor that does what the test says, in this process."""

from collections import deque
from collections.abc import Callable

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Job
from penstock.domain.planning import unpack_objects
from penstock.domain.selection import ObjectInfo
from penstock.engine.executor import CutShort, GivenBack, Progressed, Report, WorkerDied
from penstock.engine.runner import Assignment, ChunkOutcome

Answer = Callable[[Assignment], Report]


def objects_of(assignment: Assignment) -> list[ObjectInfo]:
    """The objects that a worker would run."""
    chunk = assignment.chunk
    return unpack_objects(assignment.objects, chunk.start, chunk.size)


def keys_of(assignment: Assignment) -> list[str]:
    """Their keys."""
    return [listed.key for listed in objects_of(assignment)]


class ScriptedExecutor:
    """Answers each chunk by a function, `at_once` a call of `reports`, unless it is held back."""

    def __init__(self, answer: Answer, *, places: int = 2) -> None:
        self.answer = answer
        self.places = places
        self.is_held = False
        self.at_once = 1
        self.full: set[int] = set()
        self.handed: deque[Assignment] = deque()
        self.submitted: list[Assignment] = []
        self.cancelled: set[int] = set()
        self.is_closed = False
        self.progress: list[Progressed | CutShort] = []
        self.asked_to_cut: list[Chunk] = []
        self._is_draining = False

    def free_places(
        self, *, is_short: bool, is_single: bool = False, job: Job | None = None
    ) -> int:
        """Places that are not taken; short chunks get none of their own."""
        del is_short, is_single
        if job is not None and job.number in self.full:
            return 0
        return max(0, self.places - len(self.handed))

    def submit(self, assignment: Assignment) -> None:
        """Take a chunk."""
        assert self.free_places(is_short=False), "handed a chunk without a free place"
        self.handed.append(assignment)
        self.submitted.append(assignment)

    def cancel(self, job: int) -> None:
        """Remember the job: its chunks come back as soon as they are not held."""
        self.cancelled.add(job)

    def cut(self, chunk: Chunk) -> None:
        """Remember the chunk."""
        self.asked_to_cut.append(chunk)

    def drain(self) -> None:
        """Give everything back that is held."""
        self._is_draining = True

    def reports(self, wait_seconds: float) -> list[Report]:
        """Progress, and the answer to the oldest chunk."""
        del wait_seconds
        found: list[Report] = [*self.progress]
        self.progress.clear()
        if self._is_draining:
            found += [GivenBack(chunk=assignment.chunk) for assignment in self.handed]
            self.handed.clear()
        elif not self.is_held:
            found += [self.release() for _ in range(min(self.at_once, len(self.handed)))]
        return found

    def release(self) -> Report:
        """Take the oldest chunk off and answer it."""
        assignment = self.handed.popleft()
        if assignment.job.number in self.cancelled:
            return ChunkOutcome(chunk=assignment.chunk, done=0, rows=[], seconds=0.0)
        return self.answer(assignment)

    def wake(self) -> None:
        """Nobody waits here."""

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


def die(assignment: Assignment) -> WorkerDied:
    """The death of the worker that had a chunk."""
    return WorkerDied(assignment=assignment, cause="signal SIGKILL")
