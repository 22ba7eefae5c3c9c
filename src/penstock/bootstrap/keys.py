"""The root access key and the master key: from the settings, else kept in the data folder."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock.bootstrap.clock import now_ms
from penstock.domain.errors import InvalidArgumentError
from penstock.service.keys import KeyService
from penstock.settings import Settings
from penstock.state.database import Database
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
    kept = json.loads(_keep(settings.data / _ROOT_KEY_FILE, json.dumps(made)))
    return RootKey(**kept, is_new=kept == made)


def open_sealer(settings: Settings) -> Sealer:
    """What seals the secrets of access keys; its master key is made if need be.

    Raises:
        InvalidArgumentError: The master key that is kept in the data folder is damaged.
    """
    text = settings.master_key or _keep(
        settings.data / _MASTER_KEY_FILE, secrets.token_hex(MASTER_KEY_BYTES) + "\n"
    )
    try:
        master_key = bytes.fromhex(text)
    except ValueError:
        master_key = b""
    if len(master_key) != MASTER_KEY_BYTES:
        message = f"{_MASTER_KEY_FILE} in the data folder must be 64 hex digits"
        raise InvalidArgumentError(message)
    return Sealer(master_key, secrets.token_bytes)


@contextmanager
def open_keys(settings: Settings, *, is_first: bool = False) -> Iterator[KeyService]:
    """The access keys of a data folder, also of one that a server is using.

    Args:
        is_first: Whether a data folder that does not exist is made.

    Raises:
        InvalidArgumentError: The settings are wrong, or there is no data folder.
        BackendError: The database cannot be opened.
    """
    if settings.database:
        message = "database: this build keeps its state in SQLite, in the data folder"
        raise InvalidArgumentError(message)
    path = settings.data.absolute() / "penstock.db"
    if is_first:
        settings.data.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        message = f"data: {str(settings.data)!r} is no data folder of penstock"
        raise InvalidArgumentError(message)
    root = find_root_key(settings)
    sealer = open_sealer(settings)
    with closing(Database.open_sqlite(path)) as database:
        yield KeyService(
            database,
            sealer,
            root_id="" if root is None else root.secret_id,
            now_ms=now_ms,
            random_bytes=secrets.token_bytes,
        )


def _keep(path: Path, text: str) -> str:
    """What a private file holds; one that is missing gets this text, at once and for good.

    Of several processes that start together one makes the file, whole, and all of them read it.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _link(draft, path)
        finally:
            draft.unlink()
    return path.read_text()


def _link(draft: Path, path: Path) -> None:
    """Let a complete file appear under its name, unless another has it, and fix that on disk."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
