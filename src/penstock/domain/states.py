"""The state machines: one table each, one lookup that raises on a missing entry.

Enum values are the words of the wire. Final states have empty rows. The diagrams in
`docs/explanation/job-lifecycle.md` are drawn from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar


class JobState(StrEnum):
    """States of a batch job."""

    SUBMITTED = "Submitted"
    RUNNING = "Running"
    PAUSE = "Pause"
    SUCCESS = "Success"
    FAILED = "Failed"
    CANCEL = "Cancel"


class JobEvent(StrEnum):
    """What moves a job."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


class ChunkState(StrEnum):
    """States of a chunk."""

    PLANNED = "Planned"
    LEASED = "Leased"
    SEALED = "Sealed"
    CANCELLED = "Cancelled"


class ChunkEvent(StrEnum):
    """What moves a chunk."""

    LEASE = "lease"
    RELEASE = "release"
    CUT = "cut"
    SEAL = "seal"
    CANCEL = "cancel"


class ExecutionState(StrEnum):
    """States of an execution and of its nodes.

    The first three are never stored: an execution that has not ended is read from its chunk.
    """

    SUBMITTED = "Submitted"
    PAUSE = "Pause"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCEL = "Cancel"


class DeliveryState(StrEnum):
    """States of a callback in the outbox."""

    WAITING = "Waiting"
    DELIVERED = "Delivered"
    EXPIRED = "Expired"


class DeliveryEvent(StrEnum):
    """What moves a callback: it is answered well, or given up."""

    DELIVER = "deliver"
    EXPIRE = "expire"


FINAL_EXECUTION_STATES = (
    ExecutionState.SUCCESS,
    ExecutionState.FAILED,
    ExecutionState.SKIPPED,
    ExecutionState.CANCEL,
)

JOB_TABLE: Mapping[JobState, Mapping[JobEvent, JobState]] = {
    JobState.SUBMITTED: {
        JobEvent.START: JobState.RUNNING,
        JobEvent.FAIL: JobState.FAILED,
        JobEvent.CANCEL: JobState.CANCEL,
    },
    JobState.RUNNING: {
        JobEvent.PAUSE: JobState.PAUSE,
        JobEvent.FINISH: JobState.SUCCESS,
        JobEvent.FAIL: JobState.FAILED,
        JobEvent.CANCEL: JobState.CANCEL,
    },
    JobState.PAUSE: {
        JobEvent.RESUME: JobState.RUNNING,
        JobEvent.FAIL: JobState.FAILED,
        JobEvent.CANCEL: JobState.CANCEL,
    },
    JobState.SUCCESS: {},
    JobState.FAILED: {},
    JobState.CANCEL: {},
}

CHUNK_TABLE: Mapping[ChunkState, Mapping[ChunkEvent, ChunkState]] = {
    ChunkState.PLANNED: {
        ChunkEvent.LEASE: ChunkState.LEASED,
        ChunkEvent.CANCEL: ChunkState.CANCELLED,
    },
    ChunkState.LEASED: {
        ChunkEvent.RELEASE: ChunkState.PLANNED,
        ChunkEvent.CUT: ChunkState.LEASED,
        ChunkEvent.SEAL: ChunkState.SEALED,
    },
    ChunkState.SEALED: {},
    ChunkState.CANCELLED: {},
}

DELIVERY_TABLE: Mapping[DeliveryState, Mapping[DeliveryEvent, DeliveryState]] = {
    DeliveryState.WAITING: {
        DeliveryEvent.DELIVER: DeliveryState.DELIVERED,
        DeliveryEvent.EXPIRE: DeliveryState.EXPIRED,
    },
    DeliveryState.DELIVERED: {},
    DeliveryState.EXPIRED: {},
}

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class WrongStateError(Exception):
    """A programming error: the event does not exist in this state."""


def move(table: Mapping[S, Mapping[E, S]], state: S, event: E) -> S:
    """The state that an event leads to.

    Raises:
        WrongStateError: The table has no such entry.
    """
    try:
        return table[state][event]
    except KeyError:
        message = f"{state!r} has no event {event!r}"
        raise WrongStateError(message) from None


def sources(table: Mapping[S, Mapping[E, S]], event: E) -> tuple[S, ...]:
    """Every state in which an event may happen: what a compare-and-set must find."""
    return tuple(state for state, row in table.items() if event in row)


def is_final(table: Mapping[S, Mapping[E, S]], state: S) -> bool:
    """Whether nothing moves this state any more."""
    return not table[state]
