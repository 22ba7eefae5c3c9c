"""What every database must do with access keys; run by `test_keys.py`."""

from dataclasses import replace

import pytest

from penstock.domain.errors import BackendError
from penstock.domain.keys import AccessKey
from penstock.state import keys
from penstock.state.database import Database
from tests.factories import NOW_MS


def make_key(number: int = 1, **changes: object) -> AccessKey:
    """A lasting key unless told."""
    key = AccessKey(
        secret_id=f"AKID{number}",
        account="ann",
        policies=('{"a": 1}', "ü"),
        sealed=b"\x00sealed",
        created_ms=NOW_MS + number,
    )
    return replace(key, **changes)  # type: ignore[arg-type]


def make_temporary_key(number: int = 2, **changes: object) -> AccessKey:
    """A temporary key of the first one unless told."""
    given = {"parent": "AKID1", "token_digest": "d", "expires_ms": NOW_MS + 1000, **changes}
    return make_key(number, **given)


def store(database: Database, *stored: AccessKey) -> None:
    """Store keys."""
    with database.write() as transaction:
        for key in stored:
            keys.insert_key(transaction, key)


def found(database: Database, secret_id: str) -> AccessKey | None:
    """A stored key."""
    with database.read() as transaction:
        return keys.find_key(transaction, secret_id)


class KeyContract:
    """Access keys: what is stored, listed and changed."""

    def test_key_comes_back_as_it_was_stored(self, database: Database) -> None:
        """Every field of a key survives being stored."""
        key = make_temporary_key(old_sealed=b"old", old_until_ms=NOW_MS, revoked_ms=NOW_MS)

        store(database, key, make_key())

        assert found(database, key.secret_id) == key
        assert found(database, "AKID1") == make_key()
        assert found(database, "AKID") is None

    def test_keys_are_listed_oldest_first(self, database: Database) -> None:
        """The list has every key, revoked ones as well."""
        store(database, make_key(3), make_key(1, revoked_ms=NOW_MS), make_temporary_key(2))

        with database.read() as transaction:
            listed = keys.list_keys(transaction)

        assert [key.secret_id for key in listed] == ["AKID1", "AKID2", "AKID3"]

    def test_key_secret_is_replaced_by_one_of_two(self, database: Database) -> None:
        """Of two who read the same key, the second changes nothing."""
        key = make_key()
        store(database, key)

        with database.write() as transaction:
            won = keys.replace_secret_if_same(transaction, key, b"new", NOW_MS)
            lost = keys.replace_secret_if_same(transaction, key, b"newer", None)

        assert (won, lost) == (True, False)
        changed = found(database, key.secret_id)
        assert changed == replace(
            key, sealed=b"new", old_sealed=b"\x00sealed", old_until_ms=NOW_MS
        )
        with database.write() as transaction:
            assert keys.replace_secret_if_same(transaction, changed, b"newest", None)
        assert found(database, key.secret_id) == replace(key, sealed=b"newest")

    def test_key_is_revoked_once_with_what_was_made_from_it(self, database: Database) -> None:
        """Revoking forgets the secrets of the key and its temporary keys, and of no others."""
        old = make_key(old_sealed=b"old", old_until_ms=NOW_MS)
        store(database, old, make_temporary_key(2), make_key(3))

        with database.write() as transaction:
            won = keys.revoke_key_if_valid(transaction, "AKID1", NOW_MS)
            again = keys.revoke_key_if_valid(transaction, "AKID1", NOW_MS + 1)
            changed = keys.replace_secret_if_same(transaction, old, b"new", None)

        assert (won, again, changed) == (True, False, False)
        assert found(database, "AKID1") == make_key(sealed=b"", revoked_ms=NOW_MS)
        assert found(database, "AKID2") == make_temporary_key(2, sealed=b"", revoked_ms=NOW_MS)
        assert found(database, "AKID3") == make_key(3)

    def test_key_policies_are_replaced(self, database: Database) -> None:
        """The new policies take the place of the old ones; an unknown key is told."""
        store(database, make_key())

        with database.write() as transaction:
            is_known = keys.replace_policies(transaction, "AKID1", ["{}"])
            is_unknown = keys.replace_policies(transaction, "AKID2", ["{}"])

        assert (is_known, is_unknown) == (True, False)
        assert found(database, "AKID1") == make_key(policies=("{}",))

    def test_temporary_keys_are_forgotten_after_their_end(self, database: Database) -> None:
        """Only temporary keys that ended before the given time go."""
        store(
            database,
            make_key(1, expires_ms=NOW_MS),
            make_temporary_key(2, expires_ms=NOW_MS + 1),
            make_temporary_key(3, expires_ms=NOW_MS + 2),
        )

        with database.write() as transaction:
            keys.delete_temporary_keys(transaction, expired_before_ms=NOW_MS + 2)
            left = keys.list_keys(transaction)

        assert [key.secret_id for key in left] == ["AKID1", "AKID3"]

    @pytest.mark.parametrize(
        "wrong",
        [
            make_key(parent="AKID"),
            make_key(token_digest="d"),  # noqa: S106  # no password
            make_key(parent="AKID", token_digest="d"),  # noqa: S106  # no password
            make_key(old_sealed=b"old"),
            make_key(old_until_ms=NOW_MS),
        ],
    )
    def test_keys_that_contradict_themselves_are_refused(
        self, database: Database, wrong: AccessKey
    ) -> None:
        """A temporary key has a token and an end, and an old secret a time until when."""
        with pytest.raises(BackendError, match=r"CHECK|check"):
            store(database, wrong)
