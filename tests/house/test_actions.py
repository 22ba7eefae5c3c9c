"""The reference of actions names exactly the calls that the server answers."""

import inspect
import re
import time
from pathlib import Path
from typing import cast

import pytest

from penstock.api.dispatch import Route
from penstock.api.hosts import Address, Service
from penstock.api.objects import ObjectCalls
from penstock.api.requests import Body, Call
from penstock.api.threads import Threads
from penstock.bootstrap.keys import RootKey
from penstock.bootstrap.system import System
from penstock.service.objects import ObjectService
from penstock.settings import read_settings

PAGE = Path(__file__).parents[2] / "docs/reference/actions.md"
ROW = re.compile(r"^\| (`[A-Z]+ .+?) \| `((?:ci|cos):\w+)` \| (.+) \|$", re.MULTILINE)
OBJECT_CALL = re.compile(r"`([A-Z]+) /(KEY)?(?:\?(\w+))?`( of no bucket)?(?: with `([\w-]+)`)?")
NAMED_ACTION = re.compile(r'return "(\w+)", ')

Row = tuple[str, str]


def documented(family: str) -> list[Row]:
    """Call and action of the page's rows of one family, `ci` or `cos`."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return [(call, action) for call, action, _ in rows if action.startswith(f"{family}:")]


def rows_of(routes: list[Route]) -> list[Row]:
    """What the table of the CI calls holds, made from the routes of a server."""
    return [(f"`{route.method} {route.pattern}`", route.action) for route in routes]


def object_call(text: str) -> Call:
    """A call of the kind that a row of the objects' table names."""
    found = OBJECT_CALL.fullmatch(text)
    assert found is not None, text
    method, key, argument, without_bucket, header = found.groups()
    bucket = None if without_bucket else "demo-1250000000"

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    return Call(
        request_id="r",
        trace_id="t",
        method=method,
        path=f"/{key or ''}",
        query=((argument, "1"),) if argument else (),
        headers=((header, "demo-1250000000.cos.local.any.domain/a"),) if header else (),
        address=Address(bucket, Service.COS, "local"),
        body=Body(receive, length_bytes=0, is_chunked=False),
    )


@pytest.fixture
def routes(tmp_path: Path) -> list[Route]:
    """The CI calls of a server that is put together as `penstock serve` does it."""
    system = System(read_settings(data=tmp_path))
    application = system.application(RootKey(secret_id="me", secret_key="secret"))
    application.dispatcher.threads.close()
    system.close()
    return list(application.dispatcher.router._routes)


def test_actions_page_names_every_ci_call(routes: list[Route]) -> None:
    """The table of the CI calls is that of the server's routes, in their order."""
    assert documented("ci") == rows_of(routes)


def test_actions_page_says_the_state_of_every_call() -> None:
    """Each call is complete, or it is partial and the page says what is missing."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))

    wrong = [call for call, _, state in rows if not re.match(r"complete(;|$)|partial: ", state)]

    assert rows
    assert not wrong


@pytest.mark.parametrize(("text", "action"), documented("cos"))
def test_actions_page_object_call_is_answered(text: str, action: str) -> None:
    """The server takes each documented object call for the action that the page names."""
    threads = Threads()
    calls = ObjectCalls(cast("ObjectService", None), threads, time.monotonic)

    found = calls.find(object_call(text))

    threads.close()
    assert found.name == action


def test_actions_page_names_every_object_action() -> None:
    """No object call that the server tells apart is missing from the page."""
    known = {f"cos:{name}" for name in NAMED_ACTION.findall(inspect.getsource(ObjectCalls))}

    assert {action for _, action in documented("cos")} == known
