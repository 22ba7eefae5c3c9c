"""Queues on the wire (`wire.md` section 6)."""

import re
from typing import NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.resources import Queue
from penstock.domain.trees import Tree, child, text
from penstock.wire.times import job_time
from penstock.wire.xml import Content

_MOST_NAME_BYTES = 128
_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff\u3400-\u4dbf_\-*\u2014]+")
_NOTIFY_LEAVES = ("Url", "Event", "Type", "State", "ResultFormat")
_NOTIFY_EXTRAS = ("MqMode", "MqRegion", "MqName", "KafkaConfig")  # shown where they are set


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


def decode_queue(tree: Tree, *, is_any_name: bool = False) -> QueueBody:
    """Read the body of `PUT /queue/<id>`.

    Args:
        is_any_name: Whether the name may hold any characters, as that of a media queue may.

    Raises:
        InvalidArgumentError: The name or the state is wrong.
    """
    name, state = text(tree, "Name"), text(tree, "State")
    faults = []
    if not name or len(name.encode()) > _MOST_NAME_BYTES:
        faults.append(f"Name must be given and have at most {_MOST_NAME_BYTES} bytes")
    elif not is_any_name and not _NAME.fullmatch(name):
        faults.append(
            f"Name may hold letters, digits, Chinese characters, '_', '-' and '*', not {name!r}"
        )
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
        "NotifyConfig": _encode_notify(queue.notify),
        "MaxSize": queue.max_size,
        "MaxConcurrent": queue.max_concurrent,
        "CreateTime": job_time(queue.created_ms),
        "UpdateTime": job_time(queue.updated_ms),
        "BucketId": queue.bucket,
        "Category": queue.category,
    }


def _encode_notify(notify: Tree) -> dict[str, Content]:
    encoded: dict[str, Content] = {name: text(notify, name) for name in _NOTIFY_LEAVES}
    encoded["State"] = text(notify, "State") or "Off"
    return {**encoded, **{name: notify[name] for name in _NOTIFY_EXTRAS if notify.get(name)}}
