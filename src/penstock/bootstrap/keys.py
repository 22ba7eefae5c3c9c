"""The root access key and the master key: from the settings, else kept in the data folder."""

import json
import secrets
from dataclasses import dataclass, field

from penstock.bootstrap.kept_files import keep
from penstock.domain.errors import InvalidArgumentError
from penstock.settings import Settings
from penstock.state.sealing import MASTER_KEY_BYTES, Sealer

_ROOT_KEY_FILE = "root-key.json"
_MASTER_KEY_FILE = "master-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """The root access key.

    Attributes:
        secret_id: Names it.
        secret_key: Signs with it; never logged.
        is_new: Whether it was made just now, to be shown once.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    is_new: bool = False


def find_root_key(settings: Settings) -> RootKey | None:
    """The root access key; None where there is none yet.

    Raises:
        InvalidArgumentError: Only one half of it is set.
    """
    secret_id, secret_key = settings.secret_id, settings.secret_key
    if bool(secret_id) != bool(secret_key):
        message = "set both secret_id and secret_key, or neither"
        raise InvalidArgumentError(message)
    if secret_id:
        return RootKey(secret_id=secret_id, secret_key=secret_key)
    kept = settings.data / _ROOT_KEY_FILE
    return RootKey(**json.loads(kept.read_text())) if kept.exists() else None


def root_key(settings: Settings) -> RootKey:
    """The root access key, made if need be.

    Raises:
        InvalidArgumentError: Only one half of it is set.
    """
    found = find_root_key(settings)
    if found is not None:
        return found
    made = {"secret_id": "AKID" + secrets.token_hex(16), "secret_key": secrets.token_hex(20)}
    kept = json.loads(keep(settings.data / _ROOT_KEY_FILE, json.dumps(made)))
    return RootKey(**kept, is_new=kept == made)


def find_master_key(settings: Settings) -> bytes | None:
    """What the secrets of access keys are sealed under; None where there is none yet.

    Raises:
        InvalidArgumentError: The one that is kept in the data folder is damaged.
    """
    kept = settings.data / _MASTER_KEY_FILE
    if settings.master_key:
        return _read_master_key(settings.master_key)
    return _read_master_key(kept.read_text()) if kept.exists() else None


def master_key(settings: Settings) -> bytes:
    """What the secrets of access keys are sealed under, made if need be.

    Raises:
        InvalidArgumentError: The one that is kept in the data folder is damaged.
    """
    found = find_master_key(settings)
    if found is not None:
        return found
    made = secrets.token_hex(MASTER_KEY_BYTES) + "\n"
    return _read_master_key(keep(settings.data / _MASTER_KEY_FILE, made))


def open_sealer(settings: Settings) -> Sealer:
    """What seals the secrets of access keys; its master key is made if need be.

    Raises:
        InvalidArgumentError: The master key that is kept in the data folder is damaged.
    """
    return Sealer(master_key(settings), secrets.token_bytes)


def _read_master_key(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != MASTER_KEY_BYTES:
        message = f"{_MASTER_KEY_FILE} in the data folder must be 64 hex digits"
        raise InvalidArgumentError(message)
    return found
