"""`penstock bench operations`: what Penstock adds to the libraries and programs that do the work.

Penstock and the bare thing take turns; of each the best turn counts, so that whatever else the
machine does is in the way of neither.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from penstock.cli.bench_downloads import count_downloads, counting_store
from penstock.cli.bench_films import (
    commands_in,
    make_films,
    overheard,
    transcode,
    transcode_barely,
)
from penstock.cli.bench_jobs import Taken, running_system
from penstock.cli.bench_pictures import (
    bare_pool,
    make_bare_thumbnails,
    make_pictures,
    make_thumbnails,
)
from penstock.cli.bench_printing import print_figure

_NODES = (1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured.

    Attributes:
        pictures: Thumbnails of a turn.
        films: Films of a turn.
        film_seconds: Length of each film.
        turns: How often Penstock and the bare thing take turns.
        workers: Processes of either.
        photographs: A folder of JPEGs to take in place of made ones; None for made ones.
    """

    pictures: int
    films: int
    film_seconds: int
    turns: int
    workers: int
    photographs: Path | None = None


def operations(extent: Extent) -> None:
    """Measure, and print the figures."""
    print_figure("workers", str(extent.workers))
    for measure in (_pictures, _films, _downloads):
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
            measure(extent, Path(folder))


def _pictures(extent: Extent, folder: Path) -> None:
    source = folder / "bucket" / "in"
    make_pictures(source, extent.pictures, _photographs(extent))
    url = (folder / "bucket").as_uri()
    with (
        running_system(folder / "data", url, folder / "out", extent.workers) as system,
        bare_pool(extent.workers) as pool,
    ):
        make_thumbnails(system, "in/IMG_00000", "warm")  # workers have their libraries loaded
        ours, bare = _in_turns(
            extent.turns,
            lambda turn: make_thumbnails(system, "in/", f"turn-{turn}"),
            lambda turn: make_bare_thumbnails(pool, source, folder / f"bare-{turn}"),
        )
    print_figure("thumbnails", f"{extent.pictures} a turn, {extent.turns} turns")
    _print_pair(f"{extent.pictures / ours.seconds:,.1f}/s", "libvips", ours, bare)


def _films(extent: Extent, folder: Path) -> None:
    make_films(folder / "bucket" / "in", extent.films, extent.film_seconds)
    with (
        overheard(folder / "heard"),
        running_system(
            folder / "data", (folder / "bucket").as_uri(), folder / "out", extent.workers
        ) as system,
    ):
        transcode(system, "in/", "warm")
        commands = commands_in(folder / "heard")
        ours, bare = _in_turns(
            extent.turns,
            lambda turn: transcode(system, "in/", f"turn-{turn}"),
            lambda turn: transcode_barely(commands, extent.workers, folder / f"bare-{turn}"),
        )
    seconds = extent.films * extent.film_seconds
    print_figure(
        "films", f"{extent.films} of {extent.film_seconds} s a turn, {extent.turns} turns"
    )
    _print_pair(f"{seconds / ours.seconds:,.1f} times real time", "ffmpeg", ours, bare)


def _downloads(_extent: Extent, folder: Path) -> None:
    make_pictures(folder / "bucket" / "in", 1)
    with (
        counting_store(folder / "bucket") as store,
        running_system(folder / "data", store.url, folder / "out", 1) as system,
    ):
        for nodes in _NODES:
            found = count_downloads(system, store, "in/IMG_000000.jpg", nodes)
            print_figure(f"downloads for {nodes} nodes", str(found))


def _photographs(extent: Extent) -> Sequence[Path]:
    folder = extent.photographs
    return sorted(folder.glob("*.[jJ][pP]*[gG]")) if folder is not None else ()


def _in_turns(
    turns: int, ours: Callable[[int], Taken], bare: Callable[[int], Taken]
) -> tuple[Taken, Taken]:
    taken = [(ours(turn), bare(turn)) for turn in range(turns)]
    best = (reduce(Taken.better_of, one) for one in zip(*taken, strict=True))
    first, second = best
    return first, second


def _print_pair(rate: str, name: str, ours: Taken, bare: Taken) -> None:
    print_figure(
        "  Penstock", f"{rate}, {ours.seconds:.2f} s, {ours.cpu_seconds:.2f} s of processor"
    )
    print_figure(f"  {name}", f"{bare.seconds:.2f} s, {bare.cpu_seconds:.2f} s of processor")
    print_figure("  ratio", f"{bare.seconds / ours.seconds:.3g}")
    if ours.cpu_seconds:
        print_figure("  ratio of processor time", f"{bare.cpu_seconds / ours.cpu_seconds:.3g}")
