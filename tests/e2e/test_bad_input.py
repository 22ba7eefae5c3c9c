"""Whatever is wrong gets a clear answer, and the server goes on as if nothing had been."""

import json
import struct
import zlib
from collections.abc import Iterator

import pytest
from qcloud_cos.cos_exception import CosServiceError

from tests.e2e.inventories import MANIFEST, Row, cos_inventory
from tests.e2e.media import picture
from tests.e2e.raw import Refusal, send
from tests.e2e.sdk import XML, Answer, Cloud, counters, hashing, node, topology
from tests.e2e.servers import BUCKET, Form, Server

pytestmark = pytest.mark.slow

JOBS = "/inventorytriggerjob"
# As a page of the vendor's documentation has it: one element ends as another.
SAMPLE = b"""<Request>
  <Name>test</Name>
  <Type>Workflow</Name>
  <Input><Prefix>in/</Prefix></Input>
  <Operation><WorkflowIds>w0123456789abcdef0123456789abcdef</WorkflowIds></Operation>
</Request>"""


@pytest.fixture(scope="module", autouse=True)
def _unharmed(folder_server: Server, folder_cloud: Cloud) -> Iterator[None]:
    """After all that was wrong, the same processes still carry out a good job."""
    before = folder_server.pid, folder_server.workers()

    yield

    assert (folder_server.pid, folder_server.workers()) == before
    folder_cloud.put("good/one.txt", b"one")
    workflow_id = folder_cloud.create_workflow(hashing())
    detail = folder_cloud.wait(folder_cloud.create_job(workflow_id, {"Prefix": "good/"}))
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=1))


@pytest.fixture
def jobs_before(folder_cloud: Cloud) -> Iterator[None]:
    """A refused request leaves no job behind."""

    def newest() -> list[str]:
        page = folder_cloud.client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, Size=1)
        return [job["JobId"] for job in page.get("JobsDetail") or []]

    before = newest()
    yield
    assert newest() == before


@pytest.fixture(scope="session")
def workflow_id(folder_cloud: Cloud) -> str:
    """A workflow for requests whose fault lies elsewhere."""
    return folder_cloud.create_workflow(hashing(), "good")


@pytest.fixture(scope="session")
def reading_id(folder_cloud: Cloud) -> str:
    """A workflow that decodes whatever it gets."""
    nodes = {
        "Small": node(
            "PicProcess",
            "bad/out/${InputName}.${Ext}",
            ProcessRule="imageMogr2/thumbnail/8x8/format/png",
        ),
        "Facts": node("MediaInfo"),
    }
    order = {"Start": "Small,Facts", "Small": "End", "Facts": "End"}
    return folder_cloud.create_workflow(topology(nodes, order), "reading")


def job_body(workflow_id: str, **changed: object) -> Answer:
    """The body of a good job, changed."""
    body = {
        "Name": "bad",
        "Type": "Workflow",
        "Input": {"Prefix": "in/"},
        "Operation": {"WorkflowIds": workflow_id},
    }
    return {**body, **changed}


def refuse(cloud: Cloud, body: Answer, bucket: str = BUCKET) -> Refusal:
    """The answer to a job that must be refused."""
    with pytest.raises(CosServiceError) as caught:
        cloud.client.ci_create_inventory_trigger_jobs(Bucket=bucket, JobBody=body, ContentType=XML)
    error = caught.value
    return Refusal(error.get_status_code(), error.get_error_code(), error.get_error_msg())


@pytest.mark.usefixtures("jobs_before")
@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        (SAMPLE, "InvalidContent", "Type"),
        (SAMPLE[:100], "InvalidContent", "line"),
        (b"Name=test", "InvalidContent", "line 1"),
        (b"", "MissingContent", "body"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><Request>&a;</Request>", "InvalidContent", "DOCTYPE"),
        (b"<Request>" + b"<a>" * 5000, "InvalidContent", "deep"),
        (b"<Request><Name>\xff\xfe</Name></Request>", "InvalidContent", "line 1"),
    ],
    ids=["seed sample", "cut off", "no XML", "empty", "DOCTYPE", "too deep", "not UTF-8"],
)
def test_malformed_body_is_refused(
    folder_server: Server, body: bytes, code: str, word: str
) -> None:
    """A body that is no XML is refused, and the answer says where it breaks."""
    answer = send(folder_server, "POST", JOBS, body)

    assert (answer.status, answer.code) == (400, code)
    assert word in answer.message


