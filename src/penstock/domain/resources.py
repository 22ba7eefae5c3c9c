"""Templates and queues: what people set up once and jobs refer to."""

from collections.abc import Iterable
from dataclasses import dataclass

from penstock.domain.trees import Tree

CUSTOM = "Custom"
OFFICIAL = "Official"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A named, reusable set of node params.

    Attributes:
        id: `t` and 32 hex digits.
        bucket: The bucket it belongs to; empty for one that is built in.
        tag: The operation it is for.
        name: Unique in its bucket.
        body: The params, as in a node's `Operation`.
        category: Custom, or Official for one that is built in.
        created_ms: Milliseconds since 1970 UTC; 0 for one that is built in.
        updated_ms: Last change, milliseconds since 1970 UTC; 0 as before.
    """

    id: str
    bucket: str
    tag: str
    name: str
    body: Tree
    category: str = CUSTOM
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A lane with a capacity and a pause switch.

    Attributes:
        id: `p` and 32 hex digits.
        bucket: The bucket it belongs to.
        family: The service family, such as `media`.
        category: The vendor's word for the kind of queue, such as `Transcoding`.
        name: For people.
        is_paused: Whether chunks that pass through it wait.
        max_size: Longest queue; told to clients.
        max_concurrent: Most chunks of the queue that run at once.
        notify: The `NotifyConfig` tree.
        created_ms: Milliseconds since 1970 UTC.
        updated_ms: Last change, milliseconds since 1970 UTC.
    """

    id: str
    bucket: str
    family: str
    category: str
    name: str
    is_paused: bool = False
    max_size: int = 10000
    max_concurrent: int = 10
    notify: Tree
    created_ms: int
    updated_ms: int


def queue_of(queues: Iterable[Queue], family: str, start: Tree) -> Queue | None:
    """The queue that nodes of a family pass through: the one that Start names, else the first.

    Args:
        queues: Those that the job passes through, in its order.
        start: The Start node's `Input`.
    """
    ours = [queue for queue in queues if queue.family == family]
    named = [queue for queue in ours if queue.id in start.values()]
    return next(iter(named or ours), None)
