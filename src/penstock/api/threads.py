"""Where blocking work goes: one pool for calls, one for uploads that last as long as a client."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Two bounded pools, so that slow uploads cannot keep other calls from being answered."""

    def __init__(self, *, calls: int = 40, uploads: int = 64) -> None:
        self._calls = ThreadPoolExecutor(calls, thread_name_prefix="call")
        self._uploads = ThreadPoolExecutor(uploads, thread_name_prefix="upload")

    async def run(self, work: Callable[[], T]) -> T:
        """Run something short that blocks, such as one query or one read."""
        return await asyncio.get_running_loop().run_in_executor(self._calls, work)

    async def run_upload(self, work: Callable[[], T]) -> T:
        """Run something that waits for a client's bytes."""
        return await asyncio.get_running_loop().run_in_executor(self._uploads, work)

    def close(self) -> None:
        """Let the threads end; does not wait for them."""
        self._calls.shutdown(wait=False)
        self._uploads.shutdown(wait=False)
