import pytest

from penstock.domain.keys import AccessKey, KeyState, NewSecret, account_faults


def test_key_state_follows_the_clock() -> None:
    """A key counts until its end, which does not belong to it; revoking outweighs all."""
    key = AccessKey(secret_id="AKID", account="ann", sealed=b"", created_ms=0, expires_ms=10)
    revoked = AccessKey(
        secret_id="AKID", account="ann", sealed=b"", created_ms=0, expires_ms=10, revoked_ms=5
    )

    assert key.state(9) is KeyState.ACTIVE
    assert key.state(10) is KeyState.EXPIRED
    assert revoked.state(9) is KeyState.REVOKED
    assert revoked.state(11) is KeyState.REVOKED


def test_key_records_hide_their_secrets() -> None:
    """What lands in a log by mistake has neither secrets nor tokens."""
    key = AccessKey(
        secret_id="AKID", account="ann", sealed=b"SEALED", old_sealed=b"SEALED", old_until_ms=1,
        parent="AKIDp", token_digest="DIGEST", created_ms=0, expires_ms=9,
    )  # fmt: skip
    secret = NewSecret(secret_id="AKID", secret_key="SECRET", token="TOKEN")

    shown = f"{key!r} {secret!r} {key} {secret}"

    assert not [word for word in ("SEALED", "DIGEST", "SECRET", "TOKEN") if word in shown]
    assert key.is_temporary


@pytest.mark.parametrize("account", ["ann", "night.batch@example-1", "a" * 64])
def test_account_names_that_are_good(account: str) -> None:
    """Names that people and mail systems use will do."""
    assert account_faults(account) == []


@pytest.mark.parametrize("account", ["", "a b", "a*", "${uin}", "a:b", "ä", "a" * 65, "root"])
def test_account_names_that_are_refused(account: str) -> None:
    """A name that could widen a policy, or pose as the root, is refused."""
    assert len(account_faults(account)) == 1
