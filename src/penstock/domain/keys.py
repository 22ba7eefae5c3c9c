"""Access keys: who may sign requests. Their secrets are held sealed and shown once."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.domain.policies import ROOT_ACCOUNT

MOST_TEMPORARY_SECONDS = 129_600
_ACCOUNT = re.compile(r"[A-Za-z0-9_.@-]{1,64}", re.ASCII)


class KeyState(StrEnum):
    """Whether an access key is of use, for showing."""

    ACTIVE = "Active"
    EXPIRED = "Expired"
    REVOKED = "Revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """One access key of a sub-account, or a temporary key.

    Attributes:
        secret_id: Names it.
        account: The sub-account that it acts for.
        policies: Policy documents as their authors wrote them; taken together.
        parent: Secret id of the key that a temporary key was made from; empty for others.
        sealed: Its secret, sealed.
        old_sealed: The secret before the last rotation, sealed; None when it counts no more.
        old_until_ms: Until when the old secret counts, milliseconds since 1970 UTC.
        token_digest: SHA-256 of a temporary key's security token, in hex; empty for others.
        created_ms: Milliseconds since 1970 UTC.
        expires_ms: When it ends, milliseconds since 1970 UTC; None for never.
        revoked_ms: When it was revoked, milliseconds since 1970 UTC; None if it was not.
    """

    secret_id: str
    account: str
    policies: tuple[str, ...] = ()
    parent: str = ""
    sealed: bytes = field(repr=False)
    old_sealed: bytes | None = field(default=None, repr=False)
    old_until_ms: int | None = None
    token_digest: str = field(default="", repr=False)
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether it needs its security token."""
        return bool(self.parent)

    def state(self, now_ms: int) -> KeyState:
        """Whether it is of use at a time; a temporary key depends on its parent besides."""
        if self.revoked_ms is not None:
            return KeyState.REVOKED
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """What is shown once, when a key is made or its secret changes.

    Attributes:
        secret_id: Names the key.
        secret_key: Signs with it.
        token: Goes with every request of a temporary key; empty for others.
        expires_ms: When the key ends, milliseconds since 1970 UTC; None for never.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires_ms: int | None = None


def account_faults(account: str) -> list[str]:
    """What is wrong with the name of a sub-account."""
    if not _ACCOUNT.fullmatch(account):
        expected = "1 to 64 letters, digits, '_', '.', '@' and '-'"
        return [f"account must be {expected}, not {account[:100]!r}"]
    if account == ROOT_ACCOUNT:
        return [f"account {ROOT_ACCOUNT!r} is that of the root access key"]
    return []
