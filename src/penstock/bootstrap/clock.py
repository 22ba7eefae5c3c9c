"""Real time and real identifiers; everybody else is given them."""

import time
import uuid


def now_ms() -> int:
    """The present time in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def new_id(letter: str) -> str:
    """A new identifier: a letter and 32 random hex digits."""
    return letter + uuid.uuid4().hex
