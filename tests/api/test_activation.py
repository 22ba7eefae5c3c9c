"""Binding of buckets and opening of service families."""

from pathlib import Path
from typing import Any

import pytest

from penstock.domain.states import JobState
from penstock.state import jobs
from tests.api.ci import (
    ACCOUNT_HOST,
    PIC_HOST,
    CiServer,
    outcome,
    refused,
    serve_ci,
    value,
    values,
)
from tests.api.server import BUCKET, OTHER, REGION
from tests.api.test_queues import hashing, start
from tests.waiting import wait_until

FAMILIES = {  # path: element of answers, code's first word, path of a call of the family
    "/mediabucket": ("MediaBucket", "Media", "/queue"),
    "/picbucket": ("PicBucket", "Pic", "/picqueue"),
    "/docbucket": ("DocBucket", "Doc", "/docqueue"),
    "/ai_bucket": ("AiBucket", "Ai", "/ai_queue"),
    "/asrbucket": ("AsrBucket", "Asr", "/asrqueue"),
    "/file_bucket": ("FileBucket", "File", "/file_queue"),
}
NEW = "fresh-1250000000"
NEW_HOST = f"{NEW}.pic.{REGION}.myqcloud.com"


def ci_host(bucket: str) -> str:
    """The CI host of a bucket."""
    return f"{bucket}.ci.{REGION}.myqcloud.com"


@pytest.mark.parametrize("host", [PIC_HOST, ci_host(BUCKET)])
def test_binding_is_told_and_undone(ci: CiServer, host: str) -> None:
    """`GET /` says on or off, `PUT /?unbind` and `PUT /` change it; both have no body."""
    first = ci.call("GET", "/", host=host)
    unbound = ci.call("PUT", "/?unbind", host=host)
    second = ci.call("GET", "/", host=host)
    again = ci.call("PUT", "/?unbind", host=host)
    bound = ci.call("PUT", "/", host=host)
    third = ci.call("GET", "/", host=host)

    assert [value(one, "CIStatus") for one in (first, second, third)] == ["on", "off", "on"]
    assert first.headers["Content-Type"] == "application/xml"
    assert (unbound.status, unbound.body, bound.status, bound.body) == (200, b"", 200, b"")
    assert outcome(again) == (400, "MediaBucketUnBinded")


def test_binding_twice_is_no_error(ci: CiServer) -> None:
    """A bucket that is bound may be bound again, and nothing changes."""
    queue = ci.call("GET", "/queue").body

    assert ci.call("PUT", "/", host=PIC_HOST).status == 200
    assert value(ci.call("GET", "/mediabucket", host=ACCOUNT_HOST), "TotalCount") == "2"
    assert values(ci.call("GET", "/queue"), "QueueId")[0].encode() in queue


def test_binding_an_unknown_bucket_needs_a_root(ci: CiServer, tmp_path: Path) -> None:
    """Without a root for new buckets, only names that the server knows can be bound."""
    answer = ci.call("PUT", "/", host=NEW_HOST)

    assert outcome(answer) == (404, "NoSuchBucket")
    assert "bind_root" in value(answer, "Message")
    assert not (tmp_path / NEW).exists()


def test_binding_makes_a_place_below_the_root(tmp_path: Path) -> None:
    """With a root, a new bucket gets a folder of its own, and is opened family by family."""
    with serve_ci(tmp_path, bind_root=str(tmp_path / "all"), bucket_limit=3) as ci:
        assert ci.call("PUT", "/", host=NEW_HOST).status == 200
        assert outcome(ci.call("GET", "/queue", host=ci_host(NEW))) == (400, "MediaBucketUnBinded")
        assert ci.call("POST", "/mediabucket", "", host=ci_host(NEW)).status == 200
        stored = ci.client(domain=ci_host(NEW)).put_object(Bucket=NEW, Key="a", Body=b"x")

        assert stored["ETag"]
        assert (tmp_path / "all" / NEW / "a").read_bytes() == b"x"
        assert value(ci.call("GET", "/queue", host=ci_host(NEW)), "Name") == "queue-1"
        too_many = ci.call("PUT", "/", host=f"one-more-1.pic.{REGION}.myqcloud.com")
        assert outcome(too_many) == (403, "BindedBucketNumLimit")


@pytest.mark.parametrize("name", ["nodigits", "..-1", "a.b-1", "%2e%2e-1"])
def test_binding_refuses_names_that_are_none(tmp_path: Path, name: str) -> None:
    """A name that is not `<name>-<digits>` never becomes a folder."""
    with serve_ci(tmp_path, bind_root=str(tmp_path / "all")) as ci:
        answer = ci.call("PUT", "/", host=f"{name}.pic.{REGION}.myqcloud.com")

        assert outcome(answer) == (400, "InvalidArgument")
        assert not (tmp_path / "all").exists()


def test_binding_fails_as_a_store_when_the_root_is_no_folder(tmp_path: Path) -> None:
    """A root that cannot hold a bucket is told without its path."""
    (tmp_path / "file").write_bytes(b"")
    with serve_ci(tmp_path, bind_root=str(tmp_path / "file")) as ci:
        answer = ci.call("PUT", "/", host=NEW_HOST)

        assert outcome(answer) == (503, "ResourceDownloadFailed")
        assert str(tmp_path) not in value(answer, "Message")


