"""Signatures at the door: who sent a call."""

from collections.abc import Callable

from penstock.api.requests import Call
from penstock.domain.errors import MissingAuthorizationError, UnknownSecretIdError
from penstock.wire.signature import SignedRequest, read_signature, verify


class Authenticator:
    """Checks the signature of every call; none is anonymous."""

    def __init__(self, secret_of: Callable[[str], str | None], now: Callable[[], float]) -> None:
        """Take what the check needs.

        Args:
            secret_of: The secret key of an access key; None for an unknown one. May block.
            now: The clock, in unix seconds.
        """
        self._secret_of = secret_of
        self._now = now

    def check(self, call: Call) -> str:
        """Verify a call's signature; blocks as `secret_of` does.

        Returns:
            The secret id of the access key that signed it.

        Raises:
            MissingAuthorizationError: The call is not signed.
            UnknownSecretIdError: The access key does not exist.
            InvalidAuthorizationError: The signature is unreadable or does not match.
            SignatureExpiredError: It is outside its time.
        """
        signature = read_signature(call.headers, call.query)
        if signature is None:
            raise MissingAuthorizationError
        secret_key = self._secret_of(signature.secret_id)
        if secret_key is None:
            raise UnknownSecretIdError(signature.secret_id)
        request = SignedRequest(
            method=call.method,
            path=call.path,
            query=call.query,
            headers=call.headers,
            port=call.port,
        )
        verify(signature, request, secret_key, self._now())
        return signature.secret_id
