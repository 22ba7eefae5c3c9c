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
from typing import NamedTuple

import structlog

from penstock import __version__
from penstock.domain.jobs import Job
from penstock.engine.in_hand import OVERTIME_EXIT, InHand
from penstock.engine.ray_channel import Line
from penstock.engine.ray_messages import Call, DeskAddress, News, Word
from penstock.engine.runner import Assignment, Runner
from penstock.storage.opening import folder_of

_WATCH_SECONDS = 0.25
_ORPHAN_SECONDS = 1.5

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

        def say(news: News, number: float = 0) -> None:
            if line is not None:
                line.say(call.ticket, news, number)

        in_hand = InHand(assignment, runner, report=functools.partial(say, News.DONE))
        with self._lock:
            self._present = _Present(call.ticket, in_hand, functools.partial(say, News.CUT))
        say(News.BEGUN)
        try:
            outcome = in_hand.run()
        finally:
            with self._lock:
                self._present = None
        return pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)

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
                self._present.in_hand.cancel()
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
            if present is not None and present.in_hand.is_overdue():
                os._exit(OVERTIME_EXIT)


class _Present(NamedTuple):
    """The chunk at hand, and how the driver names it and is told of a cut."""

    ticket: int
    in_hand: InHand
    tell_cut: Callable[[int], None]

    def hear(self, word: Word) -> None:
        """Do as the driver says."""
        match word:
            case Word.CANCEL:
                self.in_hand.cancel()
            case Word.CUT:
                self.in_hand.cut(self.tell_cut)
            case Word.DRAIN:
                self.in_hand.drain()


def _missing_folder(job: Job) -> str:
    """A folder of the job's buckets that is not on this machine; empty where all are."""
    folders = filter(None, map(folder_of, job.buckets.values()))
    return next((str(folder) for folder in folders if not folder.is_dir()), "")


def _here() -> str:
    return f"the node {platform.node()}"
