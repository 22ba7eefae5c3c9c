"""What batch jobs of type Job and single jobs have in common on the wire (`wire.md` 2.3, 8.2)."""

import re
from collections.abc import Iterator

from penstock.domain.callback_rules import rule_faults
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.operation_rules import OperationCheck, OperationRule
from penstock.domain.trees import Tree, child, text

# Slips of the pen in the vendor's tables of tags; clients copy from them.
_MISSPELT = {
    "Animatin": "Animation",
    "SDR2HDR": "SDRtoHDR",
    "VoiceSpearte": "VoiceSeparate",
}
_LEVELS = ("0", "1", "2")
_USER_DATA = re.compile(r"[ -~]{0,1024}")
_SPEED_QUEUE = "SpeedTranscoding"


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
    output = child(echo, "Output")
    operation: Tree = {**params, "Output": output} if output else params
    faults = [*check(tag, operation), *_lane_faults(tag, echo), *rule_faults(echo)]
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
