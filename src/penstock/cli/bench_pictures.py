"""Thumbnails: Penstock from submission to end, against libvips and nothing else."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

from penstock.bootstrap.system import System
from penstock.cli.bench_jobs import Taken, below, node, run_job, timed
from penstock.domain.trees import Tree

_WIDTH, _HEIGHT = 4000, 3000  # twelve megapixels
_DIFFERENT = 8
_SIDE, _QUALITY = 320, 75
_RULE = f"imageMogr2/thumbnail/{_SIDE}x/format/webp/quality/{_QUALITY}!"


def make_pictures(folder: Path, count: int, photographs: Sequence[Path] = ()) -> None:
    """Fill a folder with JPEGs: photographs over and over, else made ones of 12 megapixels."""
    folder.mkdir(parents=True)
    sources = list(photographs) or [
        _made(folder / f"made-{number}.jpg", number) for number in range(min(count, _DIFFERENT))
    ]
    for number, source in enumerate(islice(cycle(sources), count)):
        (folder / f"IMG_{number:06}.jpg").write_bytes(source.read_bytes())
    if not photographs:
        for source in sources:
            source.unlink()


def make_thumbnails(system: System, prefix: str, attempt: str) -> Taken:
    """What a job takes that makes a thumbnail of every picture."""
    params: Tree = {"PicProcess": {"ProcessRule": _RULE}}
    pattern = f"{attempt}/${{InputName}}.${{Ext}}"
    return run_job(system, below(prefix), {"Thumbnail": node("PicProcess", params, pattern)})


@contextmanager
def bare_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that have libvips and nothing else."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        list(pool.map(_warm_up, range(workers * 4)))
        yield pool


def make_bare_thumbnails(pool: ProcessPoolExecutor, source: Path, target: Path) -> Taken:
    """What the same thumbnails take when libvips is called for every picture."""
    target.mkdir()
    pictures = sorted(source.iterdir())
    targets = [target / f"{path.stem}.webp" for path in pictures]
    return timed(lambda: list(pool.map(_bare_thumbnail, pictures, targets)))


def _bare_thumbnail(source: Path, target: Path) -> None:
    import pyvips  # noqa: PLC0415 - only processes of the pool need it

    made = pyvips.Image.thumbnail(str(source), _SIDE, height=10 * _SIDE)
    made.webpsave(str(target), Q=_QUALITY)


def _warm_up(_number: int) -> None:
    import pyvips  # noqa: PLC0415 - see above

    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)


def _made(path: Path, number: int) -> Path:
    """A picture of large shapes and fine grain, which costs what a photograph costs."""
    import pyvips  # noqa: PLC0415 - see above

    bands = [
        pyvips.Image.perlin(_WIDTH, _HEIGHT, cell_size=300, seed=number * 3 + band) * 110 + 128
        for band in range(3)
    ]
    grain = pyvips.Image.gaussnoise(_WIDTH, _HEIGHT, sigma=12, mean=0, seed=number).gaussblur(0.7)
    picture = bands[0].bandjoin(bands[1:]) + grain
    picture.cast("uchar").copy(interpretation="srgb").jpegsave(str(path), Q=90)
    return path
