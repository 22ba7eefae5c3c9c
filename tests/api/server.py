"""The application under a real uvicorn, on a port of its own, over buckets in folders."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from qcloud_cos import CosConfig, CosS3Client

from penstock.api.app import Application, AsgiApp
from penstock.api.auth import Authenticator
from penstock.api.dispatch import Dispatcher, Route, Router
from penstock.api.objects import ObjectCalls
from penstock.api.requests import Call
from penstock.api.threads import Threads
from penstock.domain.refusals import BucketNotBoundError
from penstock.domain.selection import ObjectInfo
from penstock.service.objects import ObjectService
from penstock.storage.folder import FolderStore

BUCKET = "demo-1250000000"
OTHER = "other-1250000000"
REGION = "ap-chongqing"
ACCESS_KEY_ID = "AKIDexample"
ACCESS_KEY = "ExampleSecretKeyDoNotUse"
COS_HOST = f"{BUCKET}.cos.{REGION}.myqcloud.com"
CI_HOST = f"{BUCKET}.ci.{REGION}.myqcloud.com"


@dataclass(kw_only=True)
class Server:
    """A running server.

    Attributes:
        port: Where it listens on 127.0.0.1.
        root: The folder with one folder a bucket.
        created: Bucket and key of every object that was stored through it.
        actions: The action of every call that was let in.
    """

    port: int
    root: Path
    created: list[tuple[str, str]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    def client(self, *, secret_key: str = ACCESS_KEY, domain: str | None = None) -> CosS3Client:
        """The official SDK, pointed here by `IP=` and `Port=`; it never retries."""
        config = CosConfig(
            Region=REGION,
            SecretId=ACCESS_KEY_ID,
            SecretKey=secret_key,
            Scheme="http",
            IP="127.0.0.1",
            Port=self.port,
            Domain=domain,
        )
        return CosS3Client(config, retry=0)


@contextlib.contextmanager
def serve(
    root: Path,
    *,
    now: float,
    routes: Sequence[Route] = (),
    mounts: Mapping[str, AsgiApp] | None = None,
    default_bucket: str | None = BUCKET,
) -> Iterator[Server]:
    """Run a server until the block ends."""
    server = Server(port=0, root=root)
    stores = {name: FolderStore(root / name) for name in (BUCKET, OTHER)}
    for name in stores:
        (root / name).mkdir()
    numbers = itertools.count()
    threads = Threads()

    def store_of(bucket: str) -> FolderStore:
        if bucket not in stores:
            raise BucketNotBoundError(bucket)
        return stores[bucket]

    def note_created(bucket: str, stored: ObjectInfo) -> None:
        server.created.append((bucket, stored.key))

    def note_action(_call: Call, actions: tuple[str, ...]) -> None:
        server.actions.append(actions[0])

    def secrets_of(secret_id: str, _token: str) -> list[str]:
        return [ACCESS_KEY] if secret_id == ACCESS_KEY_ID else []

    service = ObjectService(
        store_of, buckets=lambda: list(stores), on_created=note_created, scratch=root
    )
    application = Application(
        dispatcher=Dispatcher(
            router=Router(routes),
            find_object_action=ObjectCalls(service, threads, lambda: now).find,
            authenticate=Authenticator(secrets_of, lambda: now).check,
            authorize=note_action,
            threads=threads,
            max_content_bytes=1 << 20,
        ),
        default_bucket=default_bucket,
        now=lambda: now,
        new_id=lambda: f"aWQ{next(numbers)}",
        mounts=mounts or {},
    )
    with running(application) as server.port:
        yield server


@contextlib.contextmanager
def running(application: Application) -> Iterator[int]:
    """Run an application until the block ends; where it listens on 127.0.0.1."""
    config = uvicorn.Config(
        application,
        http="httptools",
        server_header=False,
        date_header=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            port: int = listener.getsockname()[1]
            yield port
        finally:
            server.should_exit = True
            thread.join()
