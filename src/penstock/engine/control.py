"""What the work on an object is held to: cancellation, a time limit, and whom it may call."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidParamsError,
    OperationTimeoutError,
)
from penstock.operations.base import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """What a node asks a function of the operator's table to do.

    Attributes:
        name: The function's name in the table.
        words: What the node says of the function.
        event_id: The same at every attempt at the same input of the same node.
        run_id: The execution.
        job_id: The node in this execution.
        bucket: The bucket of the input.
        key: The input.
    """

    name: str
    words: Mapping[str, str]
    event_id: str
    run_id: str
    job_id: str
    bucket: str
    key: str


Functions: TypeAlias = Callable[[FunctionCall, Callable[[], None]], Any]
"""Has a function work, asking the second argument all the while whether to give up."""


def no_functions(call: FunctionCall, _checkpoint: Callable[[], None]) -> Any:  # noqa: ANN401  # JSON
    """Where there is no table.

    Raises:
        InvalidParamsError: Always.
    """
    message = f"there is no function {call.name!r}: none are known here"
    raise InvalidParamsError(message)


class Control:
    """Cancellation, time limit and progress of what a worker is doing at the moment.

    Attributes:
        objects: How many objects the worker has at hand.
        index: Which of them it works on.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        retry_seconds: Sequence[float] = (),
        bucket: str = "",
        is_cancelled: Callable[[], bool] = lambda: False,
        report: Callable[[float], None] = lambda _fraction: None,
        functions: Functions = no_functions,
    ) -> None:
        """Take what is the same for all objects at hand.

        Args:
            report: Told the share of them all that is done.
        """
        self.limits = limits
        self.retry_seconds = retry_seconds
        self.bucket = bucket
        self.is_cancelled = is_cancelled
        self.objects = 1
        self.index = 0
        self._tell = report
        self.functions = functions
        self.deadline = float("inf")

    def report(self, fraction: float) -> None:
        """Say how much of the work on the present object is done, from 0 to 1."""
        self._tell((self.index + fraction) / self.objects)

    def begin(self) -> None:
        """Start the clock of one node."""
        self.deadline = time.monotonic() + self.limits.seconds

    def end(self) -> None:
        """Stop the clock."""
        self.deadline = float("inf")

    def pause(self, seconds: float) -> None:
        """Wait between two attempts.

        Raises:
            AttemptCancelledError: The attempt was cancelled meanwhile.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.checkpoint()
            time.sleep(min(left, 0.1))

    def is_over(self) -> bool:
        """Whether the attempt is cancelled or out of time."""
        return self.is_cancelled() or time.monotonic() > self.deadline

    def checkpoint(self) -> None:
        """Raise if the attempt is over.

        Raises:
            AttemptCancelledError: It was cancelled.
            OperationTimeoutError: Its time limit has passed.
        """
        if self.is_cancelled():
            raise AttemptCancelledError
        if time.monotonic() > self.deadline:
            raise OperationTimeoutError(limit_seconds=self.limits.seconds)
