"""Workflows on the wire (`wire.md` section 5)."""

from typing import NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, child, text
from penstock.domain.workflows import Workflow, WorkflowState
from penstock.wire.times import job_time
from penstock.wire.xml import Content


class WorkflowBody(NamedTuple):
    """What a create or update carries.

    Attributes:
        name: For people.
        state: Active or Paused; Paused when the body is silent.
        topology: As sent.
    """

    name: str
    state: WorkflowState
    topology: Tree


def decode_workflow(tree: Tree) -> WorkflowBody:
    """Read the body of `POST /workflow` and `PUT /workflow/<id>`.

    Raises:
        InvalidArgumentError: The state is unknown or the topology missing.
    """
    body = child(tree, "MediaWorkflow")
    state = text(body, "State") or WorkflowState.PAUSED
    faults = []
    if not body:
        faults.append("MediaWorkflow must be given")
    elif not child(body, "Topology"):
        faults.append("MediaWorkflow.Topology must be given")
    if state not in set(WorkflowState):
        faults.append(f"MediaWorkflow.State must be Active or Paused, not {state!r}")
    if faults:
        raise InvalidArgumentError(*faults)
    return WorkflowBody(text(body, "Name"), WorkflowState(state), child(body, "Topology"))


def encode_workflow(workflow: Workflow) -> dict[str, Content]:
    """The `MediaWorkflow` of an answer; in lists it is called `MediaWorkflowList`."""
    return {
        "Name": workflow.name,
        "State": workflow.state,
        "WorkflowId": workflow.id,
        "BucketId": workflow.bucket,
        "CreateTime": job_time(workflow.created_ms),
        "UpdateTime": job_time(workflow.updated_ms),
        "Topology": workflow.topology,
    }
