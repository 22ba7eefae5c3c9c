"""The application around the handlers: routes, bodies, errors and mounts."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from qcloud_cos import CosServiceError
from structlog.testing import capture_logs

from penstock.api.app import Scope
from penstock.api.dispatch import Route
from penstock.api.requests import Call, Receive
from penstock.api.responses import Response, header_value, ok, xml_response
from penstock.api.sending import Send
from penstock.domain.errors import BackendError, InvalidArgumentError
from penstock.domain.trees import text
from tests.api.sending import send
from tests.api.server import BUCKET, CI_HOST, COS_HOST, Server, serve


def echo(call: Call) -> Response:
    """Say what came in."""
    facts = {
        "method": call.method,
        "bucket": call.bucket,
        "values": dict(call.values),
        "cancel": call.has_argument("cancel"),
        "name": call.argument("name"),
        "size": call.argument("size"),
        "secret_id": call.secret_id,
        "content": call.content.decode(),
        "thread": threading.current_thread().name,
    }
    return Response(
        headers=(("Content-Type", "application/json"),), body=json.dumps(facts).encode()
    )


async def echo_later(call: Call) -> Response:
    """Say what came in, from the event loop."""
    return echo(call)


def create(call: Call) -> Response:
    """Read the XML body and name it."""
    return ok(call, {"JobsDetail": {"Name": text(call.tree(), "Name"), "EndTime": None}})


def fail(call: Call) -> Response:
    """Fail as asked."""
    faults = ["Name must not be empty", "Type is <odd>\x00"]
    match call.argument("how"):
        case "argument":
            raise InvalidArgumentError(*faults)
        case "backend":
            raise BackendError(faults[0])
        case _:
            raise ZeroDivisionError(faults[0])


async def console(scope: Scope, _receive: Receive, send: Send) -> None:
    """An application of its own."""
    body = str(scope["path"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


ROUTES = [
    Route(method="POST", pattern="/inventorytriggerjob", action="ci:Create", handler=create),
    Route(method="GET", pattern="/inventorytriggerjob", action="ci:List", handler=echo),
    Route(method="GET", pattern="/inventorytriggerjob/{id}", action="ci:Get", handler=echo_later),
    Route(
        method="PUT",
        pattern="/workflow/{id}",
        action="ci:Activate",
        handler=ok,
        argument="active",
    ),
    Route(method="PUT", pattern="/workflow/{id}", action="ci:Update", handler=echo),
    Route(method="GET", pattern="/workflow", action="ci:Fail", handler=fail),
    Route(method="PUT", pattern="/", action="ci:CreateCIBucket", handler=echo),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with a few CI calls and a console."""
    with serve(tmp_path, now=time.time(), routes=ROUTES, mounts={"/console": console}) as running:
        yield running


def test_sdk_calls_reach_their_handlers(server: Server) -> None:
    """The SDK's CI calls arrive, though it sends them to the object host."""
    client = server.client()

    answer = client.ci_create_inventory_trigger_jobs(
        Bucket=BUCKET, JobBody={"Name": "night", "Type": "Workflow"}, ContentType="application/xml"
    )

    assert answer["JobsDetail"] == [{"Name": "night"}]
    assert answer["RequestId"]
    assert server.actions == ["ci:Create"]


def test_call_is_decoded(server: Server) -> None:
    """Handlers see bucket, placeholders, decoded parameters, the key and where they run."""
    job_id = "b" + "0" * 32

    sync = send(server, "GET", "/inventorytriggerjob?name=a+b%2Bc&size=")
    later = send(
        server, "GET", f"/inventorytriggerjob/{job_id}/?cancel", headers={"host": CI_HOST}
    )

    assert json.loads(sync.body) == {
        "method": "GET",
        "bucket": BUCKET,
        "values": {},
        "cancel": False,
        "name": "a b+c",
        "size": "",
        "secret_id": "AKIDexample",
        "content": "",
        "thread": json.loads(sync.body)["thread"],
    }
    assert json.loads(sync.body)["thread"].startswith("call")
    assert json.loads(later.body)["values"] == {"id": job_id}
    assert json.loads(later.body)["cancel"]
    assert not json.loads(later.body)["thread"].startswith("call")


