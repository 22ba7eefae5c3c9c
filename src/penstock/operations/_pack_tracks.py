"""A track cut into segments, measured by reading every segment back."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.domain.errors import OutputRejectedError, UnsupportedInputError
from penstock.operations._av import main_video, open_media
from penstock.operations._codec_names import codec_name
from penstock.operations._image_geometry import Size
from penstock.operations.base import Workspace

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_BLOCK_BYTES = 1 << 20
_TS = "mpegts"
# Of the target duration (RFC 8216, 4.1).
_LEAST_SHARE, _MOST_SHARE = Fraction(1, 2), Fraction(3, 2)


class Segment(NamedTuple):
    """One piece of a track.

    Attributes:
        path: Its file.
        start: On the track's clock, in seconds.
        seconds: To the start of the next one; of the last one, to its end.
        size_bytes: Of the file.
    """

    path: Path
    start: Fraction
    seconds: Fraction
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Pictures, or sound, or both in one.

    Attributes:
        codecs: Names of what is in it, pictures first.
        segments: In order; at least one.
        key_times: Where key frames are, on the track's clock, in seconds.
        tick: The track's unit of time, in seconds.
        size: Of the pictures; None for sound.
        sample_rate: Of the sound of a track without pictures; 0 otherwise.
        channels: Likewise.
        init: What comes before every segment; None where a segment stands alone.
    """

    codecs: tuple[str, ...]
    segments: tuple[Segment, ...]
    key_times: tuple[Fraction, ...]
    tick: Fraction
    size: Size | None
    sample_rate: int
    channels: int
    init: Path | None

    @property
    def seconds(self) -> float:
        """Length of the whole."""
        return float(sum(segment.seconds for segment in self.segments))

    @property
    def target_seconds(self) -> int:
        """Length of the longest segment, rounded to whole seconds; at least 1."""
        return max(round(max(segment.seconds for segment in self.segments)), 1)

    @property
    def mean_bits(self) -> int:
        """Bits a second over the whole."""
        return _rate(self.segments)

    @property
    def peak_bits(self) -> int:
        """Bits a second where it has most: over runs of about the target duration (RFC 8216)."""
        return max((_rate(run) for run in self._runs()), default=self.mean_bits)

    def digest(self) -> str:
        """A digest of every byte; equal for tracks that are the same."""
        digest = hashlib.sha256()
        for path in (self.init, *(segment.path for segment in self.segments)):
            if path is not None:
                with path.open("rb") as file:
                    while block := file.read(_BLOCK_BYTES):
                        digest.update(block)
        return digest.hexdigest()

    def _runs(self) -> Iterator[Sequence[Segment]]:
        for first in range(len(self.segments)):
            seconds = Fraction(0)
            for last in range(first, len(self.segments)):
                seconds += self.segments[last].seconds
                if seconds > _MOST_SHARE * self.target_seconds:
                    break
                if seconds >= _LEAST_SHARE * self.target_seconds:
                    yield self.segments[first : last + 1]


class _Piece(NamedTuple):
    """What one segment tells."""

    start: Fraction
    end: Fraction
    key_times: Sequence[Fraction]
    track: Track


def measure_track(paths: Sequence[Path], workspace: Workspace, init: Path | None = None) -> Track:
    """Read segments back: each must begin with a key frame and decode.

    Args:
        paths: In order.
        init: What comes before every segment.

    Raises:
        OutputRejectedError: A segment is not what it must be, or there is none.
    """
    pieces = []
    for number, path in enumerate(paths):
        workspace.checkpoint()
        try:
            pieces.append(_piece(_whole(path, init, workspace), workspace.key, init))
        except UnsupportedInputError as error:
            message = f"segment {number} cannot be read back"
            raise OutputRejectedError(message) from error
    if not pieces:
        message = "no segment was made"
        raise OutputRejectedError(message)
    ends = [*(piece.start for piece in pieces[1:]), pieces[-1].end]
    segments = [
        Segment(path, piece.start, end - piece.start, path.stat().st_size)
        for path, piece, end in zip(paths, pieces, ends, strict=True)
    ]
    first = pieces[0].track
    return Track(
        codecs=first.codecs,
        segments=tuple(segments),
        key_times=tuple(time for piece in pieces for time in piece.key_times),
        tick=first.tick,
        size=first.size,
        sample_rate=first.sample_rate,
        channels=first.channels,
        init=init,
    )


def _whole(path: Path, init: Path | None, workspace: Workspace) -> Path:
    """A file that can be read by itself."""
    if init is None:
        return path
    whole = workspace.scratch / "whole.mp4"
    with whole.open("wb") as target:
        for part in (init, path):
            with part.open("rb") as source:
                shutil.copyfileobj(source, target, _BLOCK_BYTES)
    return whole


def _piece(path: Path, key: str, init: Path | None) -> _Piece:
    with open_media(path, key, format_name=_TS if init is None else None) as media:
        stream = main_video(media) or media.streams.audio[0]
        track = _empty_track(media, stream, init)
        times, ends, key_times = [], [], []
        is_decoded = False
        for packet in media.demux(stream):
            is_decoded = is_decoded or bool(packet.decode())
            if packet.pts is None:
                continue
            times.append(packet.pts * track.tick)
            ends.append(times[-1] + (packet.duration or 0) * track.tick)
            if packet.is_keyframe:
                key_times.append(times[-1])
    is_sound = track.size is None
    # A decoder of sound may keep the first frame to itself, and there may be no other.
    is_decoded = is_decoded or (is_sound and len(times) == 1)
    if not is_decoded or not key_times or key_times[0] != min(times):
        message = "a segment does not begin with a frame that can be decoded by itself"
        raise OutputRejectedError(message)
    return _Piece(min(times), max(ends), key_times[:1] if is_sound else key_times, track)


def _empty_track(media: "InputContainer", stream: "Stream", init: Path | None) -> Track:
    """What the headers of a file tell."""
    context: Any = stream.codec_context  # of pictures or of sound
    is_video = stream.type == "video"
    return Track(
        codecs=tuple(codec_name(one) for one in (*media.streams.video, *media.streams.audio)),
        segments=(),
        key_times=(),
        tick=stream.time_base or Fraction(1),
        size=Size(context.width, context.height) if is_video else None,
        sample_rate=0 if is_video else context.sample_rate,
        channels=0 if is_video else context.channels,
        init=init,
    )


def _rate(segments: Sequence[Segment]) -> int:
    seconds = sum(segment.seconds for segment in segments)
    bits = 8 * sum(segment.size_bytes for segment in segments)
    return -int(-bits // seconds) if seconds else bits
