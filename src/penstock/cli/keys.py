"""The work of `penstock keys`: on the database of a data folder, beside a server that uses it."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from penstock.bootstrap.clock import now_ms
from penstock.bootstrap.databases import adopt, open_keys
from penstock.cli.exits import BAD_USAGE, COULD_NOT, OK, explain
from penstock.cli.key_commands import Output
from penstock.cli.tables import cell_text, write_table
from penstock.domain.errors import InvalidArgumentError, PenstockError, RequestError
from penstock.domain.keys import AccessKey, NewSecret
from penstock.service.keys import KeyService
from penstock.settings import Settings, read_settings

Facts = Mapping[str, object]


class Place(NamedTuple):
    """Which keys are meant.

    Attributes:
        data: The data folder; None for that of the settings.
        config: A settings file; None for the one in the working directory.
        database: A PostgreSQL URL; None for that of the settings, if there is one.
    """

    data: Path | None
    config: Path | None
    database: str | None = None

    def settings(self) -> Settings:
        """The settings there.

        Raises:
            InvalidArgumentError: A setting is wrong.
        """
        return read_settings(self.config, data=self.data, database=self.database)


def make(
    place: Place, output: Output, account: str, policies: Sequence[Path], lifetime: int | None
) -> int:
    """Make a key; the exit code."""

    def work(keys: KeyService) -> None:
        documents = _read_policies(policies)
        made = keys.make(account, documents, lifetime_seconds=lifetime)
        _show_secret(made, output)
        if not documents:
            _say("the key has no policy yet and may do nothing; see `penstock keys policy`")

    return _carry_out(place, work, is_first=True)


def make_temporary(
    place: Place, output: Output, secret_id: str, policies: Sequence[Path], lifetime: int
) -> int:
    """Make a temporary key; the exit code."""
    return _carry_out(
        place,
        lambda keys: _show_secret(
            keys.make_temporary(
                secret_id, lifetime_seconds=lifetime, policies=_read_policies(policies)
            ),
            output,
        ),
    )


def list_all(place: Place, output: Output) -> int:
    """List every key; the exit code."""

    def work(keys: KeyService) -> None:
        rows = [_facts(key) for key in keys.list()]
        if output is Output.TABLE:
            write_table(rows)
        elif output is Output.JSON:
            _write(json.dumps(rows, indent=2))
        else:
            for row in rows:
                _write(json.dumps(row))

    return _carry_out(place, work)


def show(place: Place, output: Output, secret_id: str) -> int:
    """Show a key with its policies; the exit code."""

    def work(keys: KeyService) -> None:
        key = keys.get(secret_id)
        documents = [json.loads(policy) for policy in key.policies]
        _write_facts({**_facts(key), "policies": documents}, output)

    return _carry_out(place, work)


def set_policies(place: Place, secret_id: str, policies: Sequence[Path]) -> int:
    """Give a key other policies; the exit code."""

    def work(keys: KeyService) -> None:
        keys.set_policies(secret_id, _read_policies(policies))
        _say(f"access key {secret_id} has {len(policies)} policies")

    return _carry_out(place, work)


def rotate(place: Place, output: Output, secret_id: str, grace: int) -> int:
    """Give a key a new secret; the exit code."""
    return _carry_out(
        place,
        lambda keys: _show_secret(keys.rotate(secret_id, grace_seconds=grace), output),
    )


def revoke(place: Place, secret_id: str) -> int:
    """End a key; the exit code."""

    def work(keys: KeyService) -> None:
        keys.revoke(secret_id)
        _say(f"access key {secret_id} is revoked")

    return _carry_out(place, work)


def adopt_keys(place: Place) -> int:
    """Have the servers of a database go over to other keys; the exit code."""
    try:
        adopt(place.settings())
    except RequestError as error:
        return explain(error, BAD_USAGE)
    except (PenstockError, OSError) as error:
        return explain(error, COULD_NOT)
    _say("servers that start from now on must have these root and master keys")
    return OK


def _carry_out(place: Place, work: Callable[[KeyService], None], *, is_first: bool = False) -> int:
    try:
        with open_keys(place.settings(), is_first=is_first) as keys:
            work(keys)
    except RequestError as error:
        return explain(error, BAD_USAGE)
    except (PenstockError, OSError) as error:
        return explain(error, COULD_NOT)
    return OK


def _read_policies(paths: Sequence[Path]) -> list[str]:
    """The policy documents in files.

    Raises:
        InvalidArgumentError: A file cannot be read; names every one.
    """
    documents = []
    faults = []
    for path in paths:
        try:
            documents.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"cannot read the policy {str(path)!r}: {error}")
    if faults:
        raise InvalidArgumentError(*faults)
    return documents


def _facts(key: AccessKey) -> dict[str, object]:
    """What may be shown of a key."""
    return {
        "secret_id": key.secret_id,
        "account": key.account,
        "state": str(key.state(now_ms())),
        "parent": key.parent or None,
        "created": _time(key.created_ms),
        "expires": _time(key.expires_ms),
        "revoked": _time(key.revoked_ms),
        "old_secret_until": _time(key.old_until_ms),
        "policies": len(key.policies),
    }


def _show_secret(secret: NewSecret, output: Output) -> None:
    facts: dict[str, object] = {
        "secret_id": secret.secret_id,
        "secret_key": secret.secret_key,
    }
    if secret.token:
        facts["token"] = secret.token
    if secret.expires_ms is not None:
        facts["expires"] = _time(secret.expires_ms)
    _write_facts(facts, output)
    _say("the secret is shown only now; it cannot be read again")


def _write_facts(facts: Facts, output: Output) -> None:
    if output is not Output.TABLE:
        _write(json.dumps(facts, indent=2 if output is Output.JSON else None))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        text = json.dumps(value, indent=2) if isinstance(value, list) else cell_text(value)
        _write(f"{name:<{width}}  {text}")


def _time(moment_ms: int | None) -> str | None:
    """A moment in UTC, for people and programs."""
    if moment_ms is None:
        return None
    return f"{datetime.fromtimestamp(moment_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say(text: str) -> None:
    sys.stderr.write(f"penstock: {text}\n")
