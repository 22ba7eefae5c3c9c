"""Services of access keys over a real database, with a clock that is moved."""

import json
import os
from dataclasses import dataclass

from penstock.domain.policies import AccessRequest, Resource
from penstock.service.access import AccessService
from penstock.service.keys import KeyService
from penstock.state.database import Database
from penstock.state.sealing import MASTER_KEY_BYTES, Sealer
from tests.factories import NOW_MS
from tests.waiting import Clock

ROOT_ID = "AKIDroot"
ROOT_SECRET = "the-secret-of-the-root"  # noqa: S105  # of the tests
BUCKET = Resource("ci", "ap-a", "1250000000", "bucket/demo-1250000000/*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Both services of one database, as a server and `penstock keys` have them.

    Attributes:
        keys: Manages the keys.
        access: Lets requests in.
        clock: The time of both.
    """

    keys: KeyService
    access: AccessService
    clock: Clock

    def may(self, secret_id: str, action: str, resource: Resource | None = BUCKET) -> None:
        """Ask for an action on the bucket; raises what the service does."""
        self.access.check(secret_id, AccessRequest(actions=(action,), resource=resource))


def open_door(database: Database) -> Door:
    """The services over a database."""
    clock = Clock(NOW_MS)
    sealer = Sealer(bytes(MASTER_KEY_BYTES), os.urandom)
    return Door(
        keys=KeyService(database, sealer, root_id=ROOT_ID, now_ms=clock, random_bytes=os.urandom),
        access=AccessService(
            database, sealer, root_id=ROOT_ID, root_secret=ROOT_SECRET, now_ms=clock
        ),
        clock=clock,
    )


def policy(*actions: str, effect: str = "allow", resource: str = "*", **condition: object) -> str:
    """A policy of one statement."""
    statement: dict[str, object] = {
        "effect": effect,
        "action": list(actions),
        "resource": [resource],
    }
    if condition:
        statement["condition"] = condition
    return json.dumps({"version": "2.0", "statement": [statement]})
