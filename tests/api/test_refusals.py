"""Every refusal has the vendor's code, and nothing that a client sends is a server's fault."""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.api.ci import CiServer, outcome, refused, serve_ci, value
from tests.api.server import BUCKET, COS_HOST, REGION
from tests.api.test_queues import hashing

PATHS = (
    "/",
    "/queue",
    "/queue/p1",
    "/template",
    "/template/t1",
    "/workflow",
    "/workflow/w1",
    "/workflow/w1?active",
    "/triggerworkflow",
    "/workflowexecution",
    "/workflowexecution/i1",
    "/inventorytriggerjob",
    "/inventorytriggerjob/b1",
    "/jobs",
    "/jobs/j1",
    "/mediabucket",
    "/cibuckets",
    "/nothing",
)
BODIES = (
    "",
    " ",
    "<",
    "no xml",
    "<Request/>",
    "<Request>text</Request>",
    "<Request><Name><Name><Name/></Name></Name></Request>",
    "<Request><Name>a</Name><Name>b</Name><Tag/><Tag>x</Tag></Request>",
    "<Request><MediaWorkflow>x</MediaWorkflow></Request>",
    "<Request><MediaWorkflow><Topology><Nodes>x</Nodes></Topology></MediaWorkflow></Request>",
    (
        "<Request><MediaWorkflow><Name>a</Name><Topology><Dependencies><Start>End</Start>"
        "<Start>x</Start></Dependencies><Nodes><Start/><Start><Type>Start</Type></Start><x>y</x>"
        "</Nodes></Topology></MediaWorkflow></Request>"
    ),
    (
        "<Request><Tag>Transcode</Tag><Name>a</Name><Container>x</Container><Video><Width>-0e9</Width>"
        "<Fps>nan</Fps></Video></Request>"
    ),
    "<Request><Tag>Snapshot</Tag><Name>a</Name><Snapshot><Snapshot/>1</Snapshot></Request>",
    (
        "<Request><Tag>PicProcess</Tag><Name>a</Name><PicProcess><ProcessRule>imageMogr2/thumbnail/"
        "1e999x/rotate/--/</ProcessRule></PicProcess></Request>"
    ),
    "<Request><Name>a</Name><State>Active</State><NotifyConfig>x</NotifyConfig></Request>",
    (
        "<Request><Name>a</Name><State>Active</State><NotifyConfig><Url>http://[</Url>"
        "</NotifyConfig></Request>"
    ),
    (
        "<Request><Name>a</Name><Type>Job</Type><Input><Prefix>x</Prefix></Input>"
        "<Operation><Tag>Snapshot</Tag><JobParam>x</JobParam><TimeInterval><Start>0000-99-99T99:99:99"
        "+9999</Start></TimeInterval></Operation></Request>"
    ),
    (
        "<Request><Name>a</Name><Input><Object>a</Object></Input><Operation><WorkflowIds>,,</WorkflowIds>"
        "</Operation></Request>"
    ),
    '<!DOCTYPE x [<!ENTITY a "b">]><Request>&a;</Request>',
    '<?xml version="1.0" encoding="klingon"?><Request/>',
    "<Request>" + "<a>" * 40 + "</a>" * 40 + "</Request>",
)
QUERIES = (
    "nextToken=99999999999999999999999999",
    "nextToken=99999999999999999999-1-1",
    "nextToken=99999999999999999999-1-1-1",
    "nextToken=-1",
    "nextToken=%C2%B2",
    "size=0",
    "size=1e3",
    "size=99999999999999999999",
    "pageNumber=999999999&pageSize=100",
    "pageSize=-1",
    "ids=" + ",".join("w" * 40 for _ in range(100)),
    "ids=%27%22%3B--",
    "name=%25%5F%5C",
    "name=%FF",
    "%FF=1",
    "name=%00",
    "states=Sideways",
    "startCreationTime=0000-00-00T00:00:00%2B0800&endCreationTime=x",
    "startCreationTime=9999-12-31T23:59:59-2359",
    "orderByTime=Up",
    "workflowId=%00&object=%FF",
    "object=" + "x" * 2000,
    "bucketNames=%27,%25&bucketName=%FF",
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CiServer]:
    """One program for all of the odd requests."""
    folder = tmp_path_factory.mktemp("shared")
    with serve_ci(folder, calls_per_second=0) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_odd_bodies_are_never_the_servers_fault(shared: CiServer, path: str) -> None:
    """Whatever body is sent wherever, the answer is below 500 and refusals have a code."""
    for method, body in product(("POST", "PUT"), BODIES):
        answer = shared.call(method, path, body)

        assert answer.status < 500, (method, path, body, answer.body)
        assert answer.status != 401, (method, path, body)
        assert answer.status < 400 or value(answer, "Code"), (method, path, body)


