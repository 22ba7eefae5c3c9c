"""Puts a process together: the state, the services, the engine, the HTTP application."""

import fcntl
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

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
from penstock.bootstrap.clock import new_id, now_ms
from penstock.bootstrap.delivery import make_courier
from penstock.bootstrap.keys import RootKey, open_sealer, root_key
from penstock.bootstrap.logs import configure_logs
from penstock.domain.errors import AlreadyRunningError, InvalidArgumentError
from penstock.domain.jobs import InputKind, Job
from penstock.engine.coordinator import Coordinator
from penstock.engine.courier import Courier
from penstock.engine.executor_local import LocalExecutor
from penstock.engine.expander import Expander
from penstock.engine.recorder import Recorder
from penstock.operations.base import Limits
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
from penstock.state.database import Database
from penstock.storage.opening import open_store
from penstock.storage.sources import (
    ListingSource,
    ManifestSource,
    ObjectSource,
    Source,
    UrlListSource,
    resolve_key,
)

SWITCH_SECONDS = 0.0005


class System:
    """Everything one process runs: the state, the services, and an engine when it is started."""

    def __init__(self, settings: Settings) -> None:
        """Open the data folder and everything in it.

        Raises:
            AlreadyRunningError: Another process uses the data folder.
            BackendError: The database cannot be opened.
            InvalidArgumentError: The settings ask for what this build does not have.
        """
        if settings.database:
            message = "database: this build keeps its state in SQLite, in the data folder"
            raise InvalidArgumentError(message)
        configure_logs(settings.log_level)
        self.settings = settings
        self._data = settings.data.absolute()
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._data)
        self._scratch = self._data / "scratch"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        self.database = Database.open_sqlite(self._data / "penstock.db")
        quotas = settings.quotas
        database = self.database
        self.buckets = BucketService(
            database, open_store, now_ms=now_ms, new_id=new_id, quotas=quotas
        )
        self.buckets.set_queue_bounds()
        self.queues = QueueService(database, self.buckets, now_ms=now_ms)
        self.templates = TemplateService(
            database, self.buckets, now_ms=now_ms, new_id=new_id, quotas=quotas
        )
        self.workflows = WorkflowService(
            database, self.buckets, now_ms=now_ms, new_id=new_id, quotas=quotas
        )
        self.jobs = JobService(database, self.buckets, now_ms=now_ms, new_id=new_id, quotas=quotas)
        self.activation = ActivationService(
            database,
            self.buckets,
            now_ms=now_ms,
            quotas=quotas,
            bind_root=settings.bind_root,
        )
        self._uploads = UploadTrigger(database, self.jobs.start_stored)
        self.executions = ExecutionService(self.database, self.buckets)
        self.node_jobs = NodeJobService(self.database, self.buckets, self.jobs, now_ms=now_ms)
        self._coordinator: Coordinator | None = None
        self._thread: threading.Thread | None = None
        self._courier: Courier | None = None
        self._courier_thread: threading.Thread | None = None

    def start_engine(self) -> None:
        """Start workers, drive jobs and deliver callbacks, each in a thread of this process."""
        settings = self.settings
        # The coordinator gives up the interpreter's lock in every statement; a thread that plans
        # may keep it for one interval each time.
        sys.setswitchinterval(SWITCH_SECONDS)
        limits = Limits(
            seconds=settings.object_seconds,
            memory_bytes=settings.child_memory_bytes,
            output_bytes=settings.output_bytes,
            pixels=settings.pixels,
        )
        executor = LocalExecutor(
            workers=settings.worker_count,
            factory="penstock.bootstrap.worker:make_runner",
            argument=json.dumps(
                {
                    "scratch": str(self._scratch),
                    "limits": limits._asdict(),
                    "log_level": settings.log_level,
                }
            ),
        )
        self._coordinator = Coordinator(
            self.database,
            executor,
            Expander(self.database, self._open_source, now_ms=now_ms),
            Recorder(now_ms=now_ms),
            owner=new_id("e"),
            now_ms=now_ms,
        )
        self._coordinator.recover()
        self._thread = threading.Thread(target=self._coordinator.run, name="coordinator")
        self._thread.start()
        self._courier = make_courier(self.database, settings)
        self._courier_thread = threading.Thread(target=self._courier.run, name="courier")
        self._courier_thread.start()

    def is_engine_alive(self) -> bool:
        """Whether the thread that drives jobs runs."""
        return self._thread is not None and self._thread.is_alive()

    def stop_engine(self) -> None:
        """Let workers stop behind their present object, then end them; safe to repeat."""
        if self._coordinator is not None and self._thread is not None:
            self._coordinator.stop()
            self._thread.join()
            self._thread = None
        if self._courier is not None and self._courier_thread is not None:
            self._courier.stop()
            self._courier_thread.join()
            self._courier_thread = None

    def close(self) -> None:
        """Stop the engine and let go of the data folder."""
        self.stop_engine()
        self._uploads.close()
        self.database.close()
        os.close(self._lock)

    def application(self, key: RootKey) -> Application:
        """The HTTP application over the services."""
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
            InvalidArgumentError: Only one half of it is set.
        """
        return root_key(self.settings)

    def _open_source(self, job: Job) -> Source:
        """The objects that a job's input names."""
        store = self.buckets.open_url(job.buckets[job.bucket])
        names = _names_of(job)
        value = job.input.value
        match job.input.kind:
            case InputKind.PREFIX:
                return ListingSource(store, value)
            case InputKind.OBJECT:
                return ObjectSource(store, value, with_facts=True)
            case InputKind.URL_FILE:
                return UrlListSource(
                    store,
                    resolve_key(value, names),
                    bucket_names=names,
                    max_lines=self.settings.url_file_lines,
                    max_bytes=self.settings.url_file_bytes,
                )
            case InputKind.MANIFEST:
                return ManifestSource(
                    store, resolve_key(value, names), bucket_names=names, scratch=self._scratch
                )


def _names_of(job: Job) -> set[str]:
    """Every name that a job's bucket has: its own, without appid, and its store's."""
    url = job.buckets[job.bucket]
    names = {job.bucket, job.bucket.rpartition("-")[0] or job.bucket}
    if url.startswith("s3://"):
        names.add(url.removeprefix("s3://").partition("?")[0].partition("/")[0])
    return names


def _lock(data: Path) -> int:
    descriptor = os.open(data / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunningError(str(data)) from error
    return descriptor
