"""Jobs that ask for callbacks, and executions of theirs that are recorded as an engine does."""

from collections.abc import Sequence

from penstock.domain.executions import NodeOutcome
from penstock.domain.jobs import Counters, Job
from penstock.domain.records import ExecutionRow, pack_outcomes
from penstock.domain.states import ExecutionState
from penstock.domain.trees import Tree
from penstock.engine.recorder import Recorder
from penstock.engine.runner import ChunkOutcome
from penstock.state.database import Database
from tests.factories import (
    NOW_MS,
    make_job,
    make_node,
    make_outcome,
    make_pinned,
    make_row,
    make_topology,
)
from tests.state.stored import add_counters, lease, plan, store_job
from tests.waiting import Clock


def asking(url: str, event: str = "TaskFinish,WorkflowFinish", form: str = "XML") -> Tree:
    """The Start node of a workflow that asks for callbacks."""
    notify = {"State": "On", "Type": "Url", "Url": url, "Event": event, "ResultFormat": form}
    return {"NotifyConfig": notify}


def job_with(start: Tree, nodes: int = 1, **changes: object) -> Job:
    """A job whose one workflow has some nodes side by side."""
    definitions = {f"node{number}": make_node() for number in range(1, nodes + 1)}
    pinned = make_pinned(topology=make_topology(definitions, start=start))
    return make_job(**{"workflows": (pinned,), **changes})


def outcomes_of(*states: ExecutionState) -> list[NodeOutcome]:
    """What the nodes of an execution came to."""
    return [make_outcome(number=number, state=state) for number, state in enumerate(states, 1)]


def ended(outcomes: Sequence[NodeOutcome]) -> ExecutionRow:
    """An execution with these outcomes; it failed where one of them did."""
    has_failed = any(one.state is ExecutionState.FAILED for one in outcomes)
    state = ExecutionState.FAILED if has_failed else ExecutionState.SUCCESS
    return make_row(state=state, code=str(state), started_ms=NOW_MS, nodes=pack_outcomes(outcomes))


def record(
    database: Database, job: Job, *rows: ExecutionRow, recorder: Recorder | None = None
) -> Job:
    """Store a job, unless it is stored, and record one chunk of executions of it."""
    recorder = recorder or Recorder(now_ms=Clock(NOW_MS))
    job = job if job.number else store_job(database, job)
    size = len(rows) // len(job.workflows)
    plan(database, job, size)
    add_counters(database, job, Counters(total=len(rows), waiting=len(rows)))
    chunk = lease(database, job)
    assert chunk is not None
    add_counters(database, job, Counters(running=len(rows), waiting=-len(rows)))
    placed = [
        tuple(row._replace(job=job.number, chunk=chunk.origin, position=position))
        for position, row in enumerate(rows)
    ]
    outcome = ChunkOutcome(chunk=chunk, done=size, rows=list(placed), seconds=1.0)
    with database.write() as transaction:
        assert recorder.record(transaction, job, outcome)
    return job
