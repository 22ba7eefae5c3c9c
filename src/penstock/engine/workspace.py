"""Scratch space, and fetch and publish around one object.

The source is fetched at most once, however many nodes and workflows read it, and not at all when
none does; what a node published stays in scratch space for the nodes behind it.
"""

import mimetypes
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    InvalidParamsError,
    OperationTimeoutError,
    StoreError,
)
from penstock.domain.executions import OutputObject
from penstock.domain.planning import input_names, numbered_key, output_key
from penstock.domain.selection import ObjectInfo
from penstock.operations.base import Limits
from penstock.storage.base import ObjectStore
from penstock.storage.object_urls import resolve_key

_BLOCK_BYTES = 1 << 20
_MEDIA_TYPES = {  # what the standard library of Python 3.11 does not know
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".webp": "image/webp",
}


class SourceObject:
    """One object of the job, and the scratch folder that all of its nodes share."""

    def __init__(self, store: ObjectStore, listed: ObjectInfo, scratch_root: Path) -> None:
        self.listed = listed
        self._store = store
        self._scratch_root = scratch_root
        self._scratch: Path | None = None
        self._path: Path | None = None
        self._found: ObjectInfo | None = None
        self._others: dict[str, Path] = {}

    @property
    def version(self) -> str:
        """Entity tag of what was read; empty where nothing was."""
        return self._found.etag if self._found is not None else ""

    def found(self) -> ObjectInfo:
        """The facts of the object as the store has it now."""
        if self._found is None:
            self._found = self._store.head(self.listed.key)
        return self._found

    def fetch(self, checkpoint: Callable[[], None]) -> Path:
        """The object as a local file; downloaded by the first call."""
        if self._path is None:
            self._path = self._store.local_path(self.listed.key)
            if self._path is None:
                self._path = self._download(self.listed.key, checkpoint)
            else:
                self.found()
        return self._path

    def fetch_other(self, key: str, checkpoint: Callable[[], None]) -> Path:
        """Another object of the bucket as a local file."""
        if key not in self._others:
            self._others[key] = self._store.local_path(key) or self._download(key, checkpoint)
        return self._others[key]

    def folder(self, name: str = "") -> Path:
        """A new folder in the scratch space."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="object-", dir=self._scratch_root))
        return Path(tempfile.mkdtemp(prefix=name or "node-", dir=self._scratch))

    def close(self) -> None:
        """Remove the scratch space."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _download(self, key: str, checkpoint: Callable[[], None]) -> Path:
        suffix = PurePosixPath(key).suffix[:16]
        target = self.folder("source-") / f"source{suffix if suffix[1:].isalnum() else ''}"
        reader = self._store.open(key)
        try:
            if key == self.listed.key:
                self._found = reader.found
            with target.open("wb") as file:
                while block := reader.read(_BLOCK_BYTES):
                    file.write(block)
                    checkpoint()
        finally:
            reader.close()
        if 0 <= reader.found.size_bytes != target.stat().st_size:
            fault = f"{target.stat().st_size} of {reader.found.size_bytes} bytes arrived"
            raise StoreError(key, fault)
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInput:
    """What a node works on: the source object, or a file that a node before it published.

    Attributes:
        key: Its key.
        path: Where it lies in scratch space; None for the source.
    """

    key: str
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the results of a node go, whatever the object.

    Attributes:
        store: The output bucket.
        bucket: Its name.
        patterns: Output patterns by child of `Output`.
        is_source: Whether it is the bucket that the job reads.
    """

    store: ObjectStore
    bucket: str
    patterns: Mapping[str, str]
    is_source: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResults:
    """What a node has published in this execution, over all of its inputs.

    Attributes:
        names: Tells what placeholders stand for that do not depend on the input.
        published: Where published files lie in scratch space, by key.
    """

    names: Callable[[], Mapping[str, str]]
    published: dict[str, Path] = field(default_factory=dict)


class NodeWorkspace:
    """One node's window on the world; see `operations.base.Workspace`."""

    def __init__(
        self,
        source: SourceObject,
        node_input: NodeInput,
        destination: Destination,
        results: NodeResults,
        control: "Control",
    ) -> None:
        self._source = source
        self._input = node_input
        self._destination = destination
        self._control = control
        self._results = results
        self._scratch: Path | None = None

    @property
    def key(self) -> str:
        """Key of the input object."""
        return self._input.key

    @property
    def scratch(self) -> Path:
        """An empty folder of this node's own."""
        if self._scratch is None:
            self._scratch = self._source.folder()
        return self._scratch

    @property
    def limits(self) -> Limits:
        """Bounds to hold to."""
        return self._control.limits

    def fetch(self) -> Path:
        """The input as a local file, to be read only."""
        return self._input.path or self._source.fetch(self.checkpoint)

    def fetch_other(self, key_or_url: str) -> Path:
        """Another object of the same bucket as a local file."""
        try:
            key = resolve_key(key_or_url, {self._control.bucket})
        except InvalidArgumentError as error:
            raise InvalidParamsError(str(error)) from error
        return self._source.fetch_other(key, self.checkpoint)

    def etag(self) -> str:
        """The input's entity tag."""
        return "" if self._input.path is not None else self._source.found().etag

    def modified_ms(self) -> int:
        """The input's last modification."""
        if self._input.path is not None:
            return self._input.path.stat().st_mtime_ns // 1_000_000
        return self._source.found().modified_ms

    def publish(
        self,
        path: Path,
        *,
        extension: str,
        number: int | None = None,
        time_ms: int | None = None,
        target: str = "Object",
    ) -> OutputObject:
        """Store a finished file under the key that the node's output pattern gives it."""
        names = {"ext": extension}
        if number is not None:
            names["number"] = str(number)
        if time_ms is not None:
            names["time"] = str(time_ms)
        key = self._free_key(self._key(target, names))
        stored = self._store(path, key)
        self._results.published[key] = path
        return OutputObject(
            bucket=self._destination.bucket,
            key=key,
            size_bytes=stored.size_bytes,
            etag=stored.etag,
            target=target,
            input_key=self._input.key,
        )

    def put_sidecar(self, path: Path, name: str) -> str:
        """Store a file beside the node's output."""
        folder, slash, _ = self._key("Object", {"ext": ""}).rpartition("/")
        key = f"{folder}{slash}{name}"
        self._store(path, key)
        return key

    def output_stem(self, *, extension: str) -> str:
        """The file name, without extension, that `publish` will give the output."""
        key = self._free_key(self._key("Object", {"ext": extension}))
        name = key.rpartition("/")[2]
        return name.rpartition(".")[0] or name

    def checkpoint(self) -> None:
        """Stop here if the attempt is cancelled or out of time."""
        self._control.checkpoint()

    def is_cancelled(self) -> bool:
        """Whether `checkpoint` would raise."""
        return self._control.is_over()

    def report(self, fraction: float) -> None:
        """Say how much of the work on this input is done."""
        self._control.report(fraction)

    def _key(self, target: str, names: Mapping[str, str]) -> str:
        pattern = self._destination.patterns.get(target, "")
        if not pattern:
            message = f"Output.{target} must be given"
            raise InvalidParamsError(message)
        known = {**input_names(self._input.key), **self._results.names()}
        return output_key(pattern, {**known, **names})

    def _free_key(self, key: str) -> str:
        number = 1
        free = key
        while free in self._results.published:
            free = numbered_key(key, number)
            number += 1
        return free

    def _store(self, path: Path, key: str) -> ObjectInfo:
        if self._destination.is_source and key == self._source.listed.key:
            message = f"the output {key!r} would overwrite its source"
            raise InvalidParamsError(message)
        self.checkpoint()
        suffix = PurePosixPath(key).suffix.lower()
        content_type = _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or ""
        return self._destination.store.put_file(key, path, content_type=content_type)


