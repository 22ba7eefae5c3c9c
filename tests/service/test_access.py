import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.errors import MasterKeyError
from penstock.domain.refusals import (
    AccessDeniedError,
    ExpiredTokenError,
    SecurityTokenError,
    UnknownSecretIdError,
)
from penstock.service.access import AccessService
from penstock.state.database import Database
from penstock.state.sealing import MASTER_KEY_BYTES, Sealer
from tests.service.access import ROOT_ID, ROOT_SECRET, Door, open_door, policy

LIST = "ci:DescribeMediaWorkflows"
CREATE = "ci:CreateMediaWorkflow"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = Database.open_sqlite(tmp_path / "penstock.db")
    yield database
    database.close()


@pytest.fixture
def door(database: Database) -> Door:
    """The services over it."""
    return open_door(database)


def test_root_key_may_do_everything(door: Door) -> None:
    """The root key has its secret, and no policy is asked."""
    assert door.access.secrets_of(ROOT_ID) == (ROOT_SECRET,)
    door.may(ROOT_ID, CREATE)
    door.may(ROOT_ID, "cos:GetService", None)


def test_key_may_do_what_its_policies_allow(door: Door) -> None:
    """The documents of a key are taken together, and the secret is the one that was shown."""
    made = door.keys.make("ann", [policy("ci:Describe*"), policy(CREATE)])

    assert door.access.secrets_of(made.secret_id) == [made.secret_key]
    door.may(made.secret_id, LIST)
    door.may(made.secret_id, CREATE)
    with pytest.raises(AccessDeniedError) as caught:
        door.may(made.secret_id, "ci:DeleteMediaWorkflow")
    assert str(caught.value) == (
        f"access key '{made.secret_id}' may not ci:DeleteMediaWorkflow on "
        "qcs::ci:ap-a:uid/1250000000:bucket/demo-1250000000/*: no policy allows it"
    )
    assert (caught.value.status, caught.value.code) == (403, "AccessDenied")


def test_key_is_denied_by_any_of_its_policies(door: Door) -> None:
    """A denial in one document outweighs an allowance in another, whatever their order."""
    allow, deny = policy("*"), policy(CREATE, effect="deny")

    for documents in ([allow, deny], [deny, allow]):
        secret_id = door.keys.make("ann", documents).secret_id
        door.may(secret_id, LIST)
        with pytest.raises(AccessDeniedError, match="a policy denies it"):
            door.may(secret_id, CREATE)


def test_key_without_policies_may_do_nothing(door: Door) -> None:
    """What is not allowed is refused, calls on the account included."""
    secret_id = door.keys.make("ann").secret_id

    with pytest.raises(AccessDeniedError):
        door.may(secret_id, LIST)
    with pytest.raises(AccessDeniedError, match=r"on \*: no policy"):
        door.may(secret_id, "cos:GetService", None)


def test_policies_can_look_at_time_and_account(door: Door) -> None:
    """The service tells the time in whole seconds, the sub-account and the root account."""
    before = policy(LIST, date_less_than={"qcs:current_time": "2100-01-01T00:00:00Z"})
    account = policy(CREATE, string_equal={"qcs:uin": "ann", "qcs:owner_uin": "root"})
    ann, bob = (door.keys.make(name, [before, account]).secret_id for name in ("ann", "bob"))

    door.may(ann, LIST)
    door.may(ann, CREATE)
    with pytest.raises(AccessDeniedError):
        door.may(bob, CREATE)
    door.clock.now_ms = 4_102_444_800_000
    with pytest.raises(AccessDeniedError):
        door.may(ann, LIST)


def test_changed_policies_count_at_once(door: Door) -> None:
    """The next question is decided by what was set last."""
    secret_id = door.keys.make("ann", [policy(LIST)]).secret_id
    door.may(secret_id, LIST)

    door.keys.set_policies(secret_id, [policy(CREATE)])

    door.may(secret_id, CREATE)
    with pytest.raises(AccessDeniedError):
        door.may(secret_id, LIST)


def test_rotated_secret(door: Door) -> None:
    """After a rotation only the new secret counts; with a grace the old one for that time."""
    first = door.keys.make("ann")

    second = door.keys.rotate(first.secret_id)
    at_once = door.access.secrets_of(first.secret_id)
    third = door.keys.rotate(first.secret_id, grace_seconds=60)
    within = door.access.secrets_of(first.secret_id)
    door.clock.move(60)
    after = door.access.secrets_of(first.secret_id)

    assert at_once == [second.secret_key]
    assert within == [third.secret_key, second.secret_key]
    assert after == [third.secret_key]
    assert len({first.secret_key, second.secret_key, third.secret_key}) == 3


