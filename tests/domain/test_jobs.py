import pytest

from penstock.domain.jobs import closing_message
from tests.factories import make_counters, make_job


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, "no object matched the input and the filters"),
        ({"total": 3, "succeeded": 3}, ""),
        ({"total": 3, "succeeded": 2, "failed": 1}, "2 of 3 succeeded, 1 failed"),
        (
            {"total": 6, "succeeded": 1, "failed": 2, "skipped": 2, "cancelled": 1},
            "1 of 6 succeeded, 2 failed, 2 skipped, 1 cancelled",
        ),
    ],
)
def test_closing_message_tells_what_did_not_succeed(counts: dict[str, int], expected: str) -> None:
    """A job that ended well says nothing, any other how many came to which end."""
    assert closing_message(make_counters(**counts)) == expected


def test_counters_ended_leave_out_what_goes_on() -> None:
    """Waiting and running executions have not ended."""
    counters = make_counters(
        total=21, succeeded=1, failed=2, skipped=3, cancelled=4, waiting=5, running=6
    )

    assert counters.ended == 10


def test_job_tag_is_the_end_of_its_id() -> None:
    """The tag that addresses carry is the last six digits of the id."""
    assert make_job(id="b" + "0" * 26 + "fedcba").tag == "fedcba"
