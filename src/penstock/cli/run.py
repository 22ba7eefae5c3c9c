"""`penstock run`: a workflow over a folder or bucket, without a server.

The state of a run lies in a folder named by a digest of its command line, so that the same
command finds it again: after Ctrl-C, a crash or `kill -9` it goes on where it stopped.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from penstock.bootstrap.system import System
from penstock.cli.bucket_urls import absolute_url, make_folder
from penstock.cli.exits import BAD_USAGE, COULD_NOT, INTERRUPTED, OK, SOME_FAILED, explain
from penstock.cli.progress import Progress
from penstock.cli.run_request import SOURCE, TARGET, RunRequest, job_request, read_file
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.domain.jobs import Job
from penstock.domain.requests import JobRequest
from penstock.domain.selection import showable
from penstock.domain.states import ExecutionState, JobState
from penstock.service.jobs import is_ended
from penstock.service.reports import write_report
from penstock.settings import read_settings

_MOST_SHOWN = 10
_PRIVATE = {"database": "", "keep_jobs_seconds": 0}  # the state of a run is its own


def run(request: RunRequest, config: Path | None, given: dict[str, Any]) -> int:
    """Carry out the command; the exit code."""
    try:
        file = read_file(request.workflow)
        wanted = job_request(request, file)
        for warning in file.warnings:
            _say(f"warning: {warning}")
        folder = given.get("data") or _state_folder() / wanted.request_digest
        system = System(read_settings(config, **{**given, **_PRIVATE, "data": folder}))
    except (PenstockError, OSError) as error:
        code = BAD_USAGE if isinstance(error, InvalidArgumentError) else COULD_NOT
        return explain(error, code)
    try:
        system.buckets.bind(SOURCE, absolute_url(request.source))
        if request.output:
            make_folder(request.output)
            system.buckets.bind(TARGET, absolute_url(request.output))
        return _drive(system, request, wanted)
    except InvalidArgumentError as error:
        return explain(error, BAD_USAGE)
    except PenstockError as error:
        return explain(error, COULD_NOT)
    finally:
        system.close()


def _drive(system: System, request: RunRequest, wanted: JobRequest) -> int:
    """Find or make the job, and see it through."""
    job = system.jobs.find_open(wanted.request_digest)
    if job is not None:
        _say(f"going on where it stopped: {job.counters.ended:,} objects are done")
        if job.is_dry_run and not request.is_dry_run:
            system.jobs.confirm(job)
    else:
        job = system.jobs.create(wanted)
    for warning in system.jobs.warnings(job):
        _say(f"warning: {warning}")
    system.start_engine()
    started = time.monotonic()
    try:
        job = _watch(system, job, is_dry_run=request.is_dry_run)
    except KeyboardInterrupt:
        _say("stopping; the same command goes on from here")
        system.stop_engine()
        return INTERRUPTED
    if request.is_dry_run:
        return _show_plan(system, job)
    if request.report is not None:
        write_report(request.report, system.executions.of_job(job))
    return _conclude(system, job, request, time.monotonic() - started)


def _watch(system: System, job: Job, *, is_dry_run: bool) -> Job:
    """Show progress until the job, or the plan of a dry run, is complete."""
    with Progress() as progress:
        while True:
            job = system.jobs.get(job.bucket, job.id)
            progress.show(job)
            if is_ended(job) or (is_dry_run and job.state is JobState.PAUSE):
                return job
            if not system.is_engine_alive():
                message = "the engine stopped; see the log above"
                raise EngineStoppedError(message)
            time.sleep(0.1)


class EngineStoppedError(PenstockError):
    """The thread that drives jobs has ended by itself."""


def _show_plan(system: System, job: Job) -> int:
    """Tell what the confirmed job would do; the plan is kept."""
    if is_ended(job):
        return _failed(job) if job.state is not JobState.SUCCESS else _nothing(job)
    width = len(job.workflows)
    _say(f"plan: {job.counters.total // width:,} objects; nothing has been run")
    shown = system.executions.first_keys(job, _MOST_SHOWN)
    for key in shown:
        sys.stdout.write(f"{key}\n")
    more = job.counters.total // width - len(shown)
    if more > 0:
        _say(f"and {more:,} more")
    _say("the same command without --dry-run runs exactly this plan")
    return OK


def _nothing(job: Job) -> int:
    _say(job.message)
    return OK


def _conclude(system: System, job: Job, request: RunRequest, seconds: float) -> int:
    if job.state is not JobState.SUCCESS:
        return _failed(job)
    counters = job.counters
    if counters.total == 0:
        return _nothing(job)
    _say(
        f"{counters.succeeded:,} succeeded, {counters.failed:,} failed, "
        f"{counters.skipped:,} skipped in {seconds:,.1f} s"
    )
    failures = system.executions.of_job(job, [ExecutionState.FAILED])
    for number, execution in enumerate(failures):
        if number == _MOST_SHOWN:
            hint = "" if request.report else "; --report FILE writes a line for each"
            _say(f"… and {counters.failed - _MOST_SHOWN:,} more{hint}")
            break
        _say(f"failed: {execution.object_key}: {execution.code}: {execution.message}")
    return SOME_FAILED if counters.failed or counters.cancelled else OK


def _failed(job: Job) -> int:
    _say(f"the job ended as {job.state}: {job.code}: {job.message}")
    return COULD_NOT


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "penstock" / "runs"


def _say(text: str) -> None:
    sys.stderr.write(f"penstock: {showable(text)}\n")
