"""Requests as the Go and Java SDKs send them (`wire.md` 13.2 and 13.3), byte for byte signed."""

import base64
import hashlib
import http.client
from collections.abc import Iterator, Mapping, Sequence

import pytest

from penstock.domain.trees import Tree, child, text
from penstock.wire import xml
from penstock.wire.signature import Period, SignedRequest, sign
from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, BUCKET, Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ALWAYS = Period(0, 99_999_999_999)
CI_HOST = f"{BUCKET}.ci.ap-chongqing.myqcloud.com"
WORKFLOW = (
    "<Request><MediaWorkflow><Name>recorded</Name><Topology>"
    "<Nodes><Hash_1><Type>FileHashCode</Type><Operation><FileHashCodeConfig><Type>MD5</Type>"
    "</FileHashCodeConfig></Operation></Hash_1><Start><Type>Start</Type><Input>"
    "<ObjectPrefix>in</ObjectPrefix></Input></Start></Nodes>"
    "<Dependencies><Hash_1>End</Hash_1><Start>Hash_1</Start></Dependencies>"
    "</Topology></MediaWorkflow></Request>"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server over one folder with one object."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "bucket" / "in").mkdir(parents=True)
    (folder / "bucket" / "in" / "a.txt").write_text("one")
    running = Server(folder, (folder / "bucket").as_uri())
    running.start()
    yield running
    assert running.terminate() == 0


@pytest.fixture(scope="module")
def workflow_id(server: Server) -> str:
    """A workflow, made as the Go SDK makes it: Nodes before Dependencies, any order inside."""
    answer = _go(server, "POST", "/workflow", WORKFLOW)
    return text(child(answer, "MediaWorkflow"), "WorkflowId")


def test_go_creates_a_batch_with_an_empty_time_interval(server: Server, workflow_id: str) -> None:
    """The Go SDK always sends `<TimeInterval></TimeInterval>`, and Content-MD5, signed."""
    answer = _go(server, "POST", "/inventorytriggerjob", _batch(workflow_id))

    job = child(answer, "JobsDetail")
    assert text(job, "State") == "Submitted"
    assert _ended(server, text(job, "JobId")) == "Success"


def test_go_cancels_by_a_bare_put(server: Server, workflow_id: str) -> None:
    """The Go SDK sends no `?cancel`; on a job that has ended nothing happens."""
    made = _go(server, "POST", "/inventorytriggerjob", _batch(workflow_id))
    job_id = text(child(made, "JobsDetail"), "JobId")
    _ended(server, job_id)

    _go(server, "PUT", f"/inventorytriggerjob/{job_id}")

    assert _ended(server, job_id) == "Success"


def test_go_finds_an_unknown_job_under_the_singular_name(server: Server) -> None:
    """The Go SDK reads `NonExistJobId` where the documentation writes `NonExistJobIds`."""
    answer = _go(server, "GET", "/inventorytriggerjob/b0123")

    assert text(answer, "NonExistJobId") == text(answer, "NonExistJobIds") == "b0123"


def test_go_decodes_every_number_of_a_list(server: Server, workflow_id: str) -> None:
    """The Go SDK fails on a count that is not made of digits."""
    answer = _go(server, "GET", "/workflow", query=[("ids", workflow_id), ("pageNumber", "1")])

    for name in ("TotalCount", "PageNumber", "PageSize"):
        assert text(answer, name).isdigit()


def test_java_lists_batches_without_a_type(server: Server, workflow_id: str) -> None:
    """The Java SDK sends `size=10` and never a type: jobs of both types are listed."""
    _go(server, "POST", "/inventorytriggerjob", _batch(workflow_id))

    answer = _java(server, "GET", "/inventorytriggerjob", query=[("size", "10")])

    assert "JobsDetail" in answer


def test_java_cancels_with_a_signed_flag(server: Server, workflow_id: str) -> None:
    """The Java SDK signs `cancel=` and sends `?cancel`."""
    made = _java(server, "POST", "/inventorytriggerjob", _batch(workflow_id))
    job_id = text(child(made, "JobsDetail"), "JobId")

    _java(server, "PUT", f"/inventorytriggerjob/{job_id}", query=[("cancel", "")])

    assert _ended(server, job_id) in {"Success", "Cancel"}


def _batch(workflow_id: str) -> str:
    return (
        "<Request><Name>recorded</Name><Type>Workflow</Type><Input><Prefix>in/</Prefix></Input>"
        f"<Operation><WorkflowIds>{workflow_id}</WorkflowIds><TimeInterval></TimeInterval>"
        "<Output></Output></Operation></Request>"
    )


def _ended(server: Server, job_id: str) -> str:
    def state() -> str:
        answer = _go(server, "GET", f"/inventorytriggerjob/{job_id}")
        found = text(child(answer, "JobsDetail"), "State")
        return "" if found in {"Submitted", "Running"} else found

    return wait_until(state, f"the end of job {job_id}")


def _go(
    server: Server,
    method: str,
    path: str,
    body: str = "",
    query: Sequence[tuple[str, str]] = (),
) -> Tree:
    """As the Go SDK: the address with its port as host, Content-MD5 and type signed."""
    content = body.encode()
    headers = {"Host": f"127.0.0.1:{server.port}"}
    if content:
        headers["Content-Type"] = "application/xml"
        headers["Content-MD5"] = base64.b64encode(hashlib.md5(content).digest()).decode()  # noqa: S324
    return _send(server, method, path, content, headers, query)


def _java(
    server: Server,
    method: str,
    path: str,
    body: str = "",
    query: Sequence[tuple[str, str]] = (),
) -> Tree:
    """As the Java SDK behind a resolver: the real host, type and length signed, no MD5."""
    content = body.encode()
    headers = {"Host": CI_HOST}
    if content:
        headers |= {"Content-Type": "application/xml", "Content-Length": str(len(content))}
    return _send(server, method, path, content, headers, query)


def _send(
    server: Server,
    method: str,
    path: str,
    content: bytes,
    headers: Mapping[str, str],
    query: Sequence[tuple[str, str]],
) -> Tree:
    signed = [(name.lower(), value) for name, value in headers.items()]
    request = SignedRequest(method=method, path=path, query=query, headers=signed)
    authorization = sign(request, ACCESS_KEY_ID, ACCESS_KEY, ALWAYS).header
    target = path + ("?" if query else "")
    target += "&".join(f"{name}={value}" if value else name for name, value in query)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, target, content, {**headers, "Authorization": authorization})
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    assert response.status == 200, answer.decode()
    return xml.parse(answer)[1] if answer else {}