class Control:
    """Cancellation, time limit and progress of what a worker is doing at the moment."""

    def __init__(
        self,
        *,
        limits: Limits,
        retry_seconds: Sequence[float] = (),
        bucket: str = "",
        is_cancelled: Callable[[], bool] = lambda: False,
        report: Callable[[float], None] = lambda _fraction: None,
    ) -> None:
        self.limits = limits
        self.retry_seconds = retry_seconds
        self.bucket = bucket
        self.is_cancelled = is_cancelled
        self.report = report
        self.deadline = float("inf")

    def begin(self) -> None:
        """Start the clock of one node."""
        self.deadline = time.monotonic() + self.limits.seconds

    def end(self) -> None:
        """Stop the clock."""
        self.deadline = float("inf")

    def pause(self, seconds: float) -> None:
        """Wait between two attempts.

        Raises:
            AttemptCancelledError: The attempt was cancelled meanwhile.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.checkpoint()
            time.sleep(min(left, 0.1))

    def is_over(self) -> bool:
        """Whether the attempt is cancelled or out of time."""
        return self.is_cancelled() or time.monotonic() > self.deadline

    def checkpoint(self) -> None:
        """Raise if the attempt is over.

        Raises:
            AttemptCancelledError: It was cancelled.
            OperationTimeoutError: Its time limit has passed.
        """
        if self.is_cancelled():
            raise AttemptCancelledError
        if time.monotonic() > self.deadline:
            raise OperationTimeoutError(limit_seconds=self.limits.seconds)
