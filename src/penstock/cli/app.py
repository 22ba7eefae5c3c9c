"""The `penstock` command: what it takes; each command's work is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from penstock import __version__
from penstock.cli.key_commands import DatabaseUrl, Output, OutputForm, keys

app = typer.Typer(
    name="penstock",
    help="Run a workflow over every object that already sits in a bucket.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
bench = typer.Typer(help="Measure this build on this machine.", no_args_is_help=True)
app.add_typer(bench, name="bench")
app.add_typer(keys, name="keys")

Data = Annotated[Path | None, typer.Option(help="Folder of the state and scratch space.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes.")]
Engine = Annotated[
    str | None, typer.Option("--engine", help="Who runs chunks: local, or ray for a cluster.")
]
RayAddress = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Ray cluster, or auto; else a Ray of its own."),
]
Config = Annotated[Path | None, typer.Option(help="Settings file; else ./penstock.toml.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Run a workflow over every object that already sits in a bucket."""
    if version:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.command()
def serve(
    data: Data = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT; port 0 picks a free one.")] = None,
    bucket: Annotated[
        list[str] | None, typer.Option(help="NAME=URL: bind a bucket, open all services on it.")
    ] = None,
    database: DatabaseUrl = None,
    engine: Engine = None,
    ray_address: RayAddress = None,
    workers: Workers = None,
    config: Config = None,
) -> None:
    """Serve the wire API and the objects of the bound buckets, and drive the jobs."""
    from penstock.cli.serve import serve as work  # noqa: PLC0415  # imported when called

    given = {
        "data": data,
        "listen": listen,
        "database": database,
        "engine": engine,
        "ray_address": ray_address,
        "workers": workers,
    }
    raise typer.Exit(work(bucket or [], config, given))


@app.command("engine")
def run_engine(
    data: Data = None,
    database: DatabaseUrl = None,
    engine: Engine = None,
    ray_address: RayAddress = None,
    workers: Workers = None,
    config: Config = None,
) -> None:
    """Drive the jobs of a PostgreSQL database and deliver callbacks, without serving anything."""
    from penstock.cli.engine import run_engine as work  # noqa: PLC0415  # imported when called

    given = {
        "data": data,
        "database": database,
        "engine": engine,
        "ray_address": ray_address,
        "workers": workers,
    }
    raise typer.Exit(work(config, given))


@app.command()
def run(
    workflow: Annotated[Path, typer.Argument(help="Workflow file (YAML).")],
    source: Annotated[str, typer.Option("--input", help="URL or path of the source bucket.")],
    output: Annotated[
        str, typer.Option(help="URL or path of the bucket for results, if the workflow makes any.")
    ] = "",
    prefix: Annotated[str, typer.Option(help="Only keys that begin with this.")] = "",
    manifest: Annotated[str, typer.Option(help="Key of an inventory's manifest.json.")] = "",
    url_file: Annotated[str, typer.Option(help="Key of a list of object URLs.")] = "",
    object_: Annotated[str, typer.Option("--object", help="One key.")] = "",
    modified_after: Annotated[str, typer.Option(help="Only objects at least as new.")] = "",
    modified_before: Annotated[str, typer.Option(help="Only objects at least as old.")] = "",
    data: Data = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a line an object: .csv or JSON lines.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan, show the plan, run nothing.")
    ] = False,
    workers: Workers = None,
    config: Config = None,
) -> None:
    """Run a workflow file over a folder or bucket, without a server.

    Interrupted in any way, the same command goes on where it stopped. Exit code: 0 all
    succeeded, 1 some objects failed, 2 bad usage or input, 3 the job could not be carried out.
    """
    from penstock.cli.run import run as work  # noqa: PLC0415  # imported when called
    from penstock.cli.run_request import RunRequest  # noqa: PLC0415

    request = RunRequest(
        workflow=workflow,
        source=source,
        output=output,
        prefix=prefix,
        manifest=manifest,
        url_file=url_file,
        object_key=object_,
        modified_after=modified_after,
        modified_before=modified_before,
        report=report,
        is_dry_run=dry_run,
    )
    raise typer.Exit(work(request, config, {"data": data, "workers": workers}))


@app.command()
def operations(output: OutputForm = Output.TABLE) -> None:
    """List what a node of a workflow can be, where it comes from, and what else is missing."""
    from penstock.cli.operations import show_operations  # noqa: PLC0415  # imported when called

    show_operations(output)


@bench.command("control-plane")
def bench_control_plane(
    objects: Annotated[int, typer.Option(min=1000, help="Objects of the job.")] = 200_000,
    workers: Workers = None,
    database: Annotated[
        str, typer.Option(help="PostgreSQL URL; or embedded, which is SQLite.")
    ] = "embedded",
    engine: Annotated[
        str, typer.Option("--engine", help="ray compares Ray with local workers.")
    ] = "local",
    ray_address: RayAddress = None,
    memory_csv: Annotated[
        Path | None, typer.Option(help="Write the memory over time as CSV; local engine only.")
    ] = None,
) -> None:
    """Time a job that does nothing to many objects, beside the bare cost of its rows."""
    from penstock.cli.bench import control_plane  # noqa: PLC0415  # imported when called

    raise typer.Exit(
        control_plane(
            objects,
            workers,
            database,
            engine=engine,
            ray_address=ray_address or "",
            memory_csv=memory_csv,
        )
    )


@bench.command("manifest")
def bench_manifest(
    rows: Annotated[int, typer.Option(min=1000, help="Objects of the inventory.")] = 1_000_000,
    turns: Annotated[int, typer.Option(min=1, help="How often each way is taken.")] = 3,
) -> None:
    """Time the reading of an inventory beside DuckDB and `zcat | wc -l`."""
    from penstock.cli.bench_manifest import manifest  # noqa: PLC0415  # imported when called

    manifest(rows, turns)


@bench.command("listing")
def bench_listing(
    files: Annotated[int, typer.Option(min=1000, help="Files of the folder.")] = 100_000,
    turns: Annotated[int, typer.Option(min=1, help="How often each way is taken.")] = 3,
) -> None:
    """Time the listing of a folder beside a bare walk and obstore."""
    from penstock.cli.bench_listing import listing  # noqa: PLC0415  # imported when called

    listing(files, turns)


@bench.command("operations")
def bench_operations(
    pictures: Annotated[int, typer.Option(min=1, help="Thumbnails of a turn.")] = 400,
    films: Annotated[int, typer.Option(min=1, help="Films of a turn.")] = 4,
    film_seconds: Annotated[int, typer.Option(min=1, help="Seconds of a film.")] = 60,
    turns: Annotated[int, typer.Option(min=1, help="How often either side runs.")] = 3,
    workers: Annotated[int, typer.Option(min=1, help="Processes of either side.")] = 2,
    photographs: Annotated[
        Path | None, typer.Option(help="Folder of JPEGs; else they are made.")
    ] = None,
) -> None:
    """Time thumbnails and transcoding beside bare libvips and ffmpeg; count downloads."""
    from penstock.cli.bench_operations import Extent  # noqa: PLC0415  # imported when called
    from penstock.cli.bench_operations import operations as work  # noqa: PLC0415

    work(
        Extent(
            pictures=pictures,
            films=films,
            film_seconds=film_seconds,
            turns=turns,
            workers=workers,
            photographs=photographs,
        )
    )


def main() -> None:
    """Run the command line."""
    app()
