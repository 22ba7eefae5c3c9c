"""Looks into a media file: what streams it has, how they are to be shown, how long it is."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._av import (
    Turn,
    has_decoder,
    library,
    main_video,
    open_media,
    pixel_aspect,
    turn_of,
)
from penstock.operations._media_facts import TRANSFERS, media_info

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PICTURES = frozenset({"image2", "ico", "svg_pipe"})
_GUESSED_DURATIONS = frozenset({"aac", "amr", "amrnb", "amrwb", "mp3", "ac3", "h264", "hevc"})
_HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What the others need to know of the moving pictures.

    Attributes:
        index: Number of the stream in the file.
        codec: ffmpeg's name of the codec, such as `h264`.
        width: In stored pixels, after the display matrix has been applied.
        height: Likewise.
        aspect: Width of a pixel over its height, after the display matrix; 1 where unknown.
        turn: What the display matrix asks for.
        fps: Frames a second; None where unknown.
        kilobits: Bit rate in kilobits a second; 0 where unknown.
        seconds: Length of the stream; that of the file where the stream does not tell.
        is_hdr: Whether its transfer characteristic is that of HDR10 or HLG.
        is_decodable: Whether its first frame could be decoded.
        pixel_format: ffmpeg's name of the format of its pixels; empty where unknown.
    """

    index: int
    codec: str
    width: int
    height: int
    aspect: Fraction
    turn: Turn
    fps: Fraction | None
    kilobits: float
    seconds: float
    is_hdr: bool
    is_decodable: bool
    pixel_format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What the others need to know of one sound track.

    Attributes:
        index: Number of the stream in the file.
        codec: ffmpeg's name of the codec, such as `aac`.
        sample_rate: Samples a second.
        channels: Number of channels.
        kilobits: Bit rate in kilobits a second; 0 where unknown.
        seconds: Length of the stream; that of the file where the stream does not tell.
    """

    index: int
    codec: str
    sample_rate: int
    channels: int
    kilobits: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What a file holds.

    Attributes:
        format_names: ffmpeg's names of the container, separated by commas.
        seconds: Length of the whole; measured packet by packet where the container only
            guesses.
        video: The first stream of moving pictures; cover pictures are none.
        audios: All sound tracks, in order.
        stream_count: Number of streams of any kind.
        facts: The tree of a `MediaInfo` result.
    """

    format_names: str
    seconds: float
    video: VideoFacts | None
    audios: tuple[AudioFacts, ...]
    stream_count: int
    facts: dict[str, Any]

    @property
    def audio(self) -> AudioFacts | None:
        """The first sound track."""
        return self.audios[0] if self.audios else None


def probe(path: Path, key: str, *, is_playlist_allowed: bool = False) -> Media:
    """Look into a media file; decodes one frame.

    Args:
        key: The object's key, for messages.
        is_playlist_allowed: Whether the file may name other files; only for what we wrote.

    Raises:
        UnsupportedInputError: The file has neither moving pictures nor sound, or is broken.
    """
    with open_media(path, key, is_playlist_allowed=is_playlist_allowed) as media:
        _refuse_pictures(media, key)
        stream = main_video(media)
        frame = _first_frame(media, stream)
        seconds = _seconds(media, path, key)
        return Media(
            format_names=media.format.name,
            seconds=seconds,
            video=None if stream is None else _video(stream, frame, seconds),
            audios=_audios(media, seconds),
            stream_count=len(media.streams),
            facts=media_info(media, rotation=0.0 if frame is None else float(frame.rotation)),
        )


def _refuse_pictures(media: "InputContainer", key: str) -> None:
    name = media.format.name
    if name in _PICTURES or name.endswith("_pipe"):
        raise UnsupportedInputError(key, "a still picture, not video or sound")
    if main_video(media) is None and not any(map(has_decoder, media.streams.audio)):
        raise UnsupportedInputError(key, "has neither video nor sound that can be decoded")


def _first_frame(media: "InputContainer", stream: "VideoStream | None") -> "VideoFrame | None":
    """The first frame, which carries the display matrix; None where none can be decoded."""
    if stream is None:
        return None
    try:
        return next(media.decode(stream), None)
    except library().FFmpegError:
        return None  # the streams can still be told; whoever needs pictures will meet the fault


def _seconds(media: "InputContainer", path: Path, key: str) -> float:
    names = set(media.format.name.split(","))
    if media.duration is None or names & _GUESSED_DURATIONS:
        with open_media(path, key) as unread:
            return _measured_seconds(unread)
    return media.duration / 1e6


def demand_size(media: Media, key: str) -> None:
    """Complain of pictures that have no size.

    Raises:
        UnsupportedInputError: The video's header is broken, or tells a size beyond all bounds.
    """
    if media.video is not None and not (media.video.width and media.video.height):
        raise UnsupportedInputError(key, "has video of no size that can be decoded")


def held_seconds(path: Path, key: str) -> float:
    """How much a file holds, whatever its header promises; 0 where its packets tell no times.

    Reads the file through, and decodes nothing.

    Raises:
        UnsupportedInputError: The file is not media, or is broken.
    """
    with open_media(path, key) as media:
        return _measured_seconds(media)


def _measured_seconds(media: "InputContainer") -> float:
    """From the first packet's start to the last one's end; reads a file through."""
    main = main_video(media) or media.streams.audio[0]
    first: Fraction | None = None
    last = Fraction(0)
    count = 0
    try:
        for packet in media.demux(main):
            count += bool(packet.size)
            if packet.pts is not None and packet.time_base is not None:
                begin = packet.pts * packet.time_base
                first = begin if first is None else min(first, begin)
                last = max(last, begin + (packet.duration or 0) * packet.time_base)
    except library().FFmpegError:
        pass  # a broken tail ends the file where it breaks
    if first is None and main.type == "video":
        return float(count / (main.average_rate or main.guessed_rate or 1))
    return float(last - (first or 0))


def _video(stream: "VideoStream", frame: "VideoFrame | None", seconds: float) -> VideoFacts:
    context = stream.codec_context
    turn = Turn() if frame is None else turn_of(frame)
    width, height, aspect = context.width, context.height, pixel_aspect(stream)
    if turn.is_sideways:
        width, height, aspect = height, width, 1 / aspect
    return VideoFacts(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=width,
        height=height,
        aspect=aspect,
        turn=turn,
        fps=stream.average_rate or stream.guessed_rate,
        kilobits=(stream.bit_rate or 0) / 1000,
        seconds=stream_seconds(stream, seconds),
        is_hdr=TRANSFERS.get(context.color_trc) in _HDR_TRANSFERS,
        is_decodable=frame is not None,
        pixel_format=context.pix_fmt or "",
    )


def _audios(media: "InputContainer", seconds: float) -> tuple[AudioFacts, ...]:
    return tuple(
        AudioFacts(
            index=stream.index,
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
            kilobits=(stream.codec_context.bit_rate or 0) / 1000,
            seconds=stream_seconds(stream, seconds),
        )
        for stream in media.streams.audio
        if has_decoder(stream)
    )


def stream_seconds(stream: "Stream", seconds: float) -> float:
    """Length that a stream claims; that of the file where it claims none."""
    if stream.duration is None or stream.time_base is None:
        return seconds
    return float(stream.duration * stream.time_base)
