"""Bounds how many calls an access key may make in a second: a bucket of tokens for each key."""

import math
from collections.abc import Callable
from threading import Lock

from penstock.domain.errors import SlowDownError


class RateLimiter:
    """Lets a second's worth of calls through at once, and then as many as flow in."""

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        """Take the bound.

        Args:
            per_second: Calls a second for one key; 0 for no bound.
            now: A clock in seconds that never goes back.
        """
        self._per_second = per_second
        self._most = max(math.ceil(per_second), 1)
        self._now = now
        self._lock = Lock()
        self._tokens: dict[str, tuple[float, float]] = {}

    def check(self, secret_id: str) -> None:
        """Count one call of a key that is known to exist.

        Raises:
            SlowDownError: The key has made too many.
        """
        if not self._per_second:
            return
        now = self._now()
        with self._lock:
            tokens, counted_at = self._tokens.get(secret_id, (float(self._most), now))
            tokens = min(tokens + (now - counted_at) * self._per_second, self._most)
            self._tokens[secret_id] = (tokens - 1 if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise SlowDownError(per_second=self._per_second)
