"""What benchmarks print: a figure a line, and rates beside their ratios."""

import sys
import time
from collections.abc import Callable, Mapping

_NAME_WIDTH = 32


def print_figure(name: str, value: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{name:{_NAME_WIDTH}}{value}\n")
    sys.stdout.flush()


def best_seconds(
    ways: Mapping[str, Callable[[], int]], *, expected: int, turns: int
) -> dict[str, float]:
    """Seconds that the best turn of each way takes; the ways take turns.

    Args:
        ways: Each tells how many it has found.
        expected: How many there are to find.

    Raises:
        RuntimeError: A way has found another number.
    """
    taken = [
        {name: _seconds(name, way, expected) for name, way in ways.items()} for _ in range(turns)
    ]
    return {name: min(turn[name] for turn in taken) for name in ways}


def print_rates(seconds: Mapping[str, float], count: int, noun: str, *, title: str = "") -> None:
    """Print the rate of each way; of the others also the first one's rate divided by theirs.

    Args:
        count: What each has gone through.
        noun: What that is.
        title: What stands before the name of each way.
    """
    ours = next(iter(seconds.values()))
    for number, (name, taken) in enumerate(seconds.items()):
        ratio = f", ratio {taken / ours:.2f}" if number else ""
        print_figure(f"{title}{name}", f"{count / taken:,.0f} {noun}/s{ratio}")


def _seconds(name: str, way: Callable[[], int], expected: int) -> float:
    started = time.perf_counter()
    found = way()
    taken = time.perf_counter() - started
    if found != expected:
        message = f"{name} found {found:,}, not {expected:,}"
        raise RuntimeError(message)
    return taken
