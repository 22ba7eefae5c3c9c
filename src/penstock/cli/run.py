"""`penstock run`: a workflow over a folder or bucket, without a server.

The state of a run lies in a folder named by a digest of its command line, so that the same
command finds it again: after Ctrl-C, a crash or `kill -9` it goes on where it stopped.
"""

import json
import os
import re
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from penstock.bootstrap.system import System
from penstock.cli.exits import BAD_USAGE, COULD_NOT, INTERRUPTED, OK, SOME_FAILED, explain
from penstock.cli.progress import Progress
from penstock.cli.serve import absolute_url, local_folder, make_folder
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.domain.jobs import InputKind, Job, JobType
from penstock.domain.requests import JobRequest, read_input
from penstock.domain.states import ExecutionState, JobState
from penstock.domain.trees import Tree, child
from penstock.domain.workflows import START
from penstock.service.jobs import is_ended
from penstock.service.reports import write_report
from penstock.service.workflow_files import WorkflowFile, read_workflow_file
from penstock.settings import read_settings
from penstock.wire.times import parse_time

_SOURCE = "input"
_TARGET = "output"
_MOST_SHOWN = 10
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the command line asks for; empty texts were not given.

    Attributes:
        workflow: The workflow file.
        source: URL or path of the source bucket.
        output: URL or path of the bucket for results.
        prefix: Only keys that begin with this.
        manifest: Key of an inventory's manifest.
        url_file: Key of a URL list.
        object_key: One key.
        modified_after: Earliest last modification.
        modified_before: Latest last modification.
        report: Where to write the report; None for none.
        is_dry_run: Whether to plan only.
    """

    workflow: Path
    source: str
    output: str
    prefix: str
    manifest: str
    url_file: str
    object_key: str
    modified_after: str
    modified_before: str
    report: Path | None
    is_dry_run: bool


def run(request: RunRequest, config: Path | None, given: dict[str, Any]) -> int:
    """Carry out the command; the exit code."""
    try:
        file = _read_file(request.workflow)
        wanted = _job_request(request, file)
        folder = given.get("data") or _state_folder() / wanted.request_digest
        system = System(read_settings(config, **{**given, "data": folder}))
    except (PenstockError, OSError) as error:
        code = BAD_USAGE if isinstance(error, InvalidArgumentError) else COULD_NOT
        return explain(error, code)
    try:
        system.buckets.bind(_SOURCE, absolute_url(request.source))
        make_folder(request.output)
        system.buckets.bind(_TARGET, absolute_url(request.output))
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
    return _conclude(system, job, request)


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
        return _failed(job)
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


def _conclude(system: System, job: Job, request: RunRequest) -> int:
    if job.state is not JobState.SUCCESS:
        return _failed(job)
    counters = job.counters
    seconds = ((job.ended_ms or 0) - (job.started_ms or 0)) / 1000
    _say(
        f"{counters.succeeded:,} succeeded, {counters.failed:,} failed, "
        f"{counters.skipped:,} skipped in {seconds:,.1f} s"
    )
    if counters.total == 0:
        _say(job.message)
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


def _read_file(path: Path) -> WorkflowFile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the workflow file {str(path)!r}: {error}"
        raise InvalidArgumentError(message) from error
    return read_workflow_file(text, str(path))


def _job_request(request: RunRequest, file: WorkflowFile) -> JobRequest:
    """The job that the command line describes.

    Raises:
        InvalidArgumentError: It describes none; names every fault.
    """
    faults: list[str] = []
    named = {
        InputKind.OBJECT: request.object_key,
        InputKind.URL_FILE: request.url_file,
        InputKind.MANIFEST: request.manifest,
        InputKind.PREFIX: request.prefix,
    }
    job_input = read_input(named if any(named.values()) else {InputKind.PREFIX: "/"}, faults)
    times = {}
    for name in ("modified_after", "modified_before"):
        try:
            times[name] = _time(getattr(request, name), f"--{name.replace('_', '-')}")
        except InvalidArgumentError as error:
            faults += error.faults
    folder = local_folder(request.source)
    if folder is not None and not folder.is_dir():
        faults.append(f"there is no input folder {str(folder)!r}")
    if faults:
        raise InvalidArgumentError(*faults)
    within, is_same = _overlap(request)
    facts = [
        file.topology,
        absolute_url(request.source),
        absolute_url(request.output),
        [*job_input.kind, job_input.value],
        times,
    ]
    return JobRequest(
        bucket=_SOURCE,
        name=file.name,
        type=JobType.WORKFLOW,
        input=job_input,
        topology=_with_target(file.topology),
        topology_name=file.name,
        modified_from_ms=times["modified_after"],
        modified_to_ms=times["modified_before"],
        excluded_prefix=within,
        is_up_to_now=is_same,
        is_dry_run=request.is_dry_run,
        request_digest=sha256(json.dumps(facts).encode()).hexdigest()[:32],
    )


def _time(text: str, name: str) -> int | None:
    """A time of the command line: UTC unless it says otherwise; a date is its first moment."""
    if not text:
        return None
    if _DATE.fullmatch(text):
        text += "T00:00:00"
    return parse_time(text if _OFFSET.search(text) else f"{text}Z", name=name)


def _overlap(request: RunRequest) -> tuple[str, bool]:
    """The part of the source that results go to, and whether that is all of it.

    Results that lie within the source are not taken up again as objects.
    """
    source, target = local_folder(request.source), local_folder(request.output)
    if source is None or target is None:
        return "", absolute_url(request.source) == absolute_url(request.output)
    source, target = source.resolve(), target.resolve()
    if source == target:
        return "", True
    within = f"{target.relative_to(source)}/" if target.is_relative_to(source) else ""
    return within, source.is_relative_to(target)


def _with_target(topology: Tree) -> Tree:
    """The topology with every output in the target bucket."""
    definitions = child(topology, "Nodes")
    nodes: dict[str, Tree] = {}
    for name in definitions:
        node = child(definitions, name)
        operation = child(node, "Operation")
        output = child(operation, "Output")
        if name != START and output:
            changed = {**operation, "Output": {**output, "Bucket": _TARGET}}
            nodes[name] = {**node, "Operation": changed}
        else:
            nodes[name] = node
    return {**topology, "Nodes": nodes}


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "penstock" / "runs"


def _say(text: str) -> None:
    shown = text.encode("utf-8", "backslashreplace").decode()
    sys.stderr.write(f"penstock: {shown}\n")
