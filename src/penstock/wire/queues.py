"""Queues on the wire (`wire.md` section 6)."""

from typing import NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.resources import Queue
from penstock.domain.trees import Tree, child, text
from penstock.wire.times import job_time
from penstock.wire.xml import Content

_MOST_NAME_BYTES = 128


class QueueBody(NamedTuple):
    """What an update carries.

    Attributes:
        name: For people, at most 128 bytes.
        is_paused: Whether chunks that pass through it wait.
        notify: Its callback settings; may be partial.
    """

    name: str
    is_paused: bool
    notify: Tree


def decode_queue(tree: Tree) -> QueueBody:
    """Read the body of `PUT /queue/<id>`.

    Raises:
        InvalidArgumentError: The name or the state is wrong.
    """
    name, state = text(tree, "Name"), text(tree, "State")
    faults = []
    if not name or len(name.encode()) > _MOST_NAME_BYTES:
        faults.append("Name must be given and have at most 128 bytes")
    if state not in {"Active", "Paused"}:
        faults.append(f"State must be Active or Paused, not {state!r}")
    if faults:
        raise InvalidArgumentError(*faults)
    return QueueBody(name, state == "Paused", child(tree, "NotifyConfig"))


def encode_queue(queue: Queue) -> dict[str, Content]:
    """The `Queue` of an answer; in lists it is called `QueueList`."""
    return {
        "QueueId": queue.id,
        "Name": queue.name,
        "State": "Paused" if queue.is_paused else "Active",
        "NotifyConfig": {
            name: text(queue.notify, name) or default
            for name, default in (
                ("Url", ""),
                ("Event", ""),
                ("Type", ""),
                ("State", "Off"),
                ("ResultFormat", ""),
            )
        },
        "MaxSize": queue.max_size,
        "MaxConcurrent": queue.max_concurrent,
        "CreateTime": job_time(queue.created_ms),
        "UpdateTime": job_time(queue.updated_ms),
        "BucketId": queue.bucket,
        "Category": queue.category,
    }
