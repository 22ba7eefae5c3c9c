"""Scratch space, and fetch and publish around one object.

The source is fetched at most once, however many nodes and workflows read it, and not at all when
none does; what a node published stays in scratch space for the nodes behind it.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from penstock.domain.errors import (
    InvalidArgumentError,
    InvalidParamsError,
    ObjectNotFoundError,
    StoreError,
)
from penstock.domain.executions import OutputObject
from penstock.domain.planning import input_names, numbered_key, output_key
from penstock.domain.selection import ObjectInfo
from penstock.engine.content_types import content_type_of
from penstock.engine.control import Control, FunctionCall
from penstock.operations.base import Branch, Limits
from penstock.storage.base import ObjectStore
from penstock.storage.object_urls import resolve_key

_BLOCK_BYTES = 1 << 20


class SourceObject:
    """One object of the job, and the scratch folder that all of its nodes share."""

    def __init__(self, store: ObjectStore, listed: ObjectInfo, scratch_root: Path) -> None:
        self.listed = listed
        self.store = store
        self._scratch_root = scratch_root
        self._scratch: Path | None = None
        self._path: Path | None = None
        self._found: ObjectInfo | None = None
        self._others: dict[tuple[int, str], Path] = {}

    @property
    def version(self) -> str:
        """Entity tag of what was read; empty where nothing was."""
        return self._found.etag if self._found is not None else ""

    def found(self) -> ObjectInfo:
        """The facts of the object as the store has it now."""
        if self._found is None:
            self._found = self.store.head(self.listed.key)
        return self._found

    def fetch(self, checkpoint: Callable[[], None]) -> Path:
        """The object as a local file; downloaded by the first call."""
        if self._path is None:
            self._path = self.store.local_path(self.listed.key)
            if self._path is None:
                self._found, self._path = self._download(self.listed.key, checkpoint)
            else:
                self.found()
        return self._path

    def fetch_other(
        self, key: str, checkpoint: Callable[[], None], store: ObjectStore | None = None
    ) -> Path:
        """Another object as a local file: of the bucket, or of another one's store."""
        store = store or self.store
        known = self._others.get((id(store), key))
        if known is None:
            known = store.local_path(key) or self._download(key, checkpoint, store)[1]
            self._others[id(store), key] = known
        return known

    @contextmanager
    def borrow_other(
        self, key: str, checkpoint: Callable[[], None]
    ) -> Iterator[tuple[ObjectInfo, Path]]:
        """Another object of the bucket as a local file that is gone afterwards."""
        local = self.store.local_path(key)
        if local is not None:
            yield self.store.head(key), local
            return
        found, path = self._download(key, checkpoint)
        try:
            yield found, path
        finally:
            shutil.rmtree(path.parent)

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects of the bucket."""
        return self.store.list_objects(prefix)

    def folder(self, name: str = "") -> Path:
        """A new folder in the scratch space."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="object-", dir=self._scratch_root))
        return Path(tempfile.mkdtemp(prefix=name or "node-", dir=self._scratch))

    def close(self) -> None:
        """Remove the scratch space."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _download(
        self, key: str, checkpoint: Callable[[], None], store: ObjectStore | None = None
    ) -> tuple[ObjectInfo, Path]:
        suffix = PurePosixPath(key).suffix[:16]
        target = self.folder("source-") / f"source{suffix if suffix[1:].isalnum() else ''}"
        reader = (store or self.store).open(key)
        try:
            with target.open("wb") as file:
                while block := reader.read(_BLOCK_BYTES):
                    file.write(block)
                    checkpoint()
        finally:
            reader.close()
        if 0 <= reader.found.size_bytes != target.stat().st_size:
            fault = f"{target.stat().st_size} of {reader.found.size_bytes} bytes arrived"
            raise StoreError(key, fault)
        return reader.found, target


class NodeInput(NamedTuple):
    """What a node works on: the source object, or what a node before it published or adopted.

    Attributes:
        key: Its key.
        bucket: The bucket it lies in; empty for that of the source.
        path: Where it lies in scratch space; None for the source and what was adopted.
        store: What it is read from; None for the source.
        found: Its facts as the store had them; None for the source and what was published.
    """

    key: str
    bucket: str = ""
    path: Path | None = None
    store: ObjectStore | None = None
    found: ObjectInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the results of a node go, whatever the object.

    Attributes:
        store: The output bucket.
        bucket: Its name.
        patterns: Output patterns by child of `Output`.
        is_source: Whether it is the bucket that the job reads.
        takes: Tells of an object of that bucket whether it may be a source of the job.
    """

    store: ObjectStore
    bucket: str
    patterns: Mapping[str, str]
    is_source: bool
    takes: Callable[[ObjectInfo], bool]


@dataclass(slots=True, kw_only=True, eq=False)
class NodeResults:
    """What a node has published in this execution, over all of its inputs.

    Attributes:
        names: Tells what placeholders stand for that do not depend on the input.
        published: Where published files lie in scratch space, by key.
        adopted: What it found written by others, by key.
    """

    names: Callable[[], Mapping[str, str]]
    published: dict[str, Path] = field(default_factory=dict)
    adopted: dict[str, NodeInput] = field(default_factory=dict)


