import pytest

from penstock.domain.listings import ListingPage


@pytest.mark.parametrize(("marker", "expected"), [("", False), ("a", True)])
def test_listing_page_is_truncated_when_there_is_a_next(marker: str, *, expected: bool) -> None:
    """A page with a marker for the next one is not the last."""
    assert ListingPage(next_marker=marker).is_truncated is expected
