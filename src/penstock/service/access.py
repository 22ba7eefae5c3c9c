"""Who signs a request, and whether they may: keys and their policies at the door."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from penstock.domain.keys import AccessKey, KeyState
from penstock.domain.policies import ROOT_ACCOUNT, AccessRequest, decide
from penstock.domain.policy_documents import parse_policy
from penstock.domain.refusals import (
    AccessDeniedError,
    ExpiredTokenError,
    SecurityTokenError,
    UnknownSecretIdError,
)
from penstock.service.keys import digest_token
from penstock.state import keys
from penstock.state.database import Database
from penstock.state.sealing import Sealer

_PARSED_POLICIES = 256


class AccessService:
    """Knows the root key and the keys of sub-accounts.

    Keys are read anew for every request, so that a change by any process counts at once.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        root_id: str,
        root_secret: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._root_id = root_id
        self._root_secret = root_secret
        self._now_ms = now_ms
        self._parse = lru_cache(_PARSED_POLICIES)(parse_policy)

    def secrets_of(self, secret_id: str, token: str = "") -> Sequence[str]:
        """The secrets that a request of a key may be signed with; two while an old one counts.

        Args:
            token: The security token that came with the request; empty for none.

        Raises:
            UnknownSecretIdError: There is no such key, or it or its parent was revoked.
            ExpiredTokenError: It or its parent has come to its end.
            SecurityTokenError: The token is missing or another, or the key has none.
            MasterKeyError: The secret cannot be opened.
        """
        if secret_id == self._root_id:
            _check_token(secret_id, "", token)
            return (self._root_secret,)
        now_ms = self._now_ms()
        key = self._find(secret_id, now_ms)[0]
        _check_token(secret_id, key.token_digest, token)
        secrets = [self._sealer.open(key.sealed, secret_id)]
        if key.old_sealed is not None and now_ms < (key.old_until_ms or 0):
            secrets.append(self._sealer.open(key.old_sealed, secret_id))
        return secrets

    def check(self, secret_id: str, request: AccessRequest) -> None:
        """Let a key do what it asks for, or refuse.

        The time and the names of the accounts are added to the request's context here.

        Raises:
            AccessDeniedError: No policy allows it, or one denies it.
            UnknownSecretIdError: There is no such key, or it or its parent was revoked.
            ExpiredTokenError: It or its parent has come to its end.
        """
        if secret_id == self._root_id:
            return
        now_ms = self._now_ms()
        chain = self._find(secret_id, now_ms)
        moment = datetime.fromtimestamp(now_ms // 1000, UTC)
        context = {
            **request.context,
            "qcs:current_time": (moment.isoformat(),),
            "qcs:uin": (chain[0].account,),
            "qcs:owner_uin": (ROOT_ACCOUNT,),
        }
        full = replace(request, context=context)
        for key in chain:
            if key.is_temporary and not key.policies:
                continue  # it may do what its parent may
            statements = [found for policy in key.policies for found in self._parse(policy)]
            decision = decide(statements, full)
            if not decision.is_allowed:
                raise AccessDeniedError(
                    secret_id,
                    " or ".join(request.actions),
                    str(request.resource or "*"),
                    is_denied=decision.statement is not None,
                )

    def _find(self, secret_id: str, now_ms: int) -> list[AccessKey]:
        """A key and, where it has one other than the root key, its parent; all of use."""
        chain: list[AccessKey] = []
        wanted = secret_id
        with self._database.read() as transaction:
            while wanted and (not chain or wanted != self._root_id):
                key = keys.find_key(transaction, wanted)
                state = None if key is None else key.state(now_ms)
                if state is KeyState.EXPIRED:
                    raise ExpiredTokenError(secret_id)
                if key is None or state is KeyState.REVOKED:
                    raise UnknownSecretIdError(secret_id)
                chain.append(key)
                wanted = key.parent
        return chain


def _check_token(secret_id: str, digest: str, token: str) -> None:
    if not digest:
        if token:
            fault = f"access key {secret_id!r} is not temporary and has no security token"
            raise SecurityTokenError(fault)
        return
    if not token:
        fault = f"access key {secret_id!r} is temporary and needs its security token"
        raise SecurityTokenError(fault)
    if not hmac.compare_digest(digest, digest_token(token)):
        fault = f"the security token is not that of access key {secret_id!r}"
        raise SecurityTokenError(fault)
