"""Puts a process together: the state, the services, the engine, the HTTP application."""

import fcntl
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Protocol

from penstock.api.access import Gate
from penstock.api.activation import ActivationCalls
from penstock.api.app import Application
from penstock.api.auth import Authenticator
from penstock.api.batch_jobs import BatchJobCalls
from penstock.api.dispatch import Dispatcher, Router
from penstock.api.executions import ExecutionCalls
from penstock.api.node_jobs import NodeJobCalls
from penstock.api.objects import ObjectCalls
from penstock.api.queues import QueueCalls
from penstock.api.rates import RateLimiter
from penstock.api.templates import TemplateCalls
from penstock.api.threads import Threads
from penstock.api.workflows import WorkflowCalls
from penstock.bootstrap.agreement import agree_on_keys
from penstock.bootstrap.clock import new_id, now_ms
from penstock.bootstrap.databases import open_database
from penstock.bootstrap.delivery import make_courier
from penstock.bootstrap.executors import make_executor
from penstock.bootstrap.kept_files import keep
from penstock.bootstrap.keys import RootKey, open_sealer, root_key
from penstock.bootstrap.logs import configure_logs
from penstock.bootstrap.planner import planner_argument
from penstock.domain.errors import AlreadyRunningError
from penstock.engine.coordinator import Coordinator
from penstock.engine.expander import Expander
from penstock.engine.planners import Planners
from penstock.engine.recorder import Recorder
from penstock.engine.sweeper import Sweeper
from penstock.service.access import AccessService
from penstock.service.activation import ActivationService
from penstock.service.buckets import BucketService
from penstock.service.executions import ExecutionService
from penstock.service.jobs import JobService
from penstock.service.node_jobs import NodeJobService
from penstock.service.objects import ObjectService
from penstock.service.queues import QueueService
from penstock.service.templates import TemplateService
from penstock.service.uploads import UploadTrigger
from penstock.service.workflows import WorkflowService
from penstock.settings import Settings
from penstock.state import job_leases
from penstock.storage.opening import open_store

SWITCH_SECONDS = 0.0005


class _Loop(Protocol):
    """What runs in a thread of the engine."""

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """Have `run` come to its end; from any thread."""


