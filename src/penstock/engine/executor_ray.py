"""Chunks as tasks of a Ray cluster; survives the loss of workers, nodes and the cluster itself.

The executor keeps what it has handed out; a driver process below it talks to Ray (`ray_driver`).
Where the driver ends, whatever the reason, all chunks in flight are given back and another one is
started, after a pause that grows.
"""

import importlib.util
import itertools
import math
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait

import structlog

from penstock.domain.chunks import Chunk
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.jobs import Job
from penstock.engine.executor import CutShort, GivenBack, Progressed, Report, WorkerDied
from penstock.engine.needs import needs_of
from penstock.engine.ray_messages import (
    Close,
    Connected,
    Died,
    Ended,
    Event,
    Heard,
    Lost,
    News,
    Order,
    Returned,
    Room,
    Submit,
    Tell,
    Unfit,
    Word,
)
from penstock.engine.ray_process import DriverProcess
from penstock.engine.runner import Assignment
from penstock.engine.waker import Waker
from penstock.operations.base import Needs

LATE_SECONDS = 30.0
LATE_FACTOR = 5.0

_SHORT_CHUNKS_AHEAD = 3
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_CLOSE_SECONDS = 10.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """Which cluster, and how much of it.

    Attributes:
        address: `HOST:PORT` of a cluster's head, `auto` for the cluster that this machine is a
            node of; empty starts a Ray on this machine alone.
        cpus: Processor cores of a Ray that is started.
        places: Most chunks in flight; 0 for what the cluster has room for at the time.
        needs: What operations need, in place of what they say themselves.
    """

    address: str
    cpus: int
    places: int = 0
    needs: Mapping[str, Needs] = field(default_factory=dict)


@dataclass(slots=True)
class _Handed:
    """A chunk in flight; `twin` is the ticket of its other run."""

    assignment: Assignment
    needs: Needs
    late_at: float
    twin: int | None = None


