"""Seals secrets before they are stored; the only door to encryption.

A signature can only be checked with the secret itself, so a digest will not do. A sealed secret
is the nonce of 12 bytes, then what AES-256-GCM makes of the text; it is bound to a name, so that
one moved to another row does not open.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.domain.errors import MasterKeyError

MASTER_KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens secrets under one master key. Safe to use from several threads."""

    def __init__(self, master_key: bytes, random_bytes: Callable[[int], bytes]) -> None:
        """Take the key.

        Args:
            master_key: 32 bytes.
            random_bytes: That many bytes that nobody can guess.
        """
        self._cipher = AESGCM(master_key)
        self._random_bytes = random_bytes

    def seal(self, secret: str, name: str) -> bytes:
        """A secret in a form that only the master key opens, and only under this name."""
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), name.encode())

    def open(self, sealed: bytes, name: str) -> str:
        """The secret that was sealed under a name.

        Raises:
            MasterKeyError: It was sealed under another master key or name, or is damaged.
        """
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, name.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise MasterKeyError(name) from error
