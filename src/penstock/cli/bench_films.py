"""Transcoding: Penstock from submission to end, against ffmpeg with the same arguments."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg

from penstock.bootstrap.system import System
from penstock.cli.bench_jobs import Taken, below, node, run_job, timed
from penstock.domain.trees import Tree

_PART_SECONDS = 5  # what a film shows over and over
_VARIABLE = "PENSTOCK_FFMPEG"
_PARAMS: Tree = {
    "Transcode": {
        "Container": {"Format": "mp4"},
        "Video": {"Codec": "H.264", "Width": "640", "Crf": "25", "Preset": "veryfast"},
        "Audio": {"Codec": "aac", "Bitrate": "96"},
    }
}


def make_films(folder: Path, count: int, seconds: int) -> None:
    """Fill a folder with films of 1280x720 that move all over, with sound."""
    folder.mkdir(parents=True)
    part, first = folder / "part.mp4", folder / "film-0.mp4"
    pictures = f"mandelbrot=size=1280x720:rate=25,trim=duration={_PART_SECONDS}"
    sound = f"sine=frequency=440:duration={_PART_SECONDS}"
    start = [_ffmpeg(), "-nostdin", "-loglevel", "error"]
    made = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    _run_bare([*start, *made, *codec, str(part)], folder)
    looped = ["-stream_loop", "-1", "-i", str(part), "-t", str(seconds), "-c", "copy"]
    _run_bare([*start, *looped, str(first)], folder)
    part.unlink()
    for number in range(1, count):
        (folder / f"film-{number}.mp4").write_bytes(first.read_bytes())


def transcode(system: System, prefix: str, attempt: str) -> Taken:
    """What a job takes that transcodes every film."""
    pattern = f"{attempt}/${{InputName}}.${{Ext}}"
    return run_job(system, below(prefix), {"Transcode": node("Transcode", _PARAMS, pattern)})


@contextmanager
def overheard(folder: Path) -> Iterator[None]:
    """Have workers that start meanwhile keep the arguments of every ffmpeg in a folder."""
    folder.mkdir()
    listener = folder / "ffmpeg"
    log, program = shlex.quote(str(folder)), shlex.quote(_ffmpeg())
    listener.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > {log}/$$.args\nexec {program} "$@"\n')
    listener.chmod(0o755)
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(listener)
    try:
        yield
    finally:
        del os.environ[_VARIABLE]
        if before is not None:
            os.environ[_VARIABLE] = before


def commands_in(folder: Path) -> list[list[str]]:
    """The command lines that were overheard, each once; forgets them."""
    found = []
    for path in sorted(folder.glob("*.args")):
        found.append([_ffmpeg(), *path.read_bytes().decode().split("\0")[:-1]])
        path.unlink()
    return found


def transcode_barely(commands: list[list[str]], workers: int, folder: Path) -> Taken:
    """What the same command lines take, so many at a time."""
    folders = [folder / str(number) for number in range(len(commands))]
    for one in folders:
        one.mkdir(parents=True)
    with ThreadPoolExecutor(workers) as threads:
        return timed(lambda: list(threads.map(_run_bare, commands, folders)))


def _run_bare(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _ffmpeg() -> str:
    return os.environ.get(_VARIABLE) or imageio_ffmpeg.get_ffmpeg_exe()
