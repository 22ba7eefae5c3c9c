"""What a call means to policies."""

from typing import Any

import pytest

from penstock.api.access import Gate
from penstock.api.hosts import Address, Service
from penstock.api.requests import Body, Call, Message
from penstock.domain.policies import AccessRequest
from penstock.domain.refusals import AccessDeniedError


async def _receive() -> Message:
    return {"type": "http.disconnect"}


def make_call(host: Address, **changes: Any) -> Call:  # noqa: ANN401  # any field
    """A call that was never sent."""
    given = {"method": "GET", "path": "/k", "query": (), "headers": (), **changes}
    body = Body(_receive, length_bytes=0, is_chunked=False)
    return Call(request_id="r", trace_id="t", address=host, body=body, **given)


@pytest.mark.parametrize(
    ("action", "host", "path", "expected"),
    [
        ("ci:A", Address("b-1", Service.CI, "ap-a"), "/jobs", "qcs::ci:ap-a:uid/1:bucket/b-1/*"),
        ("ci:A", Address("b-1", Service.NONE, ""), "/jobs", "qcs::ci:home:uid/1:bucket/b-1/*"),
        ("ci:A", Address("plain", Service.CI, "r"), "/jobs", "qcs::ci:r:uid/:bucket/plain/*"),
        ("ci:DescribeMediaBuckets", Address("b-1", Service.CI, "r"), "/mediabucket", None),
        ("ci:DescribePicProcessBucket", Address(None, Service.CI, "r"), "/picbucket", None),
        (
            "cos:GetObject",
            Address("b-1", Service.COS, "r"),
            "/a/b c",
            "qcs::cos:r:uid/1:b-1/a/b c",
        ),
        ("cos:GetBucket", Address("b-1", Service.COS, "r"), "/", "qcs::cos:r:uid/1:b-1/in/ "),
        ("cos:GetService", Address(None, Service.COS, "r"), "/", None),
    ],
)
def test_gate_names_the_resource(
    action: str, host: Address, path: str, expected: str | None
) -> None:
    """Policies see the bucket, the object, or the prefix of a listing, and `*` for the account."""
    asked: list[AccessRequest] = []
    gate = Gate(check=lambda _secret_id, request: asked.append(request), region="home")
    call = make_call(host, path=path, query=(("prefix", "in/ "), ("prefix", "other")))

    gate.authorize(call, (action,))

    (request,) = asked
    assert (None if request.resource is None else str(request.resource)) == expected


def test_gate_tells_what_conditions_look_at() -> None:
    """Facts of the request are told where it has them, and left out where not."""
    asked: list[AccessRequest] = []
    gate = Gate(check=lambda _secret_id, request: asked.append(request), region="home")
    host = Address("b-1", Service.COS, "r")

    gate.authorize(make_call(host), ("cos:GetObject",))
    gate.authorize(
        make_call(
            host,
            client="::1",
            is_secure=True,
            query=(("prefix", "a"), ("max-keys", "5")),
            headers=(("content-type", "text/plain"), ("content-length", "7")),
        ),
        ("cos:GetObject",),
    )

    assert [request.context for request in asked] == [
        {"cos:secure-transport": ("false",)},
        {
            "qcs:ip": ("::1",),
            "cos:secure-transport": ("true",),
            "cos:prefix": ("a",),
            "cos:max-keys": ("5",),
            "cos:content-type": ("text/plain",),
            "cos:content-length": ("7",),
        },
    ]


def test_call_that_never_came_through_the_door_may_do_nothing() -> None:
    """A handler that asks before anybody was authenticated is refused."""
    call = make_call(Address("b-1", Service.COS, "r"))

    with pytest.raises(AccessDeniedError):
        call.require("cos:GetObject")
