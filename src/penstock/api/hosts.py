"""Which bucket a request is for, and whether it is a CI call or an object call.

Clients put the bucket into the host name and CI calls and objects under the same paths, and the
Python SDK sends either kind to either kind of host (`wire.md` 1.1, 13.1). Four rules decide:

1. What only object calls have (HEAD, a Range, a copy source, upload or listing parameters)
   makes an object call.
2. `/` is a CI call under `pic.`; under `ci.` and a bare host, PUT is, and under `ci.` a GET
   without parameters too: they bind a bucket and ask for its binding.
3. A path of a CI family, alone or followed by one id, is a CI call if that family has a call of
   this method and shape. So `PUT /jobs` stores an object `jobs`, and `GET /jobs` lists jobs.
4. The id must look like one. It has no dot (`/jobs/a.jpg` is an object); and under `cos.`, where
   objects are at home, the id of a family with an everyday name (`jobs`, `workflow`, `template`,
   `queue`) is a letter and hex digits, unless a CI parameter such as `cancel` settles it.

All else is an object call. To reach an object that these rules hide, ask for it with a Range.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from penstock.wire.signature import Pairs


class Service(StrEnum):
    """The service label of a host name."""

    CI = "ci"
    COS = "cos"
    PIC = "pic"
    NONE = ""


class Address(NamedTuple):
    """Where a request was sent to.

    Attributes:
        bucket: The bucket in the host name, else the default; None where there is neither, and
            under the vendor's account-level hosts.
        service: The service label; `NONE` for a bare host.
        region: As written in the host name; empty for a bare host.
    """

    bucket: str | None
    service: Service
    region: str


_VENDOR_HOST = re.compile(
    r"(?:(?P<bucket>.+?)\.)?(?P<service>ci|cos|pic)(?:-internal)?\.(?P<region>[^.]+)(?:\..*)?"
)
_ACCOUNT_LABELS = frozenset({"service"})
# `<name>-<appid>.any.domain`: what an SDK sends that was given an endpoint of its own.
_OWN_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9-]*-\d{8,})\.(?P<rest>.+)", re.ASCII)

_EVERYDAY = frozenset({"jobs", "workflow", "template", "queue"})
_BUCKETS = frozenset(
    "mediabucket picbucket docbucket ai_bucket asrbucket file_bucket cibuckets".split()
)
_QUEUES = frozenset("queue picqueue docqueue ai_queue asrqueue file_queue".split())
_JOBS = frozenset("jobs pic_jobs doc_jobs file_jobs ai_jobs asr_jobs inventorytriggerjob".split())
# Family -> the methods of the bare path, the methods of the path with an id.
_FAMILIES = {
    **dict.fromkeys(_BUCKETS, ({"GET", "POST", "DELETE"}, set[str]())),
    **dict.fromkeys(_QUEUES, ({"GET", "POST"}, {"GET", "PUT"})),
    **dict.fromkeys(_JOBS, ({"GET", "POST"}, {"GET", "PUT", "DELETE"})),
    "workflow": ({"GET", "POST"}, {"GET", "PUT", "DELETE"}),
    "template": ({"GET", "POST"}, {"GET", "PUT", "DELETE"}),
    "triggerworkflow": ({"POST"}, set[str]()),
    "workflowexecution": ({"GET"}, {"GET"}),
}
_ID = re.compile(r"[^./]+")
_STRICT_ID = re.compile(r"[a-z][0-9a-f]+=?(,[a-z][0-9a-f]+=?)*")
_CI_ARGUMENTS = frozenset({"cancel", "active", "paused"})
_OBJECT_HEADERS = frozenset({"range", "x-cos-copy-source"})
_OBJECT_ARGUMENTS = frozenset(
    "uploads uploadId partNumber delete prefix delimiter marker max-keys encoding-type".split()
)


def resolve_host(host: str, default_bucket: str | None) -> Address:
    """Read a Host header; any region is accepted and the port is ignored.

    Args:
        default_bucket: What a bare host stands for; may be None.
    """
    name = strip_port(host).lower().rstrip(".")
    found = _VENDOR_HOST.fullmatch(name)
    if found:
        bucket = found["bucket"]
        is_account = bucket in _ACCOUNT_LABELS
        return Address(None if is_account else bucket, Service(found["service"]), found["region"])
    own = _OWN_HOST.fullmatch(name)
    return Address(own["bucket"] if own else default_bucket, Service.NONE, "")


def strip_port(host: str) -> str:
    """A host without its port and, if it is an IPv6 address, without its brackets."""
    name, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port) and (name.endswith("]") or ":" not in name):
        host = name
    return host.strip("[]")


def split_target(raw_path: bytes, host: str) -> tuple[bytes, str]:
    """The path and host of a request target, which may be in absolute form.

    Some servers hand `http://host/path` through as the path; its host then counts.
    """
    scheme, separator, rest = raw_path.partition(b"://")
    if raw_path.startswith(b"/") or not separator or not scheme.isalpha():
        return raw_path, host
    authority, slash, path = rest.partition(b"/")
    return slash + path or b"/", authority.decode("latin-1") or host


def is_object_call(
    address: Address, method: str, path: str, query: Pairs = (), headers: Pairs = ()
) -> bool:
    """Whether a request is for an object or a listing; the module's rules decide.

    Args:
        path: Percent-decoded, with its leading `/`.
        headers: With names in lower case.
    """
    arguments = {name for name, _ in query}
    if (
        method == "HEAD"
        or not arguments.isdisjoint(_OBJECT_ARGUMENTS)
        or any(name.startswith("response-") for name in arguments)
        or any(name in _OBJECT_HEADERS and value for name, value in headers)
    ):
        return True
    if path == "/":
        return not _is_binding_call(address.service, method, bare=not arguments)
    return not _is_family_call(address.service, method, path, arguments)


def _is_binding_call(service: Service, method: str, *, bare: bool) -> bool:
    if service is Service.PIC:
        return True
    if service is Service.COS:
        return False
    return method == "PUT" or (method == "GET" and service is Service.CI and bare)


def _is_family_call(service: Service, method: str, path: str, arguments: set[str]) -> bool:
    family, _, rest = path[1:].partition("/")
    if family not in _FAMILIES:
        return False
    bare_methods, id_methods = _FAMILIES[family]
    if not rest:
        return method in bare_methods
    ids = rest.removesuffix("/")
    if method not in id_methods or not _ID.fullmatch(ids):
        return False
    if service is not Service.COS or family not in _EVERYDAY:
        return True
    return bool(_STRICT_ID.fullmatch(ids)) or not arguments.isdisjoint(_CI_ARGUMENTS)
