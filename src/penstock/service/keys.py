"""Access keys: make, list, rotate, revoke; temporary keys with security tokens."""

from collections.abc import Callable, Sequence
from hashlib import sha256

from penstock.domain.errors import ConflictError, InvalidArgumentError
from penstock.domain.keys import (
    MOST_TEMPORARY_SECONDS,
    AccessKey,
    KeyState,
    NewSecret,
    account_faults,
)
from penstock.domain.policies import ROOT_ACCOUNT
from penstock.domain.policy_documents import parse_policy
from penstock.domain.refusals import UnknownSecretIdError
from penstock.state import keys
from penstock.state.database import Database
from penstock.state.sealing import Sealer

_ID_BYTES = 16
_SECRET_BYTES = 20
_TOKEN_BYTES = 48
_KEPT_SECONDS = 7 * 24 * 3600  # so long an ended temporary key is still told from an unknown one


class KeyService:
    """Manages the access keys of sub-accounts. Servers see every change with the next request.

    Secrets are handed out by the method that makes them and by no other.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        root_id: str,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """Take what keys are made of.

        Args:
            root_id: The secret id of the root key; empty where it is not known.
            random_bytes: That many bytes that nobody can guess.
        """
        self._database = database
        self._sealer = sealer
        self._root_id = root_id
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    def make(
        self, account: str, policies: Sequence[str] = (), *, lifetime_seconds: int | None = None
    ) -> NewSecret:
        """Make a key for a sub-account. Without policies it may do nothing.

        Args:
            policies: Policy documents (JSON); taken together.
            lifetime_seconds: How long it counts; None for ever.

        Raises:
            InvalidArgumentError: The account, a policy or the lifetime is wrong; names every
                fault.
        """
        faults = [*account_faults(account), *_policy_faults(policies)]
        if lifetime_seconds is not None and lifetime_seconds < 1:
            faults.append(f"lifetime must be at least 1 second, not {lifetime_seconds}")
        if faults:
            raise InvalidArgumentError(*faults)
        now_ms = self._now_ms()
        expires_ms = None if lifetime_seconds is None else now_ms + lifetime_seconds * 1000
        return self._store(account, policies, now_ms, expires_ms)

    def make_temporary(
        self, parent_id: str, *, lifetime_seconds: int, policies: Sequence[str] = ()
    ) -> NewSecret:
        """Make a temporary key from a lasting one.

        It may do what its parent may and, where it has policies of its own, these allow as well.
        It ends with its parent at the latest.

        Args:
            lifetime_seconds: How long it counts, at most 36 hours.

        Raises:
            InvalidArgumentError: A policy or the lifetime is wrong, or the parent is temporary
                itself; names every fault.
            UnknownSecretIdError: There is no such parent, or it is of no use any more.
        """
        now_ms = self._now_ms()
        parent = None if parent_id == self._root_id else self._get_active(parent_id, now_ms)
        faults = _policy_faults(policies)
        if parent is not None and parent.is_temporary:
            faults.append(f"access key {parent_id!r} is temporary and cannot make keys")
        if not 1 <= lifetime_seconds <= MOST_TEMPORARY_SECONDS:
            faults.append(
                f"lifetime must be 1 to {MOST_TEMPORARY_SECONDS} seconds, not {lifetime_seconds}"
            )
        if faults:
            raise InvalidArgumentError(*faults)
        expires_ms = now_ms + lifetime_seconds * 1000
        if parent is not None and parent.expires_ms is not None:
            expires_ms = min(expires_ms, parent.expires_ms)
        account = ROOT_ACCOUNT if parent is None else parent.account
        return self._store(account, policies, now_ms, expires_ms, parent_id)

    def list(self) -> list[AccessKey]:
        """Every key but the root key, oldest first; ended temporary keys for another week."""
        with self._database.read() as transaction:
            return keys.list_keys(transaction)

    def get(self, secret_id: str) -> AccessKey:
        """One key.

        Raises:
            UnknownSecretIdError: There is none of that id.
        """
        with self._database.read() as transaction:
            key = keys.find_key(transaction, secret_id)
        if key is None:
            raise UnknownSecretIdError(secret_id)
        return key

    def set_policies(self, secret_id: str, policies: Sequence[str]) -> None:
        """Give a key other policies in place of those it has.

        Raises:
            InvalidArgumentError: A policy is wrong; names every fault.
            UnknownSecretIdError: There is no such key.
        """
        faults = _policy_faults(policies)
        if faults:
            raise InvalidArgumentError(*faults)
        with self._database.write() as transaction:
            if not keys.replace_policies(transaction, secret_id, policies):
                raise UnknownSecretIdError(secret_id)

    def rotate(self, secret_id: str, *, grace_seconds: int = 0) -> NewSecret:
        """Give a key a new secret.

        Args:
            grace_seconds: How long the secret so far counts as well.

        Raises:
            InvalidArgumentError: The grace is negative, or the key is temporary.
            UnknownSecretIdError: There is no such key, or it is of no use any more.
            ConflictError: Somebody else changed it at the same moment.
        """
        now_ms = self._now_ms()
        key = self._get_active(secret_id, now_ms)
        faults = []
        if grace_seconds < 0:
            faults.append(f"grace must be at least 0 seconds, not {grace_seconds}")
        if key.is_temporary:
            faults.append(f"access key {secret_id!r} is temporary: make another one")
        if faults:
            raise InvalidArgumentError(*faults)
        secret_key = self._random_bytes(_SECRET_BYTES).hex()
        sealed = self._sealer.seal(secret_key, secret_id)
        old_until_ms = now_ms + grace_seconds * 1000 if grace_seconds else None
        with self._database.write() as transaction:
            if not keys.replace_secret_if_same(transaction, key, sealed, old_until_ms):
                message = f"access key {secret_id!r} was changed by somebody else just now"
                raise ConflictError(message)
        return NewSecret(secret_id=secret_id, secret_key=secret_key, expires_ms=key.expires_ms)

    def revoke(self, secret_id: str) -> None:
        """End a key, and every temporary key made from it, for ever; safe to repeat.

        Raises:
            UnknownSecretIdError: There is no such key.
        """
        self.get(secret_id)
        now_ms = self._now_ms()
        with self._database.write() as transaction:
            keys.revoke_key_if_valid(transaction, secret_id, now_ms)

    def _get_active(self, secret_id: str, now_ms: int) -> AccessKey:
        key = self.get(secret_id)
        if key.state(now_ms) is not KeyState.ACTIVE:
            raise UnknownSecretIdError(secret_id)
        return key

    def _store(
        self,
        account: str,
        policies: Sequence[str],
        now_ms: int,
        expires_ms: int | None,
        parent_id: str = "",
    ) -> NewSecret:
        secret = NewSecret(
            secret_id="AKID" + self._random_bytes(_ID_BYTES).hex(),
            secret_key=self._random_bytes(_SECRET_BYTES).hex(),
            token=self._random_bytes(_TOKEN_BYTES).hex() if parent_id else "",
            expires_ms=expires_ms,
        )
        key = AccessKey(
            secret_id=secret.secret_id,
            account=account,
            policies=tuple(policies),
            parent=parent_id,
            sealed=self._sealer.seal(secret.secret_key, secret.secret_id),
            token_digest=digest_token(secret.token) if parent_id else "",
            created_ms=now_ms,
            expires_ms=expires_ms,
        )
        with self._database.write() as transaction:
            keys.delete_temporary_keys(
                transaction, expired_before_ms=now_ms - _KEPT_SECONDS * 1000
            )
            keys.insert_key(transaction, key)
        return secret


def digest_token(token: str) -> str:
    """What is stored of a security token: it is long and random, so a plain digest will do."""
    return sha256(token.encode(errors="surrogateescape")).hexdigest()


def _policy_faults(policies: Sequence[str]) -> list[str]:
    faults: list[str] = []
    for policy in policies:
        try:
            parse_policy(policy)
        except InvalidArgumentError as error:
            faults += error.faults
    return faults
