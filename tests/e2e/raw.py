"""Requests as no SDK sends them, signed or not."""

import http.client
import re
from collections.abc import Mapping
from typing import NamedTuple

from penstock.wire.signature import Period, SignedRequest, sign
from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, BUCKET, REGION, Server

ALWAYS = Period(0, 99_999_999_999)
EXPIRED = Period(1_600_000_000, 1_600_003_600)
CI_HOST = f"{BUCKET}.ci.{REGION}.myqcloud.com"


class Refusal(NamedTuple):
    """An answer that refuses.

    Attributes:
        status: The HTTP status.
        code: The word of the error body.
        message: Its sentence.
    """

    status: int
    code: str
    message: str


def authorization(
    method: str,
    path: str,
    *,
    secret_id: str = ACCESS_KEY_ID,
    secret: str = ACCESS_KEY,
    period: Period = ALWAYS,
) -> dict[str, str]:
    """An Authorization header."""
    request = SignedRequest(method=method, path=path, headers=[("host", CI_HOST)])
    return {"authorization": sign(request, secret_id, secret, period).header}


def send(
    server: Server,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    """Send a request, signed unless `headers` are given; the answer must be an error body."""
    sent = authorization(method, path) if headers is None else headers
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, body, {"host": CI_HOST, **sent})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    assert response.getheader("content-type") == "application/xml"
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n<Error>'), text
    return Refusal(response.status, _leaf(text, "Code"), _leaf(text, "Message"))


def _leaf(text: str, name: str) -> str:
    found = re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
    assert found is not None, text
    return found[1]
