import pytest

from penstock.domain.jobs import JobType
from penstock.domain.states import ExecutionState
from tests.factories import (
    make_execution,
    make_job,
    make_node_job,
    make_node_view,
    make_outcome,
    make_pinned,
)


@pytest.mark.parametrize(
    ("type_", "workflow_id", "state", "expected"),
    [
        (JobType.TRIGGER, "", ExecutionState.SKIPPED, ("Failed", "ResourceNotSupported")),
        (JobType.TRIGGER, "w1", ExecutionState.SKIPPED, ("Cancel", "Skipped")),
        (JobType.JOB, "", ExecutionState.SKIPPED, ("Cancel", "Skipped")),
        (JobType.TRIGGER, "", ExecutionState.RUNNING, ("Running", "Skipped")),
        (JobType.JOB, "", ExecutionState.SUCCESS, ("Success", "Skipped")),
    ],
)
def test_node_job_is_never_skipped(
    type_: JobType, workflow_id: str, state: ExecutionState, expected: tuple[str, str]
) -> None:
    """What a batch passes over is shown as cancelled, what was asked for alone as failed."""
    job = make_job(type=type_, workflows=(make_pinned(id=workflow_id),))
    view = make_node_view(outcome=make_outcome(state=state, code="Skipped"))

    found = make_node_job(execution=make_execution(job=job), view=view)

    assert (found.state, found.code) == expected


@pytest.mark.parametrize(
    ("state", "progress", "percent"),
    [
        (ExecutionState.SUBMITTED, 0.5, 0),
        (ExecutionState.PAUSE, 0.5, 0),
        (ExecutionState.RUNNING, 0.999, 99),
        (ExecutionState.RUNNING, 0.509, 50),
        (ExecutionState.SUCCESS, 0.0, 100),
        (ExecutionState.FAILED, 1.0, 0),
        (ExecutionState.CANCEL, 1.0, 0),
    ],
)
def test_node_job_progress_tells_success(
    state: ExecutionState, progress: float, percent: int
) -> None:
    """Only what succeeded is at 100, and only what runs is in between."""
    view = make_node_view(outcome=make_outcome(state=state))

    found = make_node_job(execution=make_execution(progress=progress), view=view)

    assert found.percent == percent


@pytest.mark.parametrize(
    ("type_", "workflow_id", "is_single"),
    [
        (JobType.TRIGGER, "", True),
        (JobType.TRIGGER, "w1", False),
        (JobType.JOB, "", False),
        (JobType.WORKFLOW, "", False),
    ],
)
def test_job_is_single_when_a_trigger_has_no_workflow(
    *, type_: JobType, workflow_id: str, is_single: bool
) -> None:
    """A trigger without a workflow is one operation on one object."""
    job = make_job(type=type_, workflows=(make_pinned(id=workflow_id),))

    assert job.is_single is is_single