def test_bound_buckets_are_listed(ci: CiServer) -> None:
    """`GET /cibuckets` has every field of each bound bucket, filters and pages."""
    answer = ci.call("GET", "/cibuckets", host=ACCOUNT_HOST)

    assert values(answer, "BucketId") == [BUCKET, OTHER]
    assert values(answer, "BucketName") == ["demo", "other"]
    assert values(answer, "AppId") == ["1250000000"] * 2
    assert values(answer, "Region") == [REGION] * 2
    assert values(answer, "Status") == ["on"] * 2
    for query, count in {
        "bucketName=oth": 1,
        "bucketName=ther": 0,
        "tagKey=team": 0,
        f"region={REGION}": 2,
        "region=mars": 0,
        "pageSize=1&pageNumber=2": 1,
        "pageNumber=9": 0,
    }.items():
        page = ci.call("GET", f"/cibuckets?{query}", host=ACCOUNT_HOST)
        assert len(values(page, "BucketId")) == count, query


@pytest.mark.parametrize(("path", "words"), FAMILIES.items())
def test_family_is_closed_and_opened(ci: CiServer, path: str, words: tuple[str, str, str]) -> None:
    """Closing a family refuses its calls and removes its queue; opening makes a new one."""
    block, word, call = words
    before = value(ci.call("GET", call), "QueueId")

    closed = ci.call("DELETE", path, "")
    refusal = outcome(ci.call("GET", call))
    again = outcome(ci.call("DELETE", path, ""))
    opened = ci.call("POST", path, "")
    taken = outcome(ci.call("POST", path, ""))

    assert (closed.status, value(closed, "BucketName")) == (200, BUCKET)
    assert refusal == again == (400, f"{word}BucketUnBinded")
    assert opened.status == 200
    assert f"<{block}>".encode() in opened.body
    assert value(opened, "BucketId") == value(opened, "Name") == BUCKET
    assert value(opened, "Region") == REGION
    assert value(opened, "CreateTime").endswith("+0800")
    assert taken == (403, f"{word}BucketAlreadyBinded")
    assert value(ci.call("GET", call), "QueueId") not in {"", before}


@pytest.mark.parametrize(("path", "words"), FAMILIES.items())
@pytest.mark.parametrize("host", [ACCOUNT_HOST, ci_host(BUCKET), "127.0.0.1"])
def test_family_list_shows_where_it_is_open(
    ci: CiServer, path: str, words: tuple[str, str, str], host: str
) -> None:
    """The list has each bucket that a family is open on, whichever host is asked."""
    block = words[0]
    ci.call("DELETE", path, "", host=ci_host(OTHER))

    answer = ci.call("GET", path, host=host)

    assert values(answer, "BucketId") == values(answer, "Name") == [BUCKET]
    assert f"<{block}List>".encode() in answer.body
    assert (b"AliasBucketId" in answer.body) == (path == "/docbucket")
    assert value(answer, "TotalCount") == "1"


@pytest.mark.parametrize(
    ("method", "block"),
    [
        ("ci_get_media_bucket", "MediaBucketList"),
        ("ci_get_pic_bucket", "PicBucketList"),
        ("ci_get_doc_bucket", "DocBucketList"),
        ("ci_get_ai_bucket", "AiBucketList"),
        ("ci_get_asr_bucket", "AsrBucketList"),
    ],
)
def test_family_list_by_the_sdk_filters_and_pages(ci: CiServer, method: str, block: str) -> None:
    """Names, a prefix, regions and pages narrow the list."""
    get = getattr(ci.sdk(), method)

    def names(**query: str) -> list[str]:
        found: Any = get(**query).get(block) or []
        return [one["BucketId"] for one in (found if isinstance(found, list) else [found])]

    assert names() == [BUCKET, OTHER]
    assert names(BucketName="dem") == [BUCKET]
    assert names(BucketName="%") == []
    assert names(BucketNames=f"{OTHER},nobody-1") == [OTHER]
    assert names(BucketNames="other") == []
    assert names(Regions=f"mars,{REGION}") == [BUCKET, OTHER]
    assert names(Regions="mars") == []
    assert names(PageNumber="2", PageSize="1") == [OTHER]


def test_family_list_under_a_bare_host_is_in_every_region(ci: CiServer) -> None:
    """Where the host names no region, the buckets are in whichever is asked for."""
    client = ci.client(domain=f"127.0.0.1:{ci.port}")

    answer = client.ci_get_media_bucket(Regions="ap-shanghai")

    assert answer["TotalCount"] == "2"


