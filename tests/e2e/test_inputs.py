"""The ways in which a job names its objects: prefix, key, URL list, inventory, time."""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.inventories import MANIFEST, Row, cos_inventory, s3_inventory
from tests.e2e.sdk import Answer, Cloud, counters, hashing, tasks
from tests.e2e.servers import BUCKET, REGION

pytestmark = pytest.mark.slow

ODD_NAMES = ("a b+c.txt", "50%25 off.txt", "naïve — 图.txt", "back\\slash&x=1.txt")
PAST = "2001-01-01T00:00:00+0800"
FUTURE = "2124-01-01T00:00:00+0800"


def interval(start: str = "", end: str = "") -> Answer:
    """An `Operation.TimeInterval`; an empty bound is left out."""
    return {name: time for name, time in (("Start", start), ("End", end)) if time}


@pytest.fixture(scope="session")
def workflow_id(cloud: Cloud) -> str:
    """A workflow that hashes what it is given."""
    return cloud.create_workflow(hashing(), "inputs")


@pytest.fixture(scope="session")
def keys(cloud: Cloud) -> list[str]:
    """Stored objects with odd names, in the order of their keys."""
    made = sorted((f"odd/{name}" for name in ODD_NAMES), key=str.encode)
    for key in made:
        cloud.put(key, key.encode())
    return made


def test_prefix_takes_odd_keys_exactly(cloud: Cloud, workflow_id: str, keys: list[str]) -> None:
    """Every object below a prefix is taken under its exact key, and its bytes are read."""
    job_id = cloud.create_job(workflow_id, {"Prefix": "odd/"})

    detail = cloud.wait(job_id)

    assert detail["Counters"] == counters(succeeded=len(keys))
    runs = cloud.executions(BatchJobId=job_id, OrderByTime="Asc")
    assert [run["Object"] for run in runs] == keys
    for run in runs:
        found = tasks(cloud.execution(run["RunId"]))["Hash"]["FileHashCodeResult"]
        digest = hashlib.md5(run["Object"].encode(), usedforsecurity=False).hexdigest()
        assert found["MD5"] == digest


def test_prefix_is_a_string_and_may_begin_with_a_slash(
    cloud: Cloud, workflow_id: str, keys: list[str]
) -> None:
    """A prefix that ends within a name takes what begins with it; a leading slash is dropped."""
    job_id = cloud.create_job(workflow_id, {"Prefix": "/odd/a b"})

    cloud.wait(job_id)

    assert cloud.objects(job_id) == ["odd/a b+c.txt"]
    assert "odd/a b+c.txt" in keys


def test_object_takes_one_key(cloud: Cloud, workflow_id: str, keys: list[str]) -> None:
    """One key, not encoded, is taken as it is."""
    jobs = [cloud.create_job(workflow_id, {"Object": key}) for key in keys]

    for key, job_id in zip(keys, jobs, strict=True):
        detail = cloud.wait(job_id)
        assert detail["Counters"] == counters(succeeded=1)
        assert detail["Input"] == {"Object": key}
        assert cloud.objects(job_id) == [key]


def test_url_file_takes_its_lines(cloud: Cloud, workflow_id: str, keys: list[str]) -> None:
    """A list of URLs, named by key or URL, takes this bucket's lines; others fail, named."""
    host = f"https://{BUCKET}.cos.{REGION}.myqcloud.com"
    foreign = f"https://other-1250000000.cos.{REGION}.myqcloud.com/x.txt"
    lines = [f"{host}/{quote(key)}" for key in keys]
    text = "\r\n".join(["\ufeff" + lines[0], "", *lines[1:], foreign])
    cloud.put("lists/urls.txt", text.encode())

    jobs = [
        cloud.create_job(workflow_id, {"UrlFile": value})
        for value in ("lists/urls.txt", f"{host}/lists/urls.txt")
    ]

    for job_id in jobs:
        detail = cloud.wait(job_id)
        assert detail["State"] == "Success"
        assert detail["Counters"] == counters(succeeded=len(keys), failed=1)
        assert sorted(cloud.objects(job_id)) == sorted([*keys, foreign])
        (failed,) = cloud.executions(BatchJobId=job_id, States="Failed")
        assert failed["Object"] == foreign
        assert cloud.execution(failed["RunId"])["Code"] == "InvalidHost"