@pytest.mark.usefixtures("jobs_before")
@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"Name": "n" * 129}, "128"),
        ({"Name": "two words"}, "two words"),
        ({"Name": "a/b"}, "a/b"),
        ({"Name": ""}, "Name"),
        ({"Type": "Workflows"}, "Workflows"),
        ({"Input": {}}, "Input"),
        ({"Input": {"Prefix": ""}}, "Input"),
        ({"Input": {"Prefix": "in/", "Object": "a.txt"}}, "Object, Prefix"),
        ({"Input": {"Manifest": "m.json", "UrlFile": "u.txt"}}, "Manifest"),
        ({"Operation": {}}, "WorkflowIds"),
        ({"Operation": {"WorkflowIds": ","}}, "WorkflowIds"),
        ({"Type": "Job", "Operation": {"JobParam": {}}}, "Tag"),
        ({"Type": "Job", "Operation": {"Tag": "Nonsense", "JobParam": {}}}, "Nonsense"),
    ],
)
def test_wrong_job_is_refused(
    folder_cloud: Cloud, workflow_id: str, changed: Answer, word: str
) -> None:
    """A job with a wrong field is refused, and the answer names the field."""
    answer = refuse(folder_cloud, job_body(workflow_id, **changed))

    assert answer[:2] == (400, "InvalidArgument")
    assert word in answer.message


@pytest.mark.usefixtures("jobs_before")
@pytest.mark.parametrize(
    "time", ["yesterday", "2024-01-31", "2024-13-01T00:00:00+0800", "2024-01-31T00:00:00"]
)
@pytest.mark.parametrize("bound", ["Start", "End"])
def test_time_in_no_known_format_is_refused(
    folder_cloud: Cloud, workflow_id: str, bound: str, time: str
) -> None:
    """A time that cannot be read is refused, and the answer names it and shows a good one."""
    rule = {"WorkflowIds": workflow_id, "TimeInterval": {bound: time}}

    answer = refuse(folder_cloud, job_body(workflow_id, Operation=rule))

    assert answer[:2] == (400, "InvalidArgument")
    assert f"TimeInterval.{bound}" in answer.message
    assert repr(time) in answer.message
    assert "2024-01-31T23:59:59+0800" in answer.message


@pytest.mark.usefixtures("jobs_before")
def test_all_faults_are_told_at_once(folder_cloud: Cloud) -> None:
    """A request with several faults gets one answer that names every one of them."""
    rule = {"WorkflowIds": "", "TimeInterval": {"Start": "soon"}}

    answer = refuse(folder_cloud, job_body("", Name="a b", Input={}, Operation=rule))

    assert answer[:2] == (400, "InvalidArgument")
    for word in ("a b", "Input", "WorkflowIds", "soon"):
        assert word in answer.message


@pytest.mark.usefixtures("jobs_before")
def test_unknown_workflow_is_refused(folder_cloud: Cloud, workflow_id: str) -> None:
    """A job of a workflow that does not exist is refused, and the answer names it."""
    unknown = "w" + "0" * 32

    answer = refuse(folder_cloud, job_body(f"{workflow_id},{unknown}"))

    assert answer[:2] == (400, "ResourceNotFound")
    assert unknown in answer.message


def test_unbound_bucket_is_refused(folder_server: Server, workflow_id: str) -> None:
    """A call for a bucket that the server does not have names the bucket."""
    cloud = Cloud(folder_server.client(Form.ADDRESS))
    unbound = "other-1250000000"

    answer = refuse(cloud, job_body(workflow_id), unbound)
    with pytest.raises(CosServiceError) as caught:
        cloud.client.get_object(Bucket=unbound, Key="a.txt")

    assert answer[:2] == (400, "MediaBucketUnBinded")
    assert unbound in answer.message
    assert caught.value.get_status_code() == 404
    assert caught.value.get_error_code() == "NoSuchBucket"


def test_target_bucket_that_is_not_bound_is_refused(folder_cloud: Cloud) -> None:
    """A job whose results would go to an unknown bucket does not start."""
    operation = {
        "Tag": "PicProcess",
        "JobParam": {"PicProcess": {"ProcessRule": "imageMogr2/format/png"}},
        "Output": {"Region": "x", "Bucket": "other-1250000000", "Object": "${InputName}.png"},
    }

    answer = refuse(folder_cloud, job_body("", Type="Job", Operation=operation))

    assert answer[:2] == (403, "WriteTargetBucketDenied")
    assert "other-1250000000" in answer.message


