"""One builder a record, every field defaulted, so that a test names what it is about."""

# ruff: noqa: ANN401  # a builder takes any field of its record
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from penstock.domain.chunks import Chunk
from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Counters, InputKind, Job, JobInput, JobType, PinnedWorkflow
from penstock.domain.operation_rules import OperationRule
from penstock.domain.planning import pack_objects
from penstock.domain.records import ExecutionRow
from penstock.domain.requests import JobRequest
from penstock.domain.resources import Queue, Template
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.domain.states import ChunkState, ExecutionState
from penstock.domain.trees import Tree
from penstock.domain.views import Execution, NodeJob, NodeView
from penstock.domain.workflows import Node, Workflow, WorkflowState, topology_digest
from penstock.state.chunks import PackedObjects

BUCKET = "demo-1250000000"
NOW_MS = 1_700_000_000_000

R = TypeVar("R")


def _changed(record: R, changes: Mapping[str, Any]) -> R:
    """A record with some fields changed."""
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]  # all are records


def make_id(letter: str, number: int) -> str:
    """An id of the right form that tells its number."""
    return f"{letter}{number:032x}"


def make_node(
    type_: str = "Noop", output: str = "", after_type: Mapping[str, Any] | None = None
) -> Tree:
    """The definition of a node in a topology tree."""
    operation: dict[str, Any] = dict(after_type or {})
    if output:
        operation["Output"] = {"Object": output}
    return {"Type": type_, "Operation": operation}


def make_topology(
    nodes: Mapping[str, Tree] | None = None,
    edges: Mapping[str, str] | None = None,
    start: Tree | None = None,
) -> Tree:
    """A topology tree; by default each node reads the source, and one node does nothing."""
    nodes = nodes or {"nothing": make_node()}
    if edges is None:
        edges = {"Start": ",".join(nodes)} | dict.fromkeys(nodes, "End")
    return {
        "Dependencies": dict(edges),
        "Nodes": {"Start": {"Type": "Start", "Input": start or {}}, **nodes},
    }


def make_hash_topology(algorithm: str = "MD5") -> Tree:
    """A topology whose one node reads and hashes the object."""
    config = {"FileHashCodeConfig": {"Type": algorithm}}
    return make_topology({"hash": make_node("FileHashCode", after_type=config)})


def make_workflow(**changes: Any) -> Workflow:
    """A stored workflow."""
    workflow = Workflow(
        id=make_id("w", 1),
        bucket=BUCKET,
        name="previews",
        state=WorkflowState.PAUSED,
        topology=make_topology(),
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
    )
    return _changed(workflow, changes)


def make_pinned(**changes: Any) -> PinnedWorkflow:
    """A workflow as a job pins it; the digest follows from the topology."""
    topology = changes.get("topology", make_topology())
    pinned = PinnedWorkflow(
        id=make_id("w", 1),
        name="previews",
        digest=topology_digest(topology),
        topology=topology,
    )
    return _changed(pinned, changes)


def make_job(**changes: Any) -> Job:
    """A job that is not stored yet."""
    job = Job(
        id=make_id("b", 1),
        bucket=BUCKET,
        type=JobType.WORKFLOW,
        name="nightly",
        input=JobInput(kind=InputKind.PREFIX, value=""),
        workflows=(make_pinned(),),
        buckets={BUCKET: "file:///nowhere"},
        filter=ObjectFilter(),
        created_ms=NOW_MS,
    )
    return _changed(job, changes)


def make_request(**changes: Any) -> JobRequest:
    """A batch job as a caller wants it: a topology of its own over the whole bucket."""
    request = JobRequest(
        bucket=BUCKET,
        name="nightly",
        type=JobType.WORKFLOW,
        input=JobInput(kind=InputKind.PREFIX, value=""),
        topology=make_topology(),
        topology_name="inline",
    )
    return _changed(request, changes)


def make_counters(**changes: Any) -> Counters:
    """Counters of nothing."""
    return _changed(Counters(), changes)


def make_object(**changes: Any) -> ObjectInfo:
    """One stored object."""
    return ObjectInfo("in/photo.jpg", 3, NOW_MS, "e1")._replace(**changes)


