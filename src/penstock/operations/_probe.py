"""Looks into a media file: what streams it has, how they are to be shown, how long it is."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._av import (
    Turn,
    assumed_matrix,
    has_decoder,
    library,
    main_video,
    open_media,
    pixel_aspect,
    turn_of,
)
from penstock.operations._lengths import Lengths, Span, lengths, measured_kilobits
from penstock.operations._media_facts import TRANSFERS, media_info

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PICTURES = frozenset({"image2", "ico", "svg_pipe"})
_STEADY = Fraction(1, 1000)
_NTSC = Fraction(1001, 1000)
_INTERLACED = frozenset({2, 3, 4, 5})
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
        span: When it begins and ends; that of the file where nothing tells.
        is_hdr: Whether its transfer characteristic is that of HDR10 or HLG.
        is_decodable: Whether its first frame could be decoded.
        pixel_format: ffmpeg's name of the format of its pixels; empty where unknown.
        is_interlaced: Whether a picture holds two moments, each in every other line.
        is_steady: Whether its frames follow each other at `fps`, as far as the file tells.
        assumed_matrix: ffmpeg's name of the matrix of colours that players take it to have,
            where it does not tell and ffmpeg would take another; empty otherwise.
    """

    index: int
    codec: str
    width: int
    height: int
    aspect: Fraction
    turn: Turn
    fps: Fraction | None
    kilobits: float
    span: Span
    is_hdr: bool
    is_decodable: bool
    pixel_format: str = ""
    is_interlaced: bool = False
    is_steady: bool = True
    assumed_matrix: str = ""

    @property
    def seconds(self) -> float:
        """Length of the stream."""
        return self.span.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What the others need to know of one sound track.

    Attributes:
        index: Number of the stream in the file.
        codec: ffmpeg's name of the codec, such as `aac`.
        sample_rate: Samples a second.
        channels: Number of channels.
        kilobits: Bit rate in kilobits a second; 0 where unknown.
        span: When it begins and ends; that of the file where nothing tells.
    """

    index: int
    codec: str
    sample_rate: int
    channels: int
    kilobits: float
    span: Span

    @property
    def seconds(self) -> float:
        """Length of the stream."""
        return self.span.seconds


_Stream = TypeVar("_Stream", VideoFacts, AudioFacts)


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
        found = lengths(media, path, key)
        return Media(
            format_names=media.format.name,
            seconds=found.seconds,
            video=None if stream is None else _video(stream, frame, found),
            audios=_audios(media, found),
            stream_count=len(media.streams),
            facts=media_info(
                media,
                seconds=found.seconds,
                rotation=0.0 if frame is None else float(frame.rotation),
            ),
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


def with_rates(media: Media, path: Path, key: str) -> Media:
    """The same with the bit rates that containers like Matroska do not tell; reads the file.

    Raises:
        UnsupportedInputError: The file is broken.
    """
    streams: list[VideoFacts | AudioFacts] = [*media.audios]
    if media.video is not None:
        streams.append(media.video)
    if all(stream.kilobits for stream in streams):
        return media
    found = measured_kilobits(path, key)

    def told(stream: _Stream) -> _Stream:
        return replace(stream, kilobits=stream.kilobits or found.get(stream.index, 0.0))

    video = None if media.video is None else told(media.video)
    return replace(media, video=video, audios=tuple(map(told, media.audios)))


def demand_size(media: Media, key: str) -> None:
    """Complain of pictures that have no size.

    Raises:
        UnsupportedInputError: The video's header is broken, or tells a size beyond all bounds.
    """
    if media.video is not None and not (media.video.width and media.video.height):
        raise UnsupportedInputError(key, "has video of no size that can be decoded")


def _video(stream: "VideoStream", frame: "VideoFrame | None", found: Lengths) -> VideoFacts:
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
        span=found.span_of(stream.index),
        is_hdr=TRANSFERS.get(context.color_trc) in _HDR_TRANSFERS,
        is_decodable=frame is not None,
        pixel_format=context.pix_fmt or "",
        is_interlaced=_has_fields(stream, frame),
        is_steady=_is_steady(stream),
        assumed_matrix=assumed_matrix(context),
    )


def _has_fields(stream: "VideoStream", frame: "VideoFrame | None") -> bool:
    is_told = stream.codec_context.field_order in _INTERLACED
    return is_told or (frame is not None and frame.interlaced_frame)


def _is_steady(stream: "VideoStream") -> bool:
    """Whether what a file tells of its frame rate agrees with itself, and is a usual one."""
    mean, base = stream.average_rate, stream.base_rate
    if not mean or not base or abs(mean / base - 1) > _STEADY:
        return False
    return any(abs(base * part - round(base * part)) < _STEADY for part in (1, _NTSC))


def _audios(media: "InputContainer", found: Lengths) -> tuple[AudioFacts, ...]:
    return tuple(
        AudioFacts(
            index=stream.index,
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
            kilobits=(stream.codec_context.bit_rate or 0) / 1000,
            span=found.span_of(stream.index),
        )
        for stream in media.streams.audio
        if has_decoder(stream)
    )
