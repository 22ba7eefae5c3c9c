"""Queries of what every server of a database must have alike, kept as digests."""

from collections.abc import Mapping

from sqlalchemy import select

from penstock.state.database import Transaction, insert_or_update, lock
from penstock.state.schema import agreements


def lock_agreements(transaction: Transaction) -> None:
    """Have others wait who come to an agreement at the same time."""
    lock(transaction, "penstock/agreements")


def find_agreements(transaction: Transaction) -> dict[str, str]:
    """Every digest by its name."""
    rows = transaction.execute(select(agreements.c.name, agreements.c.digest))
    return {row.name: row.digest for row in rows}


def set_agreements(transaction: Transaction, digests: Mapping[str, str]) -> None:
    """Keep digests, in place of earlier ones of the same names."""
    for name, digest in digests.items():
        values = {"name": name, "digest": digest}
        insert_or_update(transaction, agreements, values, changed="digest")
