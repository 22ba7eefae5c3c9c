import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.wildcards import matches_wildcard


def naive(pattern: str, text: str) -> bool:
    """The definition, one character at a time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return naive(pattern[1:], text) or (bool(text) and naive(pattern, text[1:]))
    return bool(text) and pattern[0] == text[0] and naive(pattern[1:], text[1:])


@given(pattern=st.text("ab*", max_size=8), text=st.text("ab", max_size=8))
def test_wildcard_matching_equals_its_definition(pattern: str, text: str) -> None:
    """The quick way gives what trying everything gives."""
    assert matches_wildcard(pattern, text) is naive(pattern, text)


@given(pieces=st.lists(st.text(max_size=4), min_size=1, max_size=5), fill=st.text(max_size=4))
def test_wildcard_stands_for_any_text(pieces: list[str], fill: str) -> None:
    """Whatever stands in the place of each `*`, line ends included, is covered."""
    assert matches_wildcard("*".join(pieces), fill.join(pieces))


@pytest.mark.parametrize("pattern", ["a?c", "[a]bc", "a.c", "ABC"])
def test_wildcard_is_the_star_alone(pattern: str) -> None:
    """No other character is special, and case counts."""
    assert not matches_wildcard(pattern, "abc")


def test_wildcard_takes_no_time_for_many_stars() -> None:
    """A pattern made to be slow to match is not."""
    assert not matches_wildcard("*a" * 2000 + "b", "a" * 20_000)
