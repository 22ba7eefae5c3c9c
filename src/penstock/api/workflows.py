"""`/workflow` and `/triggerworkflow` (`wire.md` section 5)."""

from penstock.api.arguments import read_page_number, read_size, read_words
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.workflows import WorkflowState
from penstock.service.jobs import JobService
from penstock.service.workflows import WorkflowService
from penstock.wire.workflows import decode_workflow, encode_workflow


class WorkflowCalls:
    """Handlers of the workflow calls."""

    def __init__(self, workflows: WorkflowService, jobs: JobService) -> None:
        self._workflows = workflows
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """The calls and their actions."""
        update = "ci:UpdateMediaWorkflow"
        return [
            Route(
                method="POST",
                pattern="/workflow",
                action="ci:CreateMediaWorkflow",
                handler=self.create,
            ),
            Route(
                method="GET",
                pattern="/workflow",
                action="ci:DescribeMediaWorkflows",
                handler=self.list,
            ),
            Route(method="PUT", pattern="/workflow/{id}", action=update, handler=self.update),
            Route(
                method="DELETE",
                pattern="/workflow/{id}",
                action="ci:DeleteMediaWorkflow",
                handler=self.delete,
            ),
            Route(
                method="POST",
                pattern="/triggerworkflow",
                action="ci:TriggerMediaWorkflow",
                handler=self.trigger,
            ),
        ]

    def create(self, call: Call) -> Response:
        """Create a workflow."""
        body = decode_workflow(call.tree())
        workflow = self._workflows.create(call.bucket, body.name, body.state, body.topology)
        return ok(call, {"MediaWorkflow": encode_workflow(workflow)})

    def update(self, call: Call) -> Response:
        """Activate, pause, or (with neither flag) replace a workflow."""
        flags = {
            state
            for flag, state in (
                ("active", WorkflowState.ACTIVE),
                ("paused", WorkflowState.PAUSED),
            )
            if call.has_argument(flag)
        }
        if len(flags) > 1:
            fault = "a workflow is made active or paused, not both"
            raise InvalidArgumentError(fault)
        workflow_id = call.values["id"]
        if flags:
            self._workflows.set_state(call.bucket, workflow_id, flags.pop())
            return ok(call)  # the Python SDK cannot take an empty body here
        body = decode_workflow(call.tree())
        workflow = self._workflows.update(
            call.bucket, workflow_id, body.name, body.state, body.topology
        )
        return ok(call, {"MediaWorkflow": encode_workflow(workflow)})

    def delete(self, call: Call) -> Response:
        """Delete a paused workflow."""
        self._workflows.delete(call.bucket, call.values["id"])
        return ok(call, {"WorkflowId": call.values["id"]})

    def list(self, call: Call) -> Response:
        """List workflows, oldest first; unknown ids are named."""
        ids = read_words(call, "ids")
        page_number, page_size = read_page_number(call), read_size(call, "pageSize")
        total, page = self._workflows.page(
            call.bucket,
            ids=ids,
            name=call.argument("name"),
            page_number=page_number,
            page_size=page_size,
        )
        return ok(
            call,
            {
                "TotalCount": total,
                "PageNumber": page_number,
                "PageSize": page_size,
                "MediaWorkflowList": [encode_workflow(workflow) for workflow in page],
                "NonExistIDs": self._workflows.unknown(call.bucket, ids),
            },
        )

    def trigger(self, call: Call) -> Response:
        """Run one object through a workflow now.

        A Java client may send watermarks of this one start; they are refused, not dropped.
        """
        if call.has_argument("attachParam"):
            fault = "attachParam is not offered; put watermarks into the workflow"
            raise InvalidArgumentError(fault)
        run_id = self._jobs.trigger(
            call.bucket,
            call.argument("workflowId"),
            call.argument("object"),
            call.argument("name"),
        )
        return ok(call, {"InstanceId": run_id})
