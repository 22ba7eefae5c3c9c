import itertools
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosConfig
from qcloud_cos.cos_auth import CosS3Auth

from penstock.domain.refusals import (
    InvalidAuthorizationError,
    MissingAuthorizationError,
    SignatureExpiredError,
)
from penstock.wire.signature import (
    Period,
    Signature,
    SignedRequest,
    read_signature,
    sign,
    verify,
)

SECRET_ID = "AKIDexample"
SECRET_KEY = "ExampleSecretKeyDoNotUse"
PERIOD = Period(1700000000, 1700010060)
NOW = 1700000060.0
HOST = "demo-1250000000.ci.ap-chongqing.myqcloud.com"
JOBS = "/inventorytriggerjob"
LIST_QUERY = (
    ("type", "Workflow"),
    ("orderByTime", "Desc"),
    ("states", "All"),
    ("size", "10"),
    ("nextToken", ""),
    ("workflowId", ""),
    ("jobId", ""),
    ("name", "a b中"),
)
REQUEST = SignedRequest(method="GET", path=JOBS, query=LIST_QUERY, headers=(("Host", HOST),))


class Vector(NamedTuple):
    """A request, who signed it when, and the signature it must have."""

    request: SignedRequest
    secret_key: str
    period: Period
    digest: str


PUBLISHED_HOST = ("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com")
PUBLISHED_PATH = "/exampleobject(腾讯云)"
PUBLISHED_KEY = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"  # printed in the vendor's documentation
VECTORS = [
    Vector(
        SignedRequest(
            method="PUT",
            path=PUBLISHED_PATH,
            headers=(
                ("Date", "Thu, 16 May 2019 06:45:51 GMT"),
                PUBLISHED_HOST,
                ("Content-Type", "text/plain"),
                ("Content-Length", "13"),
                ("Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="),
                ("x-cos-acl", "private"),
                ("x-cos-grant-read", 'uin="100000000011"'),
            ),
        ),
        PUBLISHED_KEY,
        Period(1557989151, 1557996351),
        "3b8851a11a569213c17ba8fa7dcf2abec6935172",
    ),
    Vector(
        SignedRequest(
            method="GET",
            path=PUBLISHED_PATH,
            query=(
                ("response-content-type", "application/octet-stream"),
                ("response-cache-control", "max-age=600"),
            ),
            headers=(("Date", "Thu, 16 May 2019 06:55:53 GMT"), PUBLISHED_HOST),
        ),
        PUBLISHED_KEY,
        Period(1557989753, 1557996953),
        "01681b8c9d798a678e43b685a9f1bba0f6c0e012",
    ),
    Vector(REQUEST, SECRET_KEY, PERIOD, "3d0a3f244003290f508957bcc15a66cd9a0fcdac"),
    Vector(
        SignedRequest(
            method="PUT",
            path=f"{JOBS}/b1",
            query=(("cancel", ""),),
            headers=(("Content-Length", "0"), ("Host", HOST)),
        ),
        SECRET_KEY,
        PERIOD,
        "c93233e8b1530c3b63658fc9be6419b22d9f85c1",
    ),
    Vector(
        SignedRequest(
            method="PUT", path=f"{JOBS}/b1", headers=(("Content-Length", "0"), ("Host", HOST))
        ),
        SECRET_KEY,
        PERIOD,
        "5f8febd89f8e66cb9a06ddfaf2e8a9014ff87835",
    ),
    Vector(
        SignedRequest(
            method="POST",
            path=JOBS,
            headers=(
                ("Content-Length", "72"),
                ("Content-Type", "application/xml"),
                ("Host", HOST),
                ("x-ci-security-token", "tk+/="),
            ),
        ),
        SECRET_KEY,
        PERIOD,
        "c0bf5015908e3f605792383b72d3444d1aac4118",
    ),
]


@pytest.mark.parametrize("vector", VECTORS)
def test_signature_vectors(vector: Vector) -> None:
    """Requests of known signatures get exactly these."""
    signature = sign(vector.request, SECRET_ID, vector.secret_key, vector.period)

    assert signature.digest == vector.digest
    verify(signature, vector.request, vector.secret_key, vector.period.start)


def signed_header(request: SignedRequest = REQUEST) -> str:
    """The Authorization header of a request signed here."""
    return sign(request, SECRET_ID, SECRET_KEY, PERIOD).header


