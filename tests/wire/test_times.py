from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.wire.times import (
    callback_time,
    execution_time,
    http_date,
    job_time,
    listing_time,
    parse_http_date,
    parse_time,
)

MOMENT_MS = 1_656_314_590_000
MOMENTS = st.integers(min_value=-30_000_000_000_000, max_value=250_000_000_000_000)
ZONES = st.integers(min_value=-23 * 60, max_value=23 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2022-06-27T15:23:10+0800", MOMENT_MS),
        ("2022-06-27T15:23:10+08:00", MOMENT_MS),
        ("2022-06-27T07:23:10Z", MOMENT_MS),
        ("2022-06-27 15:23:10+0800", MOMENT_MS),
        ("2022-06-27T15:23:10 0800", MOMENT_MS),
        ("2022-06-27T15:23:10 +0800", MOMENT_MS),
        ("2022-06-27T15:23:10  08:00", MOMENT_MS),
        (" 2022-06-27T02:53:10-04:30 ", MOMENT_MS),
        ("2022-06-27T07:23:10.1Z", MOMENT_MS + 100),
        ("2022-06-27T07:23:10.123999Z", MOMENT_MS + 123),
        ("1970-01-01T00:00:00+0800", -28_800_000),
        ("0001-01-01T00:00:00+2359", -62_135_683_140_000),
    ],
)
def test_times_parse_accepts_what_clients_send(text: str, time_ms: int) -> None:
    """Every spelling of one moment reads as that moment."""
    assert parse_time(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "2022-06-27",
        "2022-06-27T15:23:10",
        "2022-06-27T15:23+0800",
        "2022-13-27T15:23:10Z",
        "2022-02-30T15:23:10Z",
        "2022-06-27T24:00:00Z",
        "2022-06-27T15:23:10+2400",
        "２022-06-27T15:23:10Z",
    ],
)
def test_times_parse_refuses_anything_else(text: str) -> None:
    """The message names the parameter, what was given and what is expected."""
    with pytest.raises(InvalidArgumentError) as caught:
        parse_time(text, name="startCreationTime")

    assert f"startCreationTime {text!r} is not a time such as" in str(caught.value)


def test_times_are_written_as_the_vendor_does() -> None:
    """Each format has its own spelling of one moment."""
    assert job_time(MOMENT_MS) == "2022-06-27T15:23:10+0800"
    assert execution_time(MOMENT_MS) == "2022-06-27T15:23:10+08:00"
    assert callback_time(MOMENT_MS) == "2022-06-27 15:23:10+0800"
    assert listing_time(MOMENT_MS + 7) == "2022-06-27T07:23:10.007Z"
    assert http_date(MOMENT_MS + 7) == "Mon, 27 Jun 2022 07:23:10 GMT"


@pytest.mark.parametrize("time_ms", [None, 0])
def test_times_unset_are_dashes(time_ms: int | None) -> None:
    """What has not happened yet is written as the vendor does."""
    texts = {job_time(time_ms), execution_time(time_ms), callback_time(time_ms)}

    assert texts == {"-"}


@given(time_ms=MOMENTS.filter(bool), zone=ZONES)
def test_times_round_trip(time_ms: int, zone: timezone) -> None:
    """Every format keeps the second, in any zone; listings keep the millisecond."""
    seconds_ms = time_ms // 1000 * 1000

    assert parse_time(job_time(time_ms, zone)) == seconds_ms
    assert parse_time(execution_time(time_ms, zone)) == seconds_ms
    assert parse_time(callback_time(time_ms, zone)) == seconds_ms
    assert parse_time(listing_time(time_ms)) == time_ms
    assert parse_http_date(http_date(time_ms)) == seconds_ms


@pytest.mark.parametrize("time_ms", [-(10**18), 10**18])
def test_times_out_of_range_are_bounded(time_ms: int) -> None:
    """An absurd time of a file gives a date at the end of the calendar, not a failure."""
    assert job_time(time_ms)[:4] in {"0001", "9999"}


def test_http_date_without_zone_is_utc() -> None:
    """The old form `-0000` counts as UTC, and what is no date is ignored."""
    assert parse_http_date("Mon, 27 Jun 2022 07:23:10 -0000") == MOMENT_MS
    assert parse_http_date("yesterday") is None
    assert parse_http_date("Mon, 27 Jun 99999999999 07:23:10 GMT") is None