def test_revoked_key(door: Door) -> None:
    """A revoked key is as good as unknown, and so are the temporary keys made from it."""
    secret_id = door.keys.make("ann", [policy("*")]).secret_id
    temporary = door.keys.make_temporary(secret_id, lifetime_seconds=60)

    door.keys.revoke(secret_id)

    for gone, token in ((secret_id, ""), (temporary.secret_id, temporary.token)):
        with pytest.raises(UnknownSecretIdError):
            door.access.secrets_of(gone, token)
        with pytest.raises(UnknownSecretIdError):
            door.may(gone, LIST)


def test_unknown_key(door: Door) -> None:
    """A secret id that is nobody's has no secrets."""
    with pytest.raises(UnknownSecretIdError):
        door.access.secrets_of("AKIDnobody")


def test_expired_key(door: Door) -> None:
    """A key that has come to its end says so, lasting or temporary."""
    lasting = door.keys.make("ann", [policy("*")], lifetime_seconds=90)
    temporary = door.keys.make_temporary(lasting.secret_id, lifetime_seconds=60)

    door.clock.move(60)
    with pytest.raises(ExpiredTokenError) as caught:
        door.access.secrets_of(temporary.secret_id, temporary.token)
    door.may(lasting.secret_id, LIST)
    door.clock.move(30)
    with pytest.raises(ExpiredTokenError):
        door.access.secrets_of(lasting.secret_id)
    with pytest.raises(ExpiredTokenError):
        door.may(lasting.secret_id, LIST)

    assert (caught.value.status, caught.value.code) == (400, "ExpiredToken")


def test_temporary_key_needs_its_token(door: Door) -> None:
    """Its own token and no other lets a temporary key in."""
    made = door.keys.make_temporary(ROOT_ID, lifetime_seconds=60)
    other = door.keys.make_temporary(ROOT_ID, lifetime_seconds=60)

    assert door.access.secrets_of(made.secret_id, made.token) == [made.secret_key]
    for token in ("", "x", "\udc80", made.token[:-1], other.token):
        with pytest.raises(SecurityTokenError) as caught:
            door.access.secrets_of(made.secret_id, token)
        assert (caught.value.status, caught.value.code) == (401, "AccessDenied")
        assert not token or token not in str(caught.value)


def test_lasting_key_takes_no_token(door: Door) -> None:
    """A token that belongs to nothing is refused, not ignored."""
    made = door.keys.make("ann")

    for secret_id in (made.secret_id, ROOT_ID):
        with pytest.raises(SecurityTokenError, match="has no security token"):
            door.access.secrets_of(secret_id, "token")


def test_temporary_key_may_do_what_its_parent_may(door: Door) -> None:
    """Policies of its own narrow a temporary key and never widen it."""
    parent = door.keys.make("ann", [policy(LIST, CREATE)]).secret_id
    plain = door.keys.make_temporary(parent, lifetime_seconds=60).secret_id
    narrow = door.keys.make_temporary(
        parent, lifetime_seconds=60, policies=[policy(LIST, "ci:DeleteMediaWorkflow")]
    ).secret_id
    of_root = door.keys.make_temporary(
        ROOT_ID, lifetime_seconds=60, policies=[policy(LIST)]
    ).secret_id
    as_root = door.keys.make_temporary(ROOT_ID, lifetime_seconds=60).secret_id

    for secret_id in (plain, narrow, of_root, as_root):
        door.may(secret_id, LIST)
    for secret_id in (plain, as_root):
        door.may(secret_id, CREATE)
    for secret_id, action in (
        (plain, "ci:DeleteMediaWorkflow"),
        (narrow, CREATE),
        (narrow, "ci:DeleteMediaWorkflow"),
        (of_root, CREATE),
    ):
        with pytest.raises(AccessDeniedError):
            door.may(secret_id, action)


def test_narrowed_parent_narrows_its_temporary_keys(door: Door) -> None:
    """A temporary key follows the policies that its parent has now."""
    parent = door.keys.make("ann", [policy("*")]).secret_id
    temporary = door.keys.make_temporary(parent, lifetime_seconds=60).secret_id
    door.may(temporary, CREATE)

    door.keys.set_policies(parent, [policy(LIST)])

    door.may(temporary, LIST)
    with pytest.raises(AccessDeniedError):
        door.may(temporary, CREATE)


def test_another_master_key_opens_nothing(door: Door, database: Database) -> None:
    """Secrets stay closed to a server with another master key, and it says why."""
    made = door.keys.make("ann")
    other = AccessService(
        database,
        Sealer(b"\1" * MASTER_KEY_BYTES, os.urandom),
        root_id=ROOT_ID,
        root_secret=ROOT_SECRET,
        now_ms=door.clock,
    )

    with pytest.raises(MasterKeyError, match=made.secret_id):
        other.secrets_of(made.secret_id)
