"""Storing: parts, copies, digests, and clients that go away."""

import http.client
import io
import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosS3Client, CosServiceError

from penstock.wire.signature import SignedRequest
from tests.api.sending import authorization, put_all, read, send
from tests.api.server import (
    BUCKET,
    COS_HOST,
    OTHER,
    Server,
)


def test_upload_in_parts(server: Server, tmp_path: Path) -> None:
    """The SDK's threaded upload and download carry 12 MB there and back."""
    content = bytes(range(256)) * 47_000
    path, back = tmp_path / "big", tmp_path / "back"
    path.write_bytes(content)
    client = server.client()

    client.upload_file(Bucket=BUCKET, Key="big", LocalFilePath=str(path), EnableMD5=True)
    client.download_file(
        Bucket=BUCKET, Key="big", DestFilePath=str(back), PartSize=2, DumpRecordDir=str(tmp_path)
    )

    assert (server.root / BUCKET / "big").read_bytes() == content
    assert back.read_bytes() == content
    assert server.created == [(BUCKET, "big")]


def test_upload_step_by_step(server: Server) -> None:
    """Parts are listed, replaced, copied from another object, and joined in order."""
    client = server.client()
    put_all(client, "digits")
    source = {"Bucket": BUCKET, "Key": "digits", "Region": "ap-chongqing"}
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="k", ContentType="a/b")["UploadId"]
    part: dict[str, Any] = {"Bucket": BUCKET, "Key": "k", "UploadId": upload}

    client.upload_part(Body=b"old", PartNumber=1, **part)
    tags = [client.upload_part(Body=b"one-", PartNumber=1, **part)["ETag"]]
    tags.append(client.upload_part(Body=iter([b"tw", b"o-"]), PartNumber=2, **part)["ETag"])
    copy = {"CopySource": source, "PartNumber": 3, **part}
    tags.append(client.upload_part_copy(CopySourceRange="bytes=3-5", **copy)["ETag"])
    copy["PartNumber"] = 4
    tags.append(client.upload_part_copy(**copy)["ETag"])
    first = client.list_parts(MaxParts=3, **part)
    chosen = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    client.complete_multipart_upload(MultipartUpload={"Part": chosen}, **part)

    assert [(found["PartNumber"], found["Size"]) for found in first["Part"]] == [
        *(("1", "4"), ("2", "4"), ("3", "3")),
    ]
    assert (first["IsTruncated"], first["NextPartNumberMarker"]) == ("true", "3")
    found = client.get_object(Bucket=BUCKET, Key="k")
    assert (read(found), found["Content-Type"]) == (b"one-two-itsdigits", "a/b")


def test_upload_aborted(server: Server) -> None:
    """After an abort the upload is unknown, and aborting again does no harm."""
    client = server.client()
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]

    client.abort_multipart_upload(Bucket=BUCKET, Key="k", UploadId=upload)
    client.abort_multipart_upload(Bucket=BUCKET, Key="k", UploadId=upload)

    with pytest.raises(CosServiceError, match="NoSuchUpload"):
        client.list_parts(Bucket=BUCKET, Key="k", UploadId=upload)
    with pytest.raises(CosServiceError, match="NoSuchUpload"):
        client.upload_part(Bucket=BUCKET, Key="k", Body=b"x", PartNumber=1, UploadId=upload)


def test_copy_between_buckets(server: Server) -> None:
    """An object is copied with its type, or with a new one, also from another bucket."""
    client = server.client()
    client.put_object(Bucket=OTHER, Key="a/ü b.x", Body=b"abc", ContentType="a/b")
    source = {"Bucket": OTHER, "Key": "a/ü b.x", "Region": "ap-chongqing"}

    copied = client.copy_object(Bucket=BUCKET, Key="kept", CopySource=source)
    client.copy_object(
        Bucket=BUCKET, Key="new", CopySource=source, CopyStatus="Replaced", ContentType="c/d"
    )

    kept = client.get_object(Bucket=BUCKET, Key="kept")
    assert copied["ETag"] == kept["ETag"]
    assert (read(kept), kept["Content-Type"]) == (b"abc", "a/b")
    assert client.head_object(Bucket=BUCKET, Key="new")["Content-Type"] == "c/d"
    with pytest.raises(CosServiceError, match="NoSuchKey"):
        client.copy_object(Bucket=BUCKET, Key="k", CopySource={**source, "Key": "none"})
    answer = send(server, "PUT", "/k", body=b"", headers={"x-cos-copy-source": "nonsense"})
    assert answer.status == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_put_with_a_wrong_digest_stores_nothing(
    server: Server,
    chunked: bool,  # noqa: FBT001  # pytest's
) -> None:
    """A body that does not have its Content-MD5 is refused and not visible for a moment."""
    client = server.client()
    body = io.BytesIO(b"hello") if not chunked else iter([b"hel", b"lo"])

    with pytest.raises(CosServiceError, match="BadDigest"):
        client.put_object(Bucket=BUCKET, Key="k", Body=body, ContentMD5="mQ/fVh815F3k6TAUm8m0eg==")
    with pytest.raises(CosServiceError, match="BadDigest"):
        client.put_object(Bucket=BUCKET, Key="k", Body=b"hello", ContentMD5="nonsense")

    assert not (server.root / BUCKET / "k").exists()
    assert server.created == []


def test_put_without_a_length(server: Server) -> None:
    """A PUT that says nothing about its body needs to."""
    answer = send(server, "PUT", "/k")

    assert answer.status == 411
    assert b"<Code>MissingContentLength</Code>" in answer.body


def test_put_cut_short_stores_nothing(server: Server) -> None:
    """When the client goes away in the middle of a body, the old object stays."""
    put_all(server.client(), "k")
    header = authorization(SignedRequest(method="PUT", path="/k"))
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", "/k", skip_host=True)
    for name, value in {"host": COS_HOST, "authorization": header}.items():
        connection.putheader(name, value)
    connection.putheader("content-length", "1000000")
    connection.endheaders(b"x" * 100_000)
    connection.close()

    assert read(server.client().get_object(Bucket=BUCKET, Key="k")) == b"k"
    assert server.created == [(BUCKET, "k")]


def test_many_calls_at_once(server: Server) -> None:
    """Slow uploads do not keep other calls from being answered."""
    header = authorization(SignedRequest(method="PUT", path="/slow"))
    slow = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(70)]
    for connection in slow:
        connection.putrequest("PUT", "/slow", skip_host=True)
        for name, value in {"host": COS_HOST, "authorization": header}.items():
            connection.putheader(name, value)
        connection.putheader("content-length", "100")
        connection.endheaders(b"x")

    client = server.client()
    threads = [
        threading.Thread(target=put_all_heads, args=(client, number)) for number in range(8)
    ]
    (server.root / BUCKET / "k").write_bytes(b"k")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in slow:
        connection.close()

    assert server.actions.count("cos:HeadObject") == 40


def put_all_heads(client: CosS3Client, number: int) -> None:
    """Ask for one object a few times."""
    for _ in itertools.repeat(number, 5):
        client.head_object(Bucket=BUCKET, Key="k")
