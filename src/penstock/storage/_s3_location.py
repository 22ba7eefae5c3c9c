"""Where an S3 bucket is: its URL, its endpoint, and the request targets of its objects."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from penstock.domain.errors import InvalidArgumentError, KeyNotStorableError

MAX_KEY_BYTES = 1024

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_OPTIONS = {"endpoint", "region", "addressing", "anonymous", "profile"}
# COS writes '+' in an encoded listing as itself; all others follow the rules of HTML forms.
_LITERAL_PLUS_HOSTS = (".myqcloud.com", ".tencentcos.cn")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Location:
    """A bucket, or the part of one below a root.

    Attributes:
        bucket: The bucket's name on its server.
        root: Put before every key; empty, or ends with '/'.
        endpoint: `http://host[:port]` or https, with a path if need be; empty means AWS.
        region: Region to sign for; empty takes the one of the environment, else `us-east-1`.
        is_path_style: Whether the bucket goes into the path instead of the host name.
        is_anonymous: Whether requests are sent unsigned.
        profile: Profile of the credentials; empty takes the default chain.
    """

    bucket: str
    root: str = ""
    endpoint: str = ""
    region: str = ""
    is_path_style: bool = False
    is_anonymous: bool = False
    profile: str = ""

    @property
    def has_literal_plus(self) -> bool:
        """Whether '+' stands for itself in encoded listings, not for a blank."""
        host = urlsplit(self.endpoint).hostname or ""
        return host.endswith(_LITERAL_PLUS_HOSTS)

    def origin(self, region: str) -> str:
        """Scheme, host and port of requests."""
        if self.endpoint:
            parts = urlsplit(self.endpoint)
            scheme, host = parts.scheme, parts.netloc
        else:
            suffix = ".cn" if region.startswith("cn-") else ""
            scheme, host = "https", f"s3.{region}.amazonaws.com{suffix}"
        return f"{scheme}://{host}" if self.is_path_style else f"{scheme}://{self.bucket}.{host}"

    def target(self, key: str | None = None) -> str:
        """The exact path of an object, or of the bucket: every byte but `A-Za-z0-9-._~/` encoded.

        Raises:
            KeyNotStorableError: No object can have this key.
        """
        base = urlsplit(self.endpoint).path.rstrip("/")
        if self.is_path_style:
            base = f"{base}/{self.bucket}"
        if key is None:
            return base or "/"
        return f"{base}/{quote(encode_key(self.root, key), safe='/')}"


def encode_key(root: str, key: str) -> bytes:
    """The bytes of a key below a root.

    Raises:
        KeyNotStorableError: It is empty, too long, or not Unicode text.
    """
    if not key:
        raise KeyNotStorableError(key, "it is empty")
    try:
        encoded = (root + key).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise KeyNotStorableError(key, "it is not Unicode text") from None
    if len(encoded) > MAX_KEY_BYTES:
        raise KeyNotStorableError(key, f"it is over {MAX_KEY_BYTES} bytes, with its root")
    return encoded


def parse_location(url: str) -> S3Location:
    """The location that `s3://name[/root]?endpoint=…&region=…` names.

    The root is percent-decoded. Addressing is by path where an endpoint is given, or where the
    bucket's name has a dot; else by host name.

    Raises:
        InvalidArgumentError: The URL is malformed; all faults are named.
    """
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        fault = f"{url!r} is malformed: {error}"
        raise InvalidArgumentError(fault) from error
    options = dict(pairs)
    faults = [*_find_faults(parts.netloc, options)]
    if len(options) < len(pairs):
        faults.append("an option is given twice")
    if parts.fragment:
        faults.append("it has a fragment: write '#' as %23")
    if faults:
        raise InvalidArgumentError(*(f"{url!r}: {fault}" for fault in faults))
    root = unquote(parts.path, errors="surrogateescape").strip("/")
    endpoint = options.get("endpoint", "").rstrip("/")
    by_default = "path" if endpoint or "." in parts.netloc else "virtual"
    return S3Location(
        bucket=parts.netloc,
        root=f"{root}/" if root else "",
        endpoint=endpoint,
        region=options.get("region", ""),
        is_path_style=options.get("addressing", by_default) == "path",
        is_anonymous=options.get("anonymous") == "true",
        profile=options.get("profile", ""),
    )


def _find_faults(bucket: str, options: dict[str, str]) -> list[str]:
    faults = []
    if not _BUCKET.fullmatch(bucket):
        faults.append(f"{bucket!r} is no bucket name")
    if unknown := sorted(set(options) - _OPTIONS):
        faults.append(f"unknown options {', '.join(unknown)}")
    if options.get("addressing", "path") not in {"path", "virtual"}:
        faults.append("addressing is path or virtual")
    if options.get("anonymous", "true") not in {"true", "false"}:
        faults.append("anonymous is true or false")
    if (endpoint := options.get("endpoint")) is not None and not _is_endpoint(endpoint):
        faults.append("endpoint is http://host[:port] or https://host[:port]")
    return faults


def _is_endpoint(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        host, colon, port = parts.netloc.rpartition(":")
        if not colon or port.endswith("]"):
            host = parts.netloc
        return (
            parts.scheme in {"http", "https"}
            and _HOST.fullmatch(host) is not None
            and parts.port != 0
            and not parts.query
            and not parts.fragment
        )
    except ValueError:
        return False
