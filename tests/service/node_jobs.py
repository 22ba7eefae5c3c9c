"""Node jobs of every kind, made and taken to an end in few words."""

from collections.abc import Sequence

from penstock.domain.chunks import Chunk
from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Job
from penstock.domain.node_jobs import NodeJobQuery, NodeJobRequest
from penstock.domain.operation_rules import OperationRule
from penstock.domain.planning import unpack_objects
from penstock.domain.records import pack_outcomes
from penstock.domain.states import ExecutionState, JobEvent
from penstock.domain.trees import Tree, child
from penstock.domain.views import NodeJob
from penstock.engine.recorder import Recorder
from penstock.engine.runner import ChunkOutcome
from penstock.state import chunks
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_hash_rule,
    make_hash_topology,
    make_node,
    make_request,
    make_row,
    make_topology,
)
from tests.service.desk import Desk
from tests.state.stored import move, stored

KEY = "in/a.jpg"


def two_nodes() -> Tree:
    """A topology that hashes an object, and then looks into it."""
    nodes = child(make_hash_topology(), "Nodes")
    return make_topology(
        {"hash": child(nodes, "hash"), "facts": make_node("MediaInfo")},
        {"Start": "hash", "hash": "facts", "facts": "End"},
    )


def put(desk: Desk, key: str = KEY) -> None:
    """Store an object."""
    path = desk.folder / BUCKET / key
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")


def create(desk: Desk, *rules: OperationRule, key: str = KEY) -> list[NodeJob]:
    """Create single jobs; by default one that hashes."""
    request = NodeJobRequest(bucket=BUCKET, object_key=key, rules=rules or (make_hash_rule(),))
    return desk.node_jobs.create(request)


def create_one(desk: Desk, *rules: OperationRule, key: str = KEY) -> NodeJob:
    """Create one single job."""
    (made,) = create(desk, *rules, key=key)
    return made


def new_batch(desk: Desk, topology: Tree | None = None) -> Job:
    """A batch job of a workflow, which an engine has taken up."""
    workflow = desk.workflow(topology or two_nodes())
    job = desk.jobs.create(make_request(topology={}, workflow_ids=(workflow.id,)))
    move(desk.database, job, JobEvent.START)
    return stored(desk.database, job)


def end(desk: Desk, job: Job, chunk: Chunk, *states: ExecutionState, done: int = 0) -> None:
    """Record a leased chunk, or its first part: node by node what each object came to."""
    done = min(done or chunk.size, chunk.size)
    outcomes = [
        NodeOutcome(number=number, state=state, code=str(state), started_ms=NOW_MS)
        for number, state in enumerate(states, 1)
    ]
    is_failed = ExecutionState.FAILED in states
    is_skipped = set(states) == {ExecutionState.SKIPPED}
    state = ExecutionState.SKIPPED if is_skipped else ExecutionState.SUCCESS
    state = ExecutionState.FAILED if is_failed else state
    with desk.database.write() as transaction:
        packed = chunks.packed_objects(transaction, job.number, chunk.origin)
        rows = [
            tuple(
                make_row(
                    job=job.number,
                    chunk=chunk.origin,
                    position=chunk.start + index,
                    object_key=listed.key,
                    state=state,
                    nodes=pack_outcomes(outcomes),
                )
            )
            for index, listed in enumerate(unpack_objects(packed, chunk.start, done))
        ]
        outcome = ChunkOutcome(chunk=chunk, done=done, rows=rows, seconds=1.0)
        Recorder(now_ms=desk.clock).record(transaction, job, outcome)


def take_up(desk: Desk, found: NodeJob) -> tuple[Job, Chunk]:
    """Lease a single job, as an engine does."""
    job = stored(desk.database, found.execution.job)
    move(desk.database, job, JobEvent.START)
    chunk = desk.lease(job)
    assert chunk is not None
    return job, chunk


def page(desk: Desk, **choices: object) -> tuple[list[NodeJob], str]:
    """One page of node jobs."""
    query = NodeJobQuery(**{"bucket": BUCKET, **choices})  # type: ignore[arg-type]
    return desk.node_jobs.page(query)


def listed(desk: Desk, **choices: object) -> list[NodeJob]:
    """All node jobs that a list shows, on one page."""
    found, token = page(desk, **{"limit": 1000, **choices})
    assert token == ""
    return found


def ids(found: Sequence[NodeJob]) -> list[str]:
    """The ids of node jobs."""
    return [one.view.job_id for one in found]
