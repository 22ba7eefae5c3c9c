"""Holds the servers of one database to the same root key and the same master key.

Each server brings its own, from its settings or its data folder; the database has their digests.
That of the root key is made under the master key, so that a copy of the database does not help
to guess a weak secret.
"""

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TypeVar

from penstock.bootstrap.keys import (
    RootKey,
    find_master_key,
    find_root_key,
    master_key,
    root_key,
)
from penstock.domain.errors import InvalidArgumentError
from penstock.settings import Settings
from penstock.state import agreements
from penstock.state.database import Database

_MASTER = "master_key"
_ROOT = "root_key"
_VARIABLES = {
    _MASTER: "PENSTOCK_MASTER_KEY",
    _ROOT: "PENSTOCK_SECRET_ID and PENSTOCK_SECRET_KEY",
}

K = TypeVar("K")


def agree_on_keys(database: Database, settings: Settings) -> RootKey:
    """The root key of a server, equal to that of all others of its database.

    The first server of a database may make its keys, and keeps them in its data folder.

    Raises:
        InvalidArgumentError: The root key or the master key is missing or another one.
    """
    with database.write() as transaction:
        agreements.lock_agreements(transaction)
        agreed = agreements.find_agreements(transaction)
        master = _own(_MASTER, agreed, find_master_key(settings), lambda: master_key(settings))
        root = _own(_ROOT, agreed, find_root_key(settings), lambda: root_key(settings))
        digests = _digests(master, root)
        _compare(agreed, digests)
        agreements.set_agreements(transaction, digests)
    return root


def agree_on_master_key(database: Database, settings: Settings) -> None:
    """See that the master key is that of all servers of a database.

    Raises:
        InvalidArgumentError: It is missing or another one.
    """
    with database.write() as transaction:
        agreements.lock_agreements(transaction)
        agreed = agreements.find_agreements(transaction)
        master = _own(_MASTER, agreed, find_master_key(settings), lambda: master_key(settings))
        digests = _digests(master)
        _compare(agreed, digests)
        agreements.set_agreements(transaction, digests)


def adopt_keys(database: Database, settings: Settings) -> None:
    """Have the servers of a database go over to other keys, from their next start on.

    Raises:
        InvalidArgumentError: The root key or the master key is missing.
    """
    master, root = find_master_key(settings), find_root_key(settings)
    if master is None or root is None:
        missing = [_VARIABLES[_MASTER]] if master is None else []
        missing += [_VARIABLES[_ROOT]] if root is None else []
        message = f"set {' and '.join(missing)}"
        raise InvalidArgumentError(message)
    with database.write() as transaction:
        agreements.lock_agreements(transaction)
        agreements.set_agreements(transaction, _digests(master, root))


def _own(name: str, agreed: Mapping[str, str], found: K | None, make: Callable[[], K]) -> K:
    """A key of one's own; made only where no other server has one."""
    if found is not None:
        return found
    if name in agreed:
        message = f"{name}: the servers of this database have one; set {_VARIABLES[name]} to it"
        raise InvalidArgumentError(message)
    return make()


def _digests(master: bytes, root: RootKey | None = None) -> dict[str, str]:
    found = {_MASTER: sha256(b"penstock master key " + master).hexdigest()}
    if root is not None:
        text = f"{root.secret_id}\n{root.secret_key}"
        found[_ROOT] = hmac.new(master, text.encode(), sha256).hexdigest()
    return found


def _compare(agreed: Mapping[str, str], own: Mapping[str, str]) -> None:
    faults = [
        f"{name}: is not that of the other servers of this database; set {_VARIABLES[name]} as "
        "there, or have all of them go over to this one by `penstock keys adopt`"
        for name, digest in own.items()
        if agreed.get(name, digest) != digest
    ]
    if faults:
        raise InvalidArgumentError(*faults[:1])  # under another master key all digests differ