class System:
    """Everything one process runs: the state, the services, and an engine when it is started."""

    def __init__(self, settings: Settings) -> None:
        """Open the data folder and everything in it, or the database that is named instead.

        Raises:
            AlreadyRunningError: Another process uses the data folder.
            DatabaseError: The database cannot be opened.
            InvalidArgumentError: The settings ask for what this build does not have.
        """
        configure_logs(settings.log_level)
        self.settings = settings
        self._data = settings.data.absolute()
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._data)
        self._scratch = self._data / "scratch"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        self._owner = keep(self._data / "engine-id", new_id("e"))
        self.database = open_database(settings)
        database, quotas, functions = self.database, settings.quotas, settings.functions
        self.buckets = buckets = BucketService(
            database, open_store, now_ms=now_ms, new_id=new_id, quotas=quotas
        )
        if not self.database.is_shared:
            self.buckets.set_queue_bounds()
        self.queues = QueueService(database, buckets, now_ms=now_ms)
        self.templates = TemplateService(
            database, buckets, now_ms=now_ms, new_id=new_id, quotas=quotas
        )
        self.workflows = WorkflowService(
            database, buckets, now_ms=now_ms, new_id=new_id, quotas=quotas, functions=functions
        )
        self.jobs = JobService(
            database, buckets, now_ms=now_ms, new_id=new_id, quotas=quotas, functions=functions
        )
        self.activation = ActivationService(
            database, buckets, now_ms=now_ms, quotas=quotas, bind_root=settings.bind_root
        )
        self._uploads = UploadTrigger(database, self.jobs.start_stored)
        self.executions = ExecutionService(database, buckets)
        self.node_jobs = NodeJobService(database, buckets, self.jobs, now_ms=now_ms)
        self._planners: Planners | None = None
        self._running: list[tuple[_Loop, threading.Thread]] = []

    def start_engine(self, *, single_workers: int = 0) -> None:
        """Start workers, drive jobs, deliver callbacks and sweep, in threads of this process.

        Args:
            single_workers: How many more workers to start that take single triggers only.

        Raises:
            InvalidArgumentError: The settings ask for what is not there.
        """
        settings = self.settings
        # Work of several threads goes on in the coordinator's process; it waits for the
        # interpreter's lock behind every statement, for one interval at the most.
        sys.setswitchinterval(SWITCH_SECONDS)
        executor = make_executor(settings, self._scratch, single_workers=single_workers)
        self._planners = Planners(
            factory="penstock.bootstrap.planner:make_opener",
            argument=planner_argument(settings, self._scratch),
        )
        coordinator = Coordinator(
            self.database,
            executor,
            Expander(self.database, self._planners.read, now_ms=now_ms),
            Recorder(now_ms=now_ms),
            owner=self._owner,
            now_ms=now_ms,
        )
        self._recover(coordinator)
        self._start("coordinator", coordinator)
        self._start("courier", make_courier(self.database, settings))
        keep_seconds = settings.keep_jobs_seconds
        self._start("sweeper", Sweeper(self.database, keep_seconds=keep_seconds, now_ms=now_ms))

    def _start(self, name: str, loop: "_Loop") -> None:
        thread = threading.Thread(target=loop.run, name=name)
        self._running.append((loop, thread))
        thread.start()

    def _recover(self, coordinator: Coordinator) -> None:
        """Take back what dead predecessors held: here, and in a file that is nobody else's."""
        if not self.database.is_shared:
            coordinator.recover()
            return
        with self.database.write() as transaction:
            job_leases.release_jobs(transaction, self._owner)

    def is_engine_alive(self) -> bool:
        """Whether every thread of the engine runs."""
        return bool(self._running) and all(thread.is_alive() for _, thread in self._running)

    def stop_engine(self) -> None:
        """Let workers stop behind their present object, then end them; safe to repeat."""
        running, self._running = self._running, []
        for loop, thread in running:
            loop.stop()
            thread.join()
        if self._planners is not None:
            self._planners.close()
            self._planners = None

    def close(self) -> None:
        """Stop the engine and let go of the data folder."""
        self.stop_engine()
        self._uploads.close()
        self.database.close()
        os.close(self._lock)

    def application(self, key: RootKey) -> Application:
        """The HTTP application over the services."""
        if self.database.is_shared:  # by servers, not by engines, which have other workers
            self.buckets.set_queue_bounds()
        access = AccessService(
            self.database,
            open_sealer(self.settings),
            root_id=key.secret_id,
            root_secret=key.secret_key,
            now_ms=now_ms,
        )
        threads = Threads()
        objects = ObjectService(
            self.buckets.store,
            buckets=self.buckets.names,
            on_created=self._uploads,
            scratch=self._scratch,
        )
        router = Router(
            [
                *BatchJobCalls(self.jobs).routes(),
                *WorkflowCalls(self.workflows, self.jobs).routes(),
                *ExecutionCalls(self.executions, region=self.settings.region).routes(),
                *NodeJobCalls(self.node_jobs, region=self.settings.region).routes(),
                *TemplateCalls(self.templates).routes(),
                *QueueCalls(self.queues).routes(),
                *ActivationCalls(self.activation, region=self.settings.region).routes(),
            ]
        )
        names = self.buckets.names()
        only = names[0] if len(names) == 1 else None
        return Application(
            dispatcher=Dispatcher(
                router=router,
                find_object_action=ObjectCalls(objects, threads, time.time).find,
                authenticate=Authenticator(access.secrets_of, time.time).check,
                authorize=Gate(check=access.check, region=self.settings.region).authorize,
                threads=threads,
                max_content_bytes=self.settings.body_bytes,
                limit_rate=RateLimiter(self.settings.calls_per_second, time.monotonic).check,
            ),
            default_bucket=self.settings.default_bucket or only,
            now=time.time,
            new_id=lambda: new_id("r"),
        )

    def root_key(self) -> RootKey:
        """The root access key: from the settings, else kept in the data folder, made if need be.

        Raises:
            InvalidArgumentError: Only one half of it is set; or the servers of a shared database
                have another root or master key.
        """
        if self.database.is_shared:
            return agree_on_keys(self.database, self.settings)
        return root_key(self.settings)


def _lock(data: Path) -> int:
    descriptor = os.open(data / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunningError(str(data)) from error
    return descriptor
