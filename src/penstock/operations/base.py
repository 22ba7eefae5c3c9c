"""What an operation is, and the workspace through which it touches objects.

An operation is a record: which node type it serves, which kinds of input it reads, how its
params are parsed, and one function that runs it on one input. It knows nothing of jobs, chunks,
stores or the database. Everything that it reads and writes goes through its `Workspace`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from penstock.domain.executions import OutputObject
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree
from penstock.operations.requirements import Requirement

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


class Needs(NamedTuple):
    """What one worker needs while it runs an operation; asked for where a cluster places work.

    Attributes:
        cpus: Processor cores, greater than zero; the operation may use as many threads.
        gpus: Graphics cards; a fraction is a share of one.
        memory_bytes: Memory that is set aside; 0 sets none aside.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0


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

    @property
    def branches(self) -> "Sequence[Branch]":
        """What the nodes before have kept, in their order; those that failed have kept nothing."""

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

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object of the same bucket whose key begins with `prefix`, in order; streams.

        Raises:
            StoreError: The store failed.
        """

    def borrow_other(self, key_or_url: str) -> AbstractContextManager[tuple[ObjectInfo, Path]]:
        """Another object as with `fetch_other`, for a moment: its facts and a local file.

        What had to be downloaded is removed on the way out, so that any number of objects can
        be read one behind the other.

        Raises:
            ObjectNotFoundError: The object does not exist.
            InvalidParamsError: The URL names another bucket.
            StoreError: The store failed.
        """

    def etag(self) -> str:
        """The input's entity tag, without quotes; empty where the store has none."""

    def modified_ms(self) -> int:
        """The input's last modification in milliseconds since 1970 UTC; -1 where unknown."""

    def size_bytes(self) -> int:
        """The input's size; -1 where unknown. Downloads nothing."""

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

    def publish_as(self, path: Path, key: str) -> OutputObject:
        """Store a finished file in the output bucket under a key of the operation's own choice.

        The key must follow from the input and the params alone. The file may be removed behind
        it: what is published in this way is not handed to the nodes behind.

        Raises:
            InvalidParamsError: The key is that of the source.
            KeyNotStorableError: The store cannot hold such a key.
            StoreError: The store failed.
        """

    @property
    def is_source_bucket(self) -> bool:
        """Whether the output goes to the bucket that the input comes from."""

    def planned_key(self, *, extension: str) -> str:
        """The key that `publish` will give the output."""

    def output_stem(self, *, extension: str) -> str:
        """The file name, without extension, that `publish` will give the output."""

    def call_function(self, name: str, function: Mapping[str, str]) -> Any:  # noqa: ANN401  # JSON
        """Have a function of the operator's table work on the input; waits for its answer.

        Args:
            name: Its name in the table.
            function: What the node says of it; passed on.

        Returns:
            The answer's JSON; an empty mapping where the answer is empty.

        Raises:
            InvalidParamsError: The table has no such function.
            FunctionRejectedError: The function refused the call, or answered no JSON.
            FunctionUnavailableError: It could not be reached, or failed.
            OperationTimeoutError: It took too long.
            AttemptCancelledError: The attempt was cancelled meanwhile.
        """

    def adopt(self, key: str) -> OutputObject:
        """An object of the input's bucket that somebody else wrote, as an output of this node.

        Raises:
            ObjectNotFoundError: There is no such object.
        """

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
class Branch:
    """What a node before has kept, for a node that joins several.

    Attributes:
        name: Name of the node that kept it.
        path: What it kept, in scratch space; to be read only.
        workspace: The window of that node: what is published there gets its keys.
    """

    name: str
    path: Path
    workspace: Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run made.

    Attributes:
        outputs: Published objects, in order.
        facts: What the run found out, in the vendor's result shape, such as
            `{"MediaInfo": {...}}`: nested mappings, lists and text only. Of a node with several
            inputs the facts of the last one stand, except that lists are joined.
        hands_on: Whether the nodes behind get anything to read of this input; they are skipped
            for it where not.
        kept: A file in scratch space that is not published yet; the node behind that joins
            several gets it as a `Branch`.
        joined: What was published through the windows of branches, by the names of their nodes;
            recorded as the results of those nodes.
    """

    outputs: Sequence[OutputObject] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    kept: Path | None = None
    joined: "Mapping[str, Result]" = field(default_factory=dict)
    hands_on: bool = True


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
        needs: What a worker needs while it runs; a chunk asks for the most that its nodes need.
        requires: What it cannot work without; it is not offered where one of them is missing.
        optional: What a part of it needs, by words for the part, such as `Format 7z`; `parse`
            refuses that part where it is missing.
        is_node_only: Whether it makes sense in workflows only, not as a job of its own.
        template_tag: Tag of the templates that its nodes may name; empty for its own.
        hands_on_input: Whether the nodes behind read its own input instead of its outputs, as
            they do behind an operation that needs no output.
    """

    tag: str
    block: str
    family: Family
    reads: frozenset[Kind]
    needs_output: bool = True
    needs: Needs = field(default_factory=Needs)
    requires: tuple[Requirement, ...] = ()
    optional: Mapping[str, Requirement] = field(default_factory=dict)
    is_node_only: bool = False
    template_tag: str = ""
    hands_on_input: bool = False
    parse: Callable[[Tree], P]
    run: Callable[[P, Workspace], Result]
