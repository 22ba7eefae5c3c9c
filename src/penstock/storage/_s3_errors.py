"""What S3 says when it refuses, in our words."""

import re
from http import HTTPStatus

from penstock.domain.errors import (
    InvalidArgumentError,
    KeyNotStorableError,
    ObjectNotFoundError,
    PenstockError,
    StoreAccessDeniedError,
    StoreError,
)
from penstock.domain.refusals import InvalidRangeError, NoSuchUploadError
from penstock.storage._s3_http import Answer, Call, S3Connection
from penstock.storage._s3_xml import find_text

_KEY_CODES = frozenset(
    ("KeyTooLongError", "InvalidURI", "InvalidObjectName", "XMinioInvalidObjectName")
)
_PART_CODES = frozenset(("InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"))
_FAULT_CODES = frozenset(("", "InvalidArgument", "InvalidRequest"))
_CLOCK_CODES = frozenset(("RequestTimeTooSkewed", "RequestExpired"))
_REDIRECTS = frozenset((301, 302, 307, 308))
_REGION_STATUS = frozenset((301, 307, 400))
_ODD_SEGMENT = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")


def ask(connection: S3Connection, call: Call, key: str) -> Answer:
    """Send a call; anything but success is raised.

    Args:
        key: The object, or a word for what is asked.

    Raises:
        PenstockError: One of the errors of the store's methods.
    """
    answer = connection.send(call)
    if answer.code or answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise make_error(answer, call, key, connection.region)
    return answer


def make_error(answer: Answer, call: Call, key: str, region: str) -> PenstockError:
    """The error that an answer stands for.

    Args:
        key: The object, or a word for what was asked.
        region: The region that the request was signed for.
    """
    status, code = answer.status, answer.code
    actual_region = answer.headers.get("x-amz-bucket-region", region)
    if actual_region != region and status in _REGION_STATUS:
        return StoreError(key, f"the bucket is in region {actual_region!r}, not {region!r}")
    if code in _KEY_CODES or status == HTTPStatus.REQUEST_URI_TOO_LONG:
        return KeyNotStorableError(key, f"the server answers {status} {code}".rstrip())
    upload_id = call.query.get("uploadId", "")
    if code == "NoSuchUpload" or (upload_id and status == HTTPStatus.NOT_FOUND):
        return NoSuchUploadError(upload_id)
    if code in _PART_CODES:
        return InvalidArgumentError(_describe(answer))
    return _make_by_status(answer, key)


def _make_by_status(answer: Answer, key: str) -> PenstockError:
    if _refuses_odd_key(answer, key):
        return KeyNotStorableError(key, f"the server answers {_describe(answer)}")
    match answer.status:
        case 404 if answer.code != "NoSuchBucket":
            return ObjectNotFoundError(key)
        case 401 | 403 if answer.code not in _CLOCK_CODES:
            return StoreAccessDeniedError(key)
        case 412:
            return StoreError(key, "the object was changed while it was read")
        case 416:
            return InvalidRangeError(size_bytes=0)  # who asks for a range looks the size up
    return StoreError(key, f"the server answers {_describe(answer)}")


def _refuses_odd_key(answer: Answer, key: str) -> bool:
    """Whether a server wants a key with empty, `.` or `..` segments tidied up."""
    if not _ODD_SEGMENT.search(key):
        return False
    return answer.status in _REDIRECTS or (
        answer.status == HTTPStatus.BAD_REQUEST and answer.code in _FAULT_CODES
    )


def _describe(answer: Answer) -> str:
    message = find_text(answer.body.decode("utf-8", "replace"), "Message")
    return ": ".join(filter(None, (f"{answer.status} {answer.code}".rstrip(), message)))
