"""Who is let in."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from qcloud_cos import CosServiceError

from penstock.wire.signature import Period, SignedRequest, sign
from tests.api.sending import ALWAYS, authorization, send
from tests.api.server import (
    BUCKET,
    COS_HOST,
    Server,
    serve,
)


def test_wrong_secret_key(server: Server) -> None:
    """A signature of another key is refused as such."""
    with pytest.raises(CosServiceError) as caught:
        server.client(secret_key="wrong").get_object(Bucket=BUCKET, Key="k")

    error = caught.value
    assert (error.get_status_code(), error.get_error_code()) == (401, "InvalidAuthorization")


def test_unsigned_and_unknown(server: Server) -> None:
    """No signature, and one of an unknown access key, have codes of their own."""
    stranger = sign(SignedRequest(method="GET", path="/k"), "AKIDnobody", "x", ALWAYS)

    unsigned = send(server, "GET", "/k", headers={"authorization": ""})
    unknown = send(server, "GET", "/k", headers={"authorization": stranger.header})

    assert unsigned.status == unknown.status == 401
    assert b"<Code>MissingAuthorization</Code>" in unsigned.body
    assert b"<Code>SecretidNotExist</Code>" in unknown.body
    assert server.actions == []


def test_expired_signature(tmp_path: Path) -> None:
    """A signature counts until its end by the server's clock."""
    with serve(tmp_path, now=2_000_000_000) as server:
        request = SignedRequest(method="GET", path="/k")
        late = authorization(request, Period(1_999_990_000, 1_999_999_999))
        early = authorization(request, Period(2_000_000_901, 2_000_001_000))

        answers = [
            send(server, "GET", "/k", headers={"authorization": header})
            for header in (late, early)
        ]

    assert [answer.status for answer in answers] == [401, 401]
    assert all(b"<Code>SignatureExpired</Code>" in answer.body for answer in answers)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_presigned_url(server: Server, method: str) -> None:
    """A URL that the SDK signs works without any header, for the bucket of the bare host."""
    client = server.client()
    (server.root / BUCKET / "ü b.txt").write_bytes(b"hello")
    url = client.get_presigned_url(
        Bucket=BUCKET, Key="ü b.txt", Method=method, Params={"response-content-type": "text/x+y"}
    )

    answer = requests.request(method, url, data=b"new" if method == "PUT" else None, timeout=20)

    assert answer.status_code == 200
    if method == "GET":
        assert answer.content == b"hello"
        assert answer.headers["Content-Type"] == "text/x+y"
    else:
        assert (server.root / BUCKET / "ü b.txt").read_bytes() == b"new"


def test_presigned_url_for_a_bucket_host(server: Server) -> None:
    """A URL signed for the bucket's own host is taken there, and not for another method."""
    client = server.client(domain=COS_HOST)
    client.get_conf()._ip = None
    (server.root / BUCKET / "k").write_bytes(b"hello")
    url = urlsplit(client.get_presigned_url(Bucket=BUCKET, Key="k", Method="GET"))
    assert url.netloc == COS_HOST
    target = f"http://127.0.0.1:{server.port}{url.path}?{url.query}"

    got = requests.get(target, headers={"Host": COS_HOST}, timeout=20)
    deleted = requests.delete(target, headers={"Host": COS_HOST}, timeout=20)

    assert (got.status_code, got.content) == (200, b"hello")
    assert deleted.status_code == 401


def test_absolute_form_target(server: Server) -> None:
    """What a client sends to a proxy is answered like any other request."""
    (server.root / BUCKET / "a b").write_bytes(b"hello")
    path = quote("/a b")

    answer = send(
        server,
        "GET",
        f"http://{COS_HOST}{path}",
        headers={
            "authorization": authorization(
                SignedRequest(method="GET", path="/a b", headers=[("host", COS_HOST)])
            )
        },
    )

    assert (answer.status, answer.body) == (200, b"hello")
