"""`/inventorytriggerjob`: create, query, list and cancel batch jobs (`wire.md` 2 and 3)."""

from penstock.api.arguments import read_is_ascending, read_size, read_states, read_time
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import JobType
from penstock.domain.refusals import ResourceNotFoundError
from penstock.domain.requests import JobQuery
from penstock.domain.states import JobState
from penstock.domain.trees import text
from penstock.service.jobs import JobService
from penstock.service.operation_rules import rule_faults
from penstock.wire.jobs import decode_job, encode_job
from penstock.wire.xml import Content

_PATH = "/inventorytriggerjob"
_CREATE = "ci:CreateInventoryTriggerJob"
_TRIGGER = "ci:TriggerMediaWorkflow"
_MOST_TOKEN_DIGITS = 18  # what any database takes for a number


class BatchJobCalls:
    """Handlers of the batch job calls."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """The calls and their actions. A bare PUT cancels too, as the Go SDK sends it."""
        return [
            Route(
                method="POST",
                pattern=_PATH,
                action=_CREATE,
                handler=self.create,
                is_asking=True,
            ),
            Route(
                method="GET",
                pattern=_PATH,
                action="ci:DescribeInventoryTriggerJobs",
                handler=self.list,
            ),
            Route(
                method="GET",
                pattern=f"{_PATH}/{{ids}}",
                action="ci:DescribeInventoryTriggerJob",
                handler=self.get,
            ),
            Route(
                method="PUT",
                pattern=f"{_PATH}/{{id}}",
                action="ci:CancelInventoryTriggerJob",
                handler=self.cancel,
            ),
        ]

    def create(self, call: Call) -> Response:
        """Create a batch job; it is answered as Submitted.

        The vendor's pages differ in what they call the action of a workflow's batch, so either
        name will do for one (`wire.md` 12.3).
        """
        tree = call.tree()
        is_job = text(tree, "Type") == JobType.JOB
        call.require(*((_CREATE,) if is_job else (_CREATE, _TRIGGER)))
        job = self._jobs.create(decode_job(call.bucket, tree, rule_faults))
        return ok(call, {"JobsDetail": encode_job(job)})

    def get(self, call: Call) -> Response:
        """Show one job, or several by a comma list; unknown ids are named, not refused."""
        found: list[Content] = []
        unknown = []
        for job_id in call.values["ids"].split(","):
            try:
                found.append(encode_job(self._jobs.get(call.bucket, job_id.strip())))
            except ResourceNotFoundError:
                unknown.append(job_id.strip())
        missing = ",".join(unknown)
        return ok(
            call,
            {
                "JobsDetail": found,
                "NonExistJobIds": missing or None,
                "NonExistJobId": missing or None,  # where the Go SDK looks
            },
        )

    def list(self, call: Call) -> Response:
        """List jobs, newest first unless told."""
        token = call.argument("nextToken")
        if token and not (token.isdecimal() and len(token) <= _MOST_TOKEN_DIGITS):
            fault = f"nextToken is none of this list: {token!r}"
            raise InvalidArgumentError(fault)
        types = read_states(call, (JobType.WORKFLOW, JobType.JOB), "type")
        page, after = self._jobs.page(
            JobQuery(
                bucket=call.bucket,
                types=types or (JobType.WORKFLOW, JobType.JOB),
                states=read_states(call, JobState),
                job_id=call.argument("jobId"),
                name=call.argument("name"),
                workflow_id=call.argument("workflowId"),
                created_from_ms=read_time(call, "startCreationTime"),
                created_to_ms=read_time(call, "endCreationTime", is_end=True),
                is_ascending=read_is_ascending(call),
                after=int(token) if token else None,
                limit=read_size(call),
            )
        )
        return ok(
            call,
            {
                "JobsDetail": [encode_job(job) for job in page],
                "NextToken": "" if after is None else after,
            },
        )

    def cancel(self, call: Call) -> Response:
        """Cancel a job; one that has ended stays as it is."""
        self._jobs.cancel(call.bucket, call.values["id"])
        return Response()
