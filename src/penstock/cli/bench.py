"""`penstock bench`: figures of this build on this machine, as ratios within one run."""

import resource
import tempfile
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from statistics import median

from penstock.bootstrap.clock import new_id
from penstock.bootstrap.system import System
from penstock.cli.bench_inventories import MANIFEST, write_plain_csv
from penstock.cli.bench_memory import MemoryLog, memory_log
from penstock.cli.bench_printing import print_figure
from penstock.cli.exits import BAD_USAGE, COULD_NOT, OK, explain
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.domain.jobs import InputKind, Job, JobInput, JobType
from penstock.domain.requests import JobRequest
from penstock.domain.states import JobState
from penstock.domain.trees import Tree
from penstock.service.jobs import is_ended
from penstock.settings import read_settings
from penstock.state.bare import bare_table, own_schema, recorded_rows
from penstock.state.database import Database

EMBEDDED = "embedded"

_BUCKET = "bench-1250000000"
_ROWS_A_TRANSACTION = 1000
_TURNS = 5  # behind one that starts workers and is not counted
_LOOK_SECONDS = 0.25  # often enough for the memory, seldom enough to cost nothing
_TOPOLOGY: Tree = {
    "Dependencies": {"Start": "Nothing", "Nothing": "End"},
    "Nodes": {"Start": {"Type": "Start"}, "Nothing": {"Type": "Noop"}},
}


def control_plane(
    objects: int,
    workers: int | None,
    database: str = EMBEDDED,
    *,
    engine: str = "local",
    ray_address: str = "",
    memory_csv: Path | None = None,
) -> int:
    """Run a job that does nothing, then write the same rows barely; the exit code.

    Args:
        database: A PostgreSQL URL, in a schema of its own there; or `embedded` for SQLite.
        engine: `ray` to compare it with the worker processes of this machine instead.
        ray_address: The Ray cluster to use; empty starts one on this machine.
        memory_csv: Where to write the memory over time; not with `ray`.
    """
    url = "" if database == EMBEDDED else database
    try:
        if engine == "ray":
            _compare_engines(objects, workers, url, ray_address)
        else:
            with memory_log(memory_csv) as log:
                _compare(objects, workers, url, log)
    except InvalidArgumentError as error:
        return explain(error, BAD_USAGE)
    except PenstockError as error:
        return explain(error, COULD_NOT)
    return OK


def _compare(objects: int, workers: int | None, database: str, log: MemoryLog) -> None:
    schema = f"penstock_bench_{new_id('s')}"
    with (
        tempfile.TemporaryDirectory(prefix="penstock-bench-") as temporary,
        own_schema(database, schema) if database else nullcontext("") as url,
    ):
        folder = Path(temporary)
        write_plain_csv(folder / "bucket", objects)
        settings = read_settings(
            data=folder / "data",
            database=url,
            keep_jobs_seconds=0,
            workers=workers,
            secret_id="",
            secret_key="",
        )
        system = System(settings)
        try:
            system.buckets.bind(_BUCKET, (folder / "bucket").as_uri())
            seconds, memory = _time_job(system, objects, log)
            system.stop_engine()
            bare_seconds = _time_bare(system.database, folder / "bare.db")
        finally:
            system.close()
    rate, bare_rate = objects / seconds, objects / bare_seconds
    print_figure("objects", f"{objects:,}")
    print_figure("workers", str(settings.worker_count))
    print_figure("database", "PostgreSQL" if database else "SQLite")
    print_figure("job", f"{rate:,.0f} objects/s")
    print_figure("bare rows", f"{bare_rate:,.0f} objects/s")
    print_figure("ratio", f"{rate / bare_rate:.3g}")
    print_figure("memory at a tenth, at the end", f"{memory[0]:.0f} MiB, {memory[1]:.0f} MiB")


def _compare_engines(objects: int, workers: int | None, database: str, ray_address: str) -> None:
    """Run the same job in turn on worker processes of this machine and on Ray; print the rates."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-bench-")))
        write_plain_csv(folder / "bucket", objects)
        systems = []
        for engine in ("local", "ray"):
            schema = f"penstock_bench_{new_id('s')}"
            url = stack.enter_context(own_schema(database, schema)) if database else ""
            settings = read_settings(
                data=folder / engine,
                database=url,
                keep_jobs_seconds=0,
                workers=workers,
                secret_id="",
                secret_key="",
                engine=engine,
                ray_address=ray_address,
            )
            system = System(settings)
            stack.callback(system.close)
            system.buckets.bind(_BUCKET, (folder / "bucket").as_uri())
            system.start_engine()
            systems.append(system)
        rates = [[_rate(system, objects) for system in systems] for _ in range(_TURNS + 1)][1:]
    local, ray = (median(column) for column in zip(*rates, strict=True))
    print_figure("objects", f"{objects:,}")
    print_figure("workers", str(settings.worker_count))
    print_figure("database", "PostgreSQL" if database else "SQLite")
    print_figure("local", f"{local:,.0f} objects/s")
    print_figure("ray", f"{ray:,.0f} objects/s")
    print_figure("ratio", f"{median(ray / local for local, ray in rates):.3g}")


def _rate(system: System, objects: int) -> float:
    """Objects a second of one job."""
    job, _ = _run_job(system, InputKind.MANIFEST, MANIFEST, objects)
    return objects * 1000 / ((job.ended_ms or 0) - job.created_ms)


def _time_job(system: System, objects: int, log: MemoryLog) -> tuple[float, tuple[float, float]]:
    """Seconds from submission to the end, and the memory of this process on the way."""
    system.start_engine()
    _run_job(system, InputKind.OBJECT, MANIFEST, 1)  # the workers are up when it ends
    log.look(0)
    job, early = _run_job(system, InputKind.MANIFEST, MANIFEST, objects, log)
    return ((job.ended_ms or 0) - job.created_ms) / 1000, (early, _memory_mib())


def _run_job(
    system: System, kind: InputKind, value: str, objects: int, log: MemoryLog | None = None
) -> tuple[Job, float]:
    """See a job through; with the memory of this process when a tenth of it was done."""
    job = system.jobs.create(
        JobRequest(
            bucket=_BUCKET,
            name="bench",
            type=JobType.WORKFLOW,
            input=JobInput(kind=kind, value=value),
            topology=_TOPOLOGY,
        )
    )
    early = 0.0
    while not is_ended(job):
        time.sleep(_LOOK_SECONDS)
        job = system.jobs.get(_BUCKET, job.id)
        if log is not None:
            log.look(job.counters.ended)
        if not early and job.counters.ended > objects / 10:
            early = _memory_mib()
    _check(job, objects)
    return job, early


def _check(job: Job, objects: int) -> None:
    if job.state is not JobState.SUCCESS or job.counters.succeeded != objects:
        message = f"the job ended as {job.state}, {job.counters}: {job.message}"
        raise RuntimeError(message)


def _time_bare(database: Database, path: Path) -> float:
    """Seconds that it takes to insert the same rows into the same table, and nothing else."""
    rows = recorded_rows(database)
    with bare_table(database, path) as insert:
        started = time.perf_counter()
        for first in range(0, len(rows), _ROWS_A_TRANSACTION):
            insert(rows[first : first + _ROWS_A_TRANSACTION])
        return time.perf_counter() - started


def _memory_mib() -> float:
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
