"""Exit codes, and how an error is told to a person."""

import sys

from penstock.domain.errors import InvalidArgumentError

OK = 0
SOME_FAILED = 1
BAD_USAGE = 2
COULD_NOT = 3
INTERRUPTED = 130  # what shells expect after Ctrl-C


def explain(error: Exception, code: int) -> int:
    """Tell what went wrong, a line a fault, and return the exit code."""
    faults = error.faults if isinstance(error, InvalidArgumentError) else [str(error)]
    for fault in faults:
        sys.stderr.write(f"penstock: {fault}\n")
    return code
