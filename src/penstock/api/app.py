"""The ASGI application: host and raw path first, then dispatch, then the common headers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from penstock.api.dispatch import Dispatcher
from penstock.api.hosts import Service, resolve_host, split_target
from penstock.api.requests import (
    Body,
    Call,
    Receive,
    decode_headers,
    decode_path,
    decode_query,
)
from penstock.api.responses import Response, error_response, printable
from penstock.api.sending import Send, send_response
from penstock.domain.errors import PenstockError

Scope = dict[str, Any]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_INTERNAL_ERRORS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Answers every request that reaches the server.

    Run it under uvicorn with `http="httptools"`, `server_header=False`, `date_header=False`.

    Attributes:
        dispatcher: Carries out calls.
        default_bucket: What a bare host stands for; None where it stands for no bucket.
        now: The clock, in unix seconds.
        new_id: Makes request and trace ids: opaque, printable ASCII.
        mounts: Other applications by path prefix, such as `/api/v1`. They answer below their
            prefix on bare hosts, do their own authentication and see the whole path.
        on_close: Called when the server shuts down.
    """

    dispatcher: Dispatcher
    default_bucket: str | None
    now: Callable[[], float]
    new_id: Callable[[], str]
    mounts: Mapping[str, AsgiApp] = field(default_factory=dict)
    on_close: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        call = self._decode(scope, receive)
        mounted = self._mounted(call)
        if mounted is not None:
            await mounted(scope, receive, send)
            return
        response = await self._answer(call)
        if not call.body.is_disconnected:
            await send_response(call, response, send, self.dispatcher.threads, self.now())

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        self.on_close()
        self.dispatcher.threads.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _mounted(self, call: Call) -> AsgiApp | None:
        if call.address.service is not Service.NONE:
            return None
        if call.path == "/healthz" and call.method in {"GET", "HEAD"}:
            return _healthz
        for prefix, app in self.mounts.items():
            if call.path == prefix or call.path.startswith(prefix.rstrip("/") + "/"):
                return app
        return None

    def _decode(self, scope: Scope, receive: Receive) -> Call:
        headers = decode_headers(scope["headers"])
        by_name = dict(headers)
        raw_path, host = split_target(scope["raw_path"], by_name.get("host", ""))
        if host != by_name.get("host"):
            headers = (*(pair for pair in headers if pair[0] != "host"), ("host", host))
        length = by_name.get("content-length")
        return Call(
            request_id=self.new_id(),
            trace_id=self.new_id(),
            method=scope["method"],
            path=decode_path(raw_path),
            query=decode_query(scope["query_string"]),
            headers=headers,
            address=resolve_host(host, self.default_bucket),
            body=Body(
                receive,
                length_bytes=int(length) if length else None,
                is_chunked="transfer-encoding" in by_name,
            ),
            port=(scope.get("server") or (None, None))[1],
            client=(scope.get("client") or ("", None))[0],
            is_secure=scope.get("scheme") == "https",
        )

    async def _answer(self, call: Call) -> Response:
        log = structlog.get_logger().bind(request_id=call.request_id)
        try:
            return await self.dispatcher.answer(call)
        except PenstockError as error:
            if error.status >= _INTERNAL_ERRORS:
                log.warning("call_failed", code=error.code, message=printable(str(error)))
            return error_response(call, error)
        except Exception:  # the HTTP edge: the client gets a code, the log the cause
            log.exception("call_crashed", method=call.method, path=printable(call.path))
            return error_response(call, PenstockError("something went wrong in the server"))


async def _healthz(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
