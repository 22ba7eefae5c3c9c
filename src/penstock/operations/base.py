"""What an operation is, and the workspace through which it touches objects.

An operation is a record: which node type it serves, which kinds of input it reads, how its
params are parsed, and one function that runs it on one input. It knows nothing of jobs, chunks,
stores or the database. Everything that it reads and writes goes through its `Workspace`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from penstock.domain.executions import OutputObject
from penstock.domain.trees import Tree

P = TypeVar("P")


class Kind(StrEnum):
    """What kind of thing an object is, as far as its name tells."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    OTHER = "other"


class Family(StrEnum):
    """Which of the service families an operation belongs to; decides its queue and job ids."""

    MEDIA = "media"
    PICTURE = "pic"
    DOCUMENT = "doc"
    AI = "ai"
    SPEECH = "asr"
    FILE = "file"

    @property
    def letter(self) -> str:
        """The first letter of the ids of its jobs (`wire.md` 1.3)."""
        return {"media": "j", "pic": "c", "doc": "d", "ai": "a", "asr": "s", "file": "f"}[self]


class Limits(NamedTuple):
    """Bounds for the work on one object.

    Attributes:
        seconds: Wall clock for one node, greater than zero.
        memory_bytes: Address space of a child process.
        output_bytes: Size of one file that a child process may write.
        pixels: Width times height (times frames) that a picture may decode to.
        threads: Threads that one operation may use.
    """

    seconds: float = 6 * 3600.0
    memory_bytes: int = 8 << 30
    output_bytes: int = 256 << 30
    pixels: int = 250_000_000
    threads: int = 1


class Workspace(Protocol):
    """One node's window on the world while it works on one input object."""

    @property
    def key(self) -> str:
        """Key of the input object: the job's object, or an output of the node before."""

    @property
    def scratch(self) -> Path:
        """An empty folder of this node's own; removed when the object is done."""

    @property
    def limits(self) -> Limits:
        """Bounds to hold to."""

    def fetch(self) -> Path:
        """The input as a local file, to be read only; downloaded at most once an execution.

        Raises:
            ObjectNotFoundError: The object does not exist.
            StoreError: The store failed.
        """

    def fetch_other(self, key_or_url: str) -> Path:
        """Another object of the same bucket as a local file: a key, or a URL that points at it.

        Raises:
            ObjectNotFoundError: The object does not exist, or the URL names another bucket.
        """

    def etag(self) -> str:
        """The input's entity tag, without quotes; empty where the store has none."""

    def modified_ms(self) -> int:
        """The input's last modification in milliseconds since 1970 UTC; -1 where unknown."""

    def publish(
        self,
        path: Path,
        *,
        extension: str,
        number: int | None = None,
        time_ms: int | None = None,
        target: str = "Object",
    ) -> OutputObject:
        """Store a finished file under the key that the node's output pattern gives it.

        Args:
            path: A complete file in `scratch`.
            extension: What `${Ext}` stands for, without the dot.
            number: What `${Number}` stands for, from 0; None when there is one result.
            time_ms: What `${Time}` stands for.
            target: The child of the node's `Output` that holds the pattern, such as
                `SpriteObject`.

        Raises:
            InvalidParamsError: The pattern is missing.
            StoreError: The store failed.
        """

    def put_sidecar(self, path: Path, name: str) -> str:
        """Store a file beside the node's output, under `name` in the output key's folder.

        For files that belong to an output and are named by it, such as the segments of a
        playlist: store them first, the playlist last. Returns the full key.
        """

    def output_stem(self, *, extension: str) -> str:
        """The file name, without extension, that `publish` will give the output."""

    def checkpoint(self) -> None:
        """Stop here if the attempt is cancelled or out of time; call it between steps.

        Raises:
            AttemptCancelledError: The attempt was cancelled.
            OperationTimeoutError: The time limit has passed.
        """

    def is_cancelled(self) -> bool:
        """Whether `checkpoint` would raise; for loops that must clean up first."""

    def report(self, fraction: float) -> None:
        """Say how much of the work on this input is done, from 0 to 1; cheap, may be dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run made.

    Attributes:
        outputs: Published objects, in order.
        facts: What the run found out, in the vendor's result shape, such as
            `{"MediaInfo": {...}}`: nested mappings, lists and text only.
    """

    outputs: Sequence[OutputObject] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[P]):
    """One capability behind a node type.

    Attributes:
        tag: The node type and job tag, such as `PicProcess`.
        block: Name of the element that holds its params, such as `ConcatTemplate` for Concat.
        family: Its service family.
        reads: Kinds of input it can read; a node is skipped for objects of another kind.
        needs_output: Whether a node must say where its result goes.
        parse: Turns a node's `Operation` tree into params; raises `InvalidArgumentError` with
            all faults found.
        run: Runs it on one input.
    """

    tag: str
    block: str
    family: Family
    reads: frozenset[Kind]
    needs_output: bool = True
    parse: Callable[[Tree], P]
    run: Callable[[P, Workspace], Result]
