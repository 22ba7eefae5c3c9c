"""What runs in a worker process of Ray: one chunk a task, in the main thread.

What chunks of one process share is kept between them: the runner, with its stores and plans, and
the line to the driver. A worker that nobody waits for any more ends itself, and so does one whose
operation ignores its time limit. Nothing here knows Ray.
"""

import functools
import importlib
import os
import pickle
import platform
import threading
import time
from collections.abc import Callable

import structlog

from penstock import __version__
from penstock.domain.jobs import Job
from penstock.engine.ray_channel import Line
from penstock.engine.ray_messages import Call, DeskAddress, News, Word
from penstock.engine.runner import Assignment, Runner
from penstock.storage.opening import folder_of

_WATCH_SECONDS = 0.25
_GRACE_SECONDS = 30.0
_ORPHAN_SECONDS = 1.5
_REPORT_SECONDS = 0.2
_OVERTIME_EXIT = 70

_log = structlog.get_logger()


def run_chunk(call: Call, objects: bytes) -> bytes | str:
    """Run a chunk: its pickled `ChunkOutcome`, or one sentence on why it cannot be begun here.

    Args:
        objects: The packed objects of the chunk's origin.
    """
    if call.version != __version__:
        return f"{_here()} has penstock {__version__}, the server {call.version}"
    if call.is_elsewhere and (missing := _missing_folder(call.job)):
        return f"{_here()} does not have the folder {missing} of a bucket"
    try:
        runner = this_process().runner(call.factory, call.argument)
    except Exception as error:  # noqa: BLE001  # the installation of the node is at fault
        return f"{_here()} cannot make a runner: {type(error).__name__}: {error}"
    assignment = Assignment(job=call.job, chunk=call.chunk, objects=objects)
    return this_process().run(call, assignment, runner)


@functools.cache
def this_process() -> "NodeWorker":
    """What the chunks of this process share."""
    return NodeWorker()


class NodeWorker:
    """Runs chunks one behind the other, and listens beside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runners: dict[tuple[str, str], Runner] = {}
        self._line: Line | None = None
        self._desk: DeskAddress | None = None
        self._present: _Present | None = None
        self._exit_at = float("inf")
        self._reported_at = 0.0
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def runner(self, factory: str, argument: str) -> Runner:
        """The runner that a factory makes; made at the first call."""
        key = (factory, argument)
        if key not in self._runners:
            module, _, name = factory.partition(":")
            make: Callable[[str], Runner] = getattr(importlib.import_module(module), name)
            self._runners[key] = make(argument)
        return self._runners[key]

    def run(self, call: Call, assignment: Assignment, runner: Runner) -> bytes:
        """Run a chunk to its end, or until it is told to stop; the pickled outcome."""
        line = self._call_desk(call.desk)
        present = _Present(call.ticket, assignment.chunk.size, runner, line)
        with self._lock:
            self._present = present
        present.say(News.BEGUN)
        try:
            outcome = runner.run(
                assignment,
                is_cancelled=present.is_cancelled.is_set,
                may_begin=present.may_begin,
                report=functools.partial(self._report, present),
            )
        finally:
            with self._lock:
                self._present = None
        return pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)

    def _report(self, present: "_Present", fraction: float) -> None:
        now = time.monotonic()
        if now - self._reported_at > _REPORT_SECONDS:
            self._reported_at = now
            present.say(News.DONE, fraction)

    def _call_desk(self, address: DeskAddress) -> Line | None:
        """The line to the driver; None where it cannot be reached."""
        with self._lock:
            if self._line is not None and self._desk == address:
                return self._line
        try:
            line = Line(address, self._hear, self._lose)
        except OSError as error:
            _log.warning("no_line_to_server", host=address.host, error=str(error))
            return None
        with self._lock:
            self._line, self._desk = line, address
        return line

    def _hear(self, ticket: int, word: Word) -> None:
        with self._lock:
            present = self._present
        if present is not None and present.ticket == ticket:
            present.hear(word)

    def _lose(self) -> None:
        """The driver is gone: nobody waits for this work."""
        with self._lock:
            self._line = None
            if self._present is not None:
                self._present.is_cancelled.set()
                self._exit_at = time.monotonic() + _ORPHAN_SECONDS

    def _watch(self) -> None:
        """End the process when its chunk does not stop in time."""
        while True:
            time.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            with self._lock:
                present = self._present
                if present is None:
                    self._exit_at = float("inf")
                elif now > self._exit_at:
                    os._exit(0)
            if present is not None and now > present.runner.control.deadline + _GRACE_SECONDS:
                os._exit(_OVERTIME_EXIT)


class _Present:
    """The chunk at hand, and what its worker was told of it."""

    def __init__(self, ticket: int, size: int, runner: Runner, line: Line | None) -> None:
        self.ticket = ticket
        self.runner = runner
        self.is_cancelled = threading.Event()
        self._line = line
        self._lock = threading.Lock()
        self._is_draining = False
        self._index = 0
        self._end = size

    def may_begin(self, index: int) -> bool:
        with self._lock:
            self._index = index
            return index < self._end and not (self._is_draining and index)

    def hear(self, word: Word) -> None:
        if word is Word.CANCEL:
            self.is_cancelled.set()
        elif word is Word.CUT:
            self._cut()
        else:
            with self._lock:
                self._is_draining = True

    def say(self, news: News, number: float = 0) -> None:
        if self._line is not None:
            self._line.say(self.ticket, news, number)

    def _cut(self) -> None:
        """End the chunk behind its present object, if that leaves anything."""
        with self._lock:
            if self._index + 1 >= self._end:
                return
            self._end = self._index + 1
        self.say(News.CUT, self._end)


def _missing_folder(job: Job) -> str:
    """A folder of the job's buckets that is not on this machine; empty where all are."""
    folders = filter(None, map(folder_of, job.buckets.values()))
    return next((str(folder) for folder in folders if not folder.is_dir()), "")


def _here() -> str:
    return f"the node {platform.node()}"
