"""Picks frames out of a video: those shown at given times, all of them, or key frames only.

The frame shown at `t` is the last one that begins at or before `t`; before the first frame it
is the first one. Times count from the beginning of the file, as ffmpeg's `-ss` does. The reader
goes forward only: it decodes on to the next time, or seeks where a key frame lies in between, so
that few frames of a long video cost few decoded frames, and many cost one pass.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._av import library
from penstock.operations.base import Workspace

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_WORTH_A_SEEK_SECONDS = 10
_STEPS_BACK_SECONDS = (0, 5, 30)
_MICROSECONDS = 1_000_000
_SLACK = Fraction(1, 2)


class Shot(NamedTuple):
    """A frame and the time it stands for.

    Attributes:
        seconds: From the beginning of the file.
        frame: The decoded frame, as stored.
    """

    seconds: Fraction
    frame: "VideoFrame"


class FrameReader:
    """Reads frames of one stream, forward only."""

    def __init__(
        self, media: "InputContainer", stream: "VideoStream", workspace: Workspace
    ) -> None:
        self._media = media
        self._stream = stream
        self._workspace = workspace
        self._origin = Fraction(media.start_time or 0, _MICROSECONDS)
        self._has_times = media.start_time is not None or media.duration is not None
        self._tick = stream.time_base or Fraction(1, _MICROSECONDS)
        self._frames: Iterator[Shot] = iter(())
        self._shown: Shot | None = None
        self._next: Shot | None = None
        stream.codec_context.thread_count = workspace.limits.threads
        _discard_others(media, stream)

    def at(self, times: Iterable[Fraction], *, is_strict: bool = False) -> Iterator[Shot]:
        """The frame shown at each of these rising times; stops where none can be decoded.

        Args:
            is_strict: Whether times at which no frame is shown any more fail the file; otherwise
                they get the last one.

        Raises:
            UnsupportedInputError: The file ends before the last of the times.
        """
        for seconds in times:
            if self._is_seek_worthwhile(seconds):
                self._seek(seconds)
            shot = self._advance(seconds)
            if shot is None:
                return
            if is_strict:
                self._demand_shown(seconds)
            yield Shot(seconds, shot.frame)

    def since(self, start: Fraction) -> Iterator[Shot]:
        """Every frame from the one shown at `start` on."""
        self._seek(start)
        shot = self._advance(start)
        while shot is not None:
            yield shot
            if self._next is shot:
                self._next = next(self._frames, None)
            shot = self._next

    def key_frames_since(self, start: Fraction) -> Iterator[Shot]:
        """Every key frame that begins at or after `start`."""
        self._stream.codec_context.skip_frame = "NONKEY"
        self._seek(start)
        while self._next is not None:
            if self._next.seconds >= start - self._tick / 2 or start == 0:
                yield self._next
            self._next = next(self._frames, None)

    def _demand_shown(self, seconds: Fraction) -> None:
        """Complain of a time that lies behind the last frame."""
        if self._next is not None or self._shown is None:
            return
        rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        length = max(self._shown.frame.duration * self._tick, 1 / rate)
        end = self._shown.seconds + length
        if seconds > end + _SLACK:
            fault = f"is cut off: its pictures end at {float(end):.2f} s"
            raise UnsupportedInputError(self._workspace.key, fault)

    def _advance(self, seconds: Fraction) -> Shot | None:
        """Go on to the frame shown at a time; None when there is no frame at all."""
        while self._next is not None and self._next.seconds <= seconds + self._tick / 2:
            self._shown = self._next
            self._next = next(self._frames, None)
        return self._shown or self._next

    def _seek(self, seconds: Fraction) -> None:
        """Go to a key frame at or before a time, to the very beginning if need be."""
        for back in _STEPS_BACK_SECONDS:
            target = seconds - back
            if target <= 0:
                break
            self._restart(target)
            if self._next is not None and self._next.seconds <= seconds:
                return
        self._restart(Fraction(0))

    def _restart(self, seconds: Fraction) -> None:
        if self._has_times:
            offset = int((seconds + self._origin) / self._tick)
            with suppress(library().FFmpegError):
                self._media.seek(offset if seconds else 0, stream=self._stream)
        elif self._shown or self._next:
            return  # even a failing seek reads a raw stream to its end: go on from here
        self._shown = None
        self._frames = self._decoded()
        self._next = next(self._frames, None)

    def _is_seek_worthwhile(self, seconds: Fraction) -> bool:
        position = self._next or self._shown
        if position is None:
            return True
        if self._next is None or seconds <= position.seconds:
            return False
        target = int((seconds + self._origin) / self._tick)
        entries = self._stream.index_entries
        if len(entries) and entries[len(entries) - 1].timestamp >= target:
            found = entries.search_timestamp(target)
            begin = entries[found].timestamp * self._tick - self._origin if found >= 0 else 0
            return begin > position.seconds
        return seconds - position.seconds > _WORTH_A_SEEK_SECONDS

    def _decoded(self) -> Iterator[Shot]:
        """Frames in order of display from where the file stands; leaves broken ones out."""
        seconds = Fraction(0)
        rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        for packet in self._media.demux(self._stream):
            self._workspace.checkpoint()
            try:
                frames = packet.decode()
            except library().error.InvalidDataError:
                continue
            for frame in frames:
                if frame.pts is not None:
                    seconds = frame.pts * self._tick - self._origin
                yield Shot(seconds, frame)
                seconds += 1 / rate


def _discard_others(media: "InputContainer", stream: "VideoStream") -> None:
    for other in media.streams:
        if other.index != stream.index:
            other.discard = library().stream.Discard.all
