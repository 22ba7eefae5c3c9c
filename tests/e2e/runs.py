"""`penstock run` as a process, and a look into the state that it leaves."""

import os
import re
import signal
import sqlite3
import subprocess  # noqa: TID251  # the program under test is a child process
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.e2e.servers import PROGRAM, STOP_SECONDS
from tests.waiting import wait_until

RUN_SECONDS = 120.0
SMALL = """\
name: small
nodes:
  small:
    type: PicProcess
    params: {ProcessRule: imageMogr2/thumbnail/8x8/format/png}
    output: ${InputPath}/${InputName}.png
"""
# Slow enough to be interrupted: each of the large pictures takes some hundredths of a second.
SLOW = """\
name: slow
nodes:
  small:
    type: PicProcess
    params: {ProcessRule: imageMogr2/blur/20x20/thumbnail/16x16/format/png}
    output: ${InputName}.png
"""


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code; minus the number of the signal that ended it.
        data: What it wrote to standard output.
        prose: What it wrote to standard error.
    """

    code: int
    data: str
    prose: str


class Run:
    """One command line of `penstock run`, to be carried out once or several times."""

    def __init__(
        self,
        folder: Path,
        source: Path | str,
        output: Path | str,
        *options: str | Path,
        workflow: str = SMALL,
        environment: Mapping[str, str] | None = None,
        has_data: bool = True,
    ) -> None:
        """A command over a source; its state lies in the folder, beside its workflow file.

        Args:
            has_data: Whether the command says where its state lies.
        """
        self.data = folder / "data"
        self._folder = folder
        self._file = folder / "workflow.yaml"
        self._file.write_text(workflow)
        self._command = [
            *(*PROGRAM, "run", str(self._file), "--input", str(source)),
            *("--output", str(output)),
            *(("--data", str(self.data)) if has_data else ()),
            *map(str, options),
        ]
        self._environment = {
            **os.environ,
            "XDG_STATE_HOME": str(folder / "state"),
            **(environment or {}),
        }

    def __call__(self, *more: str) -> Ended:
        """Carry it out, with more options, to its end."""
        process = self._start(*more)
        return self._finish(process)

    def interrupt(self, number: signal.Signals, outputs: Path) -> Ended:
        """Carry it out, and send a signal when its first results are there."""
        process = self._start()
        try:
            wait_until(
                lambda: any(outputs.glob("*.png")) or process.poll() is not None,
                "the first results",
                RUN_SECONDS,
            )
            process.send_signal(number)
        except BaseException:
            process.kill()
            raise
        finally:
            ended = self._finish(process)
        return ended

    def recorded(self) -> Counter[str]:
        """How many recorded executions are in which state."""
        with closing(open_state(self.data)) as state:
            rows = state.execute("SELECT state, count(*) FROM executions GROUP BY state")
            return Counter(dict(rows.fetchall()))

    def jobs(self) -> list[str]:
        """The states of the jobs, oldest first."""
        with closing(open_state(self.data)) as state:
            rows = state.execute("SELECT state FROM jobs ORDER BY number").fetchall()
            return [state for (state,) in rows]

    def _start(self, *more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603  # our own words
            [*self._command, *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd=self._folder,
        )

    @staticmethod
    def _finish(process: "subprocess.Popen[str]") -> Ended:
        try:
            data, prose = process.communicate(timeout=RUN_SECONDS + STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            data, prose = process.communicate()
        return Ended(process.returncode, data, prose)


def open_state(data: Path) -> sqlite3.Connection:
    """The state in a data folder, read-only."""
    return sqlite3.connect(f"{(data / 'penstock.db').as_uri()}?mode=ro", uri=True)


def summary(ended: Ended) -> tuple[int, int, int]:
    """The numbers of succeeded, failed and skipped objects that a command told."""
    found = re.search(r"([\d,]+) succeeded, ([\d,]+) failed, ([\d,]+) skipped", ended.prose)
    assert found is not None, ended
    succeeded, failed, skipped = (int(number.replace(",", "")) for number in found.groups())
    return succeeded, failed, skipped
