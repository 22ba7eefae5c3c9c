"""Query parameters that several lists share."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from penstock.api.listings import read_number
from penstock.api.requests import Call
from penstock.domain.errors import InvalidArgumentError
from penstock.wire.times import parse_time

DEFAULT_SIZE = 10
LARGEST_SIZE = 100

S = TypeVar("S", bound=StrEnum)


def read_size(call: Call, name: str = "size") -> int:
    """How many entries a page holds: 10 unless told, at most 100.

    Raises:
        InvalidArgumentError: It is not a whole number above zero.
    """
    size = read_number(call, name, default=DEFAULT_SIZE)
    if size < 1:
        fault = f"{name} must be at least 1"
        raise InvalidArgumentError(fault)
    return min(size, LARGEST_SIZE)


def read_page_number(call: Call) -> int:
    """Which page is wanted, from 1.

    Raises:
        InvalidArgumentError: It is not a whole number above zero.
    """
    page = read_number(call, "pageNumber", default=1)
    if page < 1:
        fault = "pageNumber must be at least 1"
        raise InvalidArgumentError(fault)
    return page


def read_words(call: Call, name: str) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in call.argument(name).split(",") if word.strip()]


def read_states(call: Call, known: Iterable[S], name: str = "states") -> tuple[S, ...]:
    """A comma-separated list of states; empty stands for all of them.

    Raises:
        InvalidArgumentError: A word is no state.
    """
    by_word = {str(state): state for state in known}
    words = read_words(call, name)
    wrong = [word for word in words if word != "All" and word not in by_word]
    if wrong:
        fault = f"{name} may hold All, {', '.join(by_word)}, not {', '.join(wrong)}"
        raise InvalidArgumentError(fault)
    return () if "All" in words else tuple(by_word[word] for word in words)


def read_is_ascending(call: Call) -> bool:
    """Whether the oldest entries come first.

    Raises:
        InvalidArgumentError: `orderByTime` is neither Desc nor Asc.
    """
    order = call.argument("orderByTime") or "Desc"
    if order not in {"Desc", "Asc"}:
        fault = f"orderByTime must be Desc or Asc, not {order!r}"
        raise InvalidArgumentError(fault)
    return order == "Asc"


def read_time(call: Call, name: str, *, is_end: bool = False) -> int | None:
    """A time in milliseconds since 1970 UTC; None when absent.

    Args:
        is_end: Whether it closes an interval: times on the wire are whole seconds, and the last
            one belongs to it.

    Raises:
        InvalidArgumentError: It is none of the wire's time formats.
    """
    value = call.argument(name)
    if not value or value == "0":
        return None
    return parse_time(value, name=name) + (999 if is_end else 0)
