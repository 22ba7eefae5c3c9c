"""The installed program as a server process, the processes below it, and the SDK pointed at it."""

import os
import re
import signal
import subprocess  # noqa: TID251  # the program under test is a child process
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from qcloud_cos import CosConfig, CosS3Client

from tests.storage.servers import S3Server
from tests.waiting import wait_until

BUCKET = "demo-1250000000"
REGION = "ap-chongqing"
ACCESS_KEY_ID = "AKIDofTheEndToEndTests"
ACCESS_KEY = "a-secret-of-the-end-to-end-tests"
PROGRAM = (sys.executable, "-m", "penstock")

START_SECONDS = 60.0
STOP_SECONDS = 60.0

_LISTENING = re.compile(r"^penstock: listening on http://127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Form(StrEnum):
    """The three ways of `wire.md` 13.1 to point the SDK at a server."""

    DOMAIN = "IP, Port and Domain"
    ADDRESS = "IP and Port"
    PROXY = "Proxies"


class Server:
    """`penstock serve` as a process over one bucket; its data folder outlives the process."""

    def __init__(
        self,
        folder: Path,
        bucket_url: str,
        *,
        environment: Mapping[str, str] | None = None,
        workers: int = 2,
        options: Sequence[str] = (),
    ) -> None:
        """A server that is not started yet.

        Args:
            folder: For the data and the log of the server.
            bucket_url: What `BUCKET` is bound to.
            environment: Variables on top of this process's own.
            workers: How many worker processes it has.
            options: More of the command line.
        """
        self.data = folder / "data"
        self._log = folder / "server.log"
        self._command = [
            *(*PROGRAM, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"),
            *("--bucket", f"{BUCKET}={bucket_url}", "--workers", str(workers)),
            *options,
        ]
        self._environment = {
            **os.environ,
            "PENSTOCK_SECRET_ID": ACCESS_KEY_ID,
            "PENSTOCK_SECRET_KEY": ACCESS_KEY,
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Number of the present process."""
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        """Where the present process listens."""
        found = _LISTENING.search(self.log())
        assert found is not None, self.log()
        return int(found[1])

    def log(self) -> str:
        """What the present process has written so far."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def launch(self) -> None:
        """Start a process on the data folder, without waiting for it."""
        assert self._process is None, "it runs already"
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own words
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._log.parent,
            )

    def start(self) -> None:
        """Start a process on the data folder and wait until it listens."""
        self.launch()
        wait_until(
            lambda: _LISTENING.search(self.log()) or not self.is_running(),
            "the server to listen",
            START_SECONDS,
        )
        assert self.is_running(), self.log()

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the process, and nothing but it, as `kill -9` does; safe when it has none."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def terminate(self) -> int:
        """Ask the process to drain and end; its exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def client(
        self, form: Form = Form.DOMAIN, *, secret_id: str = ACCESS_KEY_ID, secret: str = ACCESS_KEY
    ) -> CosS3Client:
        """The official SDK, unmodified, pointed here."""
        where: dict[Form, dict[str, Any]] = {
            Form.DOMAIN: {
                "IP": "127.0.0.1",
                "Port": self.port,
                "Domain": f"{BUCKET}.ci.{REGION}.myqcloud.com",
            },
            Form.ADDRESS: {"IP": "127.0.0.1", "Port": self.port},
            Form.PROXY: {"Proxies": {"http": f"http://127.0.0.1:{self.port}"}},
        }
        config = CosConfig(
            Region=REGION, SecretId=secret_id, SecretKey=secret, Scheme="http", **where[form]
        )
        return CosS3Client(config)

    def workers(self) -> set[int]:
        """The worker processes."""
        return {pid for pid in children_of(self.pid) if "penstock.engine.worker" in _command(pid)}

    def media_programs(self) -> set[int]:
        """Every ffmpeg at work for this server, also one whose worker is gone."""
        return {
            pid
            for pid in _processes()
            if "ffmpeg" in _command(pid).partition(" ")[0] and _is_within(pid, self.data)
        }


def s3_url(server: S3Server, bucket: str) -> str:
    """The storage URL of a bucket there."""
    return f"s3://{bucket}?endpoint={server.endpoint}&region=us-east-1"


def s3_environment(server: S3Server) -> dict[str, str]:
    """The keys to it, where programs look for them."""
    return {"AWS_ACCESS_KEY_ID": server.secret_id, "AWS_SECRET_ACCESS_KEY": server.secret_key}


def children_of(parent: int) -> set[int]:
    """The processes whose parent this is."""
    return {pid for pid in _processes() if _parent(pid) == parent}


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _parent(pid: int) -> int:
    def read() -> str:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[1]

    return int(_of_living(read) or 0)


def _command(pid: int) -> str:
    return _of_living(
        lambda: Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    )


def _is_within(pid: int, folder: Path) -> bool:
    """Whether a process works in a folder; ffmpeg works in its scratch space."""
    where = _of_living(lambda: str(Path(f"/proc/{pid}/cwd").readlink()))
    return Path(where).is_relative_to(folder.resolve())


def _of_living(read: Callable[[], str]) -> str:
    """What `/proc` says of a process; empty when it is gone or another user's."""
    try:
        return read()
    except OSError:
        return ""
