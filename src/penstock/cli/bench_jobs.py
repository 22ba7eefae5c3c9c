"""Runs jobs for benchmarks, end to end, and tells what they took."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from penstock.bootstrap.system import System
from penstock.domain.jobs import InputKind, JobInput, JobType
from penstock.domain.requests import JobRequest
from penstock.domain.states import JobState
from penstock.domain.trees import Tree
from penstock.service.jobs import is_ended
from penstock.settings import read_settings

SOURCE, RESULTS = "bench-source-1250000000", "bench-results-1250000000"
_LOOK_SECONDS = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")
_PROCESSES = Path("/proc")
_AT_PARENT, _AT_TIMES = 1, slice(11, 15)  # fields of /proc/<id>/stat behind the name


class Taken(NamedTuple):
    """What some work took.

    Attributes:
        seconds: Wall clock.
        cpu_seconds: Processor time of this process and all below it; 0 where nothing tells.
    """

    seconds: float
    cpu_seconds: float

    def better_of(self, other: "Taken") -> "Taken":
        """The smaller of both figures: what was in the way is left out."""
        return Taken(*map(min, self, other))


@contextmanager
def running_system(data: Path, source_url: str, results: Path, workers: int) -> Iterator[System]:
    """A system over a bucket of sources and a folder for results, its workers started."""
    results.mkdir()
    system = System(read_settings(data=data, workers=workers, secret_id="", secret_key=""))
    try:
        system.buckets.bind(SOURCE, source_url)
        system.buckets.bind(RESULTS, results.as_uri())
        system.start_engine()
        yield system
    finally:
        system.close()


def node(type_: str, params: Tree, pattern: str) -> Tree:
    """A node that writes to the bucket of results."""
    output: Tree = {"Region": "local", "Bucket": RESULTS, "Object": pattern}
    return {"Type": type_, "Operation": {**params, "Output": output}}


def run_job(system: System, job_input: JobInput, nodes: dict[str, Tree]) -> Taken:
    """See a job through whose nodes all read the source.

    Raises:
        RuntimeError: An object did not succeed.
    """
    after: Tree = {"Start": ",".join(nodes), **dict.fromkeys(nodes, "End")}
    topology: Tree = {"Dependencies": after, "Nodes": {"Start": {"Type": "Start"}, **nodes}}
    request = JobRequest(
        bucket=SOURCE,
        name="bench",
        type=JobType.WORKFLOW,
        input=job_input,
        topology=topology,
    )
    before = cpu_seconds()
    job = system.jobs.create(request)
    while not is_ended(job):
        time.sleep(_LOOK_SECONDS)
        job = system.jobs.get(SOURCE, job.id)
    if job.state is not JobState.SUCCESS or not job.counters.succeeded:
        message = f"the job ended as {job.state}, {job.counters}: {job.message}"
        raise RuntimeError(message)
    seconds = ((job.ended_ms or 0) - job.created_ms) / 1000
    return Taken(seconds, cpu_seconds() - before)


def below(prefix: str) -> JobInput:
    """All objects whose keys begin so."""
    return JobInput(kind=InputKind.PREFIX, value=prefix)


def timed(work: Callable[[], object]) -> Taken:
    """What a call takes."""
    before, started = cpu_seconds(), time.perf_counter()
    work()
    return Taken(time.perf_counter() - started, cpu_seconds() - before)


def cpu_seconds() -> float:
    """Processor time of this process and of all below it, those that have ended too."""
    times: dict[int, int] = {}
    parents: dict[int, int] = {}
    for path in _PROCESSES.glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(path.parent.name)] = int(fields[_AT_PARENT])
        times[int(path.parent.name)] = sum(map(int, fields[_AT_TIMES]))
    return sum(times[one] for one in times if _is_mine(one, parents)) / _TICKS


def _is_mine(one: int, parents: dict[int, int]) -> bool:
    while one not in {0, os.getpid()}:
        one = parents.get(one, 0)
    return one != 0
