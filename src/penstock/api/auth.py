"""Signatures at the door: who sent a call."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from penstock.api.requests import Call
from penstock.domain.refusals import (
    InvalidAuthorizationError,
    MissingAuthorizationError,
    UnknownSecretIdError,
)
from penstock.wire.signature import SignedRequest, read_signature, verify

_TOKENS = ("x-ci-security-token", "x-cos-security-token")  # SDKs differ in which they send


class Authenticator:
    """Checks the signature of every call; none is anonymous."""

    def __init__(
        self, secrets_of: Callable[[str, str], Sequence[str]], now: Callable[[], float]
    ) -> None:
        """Take what the check needs.

        Args:
            secrets_of: The secrets that count for an access key, given its secret id and the
                security token of the request (empty for none); none for an unknown key. May
                block, and may raise what is wrong with the key or the token.
            now: The clock, in unix seconds.
        """
        self._secrets_of = secrets_of
        self._now = now

    def check(self, call: Call) -> str:
        """Verify a call's signature; blocks as `secrets_of` does.

        Returns:
            The secret id of the access key that signed it.

        Raises:
            MissingAuthorizationError: The call is not signed.
            UnknownSecretIdError: The access key does not exist.
            InvalidAuthorizationError: The signature is unreadable or does not match.
            SignatureExpiredError: It is outside its time.
            SecurityTokenError: The security token of a temporary key is missing or another.
            ExpiredTokenError: The access key has come to its end.
        """
        signature = read_signature(call.headers, call.query)
        if signature is None:
            raise MissingAuthorizationError
        secrets = self._secrets_of(signature.secret_id, _token(call))
        if not secrets:
            raise UnknownSecretIdError(signature.secret_id)
        request = SignedRequest(
            method=call.method,
            path=call.path,
            query=call.query,
            headers=call.headers,
            port=call.port,
        )
        *others, last = secrets
        for secret_key in others:  # a secret that was rotated may count for a while
            with suppress(InvalidAuthorizationError):
                verify(signature, request, secret_key, self._now())
                return signature.secret_id
        verify(signature, request, last, self._now())
        return signature.secret_id


def _token(call: Call) -> str:
    """The security token, of a header or, in a presigned URL, of a parameter."""
    values = (read(name) for read in (call.header, call.argument) for name in _TOKENS)
    return next((value.strip() for value in values if value.strip()), "")
