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
_FAMILIES = (  # path, family, noun of its actions
    ("/queue", "media", "MediaQueue"),
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
        """List the queues of a family."""
        ids = read_words(call, "queueIds")
        if len(ids) > _MOST_IDS:
            fault = f"queueIds may hold at most {_MOST_IDS} ids"
            raise InvalidArgumentError(fault)
        state, category = call.argument("state"), call.argument("category")
        of_family = self._queues.of_family(call.bucket, family)
        matching = [
            queue
            for queue in of_family
            if (not ids or queue.id in ids)
            and state in {"", "All", "Paused" if queue.is_paused else "Active"}
            and category in {"", "CateAll", queue.category}
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
        body = decode_queue(call.tree())
        queue = self._queues.update(
            call.bucket,
            family,
            call.values["id"],
            name=body.name,
            is_paused=body.is_paused,
            notify=body.notify,
        )
        return ok(call, {"Queue": encode_queue(queue)})
