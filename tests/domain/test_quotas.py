"""Bounds, and when they are reached."""

import pytest

from penstock.domain.quotas import is_reached


@pytest.mark.parametrize(
    ("count", "bound", "expected"),
    [(0, 1, False), (1, 1, True), (2, 1, True), (5, 0, False), (0, 0, False)],
)
def test_bound_is_reached_when_no_more_fits(count: int, bound: int, *, expected: bool) -> None:
    """A bound of zero is none; any other lets so many through."""
    assert is_reached(count, bound) is expected
