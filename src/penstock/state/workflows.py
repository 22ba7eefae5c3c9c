"""Queries of stored workflows."""

import json
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from penstock.domain.workflows import Workflow, WorkflowState
from penstock.state.database import Transaction
from penstock.state.schema import workflows


def insert_workflow(transaction: Transaction, workflow: Workflow) -> None:
    """Store a new workflow."""
    transaction.execute(insert(workflows).values(_values(workflow)))


def replace_workflow_if_paused(transaction: Transaction, workflow: Workflow) -> bool:
    """Store a new version of a workflow; False unless it is there and Paused."""
    return bool(
        transaction.execute(
            update(workflows)
            .where(workflows.c.id == workflow.id, workflows.c.state == str(WorkflowState.PAUSED))
            .values(_values(workflow))
        ).rowcount
    )


def set_workflow_state(
    transaction: Transaction, workflow_id: str, state: WorkflowState, now_ms: int
) -> None:
    """Activate or pause a workflow."""
    transaction.execute(
        update(workflows)
        .where(workflows.c.id == workflow_id)
        .values(state=str(state), updated_ms=now_ms)
    )


def delete_workflow_if_paused(transaction: Transaction, workflow_id: str) -> bool:
    """Remove a workflow; False unless it is there and Paused."""
    return bool(
        transaction.execute(
            delete(workflows).where(
                workflows.c.id == workflow_id, workflows.c.state == str(WorkflowState.PAUSED)
            )
        ).rowcount
    )


def find_workflow(transaction: Transaction, bucket: str, workflow_id: str) -> Workflow | None:
    """A bucket's workflow; None when there is none of that id."""
    row = transaction.execute(
        select(workflows).where(workflows.c.bucket == bucket, workflows.c.id == workflow_id)
    ).first()
    return None if row is None else _workflow(row)


def count_workflows(transaction: Transaction, bucket: str) -> int:
    """How many workflows a bucket has."""
    return transaction.execute(
        select(func.count()).select_from(workflows).where(workflows.c.bucket == bucket)
    ).scalar_one()


def active_workflows(transaction: Transaction, bucket: str) -> list[Workflow]:
    """The workflows that uploads into a bucket start, oldest first."""
    rows = transaction.execute(
        select(workflows)
        .where(workflows.c.bucket == bucket, workflows.c.state == str(WorkflowState.ACTIVE))
        .order_by(workflows.c.created_ms, workflows.c.id)
    )
    return [_workflow(row) for row in rows]


def list_workflows(
    transaction: Transaction,
    bucket: str,
    *,
    ids: list[str],
    name: str,
    offset: int,
    limit: int,
) -> tuple[int, list[Workflow]]:
    """How many workflows match, and one page of them, oldest first.

    Args:
        ids: Only these; empty for all.
        name: Only those whose name contains it; empty for all.
    """
    matching = [workflows.c.bucket == bucket]
    if ids:
        matching.append(workflows.c.id.in_(ids))
    if name:
        matching.append(workflows.c.name.contains(name, autoescape=True))
    total = transaction.execute(
        select(func.count()).select_from(workflows).where(*matching)
    ).scalar_one()
    rows = transaction.execute(
        select(workflows)
        .where(*matching)
        .order_by(workflows.c.created_ms, workflows.c.id)
        .offset(offset)
        .limit(limit)
    )
    return total, [_workflow(row) for row in rows]


def _workflow(row: Row[Any]) -> Workflow:
    return Workflow(
        id=row.id,
        bucket=row.bucket,
        name=row.name,
        state=WorkflowState(row.state),
        topology=json.loads(row.topology),
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
    )


def _values(workflow: Workflow) -> dict[str, object]:
    return {
        "id": workflow.id,
        "bucket": workflow.bucket,
        "name": workflow.name,
        "state": str(workflow.state),
        "topology": json.dumps(workflow.topology),
        "created_ms": workflow.created_ms,
        "updated_ms": workflow.updated_ms,
    }