def test_routes_are_told_apart_by_a_parameter(server: Server) -> None:
    """The first route that fits wins; one that needs a parameter is passed over without it."""
    activated = send(server, "PUT", "/workflow/w0?active", body=b"")
    updated = send(server, "PUT", "/workflow/w0", body=b"<a/>")
    bare = send(server, "PUT", "/workflow/w0")
    bound = send(server, "PUT", "/", headers={"host": CI_HOST}, body=b"")

    assert b"<Response><RequestId>" in activated.body
    assert activated.headers["Content-Type"] == "application/xml"
    assert json.loads(updated.body)["content"] == "<a/>"
    assert json.loads(bare.body)["content"] == ""
    assert bound.status == 200
    assert server.actions == ["ci:Activate", "ci:Update", "ci:Update", "ci:CreateCIBucket"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/jobs", 404, "InvalidUrl"),
        ("DELETE", "/inventorytriggerjob/b0", 405, "MethodNotAllowed"),
        ("POST", "/inventorytriggerjob", 411, "MissingContentLength"),
    ],
)
def test_calls_that_do_not_exist(
    server: Server, method: str, path: str, status: int, code: str
) -> None:
    """An unknown path is 404, an unknown method 405, a POST without a length 411."""
    answer = send(server, method, path)

    assert answer.status == status
    assert f"<Code>{code}</Code>" in answer.body.decode()


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"", {}, 400, "needs a body"),
        (b"<R><Type>Workflow</Name></R>", {}, 400, "element &lt;Type&gt; is closed by &lt;/Name"),
        (b"x" * 2_000_000, {}, 413, "larger than 1048576 bytes"),
        (b"<R/>", {"content-md5": "mQ/fVh815F3k6TAUm8m0eg=="}, 400, "Content-MD5"),
        (b"<R/>", {"content-md5": "?"}, 400, "Content-MD5"),
        (b"<R/>", {"content-md5": "YWJj"}, 400, "Content-MD5"),
        (b"4\r\n<R/>\r\n0\r\n\r\n", {"transfer-encoding": "chunked"}, 411, "Content-Length"),
    ],
)
def test_bodies_that_are_refused(
    server: Server, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    """Missing, malformed, oversized, damaged and chunked bodies each say what is wrong."""
    answer = send(server, "POST", "/inventorytriggerjob", body=body, headers=headers)

    assert answer.status == status
    assert message in answer.body.decode()


def test_body_with_its_digest_is_accepted(server: Server) -> None:
    """Go sends Content-MD5 on every body."""
    body = b"<Request><Name>n</Name></Request>"
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()

    answer = send(
        server, "POST", "/inventorytriggerjob", body=body, headers={"content-md5": digest}
    )

    assert answer.status == 200


def test_errors_have_what_clients_read(server: Server) -> None:
    """Code, message, resource and ids stand in the body, and the ids in the headers."""
    answer = send(server, "GET", "/workflow?how=argument")
    with pytest.raises(CosServiceError) as caught:
        server.client().ci_get_workflow(Bucket=BUCKET)

    body = answer.body.decode()
    assert answer.status == 400
    assert "<Message>Name must not be empty; Type is &lt;odd&gt;\ufffd</Message>" in body
    assert f"<Resource>{COS_HOST}/workflow</Resource>" in body
    assert f"<RequestId>{answer.headers['x-cos-request-id']}</RequestId>" in body
    assert f"<TraceId>{answer.headers['x-ci-trace-id']}</TraceId>" in body
    assert "x-cos-error-code" not in answer.headers
    assert caught.value.get_error_code() == "InternalError"


def test_crash_is_logged_and_not_told(server: Server) -> None:
    """The client of a handler that crashes learns an id, and the log has the cause."""
    with capture_logs() as logs:
        crashed = send(server, "GET", "/workflow")
        away = send(server, "GET", "/workflow?how=backend")

    request_id = crashed.headers["x-ci-request-id"]
    assert (crashed.status, away.status) == (500, 503)
    assert b"must not be empty" not in crashed.body
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("call_crashed", "error"),
        ("call_failed", "warning"),
    ]
    assert logs[0]["request_id"] == request_id


def test_mounts_and_health_are_on_bare_hosts_only(server: Server) -> None:
    """Other applications keep their paths where no bucket has a claim to them."""
    local = {"host": "localhost", "authorization": ""}
    (server.root / BUCKET / "healthz").write_bytes(b"object")

    assert send(server, "GET", "/healthz", headers=local).body == b"ok"
    assert send(server, "GET", "/healthz").body == b"object"
    assert send(server, "GET", "/console/jobs", headers=local).body == b"/console/jobs"
    assert send(server, "GET", "/console", headers=local).body == b"/console"
    assert send(server, "GET", "/consoles", headers=local).status == 401
    assert send(server, "GET", "/console").status == 404


def test_host_without_a_bucket(tmp_path: Path) -> None:
    """Where a bare host stands for no bucket, calls on one say so and the others work."""
    with serve(tmp_path, now=time.time(), routes=ROUTES, default_bucket=None) as server:
        headers = {"host": "localhost"}

        listed = send(server, "GET", "/", headers=headers)
        read = send(server, "GET", "/k", headers=headers)
        asked = send(server, "GET", "/inventorytriggerjob", headers=headers)

    assert listed.status == 200
    assert BUCKET.encode() in listed.body
    for answer in (read, asked):
        assert answer.status == 400
        assert b"<Code>InvalidHost</Code>" in answer.body


def test_header_values_hold_no_controls() -> None:
    """Nothing that is put into a header can begin another one."""
    assert header_value("a\r\nb\x00 ") == "a  b"


def test_xml_responses_can_have_another_root() -> None:
    """Some answers are not called `Response`."""
    answer = xml_response("Queue", {"Name": "q"}, status=201)

    assert answer.status == 201
    assert answer.body.endswith(b"<Queue><Name>q</Name></Queue>")
