"""Waits for a described condition; the one place in the tests where time passes."""

import time
from collections.abc import Callable
from typing import TypeVar

_PAUSE_SECONDS = 0.02

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """Come back with what the condition gives as soon as it holds.

    Args:
        what: What is waited for, as the message says when it never happens.
        seconds: When to give up; generous, for it says nothing about a slow machine.
    """
    give_up_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up_at, f"waited {seconds:g} s for {what}"
        time.sleep(_PAUSE_SECONDS)
    return found


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """The present time in milliseconds since 1970 UTC."""
        return self.now_ms

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += int(seconds * 1000)
