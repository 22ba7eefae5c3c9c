"""Workflows and templates: create, update, activate, delete, list."""

from collections.abc import Callable
from dataclasses import replace

from penstock.domain.errors import (
    ActiveWorkflowError,
    InvalidArgumentError,
    ResourceNotFoundError,
    TemplateNotFoundError,
)
from penstock.domain.requests import name_faults
from penstock.domain.resources import Template
from penstock.domain.trees import Tree
from penstock.domain.workflows import Workflow, WorkflowState
from penstock.operations.registry import find
from penstock.service.buckets import BucketService, queue_ids
from penstock.service.topologies import CheckedTopology, check_topology
from penstock.state import resources, workflows
from penstock.state.database import Database, Transaction


class WorkflowService:
    """The stored workflows and templates of every bucket."""

    def __init__(
        self,
        database: Database,
        buckets: BucketService,
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._now_ms = now_ms
        self._new_id = new_id

    def create(self, bucket: str, name: str, state: WorkflowState, topology: Tree) -> Workflow:
        """Store a workflow.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            InvalidArgumentError: The name or the topology is wrong; names every fault.
            TemplateNotFoundError: A node names a template that does not exist.
            QueueNotFoundError: The Start node names a queue that does not exist.
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
            workflows.insert_workflow(transaction, workflow)
        return workflow

    def update(
        self, bucket: str, workflow_id: str, name: str, state: WorkflowState, topology: Tree
    ) -> Workflow:
        """Replace a paused workflow; jobs that run go on with the version they pinned.

        Raises:
            ResourceNotFoundError: There is no such workflow.
            ActiveWorkflowError: It is Active.
            InvalidArgumentError: The name or the topology is wrong.
        """
        changed = replace(
            self.get(bucket, workflow_id),
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
            ResourceNotFoundError: There is no such workflow.
        """
        with self._database.read() as transaction:
            found = workflows.find_workflow(transaction, bucket, workflow_id)
        if found is None:
            raise ResourceNotFoundError(workflow_id, kind="workflow")
        return found

    def page(
        self, bucket: str, *, ids: list[str], name: str, page_number: int, page_size: int
    ) -> tuple[int, list[Workflow]]:
        """How many workflows match, and one page of them, oldest first."""
        self._buckets.check_bound(bucket)
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

    def create_template(self, bucket: str, name: str, tag: str, body: Tree) -> Template:
        """Store a template.

        Raises:
            BucketNotBoundError: The bucket is not bound.
            InvalidArgumentError: The name, the tag or the params are wrong, or the name is taken.
        """
        self._buckets.check_bound(bucket)
        faults = name_faults(name)
        operation = find(tag)
        if operation is None:
            faults.append(f"Tag: this build has no operation {tag!r}")
        else:
            try:
                operation.parse({operation.block: body})
            except InvalidArgumentError as error:
                faults += error.faults
        if faults:
            raise InvalidArgumentError(*faults)
        now_ms = self._now_ms()
        template = Template(
            id=self._new_id("t"),
            bucket=bucket,
            tag=tag,
            name=name,
            body=body,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        with self._database.write() as transaction:
            if not resources.insert_template_if_name_free(transaction, template):
                raise TemplateNameTakenError(name)
        return template

    def list_templates(self, bucket: str) -> list[Template]:
        """Every template of a bucket, newest first."""
        self._buckets.check_bound(bucket)
        with self._database.read() as transaction:
            return resources.list_templates(transaction, bucket)

    def delete_template(self, bucket: str, template_id: str) -> None:
        """Remove a template; jobs that run keep the params they pinned.

        Raises:
            TemplateNotFoundError: There is no such template.
        """
        with self._database.write() as transaction:
            if not resources.delete_template(transaction, bucket, template_id):
                raise TemplateNotFoundError(template_id)

    def _check(self, workflow: Workflow) -> None:
        self._buckets.check_bound(workflow.bucket)
        faults = name_faults(workflow.name)
        with self._database.read() as transaction:
            try:
                checked = check(transaction, workflow.bucket, workflow.topology)
            except InvalidArgumentError as error:
                raise InvalidArgumentError(*faults, *error.faults) from error
            queue_ids(transaction, workflow.bucket, checked.families, checked.start)
        if faults:
            raise InvalidArgumentError(*faults)


class TemplateNameTakenError(InvalidArgumentError):
    """The bucket has another template of that name."""

    code = "TemplateNameDuplicate"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a template {name!r} already")


def check(transaction: Transaction, bucket: str, topology: Tree) -> CheckedTopology:
    """Check a topology and resolve its templates out of a bucket's own.

    Raises:
        InvalidArgumentError: It is wrong; names every fault.
        TemplateNotFoundError: A node names a template that does not exist.
    """

    def find_template(template_id: str) -> tuple[str, Tree] | None:
        template = resources.find_template(transaction, bucket, template_id)
        return None if template is None else (template.tag, template.body)

    return check_topology(topology, find_template)
