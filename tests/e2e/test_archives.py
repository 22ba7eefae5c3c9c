"""Archives made and opened by the calls that the SDK has for them."""

import base64
import io
import zipfile

import pytest
from qcloud_cos import CosServiceError

from tests.e2e.sdk import ENDED, Answer, Cloud
from tests.e2e.servers import BUCKET, REGION
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FILES = {"a.txt": b"first", "deep/b.bin": bytes(range(256)) * 999, "文件.txt": b"third"}


def wait(cloud: Cloud, made: Answer) -> Answer:
    """Poll a file job until it has ended."""
    job_id = made["JobsDetail"]["JobId"]

    def get() -> Answer:
        answer = cloud.client.ci_get_file_process_jobs(Bucket=BUCKET, JobIDs=job_id)
        (found,) = answer["JobsDetail"]
        detail: Answer = found
        return detail

    wait_until(lambda: get()["State"] in ENDED, f"job {job_id} to end")
    return get()


def compress(cloud: Cloud, key: str, **config: object) -> Answer:
    """Pack with the SDK's call; the job at its end."""
    made = cloud.client.ci_create_file_compress_job(
        Bucket=BUCKET,
        OutputBucket=BUCKET,
        OutputRegion=REGION,
        OutputObject=key,
        FileCompressConfig={"Flatten": "0", "Format": "zip", **config},
        UserData="mine",
    )
    assert "Input" not in made["JobsDetail"]
    return wait(cloud, made)


def uncompress(cloud: Cloud, key: str, **config: object) -> Answer:
    """Unpack with the SDK's call; the job at its end."""
    made = cloud.client.ci_create_file_uncompress_job(
        Bucket=BUCKET,
        InputObject=key,
        OutputBucket=BUCKET,
        OutputRegion=REGION,
        FileUncompressConfig=config,
    )
    return wait(cloud, made)


def put(cloud: Cloud, folder: str) -> None:
    """Store the objects that tests pack."""
    for name, content in FILES.items():
        cloud.put(f"{folder}/{name}", content)


def test_archive_goes_there_and_back(cloud: Cloud) -> None:
    """What is packed by prefix and unpacked elsewhere has the same bytes."""
    put(cloud, "packing")

    packed = compress(cloud, "packed/all.zip", Prefix="packing/")
    unpacked = uncompress(cloud, "packed/all.zip", Prefix="back", PrefixReplaced="1")

    assert (packed["State"], packed["Code"]) == ("Success", "Success"), packed["Message"]
    result = packed["Operation"]["FileCompressResult"]
    assert (result["Bucket"], result["Object"]) == (BUCKET, "packed/all.zip")
    assert (result["Region"], result["CompressFileCount"], result["ErrorCount"]) == (
        REGION,
        "3",
        "0",
    )
    assert packed["Operation"]["UserData"] == "mine"
    assert unpacked["State"] == "Success", unpacked["Message"]
    assert unpacked["Operation"]["FileUncompressResult"] == {
        "Region": REGION,
        "Bucket": BUCKET,
        "FileCount": "3",
    }
    assert unpacked["Input"]["Object"] == "packed/all.zip"
    for name, content in FILES.items():
        assert cloud.get(f"back/all/packing/{name}") == content


def test_archive_of_keys_is_locked_and_opened(folder_cloud: Cloud) -> None:
    """Keys may be repeated, a wrong one left out, and the archive encrypted."""
    put(folder_cloud, "keys")
    password = base64.b64encode(b"secret").decode()

    packed = compress(
        folder_cloud,
        "locked/keys.zip",
        Key=["keys/a.txt", "keys/no", "keys/deep/b.bin"],
        Flatten="1",
        IgnoreError="true",
        CompressKey=password,
    )
    refused = uncompress(folder_cloud, "locked/keys.zip", Prefix="no/")
    opened = uncompress(folder_cloud, "locked/keys.zip", Prefix="yes/", UnCompressKey=password)

    result = packed["Operation"]["FileCompressResult"]
    assert result["ErrorDetail"] == {"ErrorCount": "1", "ErrorFile": "keys/no"}
    assert (refused["State"], refused["Code"]) == ("Failed", "InvalidArgument")
    assert "UnCompressKey" in refused["Message"]
    assert opened["State"] == "Success"
    assert folder_cloud.keys("yes/") == ["yes/a.txt", "yes/b.bin"]
    assert folder_cloud.keys("no/") == []


def test_archive_that_leads_elsewhere_fails_its_job(folder_cloud: Cloud) -> None:
    """A hostile archive fails with the vendor's code and writes nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("good", b"x")
        archive.writestr("../../evil", b"x")
    folder_cloud.put("hostile/x.zip", packed.getvalue())

    ended = uncompress(folder_cloud, "hostile/x.zip", Prefix="target/")

    assert (ended["State"], ended["Code"]) == ("Failed", "ResourceNotSupported")
    assert "../../evil" in ended["Message"]
    assert folder_cloud.keys("target/") == []


def test_archive_of_nothing_is_refused_at_once(folder_cloud: Cloud) -> None:
    """What is wrong with a job is told when it is made."""
    with pytest.raises(CosServiceError) as caught:
        compress(folder_cloud, "x.zip", Format="rar", CompressKey="?")

    assert caught.value.get_status_code() == 400
    message = caught.value.get_error_msg()
    assert all(word in message for word in ("Format", "UrlList", "CompressKey"))
