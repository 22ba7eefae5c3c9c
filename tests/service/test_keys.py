from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.keys import MOST_TEMPORARY_SECONDS, KeyState
from penstock.domain.refusals import UnknownSecretIdError
from penstock.state.database import Database
from tests.factories import NOW_MS
from tests.service.access import ROOT_ID, Door, open_door, policy


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """The services over a new database."""
    database = Database.open_sqlite(tmp_path / "penstock.db")
    yield open_door(database)
    database.close()


def test_key_is_listed_without_its_secret(door: Door) -> None:
    """The list tells what a key is for, and nothing shows its secret a second time."""
    made = door.keys.make("ann", [policy("ci:*")], lifetime_seconds=60)

    (listed,) = door.keys.list()

    assert (listed.secret_id, listed.account) == (made.secret_id, "ann")
    assert listed.policies == (policy("ci:*"),)
    assert (listed.created_ms, listed.expires_ms) == (NOW_MS, NOW_MS + 60_000)
    assert made.expires_ms == NOW_MS + 60_000
    assert made.secret_key.encode() not in listed.sealed
    assert door.keys.get(made.secret_id) == listed


def test_keys_of_one_account_differ(door: Door) -> None:
    """A sub-account can have several keys; ids, secrets and tokens are all different."""
    made = [door.keys.make("ann") for _ in range(3)]
    made += [door.keys.make_temporary(ROOT_ID, lifetime_seconds=60) for _ in range(3)]

    texts = [text for one in made for text in (one.secret_id, one.secret_key, one.token) if text]

    assert len(set(texts)) == len(texts) == 15
    assert all(len(one.secret_key) == 40 for one in made)
    assert all(bool(one.token) is (number >= 3) for number, one in enumerate(made))


def test_database_file_holds_no_secret(door: Door, tmp_path: Path) -> None:
    """Neither secrets nor tokens can be read from the files of the database."""
    lasting = door.keys.make("ann")
    temporary = door.keys.make_temporary(lasting.secret_id, lifetime_seconds=60)

    content = b"".join(path.read_bytes() for path in tmp_path.glob("penstock.db*"))

    assert temporary.secret_id.encode() in content
    for secret in (lasting.secret_key, temporary.secret_key, temporary.token):
        assert secret.encode() not in content
        assert bytes.fromhex(secret) not in content


def test_key_faults_are_told_all_at_once(door: Door) -> None:
    """Account, policies and lifetime are checked together, and nothing is stored."""
    with pytest.raises(InvalidArgumentError) as caught:
        door.keys.make("a b", ["{", policy("nothing")], lifetime_seconds=0)

    assert len(caught.value.faults) == 4
    assert door.keys.list() == []


@pytest.mark.parametrize("lifetime", [0, MOST_TEMPORARY_SECONDS + 1])
def test_temporary_key_lives_for_a_bounded_time(door: Door, lifetime: int) -> None:
    """A temporary key without an end, or with one in the far future, is refused."""
    with pytest.raises(InvalidArgumentError, match="lifetime must be 1 to 129600 seconds"):
        door.keys.make_temporary(ROOT_ID, lifetime_seconds=lifetime)


def test_temporary_key_ends_with_its_parent(door: Door) -> None:
    """A temporary key is of its parent's account and does not outlive it."""
    parent = door.keys.make("ann", lifetime_seconds=60)

    short = door.keys.make_temporary(parent.secret_id, lifetime_seconds=30)
    long = door.keys.make_temporary(parent.secret_id, lifetime_seconds=90)

    assert (short.expires_ms, long.expires_ms) == (NOW_MS + 30_000, NOW_MS + 60_000)
    stored = door.keys.get(long.secret_id)
    assert (stored.account, stored.parent) == ("ann", parent.secret_id)
    assert (
        door.keys.get(door.keys.make_temporary(ROOT_ID, lifetime_seconds=1).secret_id).account
        == "root"
    )


def test_temporary_key_makes_no_keys_and_is_not_rotated(door: Door) -> None:
    """A temporary key cannot be used to stay for ever."""
    temporary = door.keys.make_temporary(ROOT_ID, lifetime_seconds=60)

    with pytest.raises(InvalidArgumentError, match="cannot make keys"):
        door.keys.make_temporary(temporary.secret_id, lifetime_seconds=60)
    with pytest.raises(InvalidArgumentError, match="make another one"):
        door.keys.rotate(temporary.secret_id)


def test_temporary_keys_are_forgotten_a_week_after_their_end(door: Door) -> None:
    """The table does not grow with every temporary key that ever was."""
    old = door.keys.make_temporary(ROOT_ID, lifetime_seconds=60)
    door.clock.move(7 * 24 * 3600 + 60)
    door.keys.make("ann")
    before = [key.secret_id for key in door.keys.list()]
    door.clock.move(1)
    door.keys.make("bob")

    after = [key.secret_id for key in door.keys.list()]

    assert old.secret_id in before
    assert old.secret_id not in after


@pytest.mark.parametrize("state", list(KeyState))
def test_keys_of_no_use_are_not_rotated(door: Door, state: KeyState) -> None:
    """Only an active key gets a new secret or makes temporary keys."""
    secret_id = door.keys.make("ann", lifetime_seconds=60).secret_id
    if state is KeyState.REVOKED:
        door.keys.revoke(secret_id)
    elif state is KeyState.EXPIRED:
        door.clock.move(60)

    assert door.keys.get(secret_id).state(door.clock()) is state
    if state is KeyState.ACTIVE:
        assert door.keys.rotate(secret_id).expires_ms == NOW_MS + 60_000
        return
    with pytest.raises(UnknownSecretIdError):
        door.keys.rotate(secret_id)
    with pytest.raises(UnknownSecretIdError):
        door.keys.make_temporary(secret_id, lifetime_seconds=60)


def test_rotation_takes_no_negative_grace(door: Door) -> None:
    """A grace that lies in the past is refused."""
    secret_id = door.keys.make("ann").secret_id

    with pytest.raises(InvalidArgumentError, match="grace"):
        door.keys.rotate(secret_id, grace_seconds=-1)


def test_revoking_is_safe_to_repeat(door: Door) -> None:
    """A key is revoked once, and its temporary keys with it."""
    secret_id = door.keys.make("ann").secret_id
    temporary = door.keys.make_temporary(secret_id, lifetime_seconds=60)
    door.keys.revoke(secret_id)
    door.clock.move(5)

    door.keys.revoke(secret_id)

    assert door.keys.get(secret_id).revoked_ms == NOW_MS
    assert door.keys.get(temporary.secret_id).revoked_ms == NOW_MS


def test_unknown_keys_are_told(door: Door) -> None:
    """Every method that takes a secret id says when there is no such key."""
    keys = door.keys
    for work in (
        lambda: keys.get("x"),
        lambda: keys.revoke("x"),
        lambda: keys.rotate("x"),
        lambda: keys.set_policies("x", []),
        lambda: keys.make_temporary("x", lifetime_seconds=1),
    ):
        with pytest.raises(UnknownSecretIdError, match="'x'"):
            work()


def test_policies_are_checked_before_they_are_set(door: Door) -> None:
    """A faulty policy leaves the key with those it has."""
    secret_id = door.keys.make("ann", [policy("ci:*")]).secret_id

    with pytest.raises(InvalidArgumentError):
        door.keys.set_policies(secret_id, [policy("*"), "{}"])

    assert door.keys.get(secret_id).policies == (policy("ci:*"),)
