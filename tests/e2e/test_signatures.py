"""Requests whose signature is missing, wrong or out of its time."""

import pytest
from qcloud_cos.cos_exception import CosServiceError

from penstock.wire.signature import Period
from tests.e2e.raw import ALWAYS, EXPIRED, authorization, send
from tests.e2e.servers import BUCKET, Server

pytestmark = pytest.mark.slow

JOBS = "/inventorytriggerjob"


@pytest.mark.parametrize(
    ("secret_id", "secret", "period", "code"),
    [
        (None, "a-wrong-secret", ALWAYS, "InvalidAuthorization"),
        ("AKIDofNobody", None, ALWAYS, "SecretidNotExist"),
        (None, None, EXPIRED, "SignatureExpired"),
        (None, None, Period(99_999_999_000, 99_999_999_999), "SignatureExpired"),
    ],
    ids=["wrong secret", "unknown id", "expired", "not valid yet"],
)
def test_wrong_signature_is_refused(
    folder_server: Server,
    secret_id: str | None,
    secret: str | None,
    period: Period,
    code: str,
) -> None:
    """A signature of a wrong secret, of nobody, or out of its time gets 401 and its own code."""
    given = {"secret_id": secret_id, "secret": secret}
    known = {name: value for name, value in given.items() if value is not None}

    headers = authorization("POST", JOBS, period=period, **known)
    answer = send(folder_server, "POST", JOBS, b"<Request></Request>", headers)

    assert (answer.status, answer.code) == (401, code)
    assert answer.message


@pytest.mark.parametrize("path", [JOBS, "/workflow", "/some/object.txt"])
def test_unsigned_request_is_refused(folder_server: Server, path: str) -> None:
    """A request without a signature gets 401, whatever it asks for."""
    answer = send(folder_server, "GET", path, headers={})

    assert (answer.status, answer.code) == (401, "MissingAuthorization")
    assert "signed" in answer.message


def test_sdk_with_a_wrong_secret_is_told(folder_server: Server) -> None:
    """The SDK reads the refusal as what it is."""
    client = folder_server.client(secret="a-wrong-secret")

    with pytest.raises(CosServiceError) as caught:
        client.ci_get_workflow(Bucket=BUCKET)

    assert caught.value.get_status_code() == 401
    assert caught.value.get_error_code() == "InvalidAuthorization"
