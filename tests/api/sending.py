"""Ways to send requests that the SDK would not, and short cuts for those it would."""

import http.client
from typing import Any, NamedTuple
from urllib.parse import unquote

from qcloud_cos import CosS3Client

from penstock.wire.signature import Period, SignedRequest, sign
from tests.api.server import (
    ACCESS_KEY,
    ACCESS_KEY_ID,
    BUCKET,
    COS_HOST,
    Server,
)

ALWAYS = Period(0, 99_999_999_999)


class Answer(NamedTuple):
    """What came back over a plain connection."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(
    server: Server,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send a signed request whose target is exactly `path`."""
    sent = {"host": COS_HOST, **(headers or {})}
    raw, _, query = path.partition("?")
    request = SignedRequest(
        method=method,
        path=unquote(raw),
        query=[(name, "") for name in query.split("&") if name and "=" not in name],
        headers=[("host", sent["host"])],
    )
    sent.setdefault("authorization", authorization(request))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body is not None and "transfer-encoding" not in sent:
            sent["content-length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def authorization(request: SignedRequest, period: Period = ALWAYS) -> str:
    """An Authorization header for a request."""
    return sign(request, ACCESS_KEY_ID, ACCESS_KEY, period).header


def read(response: dict[str, Any]) -> bytes:
    """The body of a `get_object`."""
    body: bytes = response["Body"].get_raw_stream().read()
    return body


def put_all(client: CosS3Client, *keys: str) -> None:
    """Store small objects under many keys."""
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