def read_back(header: str) -> Signature:
    """The signature in an Authorization header."""
    signature = read_signature((("authorization", header),), ())
    assert signature is not None
    return signature


def test_signature_header_names_seven_things_in_order() -> None:
    """The header is what the vendor's clients send."""
    assert signed_header() == (
        f"q-sign-algorithm=sha1&q-ak={SECRET_ID}&q-sign-time=1700000000;1700010060"
        "&q-key-time=1700000000;1700010060&q-header-list=host"
        "&q-url-param-list=jobid;name;nexttoken;orderbytime;size;states;type;workflowid"
        "&q-signature=3d0a3f244003290f508957bcc15a66cd9a0fcdac"
    )


@pytest.mark.parametrize("form", ["header", "query", "sign"])
def test_signature_is_found_in_each_place(form: str) -> None:
    """The header, seven parameters and a `sign` parameter say the same."""
    signature = sign(REQUEST, SECRET_ID, SECRET_KEY, PERIOD)
    places = {
        "header": ((("Authorization", signature.header),), ()),
        "query": ((), tuple(parse_qsl(signature.query, keep_blank_values=True))),
        "sign": ((), (("sign", signature.header),)),
    }
    headers, query = places[form]

    assert read_signature(headers, query) == signature


def test_signature_in_header_wins() -> None:
    """A signature in the query does not matter where there is one in the header."""
    other = sign(REQUEST, "other", SECRET_KEY, PERIOD)

    found = read_signature((("authorization", signed_header()),), other.pairs)

    assert found is not None
    assert found.secret_id == SECRET_ID


@pytest.mark.parametrize("headers", [(), (("authorization", ""),)])
def test_signature_missing(headers: tuple[tuple[str, str], ...]) -> None:
    """A request without a signature, or with an empty one, is not signed."""
    signature = read_signature(headers, (("cancel", ""),))

    assert signature is None
    with pytest.raises(MissingAuthorizationError):
        verify(signature, REQUEST, SECRET_KEY, NOW)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("Bearer abc", "lacks q-sign-algorithm, q-ak,"),
        (signed_header().replace("=sha1", "=sha256"), "'sha256' is not sha1"),
        (signed_header().replace("&q-ak=AKIDexample", ""), "lacks q-ak"),
        (signed_header().replace("q-sign-time=1700000000;", "q-sign-time="), "q-sign-time"),
        (signed_header().replace("q-key-time=17", "q-key-time=x7"), "q-key-time"),
    ],
)
def test_signature_unreadable(header: str, fault: str) -> None:
    """A header that is no signature is refused, and the fault named."""
    with pytest.raises(InvalidAuthorizationError, match=fault):
        read_signature((("authorization", header),), ())


@pytest.mark.parametrize(
    "request_",
    [
        SignedRequest(method="PUT", path=JOBS, query=LIST_QUERY, headers=REQUEST.headers),
        SignedRequest(method="GET", path="/jobs", query=LIST_QUERY, headers=REQUEST.headers),
        SignedRequest(method="GET", path=JOBS, query=LIST_QUERY[1:], headers=REQUEST.headers),
        SignedRequest(method="GET", path=JOBS, query=LIST_QUERY, headers=()),
        SignedRequest(method="GET", path=JOBS, query=LIST_QUERY, headers=(("Host", "evil"),)),
    ],
)
def test_signature_covers_the_request(request_: SignedRequest) -> None:
    """A change of anything covered, and the lack of it, is a mismatch."""
    with pytest.raises(InvalidAuthorizationError, match="does not match"):
        verify(read_back(signed_header()), request_, SECRET_KEY, NOW)


def test_signature_of_another_key() -> None:
    """Only the right secret key verifies, whatever the digest looks like."""
    for header in (signed_header(), signed_header()[:-1], signed_header() + "\udcff中"):
        key = SECRET_KEY if header != signed_header() else "other"
        with pytest.raises(InvalidAuthorizationError):
            verify(read_back(header), REQUEST, key, NOW)


def test_signature_ignores_what_it_does_not_cover() -> None:
    """Headers and parameters outside the lists may be anything (`?cancel` of the Python SDK)."""
    signed = SignedRequest(method="PUT", path="/jobs/j1")
    sent = SignedRequest(
        method="PUT", path="/jobs/j1", query=(("cancel", ""),), headers=(("Host", HOST),)
    )

    verify(read_back(signed_header(signed)), sent, SECRET_KEY, NOW)


