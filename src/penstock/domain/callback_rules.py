"""What is wrong with the callbacks that a caller asks for, before they are stored."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from penstock.domain.callbacks import (
    SUPPRESSED,
    CallbackEvent,
    CallbackFormat,
    CallbackType,
)
from penstock.domain.trees import Tree, child, text

_ACCEPTED_EVENTS = {*CallbackEvent, "WorkflowStart"}  # the last is never sent: wire.md 15, 26
_MOST_URL_CHARACTERS = 2048
_MQ_REGIONS = ("sh", "bj", "gz", "cd", "hk")
_MQ_MODES = ("Topic", "Queue")


def notify_faults(notify: Tree, where: str) -> list[str]:
    """What is wrong with a `NotifyConfig` of a workflow or a queue.

    One that is `Off` needs nothing; a URL in it is checked all the same, since it may be switched
    on later without being sent again.

    Args:
        where: Its place in the request, for the message.
    """
    if not any(notify.values()):
        return []
    faults = []
    state = text(notify, "State").lower()
    if state not in {"", "on", "off"}:
        faults.append(f"{where}.State must be On or Off, not {text(notify, 'State')!r}")
    faults += _word_faults(notify, f"{where}.", type_="Type", format_="ResultFormat")
    words = {word.strip() for word in text(notify, "Event").split(",")} - {""}
    unknown = sorted(words - _ACCEPTED_EVENTS)
    if unknown:
        faults.append(
            f"{where}.Event may hold {' and '.join(CallbackEvent)}, not {', '.join(unknown)}"
        )
    if state == "on" and not words:
        faults.append(f"{where}.Event must be given")
    is_by_url = text(notify, "Type") in {"", CallbackType.URL}
    url = text(notify, "Url")
    if is_by_url and url:
        faults += url_faults(url, f"{where}.Url")
    elif is_by_url and state == "on":
        faults.append(f"{where}.Url must be given")
    return faults


def rule_faults(rule: Tree) -> list[str]:
    """What is wrong with the `CallBack…` of a job."""
    faults = _word_faults(rule, "", type_="CallBackType", format_="CallBackFormat")
    url = text(rule, "CallBack")
    if url and url != SUPPRESSED:
        faults += url_faults(url, f"CallBack, where it is not {SUPPRESSED!r},")
    match text(rule, "CallBackType"):
        case CallbackType.TDMQ:
            queue = child(rule, "CallBackMqConfig")
            faults += _missing(queue, "CallBackMqConfig", ("MqRegion", "MqName"))
            for name, words in (("MqRegion", _MQ_REGIONS), ("MqMode", _MQ_MODES)):
                faults += _choice_faults(queue, "CallBackMqConfig.", name, words)
        case CallbackType.KAFKA:
            queue = child(rule, "CallBackKafkaConfig")
            faults += _missing(queue, "CallBackKafkaConfig", ("Region", "InstanceId", "Topic"))
    return faults


def url_faults(url: str, where: str) -> list[str]:
    """What is wrong with the URL of a callback; whether it may be called is seen at delivery."""
    if len(url) > _MOST_URL_CHARACTERS:
        return [f"{where} must have at most {_MOST_URL_CHARACTERS} characters"]
    if any(character.isspace() or not character.isprintable() for character in url):
        return [f"{where} {url!r} must not hold blanks or control characters"]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return [f"{where} {url!r} is no URL: {error}"]
    faults = []
    if parts.scheme.lower() not in {"http", "https"}:
        faults.append(f"{where} {url!r} must begin with http:// or https://")
    elif not parts.hostname or not parts.netloc.isascii() or "%" in parts.netloc or port == 0:
        faults.append(f"{where} {url!r} must name a host, in ASCII, and a port above 0 if any")
    if "@" in parts.netloc:
        faults.append(f"{where} must not hold a user name or a password")
    return faults


def _word_faults(tree: Tree, place: str, *, type_: str, format_: str) -> list[str]:
    return [
        *_choice_faults(tree, place, type_, tuple(CallbackType)),
        *_choice_faults(tree, place, format_, tuple(CallbackFormat)),
    ]


def _choice_faults(tree: Tree, place: str, name: str, words: Sequence[str]) -> list[str]:
    word = text(tree, name)
    if not word or word in words:
        return []
    return [f"{place}{name} must be one of {', '.join(words)}, not {word!r}"]


def _missing(tree: Tree, place: str, names: Sequence[str]) -> list[str]:
    return [f"{place}.{name} must be given" for name in names if not text(tree, name)]
