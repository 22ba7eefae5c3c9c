"""Calls of `/jobs` and its kin as the SDK has no word for them; no engine runs."""

import pytest

from tests.api.ci import CiServer, outcome, value, values
from tests.api.server import BUCKET, COS_HOST, OTHER

DOORS = ("/jobs", "/pic_jobs", "/doc_jobs", "/ai_jobs", "/asr_jobs", "/file_jobs")
HASH = "<FileHashCodeConfig><Type>MD5</Type></FileHashCodeConfig>"


def single(tag: str = "FileHashCode", operation: str = HASH, beside: str = "") -> str:
    """The body of a single job over one object."""
    return (
        f"<Request><Tag>{tag}</Tag><Input><Object>in/a.txt</Object></Input>"
        f"<Operation>{operation}</Operation>{beside}</Request>"
    )


def create(ci: CiServer, body: str | None = None, path: str = "/jobs") -> str:
    """Create a single job; its id."""
    answer = ci.call("POST", path, body or single())
    assert answer.status == 200, answer.body
    return value(answer, "JobId")


def listed(ci: CiServer, query: str = "", path: str = "/jobs") -> list[str]:
    """The ids that a list shows."""
    answer = ci.call("GET", f"{path}?{query}")
    assert answer.status == 200, answer.body
    return values(answer, "JobId")


@pytest.fixture(autouse=True)
def source(ci: CiServer) -> None:
    """The object that jobs read."""
    ci.sdk().put_object(Bucket=BUCKET, Key="in/a.txt", Body=b"abc")


@pytest.mark.parametrize("path", DOORS)
def test_job_is_known_at_every_door(ci: CiServer, path: str) -> None:
    """A job made at one path is shown at each."""
    job_id = create(ci)

    answer = ci.call("GET", f"{path}/{job_id}")

    assert (value(answer, "JobId"), value(answer, "State")) == (job_id, "Submitted")
    assert b"NonExistJobId" not in answer.body


def test_job_is_listed_at_the_doors_of_its_family(ci: CiServer) -> None:
    """`/jobs` lists what every family has, the others what theirs has."""
    hashed = create(ci)
    looked = create(ci, single("MediaInfo", ""))

    assert listed(ci) == [looked, hashed]
    assert listed(ci, path="/file_jobs") == [hashed]
    assert listed(ci, path="/pic_jobs") == []


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("inputObject=in/a.txt", True),
        ("inputObject=in/", False),
        ("tag=FileHashCode", True),
        ("tag=All&states=All&nextToken=&workflowId=", True),
        ("tag=Transcode", False),
        ("states=Submitted,Running", True),
        ("states=Success", False),
        ("queueType=FileProcessing", True),
        ("queueType=CateAll", True),
        ("queueType=Transcoding", False),
        ("queueId=p1", False),
        ("workflowId=w1", False),
        ("inventoryTriggerJobId=b1", False),
        ("startCreationTime=2001-01-01T00:00:00%2B0800", True),
        ("startCreationTime=2101-01-01T00:00:00%2B0800", False),
        ("endCreationTime=2101-01-01T00:00:00 0800", True),
        ("endCreationTime=2001-01-01T00:00:00%2B0800", False),
    ],
)
def test_job_list_is_filtered(ci: CiServer, query: str, *, is_found: bool) -> None:
    """Each parameter of a list shows a job exactly when it matches."""
    job_id = create(ci)

    found = listed(ci, query.replace(" ", "+"))

    assert found == ([job_id] if is_found else [])


def test_job_list_pages_follow_a_token(ci: CiServer) -> None:
    """The token of a page leads to the next, and is empty on the last."""
    made = [create(ci) for _ in range(3)]

    first = ci.call("GET", "/jobs?size=2&orderByTime=Asc")
    token = value(first, "NextToken")
    second = ci.call("GET", f"/jobs?size=2&orderByTime=Asc&nextToken={token}")

    assert values(first, "JobId") + values(second, "JobId") == made
    assert token
    assert b"<NextToken></NextToken>" in second.body


@pytest.mark.parametrize(
    "query",
    ["states=Skipped", "size=0", "size=many", "orderByTime=Up", "nextToken=7", "nextToken=x-y"],
)
def test_job_list_refuses_wrong_parameters(ci: CiServer, query: str) -> None:
    """A parameter that cannot be right is refused, not ignored."""
    assert outcome(ci.call("GET", f"/jobs?{query}")) == (400, "InvalidArgument")


@pytest.mark.parametrize("flag", ["?cancel", "?cancel=", ""])
@pytest.mark.parametrize("path", ["/jobs", "/file_jobs", "/pic_jobs"])
def test_job_is_cancelled_with_and_without_the_flag(ci: CiServer, path: str, flag: str) -> None:
    """A bare PUT cancels too, at any door, and the answer has no body."""
    job_id = create(ci)

    answer = ci.call("PUT", f"{path}/{job_id}{flag}")

    assert (answer.status, answer.body) == (200, b"")
    assert value(ci.call("GET", f"/jobs/{job_id}"), "State") == "Cancel"


def test_job_is_cancelled_under_the_host_of_objects(ci: CiServer) -> None:
    """The Python SDK sends the host name of objects when only an address is configured."""
    job_id = create(ci)

    answer = ci.call("PUT", f"/jobs/{job_id}?cancel", host=COS_HOST)

    assert answer.status == 200
    assert value(ci.call("GET", f"/jobs/{job_id}"), "State") == "Cancel"


def test_job_of_another_bucket_is_unknown(ci: CiServer) -> None:
    """A bucket shows and cancels its own jobs only."""
    job_id = create(ci)
    host = f"{OTHER}.ci.local.myqcloud.com"

    shown = ci.call("GET", f"/jobs/{job_id}", host=host)
    cancelled = ci.call("PUT", f"/jobs/{job_id}?cancel", host=host)

    assert (value(shown, "NonExistJobIds"), value(shown, "NonExistJobId")) == (job_id, job_id)
    assert outcome(cancelled) == (400, "ResourceNotFound")


def test_job_tells_the_region_of_the_host(ci: CiServer) -> None:
    """The region of an input is the one that the client wrote into the host name."""
    answer = ci.call("POST", "/jobs", single(), host=f"{BUCKET}.ci.elsewhere.myqcloud.com")

    assert value(answer, "Region") == "elsewhere"


@pytest.mark.parametrize("path", ["/pic_jobs", "/doc_jobs", "/ai_jobs", "/asr_jobs"])
def test_door_refuses_the_tags_of_other_families(ci: CiServer, path: str) -> None:
    """A tag of another family is refused with a code, also where the family has no operation."""
    answer = ci.call("POST", path, single())

    assert outcome(answer) == (400, "InvalidArgument")
    assert "FileHashCode" in value(answer, "Message")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "MissingContent"),
        ("<Request>", "InvalidContent"),
        ("<Request></Request>", "InvalidArgument"),
        (single(beside="<QueueId>p1</QueueId>"), "QueueNotFound"),
        (single("Transcode", ""), "InvalidArgument"),
    ],
)
def test_wrong_body_is_refused(ci: CiServer, body: str, code: str) -> None:
    """Nothing is stored of a job that is refused."""
    assert outcome(ci.call("POST", "/jobs", body)) == (400, code)
    assert listed(ci) == []


def test_batch_job_list_leaves_single_jobs_out(ci: CiServer) -> None:
    """A single job is no batch job, and no execution of a workflow."""
    create(ci)

    assert values(ci.call("GET", "/inventorytriggerjob"), "JobId") == []
    assert values(ci.call("GET", "/workflowexecution"), "RunId") == []
