"""Queries of the services that are open on buckets."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select

from penstock.state.database import Transaction, insert_if_free
from penstock.state.schema import services


class OpenService(NamedTuple):
    """A service that is open on a bucket.

    Attributes:
        bucket: The bucket's name.
        opened_ms: Since when, milliseconds since 1970 UTC.
    """

    bucket: str
    opened_ms: int


def open_service(transaction: Transaction, bucket: str, service: str, now_ms: int) -> bool:
    """Note that a service is open on a bucket; False when it was before."""
    values = {"bucket": bucket, "service": service, "opened_ms": now_ms}
    return insert_if_free(transaction, services, values)


def close_service(transaction: Transaction, bucket: str, service: str) -> bool:
    """Note that a service is closed on a bucket; False when it was before."""
    return bool(
        transaction.execute(
            delete(services).where(services.c.bucket == bucket, services.c.service == service)
        ).rowcount
    )


def open_services(transaction: Transaction, bucket: str) -> set[str]:
    """The services that are open on a bucket."""
    query = select(services.c.service).where(services.c.bucket == bucket)
    return set(transaction.execute(query).scalars())


def count_open(transaction: Transaction, service: str) -> int:
    """On how many buckets a service is open."""
    return transaction.execute(
        select(func.count()).select_from(services).where(services.c.service == service)
    ).scalar_one()


def list_open(
    transaction: Transaction,
    service: str,
    *,
    names: Sequence[str],
    prefix: str,
    offset: int,
    limit: int,
) -> tuple[int, list[OpenService]]:
    """On how many buckets that match a service is open, and one page of them, by name.

    Args:
        names: Only these; empty for all.
        prefix: Only buckets whose name begins with it; empty for all.
    """
    matching = [services.c.service == service]
    if names:
        matching.append(services.c.bucket.in_(names))
    if prefix:
        matching.append(func.substr(services.c.bucket, 1, len(prefix)) == prefix)
    total = transaction.execute(
        select(func.count()).select_from(services).where(*matching)
    ).scalar_one()
    rows = transaction.execute(
        select(services.c.bucket, services.c.opened_ms)
        .where(*matching)
        .order_by(services.c.bucket)
        .offset(offset)
        .limit(limit)
    )
    return total, [OpenService(*row) for row in rows]
