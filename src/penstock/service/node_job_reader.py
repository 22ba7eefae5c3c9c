"""Makes node jobs out of executions."""

from penstock.domain.executions import Address
from penstock.domain.jobs import Job, PinnedWorkflow
from penstock.domain.refusals import ResourceNotFoundError
from penstock.domain.resources import queue_of
from penstock.domain.trees import child, text
from penstock.domain.views import Execution, NodeJob, NodeView
from penstock.domain.workflows import START
from penstock.operations.registry import family_of
from penstock.service.executions import find_at
from penstock.service.templates import find_template
from penstock.state import resources
from penstock.state.database import Transaction


class NodeJobReader:
    """Makes node jobs of executions; looks up queues and templates once a call.

    Attributes:
        queues: The queues of the bucket, by id.
    """

    def __init__(self, transaction: Transaction, bucket: str) -> None:
        self._transaction = transaction
        self._bucket = bucket
        self._template_names: dict[str, str] = {"": ""}
        self.queues = {queue.id: queue for queue in resources.list_queues(transaction, bucket)}

    def get(self, job_id: str) -> NodeJob:
        """The node job of an id; never searches.

        Raises:
            ResourceNotFoundError: The bucket has no such job.
        """
        address = Address.decode(job_id)
        found = self.find(address) if address is not None and address.node else None
        if found is None or found.view.job_id != job_id:
            raise ResourceNotFoundError(job_id, kind="job")
        return found

    def find(self, address: Address) -> NodeJob | None:
        """The node job at an address; None where the bucket has none."""
        execution = find_at(self._transaction, self._bucket, address._replace(node=0))
        if execution is None:
            return None
        for view in execution.nodes:
            if view.node.number == address.node:
                return self.node_job(execution, view)
        return None

    def node_job(self, execution: Execution, view: NodeView) -> NodeJob:
        """A node of an execution with what else is told of it."""
        return NodeJob(
            execution=execution,
            view=view,
            queue_id=self.queue_id(execution.job, execution.workflow, view.node.type),
            template_name=self._template_name(text(view.node.operation, "TemplateId")),
        )

    def queue_id(self, job: Job, workflow: PinnedWorkflow, tag: str) -> str:
        """The queue that an operation of a workflow passes through; empty where it is gone."""
        passed = (self.queues[one] for one in job.queue_ids if one in self.queues)
        start = child(child(child(workflow.topology, "Nodes"), START), "Input")
        queue = queue_of(passed, family_of(tag), start)
        return "" if queue is None else queue.id

    def _template_name(self, template_id: str) -> str:
        if template_id not in self._template_names:
            found = find_template(self._transaction, self._bucket, template_id)
            self._template_names[template_id] = "" if found is None else found.name
        return self._template_names[template_id]
