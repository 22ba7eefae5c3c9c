"""The process that talks to Ray for an executor; the only module that imports Ray.

Ray ends the process that uses it when it loses the head of its cluster for too long, or finds
another in its place. So it gets a process of its own below the server, which the executor makes
anew, and which takes a Ray that it started with it.

    python -m penstock.engine.ray_driver FILE_DESCRIPTOR OPTIONS
"""

import json
import os
import queue
import resource
import secrets
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import ray
from ray import exceptions

from penstock import __version__
from penstock.engine.ray_channel import Desk
from penstock.engine.ray_messages import (
    Call,
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
from penstock.engine.ray_worker import run_chunk
from penstock.operations.base import Needs

_KILL_SECONDS = 1.2  # then a worker that did not listen is ended: cancel promises two
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 1.0
_LOOKS_KEPT = 5
_BEGUN_SECONDS = 0.3
_INLINE_BYTES = 64 << 10
_ORIGINS_KEPT = 64
_STORE_BYTES = 128 << 20
_CLOSE_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class _Task:
    """A chunk that Ray has.

    Attributes:
        order: What handed it out.
        ref: Its result to come.
        word: What its worker shall be told, as soon as it has begun.
        kill_at: When its worker is ended.
        is_called_off: Whether it was ended, or taken out of Ray's queue, on purpose.
    """

    order: Submit
    ref: "ray.ObjectRef[bytes | str]"
    word: Word | None = None
    kill_at: float = float("inf")
    is_called_off: bool = False


class Driver:
    """Hands chunks to Ray and tells the executor what becomes of them."""

    def __init__(self, connection: "Connection[Event, Order]", options: Mapping[str, Any]) -> None:
        """Take what `executor_ray` wrote.

        Args:
            options: `address`, empty for a Ray of its own; `cpus` of that; `factory`.
        """
        self._connection = connection
        self._options = options
        self._is_own = not options["address"]
        self._writing = threading.Lock()
        self._lock = threading.Lock()
        self._tasks: dict[int, _Task] = {}
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[int, Future[bytes | str]]] = queue.SimpleQueue()
        self._functions: dict[Needs, Callable[..., ray.ObjectRef[bytes | str]]] = {}
        self._origins: dict[tuple[int, int], ray.ObjectRef[bytes]] = {}
        self._looks: deque[tuple[float, float, float]] = deque(maxlen=_LOOKS_KEPT)

    def run(self) -> None:
        """Serve until the executor closes, or Ray is lost."""
        try:
            self._join()
        except Exception as error:  # noqa: BLE001  # whatever it is, the executor tells it
            self._send(Lost(f"{type(error).__name__}: {error}"))
            return
        host = ray.util.get_node_ip_address()
        self._desk = Desk(host, secrets.token_hex(16), self._hear)
        for work in (self._listen, self._tell_ends, self._look_around):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()
        self._send(Connected())
        self._carry_out()
        self._desk.close()
        ray.shutdown()
        if self._is_own:
            shutil.rmtree(self._session, ignore_errors=True)  # logs of every start would pile up

    def _join(self) -> None:
        """Become part of a cluster, or start one on this machine."""
        chosen: dict[str, Any] = {"address": self._options["address"]}
        if self._is_own:
            chosen = {
                "address": "local",
                "num_cpus": self._options["cpus"],
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES,
            }
        joined: Any = ray.init(**chosen, configure_logging=False, log_to_driver=False)
        self._session = str(joined.address_info["session_dir"])

    # --- what the executor wants ----------------------------------------------------------

    def _listen(self) -> None:
        while True:
            try:
                self._orders.put(self._connection.recv())
            except (EOFError, OSError):  # the executor is gone; a Ray of its own goes with it
                self._orders.put(Close())
                time.sleep(_CLOSE_SECONDS)
                os._exit(1)

    def _carry_out(self) -> None:
        while True:
            try:
                order = self._orders.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                self._end_late_tasks()
                continue
            if isinstance(order, Submit):
                self._submit(order)
            elif isinstance(order, Tell):
                self._tell(order)
            elif isinstance(order, Close):
                return

    def _submit(self, order: Submit) -> None:
        call = Call(
            version=__version__,
            ticket=order.ticket,
            desk=self._desk.address,
            factory=self._options["factory"],
            argument=order.argument,
            job=order.job,
            chunk=order.chunk,
            is_elsewhere=not self._is_own,
        )
        ref = self._function(order.needs)(call, self._objects(order))
        with self._lock:
            self._tasks[order.ticket] = _Task(order=order, ref=ref)
        future: Future[bytes | str] = ref.future()
        future.add_done_callback(lambda ended: self._ended.put((order.ticket, ended)))

    def _function(self, needs: Needs) -> Callable[..., "ray.ObjectRef[bytes | str]"]:
        """The task that runs a chunk on a node that has what it needs."""
        if needs not in self._functions:
            options: dict[str, Any] = {"num_cpus": needs.cpus, "num_gpus": needs.gpus}
            if needs.memory_bytes:
                options["memory"] = needs.memory_bytes
            # Tried again by the coordinator, which counts attempts and cuts; not by Ray.
            task = ray.remote(run_chunk).options(max_retries=0, name="penstock", **options)
            self._functions[needs] = task.remote
        return self._functions[needs]

    def _objects(self, order: Submit) -> "bytes | ray.ObjectRef[bytes]":
        """The packed objects of an origin: large ones are stored once for all of its chunks."""
        if len(order.objects) <= _INLINE_BYTES:
            return order.objects
        origin = (order.job.number, order.chunk.origin)
        ref = self._origins.pop(origin, None)
        if ref is None:
            ref = ray.put(order.objects)
            if len(self._origins) >= _ORIGINS_KEPT:
                self._origins.pop(next(iter(self._origins)))
        self._origins[origin] = ref  # the latest is the last
        return ref

    def _tell(self, order: Tell) -> None:
        """Pass a word on to a worker; a chunk that was not begun is taken back instead."""
        with self._lock:
            task = self._tasks.get(order.ticket)
        if task is None:
            return
        if order.word is Word.CANCEL:
            task.kill_at = min(task.kill_at, time.monotonic() + _KILL_SECONDS)
        task.word = order.word
        if not self._desk.tell(order.ticket, order.word) and order.word is not Word.CUT:
            self._call_off(task)

    def _end_late_tasks(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [task for task in self._tasks.values() if now > task.kill_at]
        for task in late:
            task.kill_at = now + _KILL_SECONDS
            self._call_off(task)

    def _call_off(self, task: _Task) -> None:
        """Take a task out of Ray's queue, or end the worker that runs it."""
        task.is_called_off = True
        ray.cancel(task.ref, force=True)

    # --- what becomes of it ---------------------------------------------------------------

    def _hear(self, ticket: int, news: News, number: float) -> None:
        """A worker told something; it is told what there was to tell before it had begun."""
        with self._lock:
            task = self._tasks.get(ticket)
        if task is None:
            return
        if news is not News.BEGUN:
            self._send(Heard(ticket, news, number))
        elif task.word is not None:
            self._desk.tell(ticket, task.word)

    def _tell_ends(self) -> None:
        while True:
            ticket, future = self._ended.get()
            with self._lock:
                task = self._tasks[ticket]
            self._send(self._event_of(ticket, task, future))
            with self._lock:
                del self._tasks[ticket]
            self._desk.forget(ticket)

    def _event_of(self, ticket: int, task: _Task, future: "Future[bytes | str]") -> Event:
        """What the end of a task means."""
        try:
            result = future.result()
        except Exception as error:  # noqa: BLE001  # Ray raises what the task raised, too
            return self._failure(ticket, task, error)
        return Ended(ticket, result) if isinstance(result, bytes) else Unfit(ticket, result)

    def _failure(self, ticket: int, task: _Task, error: Exception) -> Event:
        gone = (exceptions.NodeDiedError, exceptions.ObjectLostError)
        if task.is_called_off or isinstance(error, (exceptions.TaskCancelledError, *gone)):
            return Returned(ticket)
        if isinstance(error, exceptions.LocalRayletDiedError):
            return Lost("the node of this server is gone")
        died = (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError)
        if isinstance(error, (exceptions.RayTaskError, *died)) and self._has_begun(ticket):
            # Workers also end when the head is gone, through no fault of the chunk. Then this
            # gets no answer, and the whole process ends before long.
            ray.nodes()
            return Died(ticket, _cause_of(error))
        return Unfit(ticket, _cause_of(error))

    def _has_begun(self, ticket: int) -> bool:
        """Whether a chunk was begun; its worker may have said so a moment ago."""
        until = time.monotonic() + _BEGUN_SECONDS
        while not self._desk.has_begun(ticket):
            if time.monotonic() > until:
                return False
            time.sleep(_TICK_SECONDS / 10)
        return True

    # --- what the cluster has -------------------------------------------------------------

    def _look_around(self) -> None:
        """Tell what the cluster has, once a second; blocks while its head is away."""
        node = ray.get_runtime_context().get_node_id()
        told: Room | None = None
        while True:
            with suppress(exceptions.RayError, OSError, RuntimeError):  # its head does not answer
                if not any(one["Alive"] for one in ray.nodes() if one["NodeID"] == node):
                    self._send(Lost("the node of this server is gone"))
                    return
                if (room := self._room()) != told:
                    self._send(room)
                    told = room
            time.sleep(_LOOK_SECONDS)

    def _room(self) -> Room:
        """The whole cluster, less what is busy beyond our own chunks.

        What is busy is known with a delay, and looks like others' while chunks come and go; so
        the best of the latest looks counts.
        """
        total, free = ray.cluster_resources(), ray.available_resources()
        with self._lock:
            needs = [task.order.needs for task in self._tasks.values()]

        def ours(name: str, own: float) -> float:
            there = float(total.get(name, 0.0))
            return there - max(0.0, there - float(free.get(name, 0.0)) - own)

        self._looks.append(
            (
                ours("CPU", sum(one.cpus for one in needs)),
                ours("GPU", sum(one.gpus for one in needs)),
                ours("memory", sum(one.memory_bytes for one in needs)),
            )
        )
        cpus, gpus, memory_bytes = map(max, zip(*self._looks, strict=True))
        return Room(cpus=cpus, gpus=gpus, memory_bytes=memory_bytes)

    def _send(self, event: Event) -> None:
        with self._writing:
            self._connection.send(event)


def _cause_of(error: Exception) -> str:
    """A failure of Ray in one line, without its advice and traces."""
    if isinstance(error, exceptions.WorkerCrashedError):
        return "its Ray worker process ended unexpectedly"
    if isinstance(error, exceptions.OutOfMemoryError):
        return "Ray ended its worker process because memory was short"
    if isinstance(error, exceptions.RayTaskError):
        error = error.cause if isinstance(error.cause, Exception) else error
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1].strip()}"[:500]


def main(arguments: list[str]) -> None:
    """Serve one executor, as its command line says."""
    descriptor, options = arguments
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # Ray's way to end is to abort
    connection: Connection[Event, Order] = Connection(int(descriptor))
    Driver(connection, json.loads(options)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