@pytest.mark.parametrize("path", [path for path in PATHS if "?" not in path and path != "/"])
def test_odd_parameters_are_never_the_servers_fault(shared: CiServer, path: str) -> None:
    """Whatever parameters are sent wherever, the answer is below 500 and refusals have a code."""
    for method, query in product(("GET", "POST", "PUT", "DELETE"), QUERIES):
        if (method, path) == ("DELETE", "/mediabucket"):
            continue  # it would close the family that the other calls are about
        answer = shared.call(method, f"{path}?{query}", None if method == "GET" else "")

        assert answer.status < 500, (method, path, query, answer.body)
        assert answer.status != 401, (method, path, query)
        assert answer.status < 400 or value(answer, "Code"), (method, path, query)


@pytest.mark.parametrize("query", ["name=%FF", "%FF=1", "name=%00"])
def test_parameters_must_be_text(ci: CiServer, query: str) -> None:
    """A parameter that no record could hold is refused by its name."""
    answer = ci.call("GET", f"/workflow?{query}")

    assert outcome(answer) == (400, "InvalidArgument")
    assert "must be UTF-8" in value(answer, "Message")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/workflow", "", (400, "MissingContent")),
        ("POST", "/workflow", "<a>", (400, "InvalidContent")),
        ("POST", "/template", "<Request/>", (400, "InvalidArgument")),
        ("GET", "/nothing/at/all", None, (404, "NoSuchKey")),
        ("PUT", "/queue", "", (200, "")),  # an object of that name, as COS has it
        ("POST", "/workflowexecution", "", (405, "MethodNotAllowed")),
        ("GET", "/workflowexecution/i9", None, (400, "ResourceNotFound")),
        ("GET", "/triggerworkflow", None, (404, "NoSuchKey")),
        ("PUT", "/template/t9", "<Request><Name>a</Name></Request>", (400, "TemplateNotFound")),
        ("DELETE", "/template/t9", "", (400, "TemplateNotFound")),
        ("DELETE", "/workflow/w9", "", (400, "ResourceNotFound")),
        ("PUT", "/inventorytriggerjob/b9", "", (400, "ResourceNotFound")),
    ],
)
def test_refusals_have_the_vendors_codes(
    ci: CiServer, method: str, path: str, body: str | None, expected: tuple[int, str]
) -> None:
    """Status and code are those of the vendor's tables."""
    assert outcome(ci.call(method, path, body)) == expected


def test_unknown_bucket_is_not_bound(ci: CiServer) -> None:
    """A CI call on a bucket that the server does not know says that it is not bound."""
    host = f"nobody-1250000000.ci.{REGION}.myqcloud.com"

    assert outcome(ci.call("GET", "/workflow", host=host)) == (400, "MediaBucketUnBinded")


def test_host_without_a_bucket_is_refused(ci: CiServer) -> None:
    """A call on a bucket needs one in its host, where there is no default."""
    answer = ci.call("GET", "/workflow", host=f"ci.{REGION}.myqcloud.com")

    assert outcome(answer) == (400, "InvalidHost")


def test_output_into_an_unbound_bucket_is_refused(ci: CiServer) -> None:
    """A job that would write to a bucket that is not bound is refused when it is made."""
    node = {
        "Type": "PicProcess",
        "Operation": {
            "PicProcess": {"ProcessRule": "imageMogr2/thumbnail/2x2"},
            "Output": {"Region": "x", "Bucket": "nobody-1250000000", "Object": "a"},
        },
    }
    tree = {
        "Dependencies": {"Start": "p", "p": "End"},
        "Nodes": {"Start": {"Type": "Start"}, "p": node},
    }
    workflow = ci.sdk().ci_create_workflow(
        Bucket=BUCKET, Body={"MediaWorkflow": {"Name": "w", "Topology": tree}}
    )
    ci.client().put_object(Bucket=BUCKET, Key="a", Body=b"x")

    with refused("WriteTargetBucketDenied", 403, "nobody-1250000000"):
        ci.sdk().ci_trigger_workflow(
            Bucket=BUCKET, WorkflowId=workflow["MediaWorkflow"]["WorkflowId"], Key="a"
        )


def test_body_over_the_limit_is_refused(ci: CiServer) -> None:
    """A body that is too large is InvalidContent with 413, as the vendor has it."""
    answer = ci.call("POST", "/workflow", "<a>" + " " * (1 << 20) + "</a>")

    assert outcome(answer) == (413, "InvalidContent")


def test_calls_under_the_object_host_are_the_same(ci: CiServer) -> None:
    """The SDK that is given an address alone sends CI calls to the object host."""
    assert hashing(ci)

    assert value(ci.call("GET", "/workflow", host=COS_HOST), "TotalCount") == "1"