@pytest.fixture(scope="session")
def list_jobs(cloud: Cloud) -> dict[str, str]:
    """A job over each of several lists that cannot be used: its id by what is wrong."""
    cloud.put("listed.txt", b"listed")
    cloud.put("broken/manifest.json", b"{not json")
    wrong = cos_inventory("wrong", [[Row("listed.txt")]], wrong_md5=True)
    for key, content in wrong.items():
        cloud.put(key, content)
    for folder in ("lost", "cut"):
        manifest = {
            "sourceBucket": BUCKET,
            "fileSchema": "Bucket, Key",
            "files": [{"key": f"{folder}/part.csv.gz"}],
        }
        cloud.put(f"{folder}/{MANIFEST}", json.dumps(manifest).encode())
    cloud.put("cut/part.csv.gz", next(iter(wrong.values()))[:30])
    workflow_id = cloud.create_workflow(hashing(), "lists")
    return {
        fault: cloud.create_job(workflow_id, {kind: value})
        for fault, kind, value in (
            ("no manifest", "Manifest", "nowhere/manifest.json"),
            ("no URL file", "UrlFile", "nowhere/urls.txt"),
            ("no JSON", "Manifest", f"broken/{MANIFEST}"),
            ("wrong MD5", "Manifest", f"wrong/{MANIFEST}"),
            ("lost part", "Manifest", f"lost/{MANIFEST}"),
            ("cut part", "Manifest", f"cut/{MANIFEST}"),
            ("foreign URL", "UrlFile", "https://example.org/urls.txt"),
        )
    }


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [
        ("no manifest", "ResourceNotFound", "nowhere/manifest.json"),
        ("no URL file", "ResourceNotFound", "nowhere/urls.txt"),
        ("no JSON", "InvalidContent", "broken/manifest.json"),
        ("wrong MD5", "InvalidContent", "MD5"),
        ("lost part", "InvalidContent", "lost/part.csv.gz"),
        ("cut part", "InvalidContent", "cut/part.csv.gz"),
        ("foreign URL", "InvalidArgument", "example.org"),
    ],
)
def test_unusable_list_fails_the_job(
    cloud: Cloud, list_jobs: dict[str, str], fault: str, code: str, word: str
) -> None:
    """A job whose list cannot be used ends Failed with a code and names what is wrong."""
    detail = cloud.wait(list_jobs[fault])

    assert (detail["State"], detail["Code"]) == ("Failed", code)
    assert word in detail["Message"]
    assert detail["Counters"] == {**counters(), "IsExpanded": "false"}


def test_key_that_does_not_exist_fails_alone(cloud: Cloud) -> None:
    """A job over a key that is not there ends, and its execution failed with the key named."""
    workflow_id = cloud.create_workflow(hashing(), "missing")

    detail = cloud.wait(cloud.create_job(workflow_id, {"Object": "missing/a.txt"}))

    assert (detail["State"], detail["Counters"]) == ("Success", counters(failed=1))
    run = cloud.only_execution(detail["JobId"])
    assert (run["State"], run["Code"]) == ("Failed", "ResourceNotFound")
    assert "missing/a.txt" in run["Message"]


def test_listed_object_that_vanished_fails_alone(cloud: Cloud) -> None:
    """An inventory row whose object is gone fails alone; the other rows succeed."""
    cloud.put("vanished/there.txt", b"there")
    rows = [Row("vanished/gone.txt"), Row("vanished/there.txt")]
    for key, content in cos_inventory("vanished/list", [rows]).items():
        cloud.put(key, content)
    workflow_id = cloud.create_workflow(hashing(), "vanished")

    detail = cloud.wait(cloud.create_job(workflow_id, {"Manifest": f"vanished/list/{MANIFEST}"}))

    assert (detail["State"], detail["Counters"]) == (
        "Success",
        counters(succeeded=1, failed=1),
    )
    (failed,) = cloud.executions(BatchJobId=detail["JobId"], States="Failed")
    assert cloud.execution(failed["RunId"])["Code"] == "ResourceNotFound"


def gigapixel_png() -> bytes:
    """A PNG whose header speaks of 40,000 by 40,000 pixels, and little behind it."""

    def block(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    pixels = block(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + pixels + block(b"IEND", b"")


BROKEN = {
    "empty.jpg": b"",
    "truncated.jpg": picture(400, 400, kind="JPEG")[:1500],
    "text.jpg": b"no picture",
    "huge.png": gigapixel_png(),
    "empty.mp4": b"",
    "text.mp4": b"A text that calls itself a film.\n" * 50,
    "list.mp4": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
}


@pytest.fixture(scope="session")
def broken_job(folder_cloud: Cloud, reading_id: str) -> Answer:
    """A job over the broken objects and a good one, taken to its end."""
    for name, content in BROKEN.items():
        folder_cloud.put(f"bad/in/{name}", content)
    folder_cloud.put("bad/in/good.png", picture(16, 16))
    return folder_cloud.wait(folder_cloud.create_job(reading_id, {"Prefix": "bad/in/"}))


def test_broken_objects_do_not_harm_the_others(folder_cloud: Cloud, broken_job: Answer) -> None:
    """A job over broken objects and a good one ends, and only the good one has an output."""
    assert broken_job["State"] == "Success"
    assert broken_job["Counters"] == counters(succeeded=1, failed=len(BROKEN))
    assert folder_cloud.keys("bad/out/") == ["bad/out/good.png"]


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_object_says_why(folder_cloud: Cloud, broken_job: Answer, name: str) -> None:
    """A broken object fails with a code and a message that names it, and no local path."""
    key = f"bad/in/{name}"

    (entry,) = folder_cloud.executions(BatchJobId=broken_job["JobId"], Name=key)
    run = folder_cloud.execution(entry["RunId"])

    assert run["State"] == "Failed"
    assert run["Code"] == ("LimitExceeded" if name == "huge.png" else "ResourceNotSupported")
    assert key in run["Message"]
    assert "/tmp" not in run["Message"]  # noqa: S108  # local paths are nobody's business
