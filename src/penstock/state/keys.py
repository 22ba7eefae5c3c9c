"""Queries of access keys."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from penstock.domain.keys import AccessKey
from penstock.state.database import Transaction
from penstock.state.schema import keys


def insert_key(transaction: Transaction, key: AccessKey) -> None:
    """Store a new access key."""
    values = {name: getattr(key, name) for name in key.__dataclass_fields__}
    transaction.execute(insert(keys).values({**values, "policies": json.dumps(key.policies)}))


def find_key(transaction: Transaction, secret_id: str) -> AccessKey | None:
    """An access key; None when there is none of that id."""
    row = transaction.execute(select(keys).where(keys.c.secret_id == secret_id)).first()
    return None if row is None else _key(row)


def list_keys(transaction: Transaction) -> list[AccessKey]:
    """Every access key, oldest first."""
    rows = transaction.execute(select(keys).order_by(keys.c.created_ms, keys.c.secret_id))
    return [_key(row) for row in rows]


def replace_secret_if_same(
    transaction: Transaction, key: AccessKey, sealed: bytes, old_until_ms: int | None
) -> bool:
    """Give a key a new secret; False when it was revoked or changed since it was read.

    Args:
        old_until_ms: Until when the present secret counts besides; None ends it at once.
    """
    old_sealed = None if old_until_ms is None else key.sealed
    return bool(
        transaction.execute(
            update(keys)
            .where(
                keys.c.secret_id == key.secret_id,
                keys.c.sealed == key.sealed,
                keys.c.revoked_ms.is_(None),
            )
            .values(sealed=sealed, old_sealed=old_sealed, old_until_ms=old_until_ms)
        ).rowcount
    )


def replace_policies(transaction: Transaction, secret_id: str, policies: Sequence[str]) -> bool:
    """Give a key other policy documents; False when there is none of that id."""
    return bool(
        transaction.execute(
            update(keys).where(keys.c.secret_id == secret_id).values(policies=json.dumps(policies))
        ).rowcount
    )


def revoke_key_if_valid(transaction: Transaction, secret_id: str, now_ms: int) -> bool:
    """Revoke a key and all that were made from it, and forget their secrets.

    False when all of them were revoked before, or there is none of that id.
    """
    return bool(
        transaction.execute(
            update(keys)
            .where(
                or_(keys.c.secret_id == secret_id, keys.c.parent == secret_id),
                keys.c.revoked_ms.is_(None),
            )
            .values(revoked_ms=now_ms, sealed=b"", old_sealed=None, old_until_ms=None)
        ).rowcount
    )


def delete_temporary_keys(transaction: Transaction, *, expired_before_ms: int) -> None:
    """Forget temporary keys that ended before a time."""
    transaction.execute(
        delete(keys).where(keys.c.parent != "", keys.c.expires_ms < expired_before_ms)
    )


def _key(row: Row[Any]) -> AccessKey:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    return AccessKey(**{**values, "policies": tuple(json.loads(row.policies))})
