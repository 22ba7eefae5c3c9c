"""COS request signatures (`q-sign-algorithm=sha1`, `wire.md` section 11): sign and verify.

A signature names the headers and parameters it covers; only those count, the rest of a request
is unprotected and ignored. Texts hold undecodable bytes as surrogate escapes (PEP 383), so
signing is exact for any bytes. Times here are unix seconds.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote

from penstock.domain.refusals import (
    InvalidAuthorizationError,
    MissingAuthorizationError,
    SignatureExpiredError,
)

Pairs = Sequence[tuple[str, str]]

EARLY_SECONDS = 900
_KEYS = (
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
)
_PERIOD = re.compile(r"(\d{1,12});(\d{1,12})", re.ASCII)


class Period(NamedTuple):
    """When a signature is valid, in unix seconds, both ends included."""

    start: int
    end: int

    @property
    def text(self) -> str:
        """The wire form, `<start>;<end>`."""
        return f"{self.start};{self.end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a signature can cover.

    Attributes:
        method: In any case.
        path: Percent-decoded, with its leading `/`, without the query.
        query: Decoded names and values, in any order.
        headers: Names in any case, values as received.
        port: The port the request came in on, to stand in for one that `Host` leaves out.
    """

    method: str
    path: str
    query: Pairs = ()
    headers: Pairs = ()
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a request says about its signature.

    Attributes:
        secret_id: Names the secret key.
        sign_period: When the signature is valid.
        key_period: The period the signing key is made for.
        headers: Covered headers; lower case, percent-encoded, as are `params`.
        params: Covered query parameters.
        digest: 40 lower-case hex digits, or whatever the client sent instead.
    """

    secret_id: str
    sign_period: Period
    key_period: Period
    headers: frozenset[str]
    params: frozenset[str]
    digest: str

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The seven names and values, in the vendor's order."""
        values = (
            "sha1",
            self.secret_id,
            self.sign_period.text,
            self.key_period.text,
            ";".join(sorted(self.headers)),
            ";".join(sorted(self.params)),
            self.digest,
        )
        return list(zip(_KEYS, values, strict=True))

    @property
    def header(self) -> str:
        """The value of the `Authorization` header; values are not URL-encoded in it."""
        return "&".join(f"{name}={value}" for name, value in self.pairs)

    @property
    def query(self) -> str:
        """The signature as a query string, for a presigned URL."""
        return "&".join(f"{name}={_encode(value)}" for name, value in self.pairs)


def read_signature(headers: Pairs, query: Pairs) -> Signature | None:
    """Find and read a request's signature: in its header, else in its query.

    In the query it stands as the seven parameters or whole in `sign`.

    Returns:
        None when the request is not signed.

    Raises:
        InvalidAuthorizationError: There is a signature, but it cannot be read.
    """
    whole = _first(headers, "authorization") or _first(query, "sign")
    if whole:
        fields = dict(pair.partition("=")[::2] for pair in whole.strip().split("&"))
    else:
        fields = {name: value for name, value in query if name in _KEYS}
    if not fields:
        return None
    missing = [name for name in _KEYS if name not in fields]
    if missing:
        fault = f"the signature lacks {', '.join(missing)}"
        raise InvalidAuthorizationError(fault)
    if fields["q-sign-algorithm"] != "sha1":
        fault = f"q-sign-algorithm {fields['q-sign-algorithm']!r} is not sha1"
        raise InvalidAuthorizationError(fault)
    return Signature(
        secret_id=fields["q-ak"],
        sign_period=_read_period("q-sign-time", fields["q-sign-time"]),
        key_period=_read_period("q-key-time", fields["q-key-time"]),
        headers=_read_names(fields["q-header-list"]),
        params=_read_names(fields["q-url-param-list"]),
        digest=fields["q-signature"],
    )