def test_manifest_of_cos_takes_its_rows(cloud: Cloud, workflow_id: str, keys: list[str]) -> None:
    """An inventory of COS in two gzipped files with encoded keys takes exactly its rows."""
    parts = [[Row(key) for key in keys[:3]], [Row(key) for key in keys[3:]]]
    for key, content in cos_inventory("inventory", parts).items():
        cloud.put(key, content)

    job_id = cloud.create_job(workflow_id, {"Manifest": f"inventory/{MANIFEST}"})

    detail = cloud.wait(job_id)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=len(keys)))
    assert cloud.objects(job_id) == keys


def test_manifest_of_s3_takes_its_rows(cloud: Cloud, workflow_id: str, keys: list[str]) -> None:
    """An inventory of S3 in Parquet takes exactly its rows."""
    for key, content in s3_inventory("parquet", map(Row, keys)).items():
        cloud.put(key, content)

    job_id = cloud.create_job(workflow_id, {"Manifest": f"parquet/{MANIFEST}"})

    detail = cloud.wait(job_id)
    assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=len(keys)))
    assert cloud.objects(job_id) == keys


def test_manifest_rows_are_filtered_by_time(
    cloud: Cloud, workflow_id: str, keys: list[str]
) -> None:
    """The time of an inventory row decides, both ends of the interval included."""
    times = ("2024-01-01T00:00:00.000Z", "2024-02-01T00:00:00Z", "2024-03-01T08:00:00+08:00")
    rows = [Row(key, time) for key, time in zip(keys, times, strict=False)]
    for key, content in cos_inventory("timed", [rows]).items():
        cloud.put(key, content)
    bounds = interval("2024-02-01T08:00:00+0800", "2024-03-01T08:00:00+0800")

    job_id = cloud.create_job(workflow_id, {"Manifest": f"timed/{MANIFEST}"}, TimeInterval=bounds)

    detail = cloud.wait(job_id)
    assert detail["Operation"]["TimeInterval"] == bounds
    assert cloud.objects(job_id) == keys[1:3]


def test_prefix_is_filtered_by_time(cloud: Cloud, workflow_id: str, keys: list[str]) -> None:
    """Objects below a prefix are taken when they were stored within the interval."""
    takes_all = [interval(PAST, FUTURE), interval(start=PAST)]
    takes_none = [interval(end=PAST), interval(start=FUTURE)]

    jobs = [
        cloud.create_job(workflow_id, {"Prefix": "odd/"}, TimeInterval=bounds)
        for bounds in (*takes_all, *takes_none)
    ]

    for job_id in jobs:
        cloud.wait(job_id)
    assert [cloud.objects(job_id) for job_id in jobs] == [keys, keys, [], []]


def test_time_interval_tells_old_from_new(folder_cloud: Cloud, bucket_folder: Path) -> None:
    """Of two objects below a prefix the interval takes the one of its time."""
    folder_cloud.put("ages/old.txt", b"old")
    folder_cloud.put("ages/new.txt", b"new")
    os.utime(bucket_folder / "ages/old.txt", (1_600_000_000, 1_600_000_000))  # September 2020
    workflow_id = folder_cloud.create_workflow(hashing())

    turn = "2021-01-01T00:00:00+0800"
    bounds = (interval(end=turn), interval(start=turn), interval("0", turn))

    jobs = [
        folder_cloud.create_job(workflow_id, {"Prefix": "ages/"}, TimeInterval=one)
        for one in bounds
    ]

    for job_id in jobs:
        folder_cloud.wait(job_id)
    taken = [folder_cloud.objects(job_id) for job_id in jobs]
    assert taken == [["ages/old.txt"], ["ages/new.txt"], ["ages/old.txt"]]
