"""`/jobs` and its kin: create, query, list and cancel node jobs (`wire.md` section 8).

There is one store with several doors. `/jobs` takes and shows the operations of every family, as
the newer clients expect; the other doors take and list those of their own. An id is known at
every door.
"""

from functools import partial
from typing import NamedTuple

from penstock.api.arguments import read_is_ascending, read_size, read_states, read_time
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.domain.node_jobs import NodeJobQuery
from penstock.domain.refusals import ResourceNotFoundError
from penstock.domain.states import ExecutionState
from penstock.service.node_jobs import NodeJobService
from penstock.service.operation_rules import rule_faults
from penstock.wire.node_jobs import decode_node_jobs, encode_node_job
from penstock.wire.xml import Content

_STATES = tuple(state for state in ExecutionState if state is not ExecutionState.SKIPPED)
_EVERYTHING = {"All", "CateAll"}


class _Door(NamedTuple):
    """One path to the node jobs.

    Attributes:
        path: Where it is.
        family: Whose operations it takes and lists; empty for all.
        noun: What policies call its jobs.
    """

    path: str
    family: str
    noun: str


_DOORS = (
    _Door("/jobs", "", "MediaJob"),
    _Door("/pic_jobs", "pic", "PicProcessJob"),
    _Door("/doc_jobs", "doc", "DocProcessJob"),
    _Door("/ai_jobs", "ai", "AIProcessJob"),
    _Door("/asr_jobs", "asr", "AsrJob"),
    _Door("/file_jobs", "file", "FileProcessJob"),
)


class NodeJobCalls:
    """Handlers of the node job calls of every family."""

    def __init__(self, node_jobs: NodeJobService, *, region: str) -> None:
        self._node_jobs = node_jobs
        self._region = region

    def routes(self) -> list[Route]:
        """The calls and their actions. A bare PUT cancels too, as the Java SDK sends it."""
        return [route for door in _DOORS for route in self._routes(door)]

    def _routes(self, door: _Door) -> list[Route]:
        one = f"{door.path}/{{ids}}"
        return [
            Route(
                method="POST",
                pattern=door.path,
                action=f"ci:Create{door.noun}s",
                handler=partial(self.create, door.family),
            ),
            Route(
                method="GET",
                pattern=door.path,
                action=f"ci:Describe{door.noun}s",
                handler=partial(self.list, door.family),
            ),
            Route(method="GET", pattern=one, action=f"ci:Describe{door.noun}", handler=self.get),
            Route(
                method="PUT",
                pattern=f"{door.path}/{{id}}",
                action=f"ci:Cancel{door.noun}",
                handler=self.cancel,
            ),
        ]

    def create(self, family: str, call: Call) -> Response:
        """Run operations on one object; each is answered as a job of its own."""
        check = partial(rule_faults, family=family)
        made = self._node_jobs.create(decode_node_jobs(call.bucket, call.tree(), check))
        region = self._region_of(call)
        return ok(call, {"JobsDetail": [encode_node_job(one, region) for one in made]})

    def get(self, call: Call) -> Response:
        """Show one job, or several by a comma list; unknown ids are named, not refused."""
        found: list[Content] = []
        unknown = []
        for job_id in call.values["ids"].split(","):
            try:
                one = self._node_jobs.get(call.bucket, job_id.strip())
            except ResourceNotFoundError:
                unknown.append(job_id.strip())
            else:
                found.append(encode_node_job(one, self._region_of(call)))
        missing = ",".join(unknown)
        return ok(
            call,
            {
                "JobsDetail": found,
                "NonExistJobIds": missing or None,
                "NonExistJobId": missing or None,  # as in lists of batch jobs
            },
        )

    def list(self, family: str, call: Call) -> Response:
        """List jobs, newest first unless told."""
        page, token = self._node_jobs.page(
            NodeJobQuery(
                bucket=call.bucket,
                family=family,
                tag=_filter(call, "tag"),
                queue_id=call.argument("queueId"),
                queue_type=_filter(call, "queueType"),
                workflow_id=call.argument("workflowId"),
                batch_job_id=call.argument("inventoryTriggerJobId"),
                object_key=call.argument("inputObject"),
                states=read_states(call, _STATES),
                created_from_ms=read_time(call, "startCreationTime"),
                created_to_ms=read_time(call, "endCreationTime", is_end=True),
                is_ascending=read_is_ascending(call),
                token=call.argument("nextToken"),
                limit=read_size(call),
            )
        )
        region = self._region_of(call)
        return ok(
            call,
            {
                "JobsDetail": [encode_node_job(one, region) for one in page],
                "NextToken": token,
            },
        )

    def cancel(self, call: Call) -> Response:
        """Cancel a single job that has not started."""
        self._node_jobs.cancel(call.bucket, call.values["id"])
        return Response()

    def _region_of(self, call: Call) -> str:
        return call.address.region or self._region


def _filter(call: Call, name: str) -> str:
    """A filter; empty where it lets everything through."""
    word = call.argument(name)
    return "" if word in _EVERYTHING else word
