"""How long a media file and its streams are: what the container tells, or what packets tell.

Times count from the beginning of the file, as ffmpeg's `-ss` does, whatever its clock says there.
Some containers tell the length of the file alone, although streams end at different times; these
are read through, and nothing is decoded. What is found that way is believed where the longest
stream is as long as the container promises: a file that ends early has the promised length, so
that what is made of it is seen to be too short.
"""

import re
from collections.abc import Mapping, Sequence, Set
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from penstock.operations._av import has_decoder, library, main_video, open_media
from penstock.operations._cuts import Cut

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_MICROSECONDS = 1_000_000
# At best these tell what follows from a bit rate; some have a header for their one stream.
_UNMEASURED = frozenset({"aac", "amr", "amrnb", "amrwb", "mp3", "ac3", "h264", "hevc"})
_PROGRAM = "mpeg"  # its streams are guessed from a few packets at the end
_MATROSKA = "matroska"  # its length counts from zero, wherever the file begins
_LATE_MICROSECONDS = 100_000
_PLAYLIST = "hls"  # only our own are read, and these for their length as a whole
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_AGREEMENT_SECONDS = 0.5


class Span(NamedTuple):
    """When a stream begins and ends, in seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.begin


class Lengths(NamedTuple):
    """How long a file is, in seconds.

    Attributes:
        seconds: The whole.
        spans: Streams of pictures or sound, by their number, so far as anything tells.
        size_bytes: All packets of each of these streams; empty where they were not read.
    """

    seconds: float
    spans: Mapping[int, Span]
    size_bytes: Mapping[int, int] = MappingProxyType({})

    def span_of(self, index: int) -> Span:
        """That of a stream; the whole where nothing tells it."""
        return self.spans.get(index) or Span(0.0, self.seconds)


def lengths(media: "InputContainer", path: Path, key: str) -> Lengths:
    """Tell how long an open file is; `path` is read once more where it does not tell.

    Raises:
        UnsupportedInputError: The file is broken.
    """
    told = {stream.index: _told(stream, media) for stream in _played(media)}
    spans = {index: span for index, span in told.items() if span is not None}
    names = set(media.format.name.split(","))
    if names & _UNMEASURED:
        found = _measured(path, key)
        return Lengths(found.seconds, {**found.spans, **spans})
    if media.duration is None or _is_misleading(media, names):
        return _measured(path, key)
    seconds = media.duration / _MICROSECONDS
    if len(spans) < len(told) and _PLAYLIST not in names:
        spans = {**_agreeing(_measured(path, key), seconds), **spans}
    return Lengths(seconds, spans)


def taken(cut: Cut, spans: Sequence[Span], name: str) -> tuple[float, float]:
    """How long the part is that a cut takes of some streams, at least one.

    Args:
        name: The parameter that says where to begin, for the message.

    Returns:
        The length of the longest stream in it, and the length up to where the last one ends.

    Raises:
        InvalidParamsError: The part begins at or beyond the end of all.
    """
    most = cut.seconds_of(max(span.end for span in spans), name)
    begin, end = cut.start_seconds, cut.start_seconds + most
    least = max(min(span.end, end) - max(span.begin, begin) for span in spans)
    return max(least, 0.0), most


def measured_kilobits(path: Path, key: str) -> Mapping[int, float]:
    """Kilobits a second of every stream of pictures or sound; reads a file through.

    Raises:
        UnsupportedInputError: The file is not media, or is broken.
    """
    found = _measured(path, key)
    return {
        index: found.size_bytes[index] / 125 / span.seconds
        for index, span in found.spans.items()
        if index in found.size_bytes and span.seconds > 0
    }


def held_span(path: Path, key: str, index: int) -> Span:
    """When a stream begins and ends, by its packets; reads the file through.

    Raises:
        UnsupportedInputError: The file is not media, or is broken.
    """
    return _measured(path, key).span_of(index)


def held_seconds(path: Path, key: str) -> float:
    """How much a file holds, whatever its header promises; 0 where its packets tell no times.

    Reads the file through, and decodes nothing.

    Raises:
        UnsupportedInputError: The file is not media, or is broken.
    """
    return _measured(path, key).seconds


def _agreeing(found: Lengths, promised: float) -> Mapping[int, Span]:
    """What was measured; nothing of a file that is shorter than it promises."""
    return found.spans if found.seconds >= promised - _AGREEMENT_SECONDS else {}


def _played(media: "InputContainer") -> "list[Stream]":
    """What can be seen or heard; cover pictures are neither."""
    video = main_video(media)
    audios = [stream for stream in media.streams.audio if has_decoder(stream)]
    return [*([] if video is None else [video]), *audios]


def _is_misleading(media: "InputContainer", names: Set[str]) -> bool:
    """Whether what the container tells of lengths is not to be used."""
    is_late = abs(media.start_time or 0) > _LATE_MICROSECONDS
    return _PROGRAM in names or (_MATROSKA in names and is_late)


def _told(stream: "Stream", media: "InputContainer") -> Span | None:
    """What the container says of a stream; None where it says nothing."""
    tick = stream.time_base or Fraction(0)
    origin = Fraction(media.start_time or 0, _MICROSECONDS)
    first = (stream.start_time or 0) * tick - origin if stream.start_time is not None else 0
    begin = float(max(first, 0))
    if stream.duration is not None:
        return Span(begin, begin + float(stream.duration * tick))
    if found := _CLOCK.fullmatch(stream.metadata.get("DURATION", "")):
        clock = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
        # mkvmerge, which has statistics, tells the length; ffmpeg tells the end.
        is_length = any(name.startswith("_STATISTICS") for name in stream.metadata)
        end = begin + clock if is_length else clock
        return Span(begin, end) if end > begin else None
    return None


def _measured(path: Path, key: str) -> Lengths:
    """From the first packet's start to the last one's end; reads a file through."""
    with open_media(path, key) as media:
        streams = _played(media)
        counts = dict.fromkeys((stream.index for stream in streams), 0)
        sizes = dict(counts)
        found: dict[int, tuple[Fraction, Fraction]] = {}
        try:
            for packet in media.demux(*streams):
                index = packet.stream.index
                counts[index] += bool(packet.size)
                sizes[index] += packet.size
                if packet.pts is not None and packet.time_base is not None:
                    begin = packet.pts * packet.time_base
                    end = begin + (packet.duration or 0) * packet.time_base
                    first, last = found.get(index, (begin, end))
                    found[index] = (min(first, begin), max(last, end))
        except library().FFmpegError:
            pass  # a broken tail ends the file where it breaks
        if not found:
            return _counted(media, counts)
    origin = min(first for first, _ in found.values())
    return Lengths(
        float(max(last for _, last in found.values()) - origin),
        {
            index: Span(float(first - origin), float(last - origin))
            for index, (first, last) in found.items()
        },
        sizes,
    )


def _counted(media: "InputContainer", counts: Mapping[int, int]) -> Lengths:
    """By the number of pictures, where nothing tells a time."""
    stream = main_video(media)
    if stream is None:
        return Lengths(0.0, {})
    rate = stream.average_rate or stream.guessed_rate or 1
    seconds = float(counts[stream.index] / rate)
    return Lengths(seconds, {stream.index: Span(0.0, seconds)})
