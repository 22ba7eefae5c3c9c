"""`/queue` and its kin: list, pause and resume queues (`wire.md` section 6)."""

from functools import partial

from penstock.api.arguments import read_page_number, read_size, read_words
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.domain.errors import InvalidArgumentError
from penstock.service.queues import QueueService
from penstock.wire.queues import decode_queue, encode_queue

_MOST_IDS = 10
_MEDIA = "media"
_ANY = frozenset({"", "All"})
_STATES = ("Active", "Paused")
_EVERY_CATEGORY = "CateAll"
# The categories of each family, its usual one first; the vendor's pages name one doubly.
_CATEGORIES = {
    _MEDIA: ("Transcoding", "SpeedTranscoding"),
    "pic": ("PicProcessing",),
    "doc": ("DocProcessing", "DocProcess"),
    "ai": ("AIProcess",),
    "asr": ("SpeechRecognition",),
    "file": ("FileProcessing",),
}
_FAMILIES = (  # path, family, noun of its actions
    ("/queue", _MEDIA, "MediaQueue"),
    ("/picqueue", "pic", "PicProcessQueue"),
    ("/docqueue", "doc", "DocProcessQueue"),
    ("/ai_queue", "ai", "AIProcessQueue"),
    ("/asrqueue", "asr", "AsrQueue"),
    ("/file_queue", "file", "FileProcessQueue"),
)


class QueueCalls:
    """Handlers of the queue calls of every family."""

    def __init__(self, queues: QueueService) -> None:
        self._queues = queues

    def routes(self) -> list[Route]:
        """The calls and their actions."""
        found = []
        for path, family, noun in _FAMILIES:
            found.append(
                Route(
                    method="GET",
                    pattern=path,
                    action=f"ci:Describe{noun}s",
                    handler=partial(self.list, family),
                )
            )
            found.append(
                Route(
                    method="PUT",
                    pattern=f"{path}/{{id}}",
                    action=f"ci:Update{noun}",
                    handler=partial(self.update, family),
                )
            )
        return found

    def list(self, family: str, call: Call) -> Response:
        """List the queues of a family; unknown ids are named."""
        ids = _read_ids(call)
        state, category = _read_state(call), _read_category(call, family)
        of_family = self._queues.of_family(call.bucket, family)
        matching = [
            queue
            for queue in of_family
            if (not ids or queue.id in ids)
            and state in {"", "Paused" if queue.is_paused else "Active"}
            and category in {"", queue.category}
        ]
        number, size = read_page_number(call), read_size(call, "pageSize")
        known = {queue.id for queue in of_family}
        return ok(
            call,
            {
                "TotalCount": len(matching),
                "PageNumber": number,
                "PageSize": size,
                "QueueList": [
                    encode_queue(queue) for queue in matching[(number - 1) * size : number * size]
                ],
                "NonExistPIDs": [one for one in ids if one not in known],
            },
        )

    def update(self, family: str, call: Call) -> Response:
        """Rename, pause or resume a queue."""
        body = decode_queue(call.tree(), is_any_name=family == _MEDIA)
        queue = self._queues.update(
            call.bucket,
            family,
            call.values["id"],
            name=body.name,
            is_paused=body.is_paused,
            notify=body.notify,
        )
        return ok(call, {"Queue": encode_queue(queue)})


def _read_ids(call: Call) -> list[str]:
    ids = read_words(call, "queueIds")
    if len(ids) > _MOST_IDS:
        fault = f"queueIds may hold at most {_MOST_IDS} ids, not {len(ids)}"
        raise InvalidArgumentError(fault)
    return ids


def _read_state(call: Call) -> str:
    """The state to show; empty for both."""
    state = call.argument("state")
    if state in _ANY:
        return ""
    if state not in _STATES:
        fault = f"state must be one of All, {', '.join(_STATES)}, not {state!r}"
        raise InvalidArgumentError(fault)
    return state


def _read_category(call: Call, family: str) -> str:
    """The category to show; empty for every one. Media queues are of the usual one by default."""
    category, known = call.argument("category"), _CATEGORIES[family]
    if not category:
        return known[0]
    if category == _EVERY_CATEGORY:
        return ""
    if category not in known:
        fault = f"category must be one of {_EVERY_CATEGORY}, {', '.join(known)}, not {category!r}"
        raise InvalidArgumentError(fault)
    return known[0] if family != _MEDIA else category
