"""From a decoded call to the handler of its action."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from penstock.api.hosts import is_object_call
from penstock.api.requests import Call, check_md5, check_text
from penstock.api.responses import Response
from penstock.api.threads import Threads
from penstock.domain.refusals import (
    InvalidUrlError,
    MethodNotAllowedError,
    MissingContentLengthError,
)

Handler = Callable[[Call], Response] | Callable[[Call], Awaitable[Response]]


class Action(NamedTuple):
    """What a call comes down to.

    Attributes:
        name: The word that policies know it by, such as `ci:CreateMediaWorkflow`.
        handler: Answers it. A plain function runs in a thread, a coroutine in the event loop.
        values: What the placeholders of its route stand for.
        has_content: Whether the body is read whole before the handler is called.
        is_asking: Whether the handler asks for permission itself, since it depends on the body.
    """

    name: str
    handler: Handler
    values: dict[str, str]
    has_content: bool
    is_asking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One CI call.

    Attributes:
        method: In upper case.
        pattern: A path such as `/workflow/{id}`; a placeholder is one whole segment.
        action: The word that policies know it by, such as `ci:UpdateMediaWorkflow`.
        handler: Answers it; finds `call.values` and `call.content` set.
        argument: A query parameter that must be there (`cancel`); empty needs none.
        is_asking: Whether the handler calls `call.require` itself, since what the call needs
            depends on its body.
    """

    method: str
    pattern: str
    action: str
    handler: Handler
    argument: str = ""
    is_asking: bool = False

    def match(self, path: str) -> dict[str, str] | None:
        """The values of the placeholders; None when the path is another."""
        names = _segments(self.pattern)
        segments = _segments(path)
        if len(names) != len(segments):
            return None
        values = {}
        for name, segment in zip(names, segments, strict=True):
            if name.startswith("{"):
                values[name[1:-1]] = segment
            elif name != segment:
                return None
        return values


class Router:
    """The table of CI calls; the first route that fits wins."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    def find(self, call: Call) -> Action:
        """The action of a CI call.

        Raises:
            InvalidUrlError: No call has this path.
            MethodNotAllowedError: The path exists, but not with this method.
        """
        is_known = False
        for route in self._routes:
            values = route.match(call.path)
            if values is None:
                continue
            is_known = True
            if route.method == call.method and (
                not route.argument or call.has_argument(route.argument)
            ):
                return Action(
                    route.action,
                    route.handler,
                    values,
                    has_content=True,
                    is_asking=route.is_asking,
                )
        if is_known:
            raise MethodNotAllowedError(call.method, call.path)
        raise InvalidUrlError(call.method, call.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Authenticates a call, finds its action, and runs it.

    Attributes:
        router: Finds the action of a CI call.
        find_object_action: Finds the action of an object call.
        authenticate: Names the access key that signed a call, or raises.
        authorize: Raises when the key may do none of the named actions.
        threads: Where plain handlers run.
        max_content_bytes: The largest body of a CI call.
        limit_rate: Raises when the key that signed a CI call makes too many.
    """

    router: Router
    find_object_action: Callable[[Call], Action]
    authenticate: Callable[[Call], str]
    authorize: Callable[[Call, tuple[str, ...]], None]
    threads: Threads
    max_content_bytes: int
    limit_rate: Callable[[str], None] = lambda _secret_id: None

    async def answer(self, call: Call) -> Response:
        """Carry out one call.

        Raises:
            PenstockError: Anything that is wrong with it.
        """
        known, action = await self.threads.run(lambda: self._admit(call))
        content = await self._read_content(known) if action.has_content else b""
        ready = replace(known, values=action.values, content=content)
        return await _invoke(action.handler, ready, self.threads)

    def _admit(self, call: Call) -> tuple[Call, Action]:
        """Who it is, what it wants, and whether it may."""
        known = replace(call, secret_id=self.authenticate(call), authorize=self.authorize)
        action = self._find(known)
        if not action.is_asking:
            known.require(action.name)
        return known, action

    def _find(self, call: Call) -> Action:
        if is_object_call(call.address, call.method, call.path, call.query, call.headers):
            return self.find_object_action(call)
        self.limit_rate(call.secret_id)
        check_text(call)
        return self.router.find(call)

    async def _read_content(self, call: Call) -> bytes:
        if call.method == "POST" and call.body.length_bytes is None:
            raise MissingContentLengthError
        content = await call.body.read_all(max_bytes=self.max_content_bytes)
        check_md5(call.header("content-md5"), content)
        return content


async def _invoke(handler: Handler, call: Call, threads: Threads) -> Response:
    def work() -> Response | Awaitable[Response]:
        return handler(call)

    answer = work() if inspect.iscoroutinefunction(handler) else await threads.run(work)
    return answer if isinstance(answer, Response) else await answer


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")
