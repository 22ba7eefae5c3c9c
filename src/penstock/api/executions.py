"""`/workflowexecution`: list and show executions (`wire.md` 5.12 and 5.13)."""

from penstock.api.arguments import read_is_ascending, read_size, read_states, read_time
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.domain.requests import ExecutionQuery
from penstock.domain.states import ExecutionState
from penstock.service.executions import ExecutionService
from penstock.wire.executions import encode_execution, encode_execution_entry

_PATH = "/workflowexecution"
_ACTION = "ci:DescribeMediaWorkflowExecutions"


class ExecutionCalls:
    """Handlers of the execution calls."""

    def __init__(self, executions: ExecutionService, *, region: str) -> None:
        self._executions = executions
        self._region = region

    def routes(self) -> list[Route]:
        """The calls and their actions."""
        return [
            Route(method="GET", pattern=_PATH, action=_ACTION, handler=self.list),
            Route(method="GET", pattern=f"{_PATH}/{{id}}", action=_ACTION, handler=self.get),
        ]

    def get(self, call: Call) -> Response:
        """Show one execution and what became of each of its nodes."""
        execution = self._executions.get(call.bucket, call.values["id"])
        region = call.address.region or self._region
        return ok(call, {"WorkflowExecution": encode_execution(execution, region)})

    def list(self, call: Call) -> Response:
        """List executions, newest first unless told."""
        states = read_states(call, ExecutionState)
        if ExecutionState.SUCCESS in states:
            states = (*states, ExecutionState.SKIPPED)
        page, token = self._executions.page(
            ExecutionQuery(
                bucket=call.bucket,
                workflow_id=call.argument("workflowId"),
                job_id=call.argument("jobId"),
                object_key=call.argument("name"),
                states=states,
                created_from_ms=read_time(call, "startCreationTime"),
                created_to_ms=read_time(call, "endCreationTime", is_end=True),
                is_ascending=read_is_ascending(call),
                token=call.argument("nextToken"),
                limit=read_size(call),
            )
        )
        entries = [encode_execution_entry(execution) for execution in page]
        return ok(call, {"WorkflowExecutionList": entries, "NextToken": token})
