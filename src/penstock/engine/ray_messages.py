"""What the executor, the process that talks to Ray and the workers on its nodes tell each other.

In a module of its own, as `commands` is: the driver process is called `__main__` there.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from penstock.domain.chunks import Chunk
from penstock.domain.jobs import Job
from penstock.operations.base import Needs


class Word(StrEnum):
    """What a worker is told about the chunk that it runs."""

    CANCEL = "cancel"
    CUT = "cut"
    DRAIN = "drain"


class News(StrEnum):
    """What a worker tells about the chunk that it runs."""

    BEGUN = "begun"
    DONE = "done"
    CUT = "cut"


class DeskAddress(NamedTuple):
    """Where workers call in.

    Attributes:
        host: Address of the driver process, as other nodes see it.
        port: Its TCP port.
        token: Lets a caller in.
    """

    host: str
    port: int
    token: str


class Call(NamedTuple):
    """A chunk on its way to a Ray worker; its packed objects travel beside it.

    Attributes:
        version: Version of penstock that sends it.
        ticket: Names this try at the chunk.
        desk: Where the worker calls in.
        factory: `module:function` that makes the runner.
        argument: The one argument of that function.
        job: The job, workflows pinned.
        chunk: The leased chunk.
        is_elsewhere: Whether the worker may be on another machine than the server.
    """

    version: str
    ticket: int
    desk: DeskAddress
    factory: str
    argument: str
    job: Job
    chunk: Chunk
    is_elsewhere: bool


# --- to the driver ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Hands out a chunk.

    Attributes:
        ticket: Names this try at the chunk.
        needs: What its worker needs.
        argument: What its runner is made with.
        job: The job, workflows pinned.
        chunk: The leased chunk.
        objects: The packed objects of its origin.
    """

    ticket: int
    needs: Needs
    argument: str
    job: Job
    chunk: Chunk
    objects: bytes


@dataclass(frozen=True, slots=True)
class Tell:
    """Has the worker of a chunk told something."""

    ticket: int
    word: Word


@dataclass(frozen=True, slots=True)
class Close:
    """Ends the driver, and a Ray that it started."""


Order = Submit | Tell | Close


# --- from the driver ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The driver is part of a cluster and takes chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the cluster has for this server: all of it, less what others use.

    Attributes:
        cpus: Processor cores.
        gpus: Graphics cards.
        memory_bytes: Memory.
    """

    cpus: float
    gpus: float
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A chunk was run; its outcome is pickled."""

    ticket: int
    outcome: bytes


@dataclass(frozen=True, slots=True)
class Died:
    """A worker died while it ran a chunk."""

    ticket: int
    cause: str


@dataclass(frozen=True, slots=True)
class Returned:
    """A chunk comes back through no fault of its own: cancelled, or its node is gone."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """A worker could not begin a chunk: its node, or what is installed there, is at fault."""

    ticket: int
    cause: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a worker told of its chunk: the share that is done, or where it ends it."""

    ticket: int
    news: News
    number: float


@dataclass(frozen=True, slots=True)
class Lost:
    """The driver has no cluster, or none any more; it ends."""

    cause: str


Event = Connected | Room | Ended | Died | Returned | Unfit | Heard | Lost