def verify(
    signature: Signature | None, request: SignedRequest, secret_key: str, now_seconds: float
) -> None:
    """Accept a request whose signature is in time and was made with the secret key.

    Clients differ in how they sign `Host`, so it may match with or without its port.

    Raises:
        MissingAuthorizationError: The request is not signed.
        SignatureExpiredError: The period of the signature is over, or begins more than
            15 minutes from now.
        InvalidAuthorizationError: The signature does not match.
    """
    if signature is None:
        raise MissingAuthorizationError
    _check_period(signature, now_seconds)
    digests = [
        _digest(replace(request, headers=headers), signature, secret_key)
        for headers in _host_variants(request)
    ]
    given = signature.digest.encode(errors="surrogateescape")
    if not any(hmac.compare_digest(digest.encode(), given) for digest in digests if digest):
        fault = "the signature does not match the request and the secret key"
        raise InvalidAuthorizationError(fault)


def sign(request: SignedRequest, secret_id: str, secret_key: str, period: Period) -> Signature:
    """Sign all the headers and parameters that `request` has; the inverse of `verify`."""
    signature = Signature(
        secret_id=secret_id,
        sign_period=period,
        key_period=period,
        headers=frozenset(_encode(name).lower() for name, _ in request.headers),
        params=frozenset(_encode(name).lower() for name, _ in request.query),
        digest="",
    )
    return replace(signature, digest=_digest(request, signature, secret_key))


def _digest(request: SignedRequest, signature: Signature, secret_key: str) -> str:
    """The signature's hex digits; empty when the request lacks something that it covers."""
    params = _canonical(request.query, signature.params)
    headers = _canonical(request.headers, signature.headers)
    if params is None or headers is None:
        return ""
    lines = f"{request.method.lower()}\n{request.path}\n{params}\n{headers}\n"
    sign_key = _hmac(secret_key, signature.key_period.text)
    summary = hashlib.sha1(_to_bytes(lines)).hexdigest()  # noqa: S324  # the vendor's algorithm
    return _hmac(sign_key, f"sha1\n{signature.sign_period.text}\n{summary}\n")


def _canonical(pairs: Pairs, names: frozenset[str]) -> str | None:
    encoded = sorted((_encode(name).lower(), _encode(value)) for name, value in pairs)
    covered = [pair for pair in encoded if pair[0] in names]
    if {name for name, _ in covered} != names:
        return None
    return "&".join(f"{name}={value}" for name, value in covered)


def _host_variants(request: SignedRequest) -> Iterable[Pairs]:
    """The headers as received, then with the `Host` values a client may have signed instead."""
    host = _first(request.headers, "host")
    name, port = _split_port(host)
    with_port = "" if port or request.port is None else f"{host}:{request.port}"
    others = [pair for pair in request.headers if pair[0].lower() != "host"]
    yield request.headers
    for variant in {with_port, name, name.lower(), name.strip("[]")} - {host, ""}:
        yield [*others, ("host", variant)]


def _split_port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host, "")


def _check_period(signature: Signature, now_seconds: float) -> None:
    start, end = signature.sign_period
    if not signature.key_period.start <= start <= end <= signature.key_period.end:
        fault = "q-sign-time does not lie within q-key-time"
        raise InvalidAuthorizationError(fault)
    if now_seconds > end:
        raise SignatureExpiredError
    if now_seconds < start - EARLY_SECONDS:
        fault = "the signature is not valid yet; check the client's clock"
        raise SignatureExpiredError(fault)


def _read_period(name: str, text: str) -> Period:
    found = _PERIOD.fullmatch(text)
    if found is None:
        fault = f"{name} {text!r} is not <start>;<end> in unix seconds"
        raise InvalidAuthorizationError(fault)
    return Period(int(found[1]), int(found[2]))


def _read_names(text: str) -> frozenset[str]:
    return frozenset(name for name in text.lower().split(";") if name)


def _first(pairs: Pairs, name: str) -> str:
    return next((value for key, value in pairs if key.lower() == name), "")


def _encode(text: str) -> str:
    return quote(_to_bytes(text), safe="-_.~")


def _to_bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _hmac(key: str, message: str) -> str:
    return hmac.new(_to_bytes(key), message.encode(), hashlib.sha1).hexdigest()
