"""An S3 store before a scripted server, and an independent check of its signatures."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from botocore.credentials import Credentials

from penstock.storage._s3_http import S3Connection
from penstock.storage._s3_location import parse_location
from penstock.storage.s3 import S3Store
from tests.storage.scripted_server import Request, ScriptedServer, answer, scripted_server

SECRET = "penstock-test-secret"  # noqa: S105 - opens nothing but the server beside it
FOUND = answer(headers={"ETag": '"tag"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})


class Scripted(NamedTuple):
    """A store before a scripted server.

    Attributes:
        server: What it talks to.
        pauses: The pauses it made, in seconds.
    """

    store: S3Store
    server: ScriptedServer
    pauses: list[float]


@contextmanager
def scripted(answers: Sequence[bytes], *, query: str = "", token: str = "") -> Iterator[Scripted]:
    """A store whose server gives these answers; pauses take no time."""
    pauses: list[float] = []
    with scripted_server(answers) as server:
        location = parse_location(f"s3://bucket?endpoint={server.endpoint}{query}")
        credentials = None if location.is_anonymous else Credentials("id", SECRET, token or None)
        connection = S3Connection(
            location,
            region="test-1",
            credentials=credentials,
            sleep=pauses.append,
            jitter=lambda: 0.5,
        )
        yield Scripted(S3Store(connection), server, pauses)


def verify_signature(request: Request) -> None:
    """Compute the signature anew, from nothing but what came over the wire."""
    authorization = request.headers["authorization"]
    signed_names = authorization.partition("SignedHeaders=")[2].partition(",")[0]
    path, _, query = request.target.partition("?")
    lines = "".join(f"{name}:{request.headers[name]}\n" for name in signed_names.split(";"))
    digest = request.headers["x-amz-content-sha256"]
    canonical = "\n".join(
        [
            request.method,
            quote(unquote_to_bytes(path), safe="/~"),
            "&".join(sorted(query.split("&"))) if query else "",
            lines,
            signed_names,
            digest,
        ]
    )
    moment = request.headers["x-amz-date"]
    scope = f"{moment[:8]}/test-1/s3/aws4_request"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
    expected = hmac.new(key, text.encode(), "sha256").hexdigest()
    assert authorization.endswith(f"Signature={expected}")
    assert f"Credential=id/{scope}" in authorization
    assert "host" in signed_names.split(";")
