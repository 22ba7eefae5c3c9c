"""Writes callbacks: the body of an event, made at delivery out of what is recorded."""

from dataclasses import dataclass

from penstock.domain.callbacks import Event, event_id
from penstock.domain.jobs import Job
from penstock.domain.resources import queue_of
from penstock.domain.showing import show_recorded
from penstock.domain.trees import child, text
from penstock.domain.vendor_templates import find_vendor_template
from penstock.domain.views import Execution, NodeJob
from penstock.domain.workflows import START
from penstock.operations.registry import family_of
from penstock.state import chunks, executions, jobs, resources
from penstock.state.database import Database, Transaction
from penstock.wire.callbacks import (
    CONTENT_TYPES,
    encode_task_finish,
    encode_workflow_finish,
    write_body,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is sent for an event; the same at every attempt.

    Attributes:
        id: What receivers recognise a repeat by.
        content_type: Of the body.
        body: XML or JSON.
    """

    id: str
    content_type: str
    body: bytes


class LetterWriter:
    """Writes letters. Safe to use from several threads."""

    def __init__(self, database: Database, *, region: str) -> None:
        """Take what it needs.

        Args:
            region: The region to name in bodies.
        """
        self._database = database
        self._region = region

    def write(self, event: Event) -> Letter | None:
        """The letter of an event; None when what it tells of is recorded no more."""
        with self._database.read() as transaction:
            job = jobs.find_job(transaction, event.job)
            execution = None if job is None else _execution(transaction, job, event)
            if job is None or execution is None:
                return None
            names = _template_names(transaction, execution)
            if event.node:
                found = _node_job(transaction, execution, event.node, names)
                tree = encode_task_finish(found, self._region)
            else:
                tree = encode_workflow_finish(execution, self._region, template_names=names)
        return Letter(
            id=event_id(event.number, job.tag),
            content_type=CONTENT_TYPES[event.format],
            body=write_body(tree, event.format),
        )


def _execution(transaction: Transaction, job: Job, event: Event) -> Execution | None:
    row = executions.find_execution(transaction, job.number, event.chunk, event.position)
    if row is None:
        return None
    index = event.position // len(job.workflows)
    chunk = chunks.find_chunk_of(transaction, job.number, event.chunk, index)
    return show_recorded(
        job,
        row,
        planned_ms=None if chunk is None else chunk.planned_ms,
        letter_of=lambda node_type: family_of(node_type).letter,
    )


def _node_job(
    transaction: Transaction, execution: Execution, number: int, names: dict[str, str]
) -> NodeJob:
    (view,) = [one for one in execution.nodes if one.node.number == number]
    start = child(child(execution.workflow.topology, "Nodes"), START)
    queues = resources.find_queues(transaction, execution.job.queue_ids)
    queue = queue_of(queues, family_of(view.node.type), child(start, "Input"))
    return NodeJob(
        execution=execution,
        view=view,
        queue_id="" if queue is None else queue.id,
        template_name=names.get(text(view.node.operation, "TemplateId"), ""),
    )


def _template_names(transaction: Transaction, execution: Execution) -> dict[str, str]:
    """Names of the templates that an execution's nodes name and that still exist, by id."""
    names = {}
    for view in execution.nodes:
        template_id = text(view.node.operation, "TemplateId")
        if template_id and template_id not in names:
            found = resources.find_template(
                transaction, execution.job.bucket, template_id
            ) or find_vendor_template(template_id)
            if found is not None:
                names[template_id] = found.name
    return names