@pytest.mark.parametrize(
    ("family", "path"), [("pic", "/picbucket"), ("ai", "/ai_bucket"), ("asr", "/asrbucket")]
)
def test_family_is_closed_and_opened_by_the_sdk(ci: CiServer, family: str, path: str) -> None:
    """The SDK's open and close calls do what they say and give their answers."""
    client = ci.sdk()

    _, closed = getattr(client, f"ci_close_{family}_bucket")(Bucket=BUCKET)
    left = value(ci.call("GET", path, host=ACCOUNT_HOST), "TotalCount")
    _, opened = getattr(client, f"ci_open_{family}_bucket")(Bucket=BUCKET)

    assert closed["BucketName"] == BUCKET
    assert left == "1"
    assert f"{family.capitalize()}Bucket" in opened
    with refused(f"{family.capitalize()}BucketAlreadyBinded", 403):
        getattr(client, f"ci_open_{family}_bucket")(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/template"),
        ("PUT", "/template/t1"),
        ("DELETE", "/template/t1"),
        ("GET", "/workflow"),
        ("PUT", "/workflow/w1?active"),
        ("DELETE", "/workflow/w1"),
        ("POST", "/triggerworkflow?workflowId=w1&object=a"),
        ("GET", "/workflowexecution"),
        ("GET", "/workflowexecution/i1"),
        ("GET", "/inventorytriggerjob"),
        ("GET", "/inventorytriggerjob/b1"),
        ("PUT", "/inventorytriggerjob/b1?cancel"),
        ("GET", "/queue"),
    ],
)
def test_calls_of_a_closed_media_family_are_refused(ci: CiServer, method: str, path: str) -> None:
    """Workflows, templates and batch jobs belong to media: closed, every call says so."""
    ci.call("DELETE", "/mediabucket", "")
    body = "<Request><Name>a</Name><Tag>FileHashCode</Tag></Request>" if method == "PUT" else None

    assert outcome(ci.call(method, path, body)) == (400, "MediaBucketUnBinded")


def test_calls_of_an_unbound_bucket_are_refused(ci: CiServer) -> None:
    """On a bucket that is not bound nothing can be opened; its objects can be read."""
    ci.sdk().put_object(Bucket=BUCKET, Key="a", Body=b"x")
    ci.call("PUT", "/?unbind", host=PIC_HOST)

    for method, path in (("GET", "/picqueue"), ("POST", "/picbucket"), ("GET", "/workflow")):
        assert outcome(ci.call(method, path, "")) == (400, "MediaBucketUnBinded"), path
    assert ci.sdk().get_object(Bucket=BUCKET, Key="a")["ETag"]
    assert value(ci.call("GET", "/mediabucket", host=ACCOUNT_HOST), "TotalCount") == "1"


def test_workflow_needs_the_families_of_its_nodes(ci: CiServer) -> None:
    """A workflow, template or job with pictures needs the picture family, beside media."""
    workflow_id = hashing(ci)
    ci.call("DELETE", "/file_bucket", "")

    with refused("FileBucketUnBinded", 400):
        hashing(ci)
    with refused("FileBucketUnBinded", 400):
        start(ci, workflow_id)
    with refused("PicBucketUnBinded", 400):
        ci.call("DELETE", "/picbucket", "")
        rule = {"ProcessRule": "imageMogr2/thumbnail/8x8"}
        ci.sdk().ci_create_template(
            Bucket=BUCKET, Template={"Tag": "PicProcess", "Name": "p", "PicProcess": rule}
        )


@pytest.mark.parametrize(
    ("method", "path", "host"),
    [
        ("DELETE", "/file_bucket", ci_host(BUCKET)),
        ("DELETE", "/mediabucket", ci_host(BUCKET)),
        ("PUT", "/?unbind", PIC_HOST),
    ],
)
def test_closing_cancels_the_jobs_that_need_the_family(
    tmp_path: Path, method: str, path: str, host: str
) -> None:
    """Open jobs are cancelled as by a client: what has not ended is counted as cancelled."""
    with serve_ci(tmp_path, with_engine=True) as ci:
        for number in range(3):
            ci.sdk().put_object(Bucket=BUCKET, Key=f"in/{number}", Body=b"x")
        workflow_id = hashing(ci)
        queue_id = value(ci.call("GET", "/file_queue"), "QueueId")
        ci.system.queues.update(BUCKET, "file", queue_id, name="q", is_paused=True, notify={})
        job_id = start(ci, workflow_id)

        def job() -> Any:  # noqa: ANN401  # a job that is there
            with ci.system.database.read() as transaction:
                return jobs.find_job_by_id(transaction, BUCKET, job_id)

        wait_until(
            lambda: job().state is JobState.PAUSE and job().counters.total == 3,
            "the job to be held, its objects counted",
        )
        assert ci.call(method, path, "", host=host).status == 200
        wait_until(lambda: job().state is JobState.CANCEL, "the job to be cancelled")

        assert job().counters.cancelled == job().counters.total == 3


def test_closing_leaves_other_jobs_alone(ci: CiServer) -> None:
    """A job that needs nothing of the closed family goes on, as do those of other buckets."""
    job_id = start(ci, hashing(ci))

    ci.call("DELETE", "/picbucket", "")
    ci.call("DELETE", "/mediabucket", "", host=ci_host(OTHER))

    assert ci.system.jobs.get(BUCKET, job_id).state is JobState.SUBMITTED
