"""The wire's time formats (`wire.md` 1.4); inside Penstock a time is milliseconds since 1970 UTC.

The vendor writes local times of UTC+8, so that is the default zone of every format here.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

from penstock.domain.errors import InvalidArgumentError

VENDOR_ZONE = timezone(timedelta(hours=8))
UNSET = "-"

_EXPECTED = "a time such as 2024-01-31T23:59:59+0800"
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    r"(?:Z| ?([+-]| )(\d\d):?(\d\d))",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# A day off both ends, so that a shift to any zone stays a valid time.
_EARLIEST_MS = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LATEST_MS = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MILLISECOND


def parse_time(text: str, *, name: str = "time") -> int:
    """Read a time that carries its offset from UTC.

    Accepts `+0800`, `+08:00` and `Z`, a blank instead of `T`, a fraction of a second (cut to
    milliseconds), and a blank before or, as an unencoded `+` in a query arrives, instead of the
    sign of the offset. The wire's words for "no time" (`0`, `-`, empty) are the caller's.

    Args:
        name: The parameter, for the message.

    Returns:
        Milliseconds since 1970 UTC; negative for earlier times.

    Raises:
        InvalidArgumentError: The text is none of these.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        msg = f"{name} {text!r} is not {_EXPECTED}"
        raise InvalidArgumentError(msg)
    *fields, fraction, sign, hours, minutes = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, fields)
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        timezone(offset)
    except ValueError as error:
        msg = f"{name} {text!r} is not {_EXPECTED}: {error}"
        raise InvalidArgumentError(msg) from error
    fraction_ms = int(f"{fraction or 0:0<3}"[:3])
    offset_ms = offset // _MILLISECOND * (-1 if sign == "-" else 1)
    return (local - _EPOCH) // _MILLISECOND + fraction_ms - offset_ms


def job_time(time_ms: int | None, zone: timezone = VENDOR_ZONE) -> str:
    """`2022-06-27T15:23:10+0800`, as batch jobs, jobs, queues and definitions have it.

    None and 0 mean that the thing has not happened, and give `-`.
    """
    text = execution_time(time_ms, zone)
    return text if text == UNSET else _without_last_colon(text)


def execution_time(time_ms: int | None, zone: timezone = VENDOR_ZONE) -> str:
    """`2022-06-27T15:23:10+08:00`, as executions have it; `-` for None and 0."""
    return _at(time_ms, zone).isoformat(timespec="seconds") if time_ms else UNSET


def callback_time(time_ms: int | None, zone: timezone = VENDOR_ZONE) -> str:
    """`2022-06-27 15:23:10+0800`, as callbacks have it; `-` for None and 0."""
    return job_time(time_ms, zone).replace("T", " ")


def listing_time(time_ms: int) -> str:
    """`2022-06-27T07:23:10.123Z`, as COS listings have it; always UTC."""
    return _at(time_ms, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def http_date(time_ms: int) -> str:
    """`Mon, 27 Jun 2022 07:23:10 GMT`, as HTTP headers have it."""
    return format_datetime(_at(time_ms, UTC).replace(microsecond=0), usegmt=True)


def parse_http_date(text: str) -> int | None:
    """Milliseconds since 1970 UTC of an HTTP date; None when it is none and to be ignored."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return (parsed - _EPOCH) // _MILLISECOND


def _at(time_ms: int, zone: timezone) -> datetime:
    bounded = min(max(time_ms, _EARLIEST_MS), _LATEST_MS)
    return (_EPOCH + timedelta(milliseconds=bounded)).astimezone(zone)


def _without_last_colon(text: str) -> str:
    return text[:-3] + text[-2:]