def make_objects(count: int, first: int = 0) -> list[ObjectInfo]:
    """Objects whose keys tell their numbers and sort by them."""
    return [make_object(key=f"in/{number:06}.jpg") for number in range(first, first + count)]


def make_packed(objects: Sequence[ObjectInfo] | int = 1) -> PackedObjects:
    """The objects of a chunk as they are stored."""
    listed = make_objects(objects) if isinstance(objects, int) else objects
    return PackedObjects(pack_objects(listed), len(listed))


def make_chunk(**changes: Any) -> Chunk:
    """A chunk that a worker holds."""
    chunk = Chunk(
        job=1,
        number=0,
        origin=0,
        start=0,
        size=1,
        state=ChunkState.LEASED,
        epoch=1,
        attempts=1,
        planned_ms=NOW_MS,
        leased_ms=NOW_MS,
        ended_ms=None,
        progress=0.0,
    )
    return _changed(chunk, changes)


def make_row(**changes: Any) -> ExecutionRow:
    """One recorded execution that succeeded."""
    row = ExecutionRow(
        job=1,
        chunk=0,
        position=0,
        state=ExecutionState.SUCCESS,
        code="Success",
        message="",
        object_key="in/photo.jpg",
        source_etag="e1",
        attempt=1,
        started_ms=NOW_MS,
        ended_ms=NOW_MS,
        nodes="[]",
    )
    return row._replace(**changes)


def make_outcome(**changes: Any) -> NodeOutcome:
    """What a node that succeeded came to."""
    outcome = NodeOutcome(
        number=1, state=ExecutionState.SUCCESS, started_ms=NOW_MS, ended_ms=NOW_MS
    )
    return outcome._replace(**changes)


def make_execution(**changes: Any) -> Execution:
    """An execution as readers see it, ended well."""
    job = make_job(number=1)
    execution = Execution(
        run_id=job.address(0, 0).encode("i"),
        job=job,
        workflow=job.workflows[0],
        object_key="in/photo.jpg",
        state=ExecutionState.SUCCESS,
        code="Success",
        message="",
        created_ms=NOW_MS,
        started_ms=NOW_MS,
        ended_ms=NOW_MS + 1500,
    )
    return _changed(execution, changes)


def make_node_view(**changes: Any) -> NodeView:
    """A node that hashed the object, and succeeded."""
    view = NodeView(
        node=Node(
            number=1,
            name="hash",
            type="FileHashCode",
            operation={"FileHashCodeConfig": {"Type": "MD5"}},
            predecessors=(0,),
        ),
        job_id=make_id("f", 1),
        outcome=make_outcome(),
    )
    return _changed(view, changes)


def make_node_job(**changes: Any) -> NodeJob:
    """A node job of a workflow's batch."""
    found = NodeJob(execution=make_execution(), view=make_node_view(), queue_id=make_id("p", 1))
    return _changed(found, changes)


def make_rule(**changes: Any) -> OperationRule:
    """One operation that does nothing, and needs nothing."""
    rule = OperationRule(tag="Noop", operation={}, echo={"Tag": "Noop", "JobParam": ""})
    return _changed(rule, changes)


def make_hash_rule(**changes: Any) -> OperationRule:
    """One operation that hashes an object."""
    params = {"FileHashCodeConfig": {"Type": "MD5"}}
    rule = OperationRule(
        tag="FileHashCode",
        operation=params,
        echo={"Tag": "FileHashCode", "JobParam": params},
    )
    return _changed(rule, changes)


def make_template(**changes: Any) -> Template:
    """A template of FileHashCode."""
    template = Template(
        id=make_id("t", 1),
        bucket=BUCKET,
        tag="FileHashCode",
        name="sums",
        body={"Type": "MD5"},
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
    )
    return _changed(template, changes)


def make_queue(**changes: Any) -> Queue:
    """An active queue."""
    queue = Queue(
        id=make_id("p", 1),
        bucket=BUCKET,
        family="file",
        category="FileProcessing",
        name="queue-1",
        notify={},
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
    )
    return _changed(queue, changes)
