"""Buckets, templates and queues: small tables that people edit."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from penstock.domain.resources import Queue, Template
from penstock.state.database import Transaction, insert_if_free, insert_or_update
from penstock.state.schema import buckets, queues, templates


def bind_bucket(transaction: Transaction, name: str, url: str, now_ms: int) -> None:
    """Bind a bucket name to a storage URL, in place of an earlier one."""
    values = {"name": name, "url": url, "created_ms": now_ms}
    insert_or_update(transaction, buckets, values, changed="url")


def bucket_url(transaction: Transaction, name: str) -> str | None:
    """The storage URL of a bucket; None when it is not bound."""
    return transaction.execute(select(buckets.c.url).where(buckets.c.name == name)).scalar()


def list_buckets(transaction: Transaction) -> list[tuple[str, str, int]]:
    """Name, URL and time of binding of every bucket, by name."""
    rows = transaction.execute(select(buckets).order_by(buckets.c.name))
    return [(row.name, row.url, row.created_ms) for row in rows]


def insert_template_if_name_free(transaction: Transaction, template: Template) -> bool:
    """Store a template; False when the bucket has another of that name."""
    return insert_if_free(transaction, templates, _template_values(template))


def replace_template_if_name_free(transaction: Transaction, template: Template) -> bool:
    """Store a template's new version; False when the bucket has another of that name."""
    taken = transaction.execute(
        select(templates.c.id).where(
            templates.c.bucket == template.bucket,
            templates.c.name == template.name,
            templates.c.id != template.id,
        )
    ).scalar()
    if taken is not None:
        return False
    transaction.execute(
        update(templates).where(templates.c.id == template.id).values(_template_values(template))
    )
    return True


def count_templates(transaction: Transaction, bucket: str) -> int:
    """How many templates a bucket has."""
    return transaction.execute(
        select(func.count()).select_from(templates).where(templates.c.bucket == bucket)
    ).scalar_one()


def list_templates(transaction: Transaction, bucket: str) -> list[Template]:
    """Every template of a bucket, newest first."""
    rows = transaction.execute(
        select(templates)
        .where(templates.c.bucket == bucket)
        .order_by(templates.c.created_ms.desc(), templates.c.id)
    )
    return [_template(row) for row in rows]


def find_template(transaction: Transaction, bucket: str, template_id: str) -> Template | None:
    """A bucket's template; None when there is none of that id."""
    row = transaction.execute(
        select(templates).where(templates.c.bucket == bucket, templates.c.id == template_id)
    ).first()
    return None if row is None else _template(row)


def delete_template(transaction: Transaction, bucket: str, template_id: str) -> bool:
    """Remove a template; False when there is none of that id."""
    return bool(
        transaction.execute(
            delete(templates).where(templates.c.bucket == bucket, templates.c.id == template_id)
        ).rowcount
    )


def insert_queue_if_missing(transaction: Transaction, queue: Queue) -> None:
    """Store a queue unless the bucket has one of that family and category."""
    insert_if_free(transaction, queues, _queue_values(queue))


def replace_queue(transaction: Transaction, queue: Queue) -> None:
    """Store a queue's new settings."""
    transaction.execute(update(queues).where(queues.c.id == queue.id).values(_queue_values(queue)))


def delete_queues(transaction: Transaction, bucket: str, family: str) -> list[str]:
    """Remove the queues of a family of a bucket; their ids."""
    found = [queue.id for queue in list_queues(transaction, bucket) if queue.family == family]
    transaction.execute(delete(queues).where(queues.c.id.in_(found)))
    return found


def set_queue_bounds(transaction: Transaction, *, max_size: int, max_concurrent: int) -> None:
    """Give every queue the same length and concurrency."""
    transaction.execute(
        update(queues)
        .where((queues.c.max_size != max_size) | (queues.c.max_concurrent != max_concurrent))
        .values(max_size=max_size, max_concurrent=max_concurrent)
    )


def list_queues(transaction: Transaction, bucket: str) -> list[Queue]:
    """Every queue of a bucket, oldest first."""
    rows = transaction.execute(
        select(queues).where(queues.c.bucket == bucket).order_by(queues.c.created_ms, queues.c.id)
    )
    return [_queue(row) for row in rows]


def queue_limits(transaction: Transaction) -> dict[str, int]:
    """How many chunks each queue may run at once, by id; 0 for a paused one."""
    rows = transaction.execute(select(queues.c.id, queues.c.state, queues.c.max_concurrent))
    return {row.id: 0 if row.state == "Paused" else row.max_concurrent for row in rows}


def queue_notifications(transaction: Transaction) -> tuple[tuple[str, str], ...]:
    """The callback settings of every queue as they are stored; equal while nobody changes one."""
    rows = transaction.execute(select(queues.c.id, queues.c.notify).order_by(queues.c.id))
    return tuple((row.id, row.notify) for row in rows)


def find_queues(transaction: Transaction, ids: Sequence[str]) -> list[Queue]:
    """Queues by their ids, in the order of the ids; those that are gone are left out."""
    rows = transaction.execute(select(queues).where(queues.c.id.in_(ids))) if ids else ()
    found = {row.id: _queue(row) for row in rows}
    return [found[one] for one in ids if one in found]


def _template(row: Row[Any]) -> Template:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    return Template(**{**values, "body": json.loads(row.body)})


def _template_values(template: Template) -> dict[str, object]:
    return {
        "id": template.id,
        "bucket": template.bucket,
        "tag": template.tag,
        "name": template.name,
        "body": json.dumps(template.body),
        "created_ms": template.created_ms,
        "updated_ms": template.updated_ms,
    }


def _queue(row: Row[Any]) -> Queue:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    is_paused = values.pop("state") == "Paused"
    return Queue(**{**values, "notify": json.loads(row.notify), "is_paused": is_paused})


def _queue_values(queue: Queue) -> dict[str, object]:
    return {
        "id": queue.id,
        "bucket": queue.bucket,
        "family": queue.family,
        "category": queue.category,
        "name": queue.name,
        "state": "Paused" if queue.is_paused else "Active",
        "max_size": queue.max_size,
        "max_concurrent": queue.max_concurrent,
        "notify": json.dumps(queue.notify),
        "created_ms": queue.created_ms,
        "updated_ms": queue.updated_ms,
    }
