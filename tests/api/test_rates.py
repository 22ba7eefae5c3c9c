"""The bound on the calls of one access key."""

from pathlib import Path

import pytest

from penstock.api.rates import RateLimiter
from penstock.domain.errors import SlowDownError
from tests.api.ci import outcome, serve_ci
from tests.api.server import BUCKET
from tests.waiting import Clock


def refusals(limiter: RateLimiter, key: str, calls: int) -> int:
    """How many of some calls of a key are refused."""
    count = 0
    for _ in range(calls):
        try:
            limiter.check(key)
        except SlowDownError:
            count += 1
    return count


def test_rate_lets_a_second_through_and_then_what_flows_in() -> None:
    """A key may make a second's worth of calls at once, and more as time goes by."""
    clock = Clock(0)
    limiter = RateLimiter(4, lambda: clock() / 1000)

    first = refusals(limiter, "a", 6)
    clock.move(0.5)
    second = refusals(limiter, "a", 4)
    clock.move(60)
    third = refusals(limiter, "a", 6)

    assert (first, second, third) == (2, 2, 2)


def test_rate_is_counted_for_each_key() -> None:
    """One key's calls do not count against another's."""
    limiter = RateLimiter(1, lambda: 0.0)

    assert refusals(limiter, "a", 3) == 2
    assert refusals(limiter, "b", 1) == 0


def test_rate_below_one_lets_one_through() -> None:
    """A bound of less than one call a second still lets a call through now and then."""
    clock = Clock(0)
    limiter = RateLimiter(0.5, lambda: clock() / 1000)

    first = refusals(limiter, "a", 2)
    clock.move(2)

    assert first == 1
    assert refusals(limiter, "a", 1) == 0


def test_rate_of_zero_is_no_bound() -> None:
    """Zero switches the bound off."""
    assert refusals(RateLimiter(0, lambda: 0.0), "a", 1000) == 0


def test_rate_is_answered_with_slow_down(tmp_path: Path) -> None:
    """Too many CI calls are SlowDown with a time to come back; object calls do not count."""
    with serve_ci(tmp_path, calls_per_second=0.001) as ci:
        first = ci.call("GET", "/queue")
        second = ci.call("GET", "/queue")
        stored = ci.client().put_object(Bucket=BUCKET, Key="a", Body=b"x")

        assert first.status == 200
        assert outcome(second) == (429, "SlowDown")
        assert second.headers["Retry-After"] == "1"
        assert stored["ETag"]


def test_rate_message_names_the_bound() -> None:
    """The refusal says how many calls are allowed."""
    limiter = RateLimiter(1, lambda: 0.0)
    limiter.check("a")

    with pytest.raises(SlowDownError, match="1 calls a second"):
        limiter.check("a")