@pytest.mark.parametrize(
    ("signed", "sent", "port"),
    [
        ("127.0.0.1", "127.0.0.1:8080", None),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("demo.localhost", "Demo.localhost:8080", 8080),
        ("::1", "[::1]:8080", 8080),
        (HOST, HOST, 8080),
    ],
)
def test_signature_allows_for_the_port_of_the_host(
    signed: str, sent: str, port: int | None
) -> None:
    """Clients sign the host with or without its port, and as their URL parser spells it."""
    header = signed_header(SignedRequest(method="GET", path="/", headers=(("host", signed),)))
    received = SignedRequest(method="GET", path="/", headers=(("host", sent),), port=port)

    verify(read_back(header), received, SECRET_KEY, NOW)


@pytest.mark.parametrize(
    ("now", "is_valid"),
    [
        (PERIOD.start - 901, False),
        (PERIOD.start - 900, True),
        (PERIOD.end, True),
        (PERIOD.end + 1, False),
    ],
)
def test_signature_has_its_time(now: float, is_valid: bool) -> None:  # noqa: FBT001  # pytest's
    """It is valid from 15 minutes before its start to its very end."""
    signature = read_back(signed_header())

    if is_valid:
        verify(signature, REQUEST, SECRET_KEY, now)
        return
    with pytest.raises(SignatureExpiredError):
        verify(signature, REQUEST, SECRET_KEY, now)


@pytest.mark.parametrize("times", ["1699999999;1700010060", "1700010060;1700000000"])
def test_signature_time_lies_within_the_time_of_its_key(times: str) -> None:
    """A sign time outside the key time, or one that ends before it begins, is refused."""
    header = signed_header().replace("q-sign-time=1700000000;1700010060", f"q-sign-time={times}")

    with pytest.raises(InvalidAuthorizationError, match="within"):
        verify(read_back(header), REQUEST, SECRET_KEY, NOW)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SIGNED_NAMES = st.sampled_from(
    ["Content-Type", "Range", "x-cos-acl", "X-Ci-Odd", "Pic-Operations"]
)


@given(
    key=KEYS,
    params=st.dictionaries(KEYS, VALUES, max_size=4),
    headers=st.dictionaries(SIGNED_NAMES, VALUES, max_size=4),
    host=st.sampled_from([HOST, "127.0.0.1:8080"]),
)
def test_signature_of_the_python_sdk_verifies(
    key: str, params: dict[str, str], headers: dict[str, str], host: str
) -> None:
    """Whatever the SDK signs is accepted, and refused when the path is another."""
    params = {name: value for name, value in params.items() if name == name.lower()}
    config = CosConfig(Region="ap-chongqing", SecretId=SECRET_ID, SecretKey=SECRET_KEY)
    prepared = SimpleNamespace(
        method="PUT", url=f"http://{host}/", headers={**headers, "User-Agent": "x"}
    )
    CosS3Auth(config, key, params)(prepared)
    path = key if key.startswith("/") else f"/{key}"
    request = SignedRequest(
        method="PUT",
        path=path,
        query=tuple(params.items()),
        headers=(*prepared.headers.items(), ("host", host)),
    )
    signature = read_signature(request.headers, request.query)
    assert signature is not None

    verify(signature, request, SECRET_KEY, signature.sign_period.start)
    other = SignedRequest(
        method="PUT", path=path + "x", query=request.query, headers=request.headers
    )
    with pytest.raises(InvalidAuthorizationError):
        verify(signature, other, SECRET_KEY, signature.sign_period.start)


@given(
    path=st.binary(max_size=20),
    pairs=st.lists(
        st.tuples(st.binary(min_size=1, max_size=8), st.binary(max_size=8)), max_size=4
    ),
)
def test_signature_is_exact_for_any_bytes(path: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    """Bytes that are no text, and names that repeat in any order, are signed and verified."""
    query = [(_text(name), _text(value)) for name, value in pairs]
    request = SignedRequest(method="GET", path=f"/{_text(path)}", query=query)
    signature = sign(request, SECRET_ID, SECRET_KEY, PERIOD)

    for shuffled in itertools.islice(itertools.permutations(query), 3):
        sent = SignedRequest(method="get", path=request.path, query=shuffled)
        verify(signature, sent, SECRET_KEY, NOW)


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
