"""Workflows: create, update, activate, delete, list."""

from collections.abc import Callable, Collection
from dataclasses import replace

from penstock.domain.errors import ActiveWorkflowError, InvalidArgumentError
from penstock.domain.quotas import DEFAULT_QUOTAS, Quotas, is_reached
from penstock.domain.refusals import LimitExceededError, ResourceNotFoundError
from penstock.domain.requests import name_faults
from penstock.domain.start_nodes import start_faults
from penstock.domain.trees import Tree, child
from penstock.domain.workflows import START, Workflow, WorkflowState
from penstock.service.buckets import BucketService, check_open, queue_ids
from penstock.service.templates import find_template
from penstock.service.topologies import CheckedTopology, check_topology
from penstock.state import workflows
from penstock.state.database import Database, Transaction, lock_bucket


class WorkflowService:
    """The stored workflows of every bucket."""

    def __init__(
        self,
        database: Database,
        buckets: BucketService,
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[str], str],
        quotas: Quotas = DEFAULT_QUOTAS,
        functions: Collection[str] | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            functions: Names of the functions that nodes may call; None leaves them unchecked.
        """
        self._functions = functions
        self._database = database
        self._quotas = quotas
        self._buckets = buckets
        self._now_ms = now_ms
        self._new_id = new_id

    def create(self, bucket: str, name: str, state: WorkflowState, topology: Tree) -> Workflow:
        """Store a workflow.

        Raises:
            BucketNotBoundError: The bucket is not bound, or a service is not open on it.
            InvalidArgumentError: The name or the topology is wrong; names every fault.
            TemplateNotFoundError: A node names a template that does not exist.
            QueueNotFoundError: The Start node names a queue that does not exist.
            LimitExceededError: The bucket has as many as it may.
        """
        now_ms = self._now_ms()
        workflow = Workflow(
            id=self._new_id("w"),
            bucket=bucket,
            name=name,
            state=state,
            topology=topology,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self._check(workflow)
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            count = workflows.count_workflows(transaction, bucket)
            if is_reached(count, self._quotas.workflows):
                message = f"bucket {bucket!r} has {count} workflows, the most it may have"
                raise LimitExceededError(code="WorkFlowNumLimit", message=message)
            workflows.insert_workflow(transaction, workflow)
        return workflow

    def update(
        self, bucket: str, workflow_id: str, name: str, state: WorkflowState, topology: Tree
    ) -> Workflow:
        """Replace a paused workflow; jobs that run go on with the version they pinned.

        Raises:
            ResourceNotFoundError: There is no such workflow.
            ActiveWorkflowError: It is Active.
            InvalidArgumentError: The name or the topology is wrong; names every fault.
        """
        found = self.get(bucket, workflow_id)
        if found.state is WorkflowState.ACTIVE:
            raise ActiveWorkflowError(workflow_id)
        changed = replace(
            found,
            name=name,
            state=state,
            topology=topology,
            updated_ms=self._now_ms(),
        )
        self._check(changed)
        with self._database.write() as transaction:
            if not workflows.replace_workflow_if_paused(transaction, changed):
                raise ActiveWorkflowError(workflow_id)
        return changed

    def set_state(self, bucket: str, workflow_id: str, state: WorkflowState) -> None:
        """Activate or pause a workflow; safe to repeat.

        Raises:
            ResourceNotFoundError: There is no such workflow.
        """
        self.get(bucket, workflow_id)
        with self._database.write() as transaction:
            workflows.set_workflow_state(transaction, workflow_id, state, self._now_ms())

    def delete(self, bucket: str, workflow_id: str) -> None:
        """Remove a paused workflow; jobs that run go on with the version they pinned.

        Raises:
            ResourceNotFoundError: There is no such workflow.
            ActiveWorkflowError: It is Active.
        """
        self.get(bucket, workflow_id)
        with self._database.write() as transaction:
            if not workflows.delete_workflow_if_paused(transaction, workflow_id):
                raise ActiveWorkflowError(workflow_id)

    def get(self, bucket: str, workflow_id: str) -> Workflow:
        """One workflow.

        Raises:
            BucketNotBoundError: The bucket is not bound, or its media family not open.
            ResourceNotFoundError: There is no such workflow.
        """
        self._buckets.check_open(bucket)
        with self._database.read() as transaction:
            found = workflows.find_workflow(transaction, bucket, workflow_id)
        if found is None:
            raise ResourceNotFoundError(workflow_id, kind="workflow")
        return found

    def page(
        self, bucket: str, *, ids: list[str], name: str, page_number: int, page_size: int
    ) -> tuple[int, list[Workflow]]:
        """How many workflows match, and one page of them, oldest first."""
        self._buckets.check_open(bucket)
        with self._database.read() as transaction:
            return workflows.list_workflows(
                transaction,
                bucket,
                ids=ids,
                name=name,
                offset=(page_number - 1) * page_size,
                limit=page_size,
            )

    def unknown(self, bucket: str, ids: list[str]) -> list[str]:
        """Those of the ids that name no workflow of the bucket."""
        with self._database.read() as transaction:
            return [
                one for one in ids if workflows.find_workflow(transaction, bucket, one) is None
            ]

    def _check(self, workflow: Workflow) -> None:
        """Refuse a workflow that could not be run; names every fault."""
        self._buckets.check_open(workflow.bucket)
        start = child(child(child(workflow.topology, "Nodes"), START), "Input")
        faults = [*name_faults(workflow.name), *start_faults(start)]
        with self._database.read() as transaction:
            try:
                checked = check(
                    transaction, workflow.bucket, workflow.topology, functions=self._functions
                )
            except InvalidArgumentError as error:
                raise InvalidArgumentError(*faults, *error.faults) from error
            check_open(transaction, workflow.bucket, checked.families)
            queue_ids(transaction, workflow.bucket, checked.families, checked.start)
        if faults:
            raise InvalidArgumentError(*faults)


def check(
    transaction: Transaction,
    bucket: str,
    topology: Tree,
    *,
    functions: Collection[str] | None = None,
) -> CheckedTopology:
    """Check a topology and resolve its templates: a bucket's own, and the built-in ones.

    Raises:
        InvalidArgumentError: It is wrong; names every fault.
        TemplateNotFoundError: A node names a template that does not exist.
    """

    def find(template_id: str) -> tuple[str, Tree] | None:
        template = find_template(transaction, bucket, template_id)
        return None if template is None else (template.tag, template.body)

    return check_topology(topology, find, functions=functions)
