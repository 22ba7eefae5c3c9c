"""What batch jobs of type Job and single jobs have in common on the wire (`wire.md` 2.3, 8.2)."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.operation_rules import OperationCheck, OperationRule
from penstock.domain.trees import Tree, child, text

# Two slips of the pen in the vendor's table of tags; clients copy from it.
_MISSPELT = {"Animatin": "Animation", "VoiceSpearte": "VoiceSeparate"}
_LEVELS = ("0", "1", "2")
_USER_DATA = re.compile(r"[ -~]{0,1024}")
_SPEED_QUEUE = "SpeedTranscoding"
_MQ_REGIONS = ("sh", "bj", "gz", "cd", "hk")
_NO_CALLBACK = "no"


def read_rule(tag: str, params: Tree, echo: Tree, check: OperationCheck) -> OperationRule:
    """Read one operation.

    Args:
        tag: As sent.
        params: The params and the template id; an empty tree where there are none.
        echo: Everything, in the words of a batch job's `Operation`.
        check: Tells what is wrong with a tag and its settings.

    Raises:
        InvalidArgumentError: Something is wrong; names every fault.
    """
    tag = _MISSPELT.get(tag, tag)
    operation: Tree = {**params, "Output": child(echo, "Output")}
    faults = [*check(tag, operation), *_lane_faults(tag, echo), *_callback_faults(echo)]
    if faults:
        raise InvalidArgumentError(*faults)
    queue_id = text(echo, "QueueId")
    is_speed = tag == "Transcode" and not queue_id
    return OperationRule(
        tag=tag,
        operation=operation,
        queue_id=queue_id,
        queue_type=text(echo, "QueueType") if is_speed else "",
        priority=int(text(echo, "JobLevel") or 0),
        echo=echo,
    )


def _lane_faults(tag: str, echo: Tree) -> Iterator[str]:
    level, user_data = text(echo, "JobLevel"), echo.get("UserData", "")
    if level and level not in _LEVELS:
        yield f"JobLevel must be one of {', '.join(_LEVELS)}, not {level!r}"
    if not isinstance(user_data, str) or not _USER_DATA.fullmatch(user_data):
        yield "UserData must be at most 1024 printable ASCII characters"
    queue_type = text(echo, "QueueType")
    is_read = tag == "Transcode" and not text(echo, "QueueId")
    if is_read and queue_type not in {"", _SPEED_QUEUE}:
        yield f"QueueType must be {_SPEED_QUEUE}, not {queue_type!r}"


def _callback_faults(echo: Tree) -> Iterator[str]:
    url = text(echo, "CallBack")
    if url and url != _NO_CALLBACK and not _is_url(url):
        yield f"CallBack must be an http or https URL or the word {_NO_CALLBACK}, not {url!r}"
    yield from _choice_faults(echo, "CallBackFormat", ("XML", "JSON"))
    yield from _choice_faults(echo, "CallBackType", ("Url", "TDMQ", "Kafka"))
    match text(echo, "CallBackType"):
        case "TDMQ":
            queue = child(echo, "CallBackMqConfig")
            yield from _missing(queue, "CallBackMqConfig", ("MqRegion", "MqName"))
            place = "CallBackMqConfig."
            yield from _choice_faults(queue, "MqRegion", _MQ_REGIONS, place)
            yield from _choice_faults(queue, "MqMode", ("Topic", "Queue"), place)
        case "Kafka":
            queue = child(echo, "CallBackKafkaConfig")
            yield from _missing(queue, "CallBackKafkaConfig", ("Region", "InstanceId", "Topic"))


def _choice_faults(
    tree: Tree, name: str, words: tuple[str, ...], place: str = ""
) -> Iterator[str]:
    word = text(tree, name)
    if word and word not in words:
        yield f"{place}{name} must be one of {', '.join(words)}, not {word!r}"


def _missing(tree: Tree, place: str, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if not text(tree, name):
            yield f"{place}.{name} must be given"


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_usable = parts.port != 0 and not any(map(str.isspace, url))
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_usable
