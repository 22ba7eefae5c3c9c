"""Counts how often a source is downloaded, at the store that it is downloaded from."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from penstock.bootstrap.system import System
from penstock.cli.bench_jobs import node, run_job
from penstock.domain.jobs import InputKind, JobInput
from penstock.domain.trees import Tree

_BUCKET = "counted"


class CountingStore(ThreadingHTTPServer):
    """Serves the files of a folder as S3 does, and counts what is asked for.

    Attributes:
        asked: How often each method has been used on each key.
    """

    def __init__(self, folder: Path) -> None:
        """Listen on a free port of this machine."""
        self.folder = folder
        self.asked: Counter[tuple[str, str]] = Counter()
        super().__init__(("127.0.0.1", 0), _Answering)

    @property
    def url(self) -> str:
        """The bucket, as a storage URL."""
        endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        return f"s3://{_BUCKET}?endpoint={endpoint}&anonymous=true"


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(has_body=True)

    def do_HEAD(self) -> None:
        """Send what is known of a file."""
        self._answer(has_body=False)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self, *, has_body: bool) -> None:
        store = self.server
        assert isinstance(store, CountingStore)  # noqa: S101 - nobody else makes one
        key = unquote(urlsplit(self.path).path).removeprefix(f"/{_BUCKET}/")
        store.asked[self.command, key] += 1
        path = store.folder / key
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", self.date_time_string(path.stat().st_mtime))
        self.end_headers()
        if has_body:
            self.wfile.write(content)


@contextmanager
def counting_store(folder: Path) -> Iterator[CountingStore]:
    """A store over a folder, for as long as the block runs."""
    with CountingStore(folder) as store:
        thread = Thread(target=store.serve_forever, name="counting store")
        thread.start()
        try:
            yield store
        finally:
            store.shutdown()
            thread.join()


def count_downloads(system: System, store: CountingStore, key: str, nodes: int) -> int:
    """How often one object is downloaded for a workflow of so many nodes that all read it."""
    params: Tree = {"PicProcess": {"ProcessRule": "imageMogr2/thumbnail/80x"}}
    made = {
        f"Node_{number}": node("PicProcess", params, f"{nodes}/{number}/${{InputName}}.${{Ext}}")
        for number in range(nodes)
    }
    before = store.asked["GET", key]
    run_job(system, JobInput(kind=InputKind.OBJECT, value=key), made)
    return store.asked["GET", key] - before
