"""`penstock keys`: what its commands take; their work is imported when they are called."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

keys = typer.Typer(
    help="Manage access keys, also while servers use the database.", no_args_is_help=True
)


class Output(StrEnum):
    """The forms in which commands print."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


Data = Annotated[Path | None, typer.Option(help="Folder of the state.")]
Config = Annotated[Path | None, typer.Option(help="Settings file; else ./penstock.toml.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="PostgreSQL URL; else SQLite in the data folder.")
]
OutputForm = Annotated[Output, typer.Option(help="How to print.")]
SecretId = Annotated[str, typer.Argument(help="The key's secret id.")]
Policies = Annotated[
    list[Path] | None, typer.Option("--policy", help="Policy document (JSON); may be repeated.")
]


@keys.command("make")
def make_key(
    account: Annotated[str, typer.Argument(help="Sub-account that the key acts for.")],
    policy: Policies = None,
    lifetime: Annotated[
        int | None, typer.Option(min=1, help="Seconds until it ends; else never.")
    ] = None,
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
    output: OutputForm = Output.TABLE,
) -> None:
    """Make an access key and show its secret, now and never again."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(
        work.make(work.Place(data, config, database), output, account, policy or [], lifetime)
    )


@keys.command("list")
def list_keys(
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the access keys, oldest first, without their secrets."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(work.list_all(work.Place(data, config, database), output))


@keys.command("show")
def show_key(
    secret_id: SecretId,
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
    output: OutputForm = Output.TABLE,
) -> None:
    """Show an access key and its policies, without its secret."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(work.show(work.Place(data, config, database), output, secret_id))


@keys.command("policy")
def set_policies(
    secret_id: SecretId,
    policy: Policies = None,
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Give an access key these policies in place of those it has; none forbids everything."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(
        work.set_policies(work.Place(data, config, database), secret_id, policy or [])
    )


@keys.command("rotate")
def rotate_key(
    secret_id: SecretId,
    grace: Annotated[
        int, typer.Option(min=0, help="Seconds that the old secret counts as well.")
    ] = 0,
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
    output: OutputForm = Output.TABLE,
) -> None:
    """Give an access key a new secret and show it, now and never again."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(work.rotate(work.Place(data, config, database), output, secret_id, grace))


@keys.command("revoke")
def revoke_key(
    secret_id: SecretId,
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """End an access key, and every temporary key made from it, for ever."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(work.revoke(work.Place(data, config, database), secret_id))


@keys.command("adopt")
def adopt_keys(data: Data = None, database: DatabaseUrl = None, config: Config = None) -> None:
    """Have the servers of a database go over to the root and master key of these settings."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(work.adopt_keys(work.Place(data, config, database)))


@keys.command("token")
def make_temporary_key(
    secret_id: SecretId,
    policy: Policies = None,
    lifetime: Annotated[int, typer.Option(min=1, help="Seconds until it ends.")] = 1800,
    data: Data = None,
    database: DatabaseUrl = None,
    config: Config = None,
    output: OutputForm = Output.TABLE,
) -> None:
    """Make a temporary key with a security token from an access key or the root key."""
    from penstock.cli import keys as work  # noqa: PLC0415  # imported when called

    raise typer.Exit(
        work.make_temporary(
            work.Place(data, config, database), output, secret_id, policy or [], lifetime
        )
    )
