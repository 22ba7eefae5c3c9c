"""What a user's program does with the SDK, in few words: upload, start, wait, look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qcloud_cos import CosS3Client

from tests.e2e.servers import BUCKET, REGION
from tests.waiting import wait_until

XML = "application/xml"
JOB_SECONDS = 240.0
ENDED = frozenset({"Success", "Failed", "Cancel"})

Answer = dict[str, Any]


def node(operation: str, pattern: str = "", **params: Any) -> Answer:  # noqa: ANN401  # any tree
    """A node with its settings inline."""
    if not pattern:
        return (
            {"Type": operation, "Operation": {operation: params}}
            if params
            else {"Type": operation}
        )
    return {"Type": operation, "Operation": {operation: params, "Output": target(pattern)}}


def target(pattern: str) -> Answer:
    """An output in the bucket of the tests."""
    return {"Region": REGION, "Bucket": BUCKET, "Object": pattern}


def topology(nodes: Mapping[str, Answer], order: Mapping[str, str], **start: Any) -> Answer:  # noqa: ANN401
    """A topology; `order` has the successors of each node, and `start` the Start node's input."""
    return {
        "Dependencies": dict(order),
        "Nodes": {"Start": {"Type": "Start", "Input": start}, **nodes},
    }


def hashing() -> Answer:
    """A topology that hashes an object of any kind, and so tells that it was read."""
    body = {"Type": "FileHashCode", "Operation": {"FileHashCodeConfig": {"Type": "MD5"}}}
    return topology({"Hash": body}, {"Start": "Hash", "Hash": "End"})


def shrinking(pattern: str) -> Answer:
    """A topology that makes a small PNG of a picture."""
    small = node("PicProcess", pattern, ProcessRule="imageMogr2/thumbnail/8x8/format/png")
    return topology({"Small": small}, {"Start": "Small", "Small": "End"})


def as_list(value: Any) -> list[Any]:  # noqa: ANN401  # the SDK gives nothing, one or a list
    """What the SDK made of repeated elements, always as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True, slots=True)
class Cloud:
    """The SDK with short cuts; `client` has all the rest.

    Attributes:
        client: The SDK itself.
    """

    client: CosS3Client

    def put(self, key: str, content: bytes) -> None:
        """Store an object."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        body = self.client.get_object(Bucket=BUCKET, Key=key)["Body"]
        content: bytes = body.get_raw_stream().read()
        return content

    def keys(self, prefix: str) -> list[str]:
        """Every key below a prefix."""
        answer = self.client.list_objects(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for entry in as_list(answer.get("Contents"))]

    def create_workflow(self, tree: Answer, name: str = "workflow", state: str = "Paused") -> str:
        """Store a workflow; its id."""
        body = {"MediaWorkflow": {"Name": name, "State": state, "Topology": tree}}
        answer = self.client.ci_create_workflow(Bucket=BUCKET, Body=body, ContentType=XML)
        return str(answer["MediaWorkflow"]["WorkflowId"])

    def create_job(
        self, workflow_id: str, chosen: Mapping[str, str], name: str = "job", **rule: Answer
    ) -> str:
        """Start a workflow over an `Input`; the id of the job. `rule` joins the `Operation`."""
        body = {
            "Name": name,
            "Type": "Workflow",
            "Input": dict(chosen),
            "Operation": {"WorkflowIds": workflow_id, **rule},
        }
        return self.create(body)

    def create(self, body: Answer) -> str:
        """Create a batch job; its id."""
        answer = self.client.ci_create_inventory_trigger_jobs(
            Bucket=BUCKET, JobBody=body, ContentType=XML
        )
        return str(answer["JobsDetail"][0]["JobId"])

    def job(self, job_id: str) -> Answer:
        """The `JobsDetail` of a job."""
        answer = self.client.ci_get_inventory_trigger_jobs(Bucket=BUCKET, JobID=job_id)
        (detail,) = answer["JobsDetail"]
        found: Answer = detail
        return found

    def wait(self, job_id: str, *states: str, seconds: float = JOB_SECONDS) -> Answer:
        """Poll a job until it is in one of the states, or, by default, until it has ended."""
        wanted = states or tuple(ENDED)
        seen: list[Answer] = []

        def is_there() -> bool:
            seen[:] = [self.job(job_id)]
            return seen[0]["State"] in wanted

        wait_until(is_there, f"job {job_id} to be {' or '.join(sorted(wanted))}", seconds)
        return seen[0]

    def wait_read(self, job_id: str, state: str) -> Answer:
        """Poll a job until it is in a state that lasts, its input read to the end."""

        def is_there() -> bool:
            job = self.job(job_id)
            return (job["State"], job["Counters"]["IsExpanded"]) == (state, "true")

        wait_until(is_there, f"job {job_id} to be {state} and its input to be read")
        return self.job(job_id)

    def executions(self, *, size: int = 100, **filters: str) -> list[Answer]:
        """Every `WorkflowExecutionList` entry that matches, page by page."""
        found: list[Answer] = []
        chosen = {"WorkflowId": "", **filters}
        token = ""
        while True:
            page = self.client.ci_list_workflowexecution(
                Bucket=BUCKET, Size=size, NextToken=token, **chosen
            )
            entries = as_list(page.get("WorkflowExecutionList"))
            assert len(entries) <= size
            found += entries
            token = page["NextToken"] or ""
            if not token:
                return found

    def execution(self, run_id: str) -> Answer:
        """The `WorkflowExecution` of an execution."""
        answer = self.client.ci_get_workflowexecution(Bucket=BUCKET, RunId=run_id)
        (found,) = as_list(answer["WorkflowExecution"])
        detail: Answer = found
        return detail

    def wait_execution(self, run_id: str) -> Answer:
        """Poll an execution until it has ended."""
        wait_until(lambda: self.execution(run_id)["State"] in ENDED, f"execution {run_id} to end")
        return self.execution(run_id)

    def only_execution(self, job_id: str) -> Answer:
        """The one execution of a job."""
        (entry,) = self.executions(BatchJobId=job_id)
        return self.execution(str(entry["RunId"]))

    def objects(self, job_id: str) -> list[str]:
        """The keys that a job took, in order of planning."""
        entries = self.executions(BatchJobId=job_id, OrderByTime="Asc")
        return [str(entry["Object"]) for entry in entries]


def counters(**numbers: int) -> Answer:
    """The `Counters` of a job that has ended, as the SDK reads them."""
    words = ("Succeeded", "Failed", "Skipped", "Cancelled")
    ended = {word: numbers.get(word.lower(), 0) for word in words}
    total = sum(ended.values())
    facts = {"Total": total, **ended, "Waiting": 0, "Running": 0}
    return {"IsExpanded": "true", **{word: str(number) for word, number in facts.items()}}


def tasks(execution: Answer) -> dict[str, Answer]:
    """The tasks of an execution by node name."""
    return {str(task["Name"]): task for task in as_list(execution["Tasks"])}


def made(task: Answer) -> Sequence[Answer]:
    """The `ObjectInfo` of a task's results."""
    return as_list(task["ResultInfo"]["ObjectInfo"])