class RayExecutor:
    """Runs chunks as tasks of Ray; see `executor.Executor`."""

    def __init__(
        self, options: RayOptions, *, factory: str, argument: Callable[[int], str]
    ) -> None:
        """Begin to join the cluster, or to start one; chunks are taken when that is done.

        Args:
            factory: `module:function` that makes the runner in a process of a node.
            argument: From the number of threads of an operation to the one argument of that
                function.

        Raises:
            InvalidArgumentError: Ray is not installed.
        """
        if importlib.util.find_spec("ray") is None:
            message = "engine: Ray is not installed: pip install 'penstock[ray]'"
            raise InvalidArgumentError(message)
        self._options = options
        self._factory = factory
        self._argument = argument
        self._waker = Waker()
        self._tickets = itertools.count(1)
        self._handed: dict[int, _Handed] = {}
        self._used: Counter[Needs] = Counter()  # chunks in flight, by what they need
        self._room: Room | None = None
        self._is_draining = False
        self._losses = 0
        self._start_at = 0.0
        self._unfit = 0
        self._paused_until = 0.0
        self._driver: DriverProcess | None = self._start()

    def free_places(
        self, *, is_short: bool, is_single: bool = False, job: Job | None = None
    ) -> int:
        """How many more chunks of a job it takes now; of ordinary needs where no job is given.

        A job that needs more than the whole cluster has gets one chunk in flight: it waits in
        Ray, where an autoscaler sees it.
        """
        room = self._room
        if room is None or self._is_draining or time.monotonic() < self._paused_until:
            return 0
        depth = _SHORT_CHUNKS_AHEAD if is_short else 1
        if self._options.places:
            return max(0, self._options.places - len(self._handed) + is_single)
        needs = Needs() if job is None else needs_of(job, self._options.needs)
        if not _fits(needs, room):
            return 0 if self._used[needs] else 1
        used = {one: count for one, count in self._used.items() if job is None or _fits(one, room)}
        extra = max(1, int(room.cpus) // 8) if is_single else 0
        return max(0, _count(needs, room, used, depth=depth, extra=extra))

    def submit(self, assignment: Assignment) -> None:
        """Hand a chunk to Ray."""
        self._submit(assignment)

    def _submit(self, assignment: Assignment) -> int:
        ticket = next(self._tickets)
        needs = needs_of(assignment.job, self._options.needs)
        expected = assignment.expected_seconds
        is_alone = expected is not None and assignment.chunk.size == 1
        patience = max(LATE_SECONDS, LATE_FACTOR * (expected or 0.0)) if is_alone else math.inf
        self._handed[ticket] = _Handed(assignment, needs, time.monotonic() + patience)
        self._used[needs] += 1
        order = Submit(
            ticket=ticket,
            needs=needs,
            argument=self._argument(max(1, int(needs.cpus))),
            job=assignment.job,
            chunk=assignment.chunk,
            objects=assignment.objects,
        )
        self._send(order)
        return ticket

    def _run_late_ones_twice(self) -> None:
        """Run an object a second time that takes far too long, where nothing else needs the place.

        Another node may be faster, or reach what this one cannot; the first that ends is heard.
        """
        now = time.monotonic()
        for ticket, handed in [*self._handed.items()]:
            has_place = self._room is not None and not self._is_draining
            if now > handed.late_at and has_place and self._has_room(handed.needs):
                handed.late_at = math.inf
                handed.twin = self._submit(handed.assignment)
                self._handed[handed.twin].late_at = math.inf
                self._handed[handed.twin].twin = ticket
                key = f"{handed.assignment.job.id} {handed.assignment.chunk.number}"
                _log.warning("chunk_runs_twice", chunk=key)

    def _has_room(self, needs: Needs) -> bool:
        return (
            self._room is not None and _count(needs, self._room, self._used, depth=1, extra=0) > 0
        )

    def cancel(self, job: int) -> None:
        """Stop all work on a job within two seconds."""
        for ticket, handed in self._handed.items():
            if handed.assignment.job.number == job:
                self._send(Tell(ticket, Word.CANCEL))

    def cut(self, chunk: Chunk) -> None:
        """Ask the worker of a chunk to end it behind its present object."""
        for ticket, handed in self._handed.items():
            if handed.assignment.chunk == chunk:
                self._send(Tell(ticket, Word.CUT))

    def drain(self) -> None:
        """Let workers stop behind their present object."""
        self._is_draining = True
        for ticket in self._handed:
            self._send(Tell(ticket, Word.DRAIN))

    def reports(self, wait_seconds: float) -> list[Report]:
        """What has happened since the last call."""
        if self._driver is None and time.monotonic() > self._start_at:
            self._driver = self._start()
        self._run_late_ones_twice()
        driver = self._driver
        found: list[Report] = []
        ready = wait(
            [self._waker.fileno(), *([driver.connection] if driver else [])], wait_seconds
        )
        self._waker.clear()
        if driver is not None and driver.connection in ready:
            found = self._hear(driver)
        return found

    def wake(self) -> None:
        """Make `reports` return at once."""
        self._waker.ring()

    def close(self) -> None:
        """End every task now, and a Ray that was started."""
        if self._driver is not None:
            self._send(Close())
            self._driver.await_end(_CLOSE_SECONDS)
            self._driver.kill()
            self._driver = None
        self._waker.close()

    def _start(self) -> DriverProcess:
        options = self._options
        return DriverProcess(address=options.address, cpus=options.cpus, factory=self._factory)

    def _send(self, order: Order) -> None:
        if self._driver is not None:
            with suppress(OSError):  # it is dead; `reports` finds out and says so
                self._driver.connection.send(order)

    def _hear(self, driver: DriverProcess) -> list[Report]:
        found: list[Report] = []
        try:
            while driver.connection.poll():
                event = driver.connection.recv()
                if isinstance(event, Lost):
                    return found + self._bury(driver, event.cause)
                found += self._react(event)
        except (EOFError, OSError):
            found += self._bury(driver, "")
        return found

    def _react(self, event: Event) -> Iterable[Report]:
        match event:
            case Connected():
                self._losses = 0
                _log.info("ray_connected", address=self._options.address or "local")
            case Room():
                self._room = event
            case Heard() if event.ticket in self._handed:
                yield _news_of(event, self._handed[event.ticket].assignment.chunk)
            case Ended() | Died() | Returned() | Unfit() if self._is_one_of_two(event):
                return
            case Ended():
                self._take_back(event.ticket)
                self._unfit = 0
                yield pickle.loads(event.outcome)  # noqa: S301  # our own worker's
            case Died():
                yield WorkerDied(assignment=self._take_back(event.ticket), cause=event.cause)
            case Returned() | Unfit():
                if isinstance(event, Unfit):
                    self._pause(event.cause)
                yield GivenBack(chunk=self._take_back(event.ticket).chunk)

    def _is_one_of_two(self, event: Ended | Died | Returned | Unfit) -> bool:
        """Whether an event is the end of a run that does not count: the other one goes on, or did.

        The run that ends a chunk first counts, and the other is stopped.
        """
        handed = self._handed.get(event.ticket)
        if handed is None:
            return True
        if handed.twin is None:
            return False
        other = self._handed[handed.twin]
        if isinstance(event, Ended):
            self._send(Tell(handed.twin, Word.CANCEL))
            self._take_back(handed.twin)
            return False
        other.twin = None
        self._take_back(event.ticket)
        return True

    def _take_back(self, ticket: int) -> Assignment:
        """A chunk that is not in flight any more."""
        handed = self._handed.pop(ticket)
        self._used[handed.needs] -= 1
        return handed.assignment

    def _pause(self, cause: str) -> None:
        """Hand out nothing for a while: a node is at fault, and would be again at once."""
        now = time.monotonic()
        if now > self._paused_until:
            self._unfit += 1
            self._paused_until = now + _pause_seconds(self._unfit)
            _log.error("ray_worker_unfit", cause=cause)

    def _bury(self, driver: DriverProcess, cause: str) -> list[Report]:
        """Give everything in flight back, and have another driver started after a pause."""
        code = driver.kill()
        self._driver = None
        self._room = None
        self._losses += 1
        pause_seconds = _pause_seconds(self._losses)
        self._start_at = time.monotonic() + pause_seconds
        chunks = {self._take_back(ticket).chunk: None for ticket in [*self._handed]}
        given_back = [GivenBack(chunk=chunk) for chunk in chunks]
        _log.error(
            "ray_lost",
            address=self._options.address or "local",
            cause=cause or f"its driver ended with code {code}",
            given_back_chunks=len(given_back),
            pause_seconds=pause_seconds,
        )
        return [*given_back]


def _news_of(heard: Heard, chunk: Chunk) -> Report:
    if heard.news is News.CUT:
        return CutShort(chunk=chunk, size=int(heard.number))
    return Progressed(chunk=chunk, fraction=heard.number)


def _fits(needs: Needs, room: Room) -> bool:
    """Whether the cluster as it is can run a chunk with these needs at all."""
    pairs = zip(needs, (room.cpus, room.gpus, room.memory_bytes), strict=True)
    return all(need <= there for need, there in pairs)


def _count(needs: Needs, room: Room, used: Mapping[Needs, int], *, depth: int, extra: int) -> int:
    """How many more chunks with these needs there is room for beside those in flight.

    Args:
        used: How many are in flight, by their needs.
        depth: How many times over the room is filled.
        extra: Cores beyond that.
    """
    cpus, gpus, memory_bytes = (
        sum(one[index] * count for one, count in used.items()) for index in range(3)
    )
    limits = (
        (needs.cpus, room.cpus * depth + extra - cpus),
        (needs.gpus, room.gpus * depth - gpus),
        (needs.memory_bytes, room.memory_bytes * depth - memory_bytes),
    )
    return min(math.floor(left / need + 1e-9) for need, left in limits if need)


def _pause_seconds(times: int) -> float:
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 32), _LONGEST_PAUSE_SECONDS)
