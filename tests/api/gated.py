"""A server as `penstock serve` puts it together, without workers, and the keys beside it."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qcloud_cos import CosConfig, CosS3Client

from penstock.bootstrap.clock import now_ms
from penstock.bootstrap.databases import open_keys
from penstock.bootstrap.keys import RootKey, open_sealer
from penstock.bootstrap.system import System
from penstock.domain.keys import NewSecret
from penstock.service.keys import KeyService
from penstock.settings import Settings, read_settings
from penstock.state.database import Database
from tests.api.server import ACCESS_KEY, ACCESS_KEY_ID, BUCKET, CI_HOST, OTHER, REGION, running
from tests.waiting import Clock

ROOT = RootKey(secret_id=ACCESS_KEY_ID, secret_key=ACCESS_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """A running server whose buckets are folders.

    Attributes:
        port: Where it listens on 127.0.0.1.
        root: The folder with one folder a bucket.
        keys: What `penstock keys` works with: a connection of its own to the same database.
        settings: Those of the server.
    """

    port: int
    root: Path
    keys: KeyService
    settings: Settings

    def client(self, key: RootKey | NewSecret = ROOT, *, token: str | None = None) -> CosS3Client:
        """The official SDK with a key and, if it has one, its token; it never retries."""
        given = key.token if isinstance(key, NewSecret) else ""
        config = CosConfig(
            Region=REGION,
            SecretId=key.secret_id,
            SecretKey=key.secret_key,
            Token=(given if token is None else token) or None,
            Scheme="http",
            IP="127.0.0.1",
            Port=self.port,
            Domain=CI_HOST,
        )
        return CosS3Client(config, retry=0)

    def client_of(self, *policies: str) -> CosS3Client:
        """The SDK with a new key of a sub-account that has these policies."""
        return self.client(self.keys.make("ann", policies))

    def put(self, *keys: str) -> None:
        """Lay objects into the bucket."""
        for key in keys:
            path = self.root / BUCKET / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(key.encode())


@contextlib.contextmanager
def serve_gated(root: Path) -> Iterator[Gated]:
    """Run a server, and open its keys as another process would, until the block ends."""
    settings = read_settings(data=root / "data", region=REGION)
    system = System(settings)
    try:
        for name in (BUCKET, OTHER):
            (root / name).mkdir()
            system.buckets.bind(name, (root / name).as_uri())
        with running(system.application(ROOT)) as port, open_keys(settings) as keys:
            yield Gated(port=port, root=root, keys=keys, settings=settings)
    finally:
        system.close()


@contextlib.contextmanager
def keys_of_the_past(settings: Settings, seconds: float) -> Iterator[KeyService]:
    """The keys of a server, by a clock that is slow: what is made there is older already."""
    database = Database.open_sqlite(settings.data / "penstock.db")
    try:
        yield KeyService(
            database,
            open_sealer(settings),
            root_id=ACCESS_KEY_ID,
            now_ms=Clock(now_ms() - int(seconds * 1000)),
            random_bytes=secrets.token_bytes,
        )
    finally:
        database.close()