class NodeWorkspace:
    """One node's window on the world; see `operations.base.Workspace`."""

    def __init__(
        self,
        source: SourceObject,
        node_input: NodeInput,
        destination: Destination,
        results: NodeResults,
        control: Control,
        branches: Sequence[Branch] = (),
    ) -> None:
        self._source = source
        self._input = node_input
        self._destination = destination
        self._control = control
        self._results = results
        self._branches = branches
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

    @property
    def branches(self) -> Sequence[Branch]:
        """What the nodes before have kept."""
        return self._branches

    def fetch(self) -> Path:
        """The input as a local file, to be read only."""
        given = self._input
        if given.store is not None and given.path is None:
            return self._source.fetch_other(given.key, self.checkpoint, given.store)
        return given.path or self._source.fetch(self.checkpoint)

    def fetch_other(self, key_or_url: str) -> Path:
        """Another object of the same bucket as a local file."""
        return self._source.fetch_other(self._resolve(key_or_url), self.checkpoint)

    def borrow_other(self, key_or_url: str) -> AbstractContextManager[tuple[ObjectInfo, Path]]:
        """Another object of the same bucket as a local file, for a moment."""
        return self._source.borrow_other(self._resolve(key_or_url), self.checkpoint)

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects of the same bucket."""
        return self._source.list_objects(prefix)

    def etag(self) -> str:
        """The input's entity tag."""
        return "" if self._input.path is not None else self._found().etag

    def modified_ms(self) -> int:
        """The input's last modification."""
        if self._input.path is not None:
            return self._input.path.stat().st_mtime_ns // 1_000_000
        return self._found().modified_ms

    def size_bytes(self) -> int:
        """The input's size."""
        if self._input.path is not None:
            return self._input.path.stat().st_size
        return self._found().size_bytes

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
        made = self.publish_as(path, key)
        self._results.published[key] = path
        return made._replace(target=target)

    def publish_as(self, path: Path, key: str) -> OutputObject:
        """Store a finished file under a key of the operation's own choice."""
        stored = self._store(path, key)
        return OutputObject(
            bucket=self._destination.bucket,
            key=key,
            size_bytes=stored.size_bytes,
            etag=stored.etag,
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
        name = self.planned_key(extension=extension).rpartition("/")[2]
        return name.rpartition(".")[0] or name

    @property
    def is_source_bucket(self) -> bool:
        """Whether the output goes to the bucket that the input comes from."""
        return self._destination.is_source

    def planned_key(self, *, extension: str) -> str:
        """The key that `publish` will give the output."""
        return self._free_key(self._key("Object", {"ext": extension}))

    def call_function(self, name: str, function: Mapping[str, str]) -> Any:  # noqa: ANN401  # JSON
        """Have a function of the operator's table work on the input."""
        names = self._results.names()
        call = FunctionCall(
            name=name,
            words=function,
            event_id=_event_id(names["jobid"], self._input.key),
            run_id=names["runid"],
            job_id=names["jobid"],
            bucket=self._input.bucket or self._control.bucket,
            key=self._input.key,
        )
        return self._control.functions(call, self.checkpoint)

    def adopt(self, key: str) -> OutputObject:
        """An object of the input's bucket that somebody else wrote."""
        store = self._input.store or self._source.store
        found = store.head(key)
        is_source = store is self._source.store and key == self._source.listed.key
        self._results.adopted[key] = (
            NodeInput(key=key)
            if is_source
            else NodeInput(key=key, bucket=self._input.bucket, store=store, found=found)
        )
        return OutputObject(
            bucket=self._input.bucket or self._control.bucket,
            key=key,
            size_bytes=found.size_bytes,
            etag=found.etag,
            input_key=self._input.key,
        )

    def checkpoint(self) -> None:
        """Stop here if the attempt is cancelled or out of time."""
        self._control.checkpoint()

    def is_cancelled(self) -> bool:
        """Whether `checkpoint` would raise."""
        return self._control.is_over()

    def report(self, fraction: float) -> None:
        """Say how much of the work on this input is done."""
        self._control.report(fraction)

    def _found(self) -> ObjectInfo:
        """The facts of an input that a store has."""
        return self._input.found or self._source.found()

    def _resolve(self, key_or_url: str) -> str:
        try:
            return resolve_key(key_or_url, {self._control.bucket})
        except InvalidArgumentError as error:
            raise InvalidParamsError(str(error)) from error

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

    def _spare_sources(self, key: str) -> None:
        """Refuse to write over the object itself, or over another that the job takes."""
        if key == self._source.listed.key:
            message = f"the output {key!r} would overwrite its source"
            raise InvalidParamsError(message)
        if not self._destination.takes(ObjectInfo(key)):
            return
        with suppress(ObjectNotFoundError):
            if self._destination.takes(self._destination.store.head(key)):
                message = f"the output {key!r} would overwrite another object that the job takes"
                raise InvalidParamsError(message)

    def _store(self, path: Path, key: str) -> ObjectInfo:
        if self._destination.is_source:
            self._spare_sources(key)
        self.checkpoint()
        return self._destination.store.put_file(key, path, content_type=content_type_of(key))


def _event_id(job_id: str, key: str) -> str:
    """What tells repeats of a call; a node with several inputs makes one for each of them."""
    digest = sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{job_id}-{digest[:8]}"
