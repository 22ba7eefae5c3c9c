"""Every call with malformed bodies, queries and headers: never a 5xx, never a stuck connection."""

import http.client
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.wire.signature import SignedRequest, sign
from tests.e2e.raw import ALWAYS, CI_HOST
from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, Server

PAGE = Path(__file__).parents[2] / "docs/reference/actions.md"
CALLS = re.findall(r"^\| `([A-Z]+) (/\S*)` \| `ci:", PAGE.read_text("utf-8"), re.MULTILINE)
PARAMETERS = (
    "active cancel category endCreationTime ids inventoryTriggerJobId jobId name nextToken "
    "object orderByTime pageNumber pageSize paused queueIds size startCreationTime state states "
    "tag type unbind workflowId"
).split()
BATCH = """<Request><Name>n</Name><Type>Workflow</Type><Input><Prefix>a</Prefix></Input>
<Operation><WorkflowIds>w0</WorkflowIds><TimeInterval><Start>0</Start></TimeInterval></Operation>
</Request>"""
WORKFLOW = """<Request><MediaWorkflow><Name>n</Name><Topology>
<Dependencies><Start>A</Start><A>End</A></Dependencies>
<Nodes><Start><Type>Start</Type></Start><A><Type>PicProcess</Type><Operation>
<PicProcess><ProcessRule>imageMogr2/thumbnail/8x</ProcessRule></PicProcess>
<Output><Object>x</Object></Output></Operation></A></Nodes>
</Topology></MediaWorkflow></Request>"""
TEMPLATE = """<Request><Tag>Snapshot</Tag><Name>n</Name><Snapshot><Count>1</Count></Snapshot>
</Request>"""
JOB = "<Request><Tag>MediaInfo</Tag><Input><Object>a</Object></Input><Operation/></Request>"
QUEUE = """<Request><Name>queue-1</Name><State>Active</State>
<NotifyConfig><State>Off</State></NotifyConfig></Request>"""
SECONDS = 20.0

pytestmark = pytest.mark.slow

words = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "0", "-1", "99999999999999999999", "All", "Asc", "1e9", "2024-01-01"]),
)
queries = st.lists(st.tuples(st.sampled_from(PARAMETERS), words), max_size=4)
identifiers = st.one_of(
    st.text(min_size=1, max_size=40).map(lambda text: text.replace("/", "-")),
    st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda digits: f"i{digits}"),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bytes that are nearly a body: cut, stirred, nested, or nothing of the kind."""
    sample = draw(st.sampled_from([BATCH, WORKFLOW, TEMPLATE, JOB, QUEUE])).encode()
    place = draw(st.integers(0, len(sample)))
    depth = draw(st.integers(1, 2000))
    noise = draw(st.binary(max_size=100))
    word = quote(draw(words), safe="").encode()
    return draw(
        st.sampled_from(
            [
                sample,
                sample[:place],
                sample[:place] + noise[:8] + sample[place:],
                re.sub(rb">[^<>]+<", b">" + word + b"<", sample, count=3),
                b"<Request>" * depth + b"</Request>" * depth,
                noise,
                b'<!DOCTYPE r [<!ENTITY a "b">]>' + sample,
            ]
        )
    )


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module alone: what the calls leave behind is nobody else's."""
    folder = tmp_path_factory.mktemp("fuzz")
    limits = {"PENSTOCK_CALLS_PER_SECOND": "0"}
    server = Server(folder, (folder / "bucket").as_uri(), environment={**os.environ, **limits})
    server.start()
    yield server
    assert server.terminate() == 0, server.log()


@pytest.mark.parametrize(("method", "pattern"), CALLS)
def test_call_survives_anything(fuzzed: Server, method: str, pattern: str) -> None:
    """Whatever a signed client sends is answered in time and is never the server's fault."""

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(identifier=identifiers, query=queries, body=bodies())
    def try_one(identifier: str, query: list[tuple[str, str]], body: bytes) -> None:
        path = re.sub(r"\{\w+\}", lambda _: identifier, pattern)

        status = _status(fuzzed, method, path, query, body if method != "GET" else b"")

        assert status < 500, (status, method, path, query, body)

    try_one()

    assert _healthy(fuzzed)


@given(name=st.text("abcxyz-", min_size=1, max_size=20), value=st.text(max_size=40))
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_headers_survive_anything(fuzzed: Server, name: str, value: str) -> None:
    """Headers that make no sense are refused or ignored, also those of signatures and ranges."""
    text = re.sub(r"[\r\n\0]", " ", value).encode()
    names = [f"x-{name}", "range", "content-md5", "authorization", "if-match", "host"]

    for one in names:
        connection = http.client.HTTPConnection("127.0.0.1", fuzzed.port, timeout=SECONDS)
        try:
            connection.putrequest("GET", "/workflow", skip_host=one == "host")
            connection.putheader(one, text)
            connection.endheaders()
            assert connection.getresponse().status < 500, one
        finally:
            connection.close()


def _status(
    server: Server, method: str, path: str, query: list[tuple[str, str]], body: bytes
) -> int:
    request = SignedRequest(method=method, path=path, query=query, headers=[("host", CI_HOST)])
    authorization = sign(request, ACCESS_KEY_ID, ACCESS_KEY, ALWAYS).header
    target = quote(path, safe="/", errors="surrogatepass")
    if query:
        target += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        headers = {"host": CI_HOST, "authorization": authorization}
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    return response.status


def _healthy(server: Server) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    finally:
        connection.close()
