"""From the command line of `penstock run` to the job that it describes."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from penstock.cli.bucket_urls import absolute_url, local_folder
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import InputKind, JobType
from penstock.domain.requests import JobRequest, read_input
from penstock.domain.trees import Tree, child
from penstock.domain.workflows import START
from penstock.service.workflow_files import WorkflowFile, read_workflow_file
from penstock.wire.times import parse_time

SOURCE = "input"
TARGET = "output"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the command line asks for; empty texts were not given.

    Attributes:
        workflow: The workflow file.
        source: URL or path of the source bucket.
        output: URL or path of the bucket for results; needed only where a node has some.
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


def read_file(path: Path) -> WorkflowFile:
    """Read a workflow file.

    Raises:
        InvalidArgumentError: It cannot be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the workflow file {str(path)!r}: {error}"
        raise InvalidArgumentError(message) from error
    return read_workflow_file(text, str(path))


def job_request(request: RunRequest, file: WorkflowFile) -> JobRequest:
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
    if not request.output and _has_outputs(file.topology):
        faults.append("--output must be given: the workflow makes results")
    if faults:
        raise InvalidArgumentError(*faults)
    within, is_same = _overlap(request)
    facts = [
        file.topology,
        absolute_url(request.source),
        absolute_url(request.output) if request.output else "",
        [job_input.kind, job_input.value],
        times,
    ]
    return JobRequest(
        bucket=SOURCE,
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
    if not request.output:
        return "", False
    source, target = local_folder(request.source), local_folder(request.output)
    if source is None or target is None:
        return "", absolute_url(request.source) == absolute_url(request.output)
    source, target = source.resolve(), target.resolve()
    if source == target:
        return "", True
    within = f"{target.relative_to(source)}/" if target.is_relative_to(source) else ""
    return within, source.is_relative_to(target)


def _has_outputs(topology: Tree) -> bool:
    nodes = child(topology, "Nodes")
    return any(child(child(child(nodes, name), "Operation"), "Output") for name in nodes)


def _with_target(topology: Tree) -> Tree:
    """The topology with every output in the target bucket."""
    definitions = child(topology, "Nodes")
    nodes: dict[str, Tree] = {}
    for name in definitions:
        node = child(definitions, name)
        operation = child(node, "Operation")
        output = child(operation, "Output")
        if name != START and output:
            changed = {**operation, "Output": {**output, "Bucket": TARGET}}
            nodes[name] = {**node, "Operation": changed}
        else:
            nodes[name] = node
    return {**topology, "Nodes": nodes}
