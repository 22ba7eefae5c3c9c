"""A part of a source: where it begins and how long it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidParamsError
from penstock.operations.params import ParamReader

_MAX_SECONDS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The part of a source that is used.

    Attributes:
        start_seconds: Where it begins; 0 is the beginning of the source.
        length_seconds: How long it is; None is up to the end.
    """

    start_seconds: float = 0.0
    length_seconds: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return not self.start_seconds and self.length_seconds is None

    @property
    def options(self) -> Sequence[str]:
        """What ffmpeg is told before the input."""
        options: list[str] = []
        if self.start_seconds:
            options += ["-ss", f"{self.start_seconds:.3f}"]
        if self.length_seconds is not None:
            options += ["-t", f"{self.length_seconds:.3f}"]
        return options

    def seconds_of(self, total: float, name: str) -> float:
        """How much of a source of this length is left; greater than zero.

        Args:
            total: Length of the source in seconds.
            name: The parameter that says where to begin, for the message.

        Raises:
            InvalidParamsError: The part begins at or beyond the end.
        """
        if self.start_seconds >= total:
            message = f"{name} is {self.start_seconds:g} s, the source ends at {total:g} s"
            raise InvalidParamsError(message)
        rest = total - self.start_seconds
        return rest if self.length_seconds is None else min(rest, self.length_seconds)


def read_interval(reader: ParamReader) -> Cut:
    """Read the block `TimeInterval`."""
    block = reader.block("TimeInterval")
    return Cut(
        start_seconds=block.decimal("Start", 0, _MAX_SECONDS) or 0.0,
        length_seconds=block.decimal("Duration", 0, _MAX_SECONDS, above_low=True),
    )


def read_span(reader: ParamReader, *, has_duration: bool = False) -> Cut:
    """Read `StartTime` and `EndTime`.

    Args:
        has_duration: Whether `Duration` may say the length where `EndTime` does not.
    """
    start = reader.decimal("StartTime", 0, _MAX_SECONDS) or 0.0
    end = reader.decimal("EndTime", 0, _MAX_SECONDS, above_low=True)
    length = None
    if has_duration:
        length = reader.decimal("Duration", 0, _MAX_SECONDS, above_low=True)
    if end is not None and end <= start:
        reader.fault("EndTime", f"above StartTime, not {end:g}")
        return Cut(start_seconds=start)
    return Cut(start_seconds=start, length_seconds=length if end is None else end - start)
