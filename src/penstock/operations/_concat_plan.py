"""Decides how pieces become one: a common picture and sound, then the encoders of Transcode.

Every piece is brought to the frame of the input (of the first piece with video where the input
has none): its shown size with square pixels, its frame rate, pictures fitted inside with bars.
A piece without video is black, one without sound silent. What is joined is then treated as
Transcode would treat one source of that frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._av import Turn
from penstock.operations._concat_params import Params
from penstock.operations._cuts import Cut
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._hls import DEFAULT_SEGMENT_SECONDS, hls_options
from penstock.operations._image_geometry import Size
from penstock.operations._media_checks import Expected, slack
from penstock.operations._mix_graph import PreparedTrack, SoundFrame, mix_graph
from penstock.operations._probe import AudioFacts, Media, VideoFacts
from penstock.operations._transcode_encoders import audio_options, channel_count, video_options
from penstock.operations._transcode_filters import TO_SDR, filter_chain, fitted, whole_frames
from penstock.operations._transcode_settings import Adjustments, Excess, Shape
from penstock.operations._transcode_tables import AUDIO_NAMES, LAYOUTS, VIDEO_NAMES

_DEFAULT_FPS = Fraction(25)
_AS_ASKED = Adjustments(shape=Shape.PAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One of the sources.

    Attributes:
        path: A local file.
        key: Its key or URL, for messages.
        media: What it holds.
        cut: The part of it that is used.
    """

    path: Path
    key: str
    media: Media
    cut: Cut

    @property
    def seconds(self) -> float:
        """Length of the part that is used.

        Raises:
            InvalidParamsError: It begins at or beyond the end.
        """
        return self.cut.seconds_of(self.media.seconds, f"StartTime of {self.key}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ffmpeg is told, and what must come out.

    Attributes:
        inputs: The pieces, in order.
        options: After the inputs, up to the output's name.
        expected: What must come out.
    """

    inputs: Sequence[MediaInput]
    options: Sequence[str]
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What every piece is brought to before it is joined.

    Attributes:
        video: An ideal source of the common size and rate; None where no piece has video, or
            none is wanted.
        audio: The sound that sets channels; None where no piece has sound, or none is wanted.
        rate: Samples a second.
    """

    video: VideoFacts | None
    audio: AudioFacts | None
    rate: int

    @property
    def size(self) -> Size:
        """Of the common picture."""
        return Size(2, 2) if self.video is None else Size(self.video.width, self.video.height)

    @property
    def is_hdr(self) -> bool:
        """Whether the common picture is; pieces of both kinds become SDR."""
        return self.video is not None and self.video.is_hdr

    @property
    def fps(self) -> Fraction:
        """Frames a second of the common picture."""
        known = None if self.video is None else self.video.fps
        return known or _DEFAULT_FPS

    @property
    def layout(self) -> str:
        """The common channels, as ffmpeg names them."""
        return LAYOUTS.get(0 if self.audio is None else self.audio.channels, "stereo")


def plan_concat(
    params: Params,
    pieces: Sequence[Piece],
    main: int,
    threads: int,
    tracks: Sequence[PreparedTrack] = (),
) -> Plan:
    """Plan the joining of some pieces.

    Args:
        main: Which of the pieces is the input.
        tracks: Background sound, as the params name it.

    Raises:
        UnsupportedInputError: No piece has anything of what is wanted.
        InvalidParamsError: A piece begins beyond its end, or the params do not fit.
    """
    frame = _frame(params, [pieces[main], *pieces])
    if frame.video is None and frame.audio is None:
        raise UnsupportedInputError(pieces[main].key, "no piece has what the output is made of")
    seconds = sum(piece.seconds for piece in pieces)
    if params.mix is not None and params.mix.replaces_source:
        frame = replace(frame, audio=None)
    graph = list(_normalised(frame, pieces))
    if graph:
        graph.append(_joined(frame, len(pieces)))
    options: list[str] = []
    size, fps = None, None
    if frame.video is not None and params.video is not None:
        chain = filter_chain(params.video, _AS_ASKED, frame.video)
        size, fps = chain.size, chain.fps
        graph.append(f"[joined]{chain.text or 'null'}[pictures]")
        options += ["-map", "[pictures]"]
        options += video_options(params.video, frame.video, Excess.ALLOW, threads)
    inputs = [MediaInput(path=piece.path, options=piece.cut.options) for piece in pieces]
    audio = frame.audio
    if params.mix is not None and params.audio is not None and tracks:
        audio = audio or tracks[0].audio
        layout = LAYOUTS.get(channel_count(params.audio, audio), "stereo")
        sound = SoundFrame(rate=frame.rate, layout=layout, seconds=seconds)
        joined = ["sound"] if frame.audio is not None else []
        chains, _ = mix_graph(params.mix, tracks, len(inputs), joined, sound)
        graph += chains
        inputs += [one.media_input for one in tracks]
    if audio is not None and params.audio is not None:
        options += ["-map", "[sound0]" if tracks else "[sound]"]
        options += audio_options(params.audio, audio, Excess.ALLOW)
    return Plan(
        inputs=inputs,
        options=("-filter_complex", ";".join(graph), *options, *_muxing(params, frame)),
        expected=Expected(
            seconds=seconds,
            most_seconds=seconds,
            slack_seconds=slack(seconds, fps),
            size=size,
            video_codec=VIDEO_NAMES[params.video.codec] if frame.video and params.video else "",
            audio_codecs=(AUDIO_NAMES[params.audio.codec],) if audio and params.audio else (),
        ),
    )


def _frame(params: Params, pieces: Sequence[Piece]) -> _Frame:
    videos = [piece.media.video for piece in pieces if piece.media.video is not None]
    audios = [piece.media.audio for piece in pieces if piece.media.audio is not None]
    is_hdr = all(video.is_hdr for video in videos)
    return _Frame(
        video=replace(_ideal(videos[0]), is_hdr=is_hdr) if videos and params.video else None,
        audio=audios[0] if audios and params.audio else None,
        rate=params.audio.sample_rate if params.audio else 44100,
    )


def _ideal(video: VideoFacts) -> VideoFacts:
    """The same upright, with square pixels and even sides."""
    width = max(round(video.width * video.aspect / 2) * 2, 2)
    height = max(round(video.height / 2) * 2, 2)
    ideal = replace(video, width=width, height=height, aspect=Fraction(1), turn=Turn())
    return replace(ideal, is_interlaced=False)


def _normalised(frame: _Frame, pieces: Sequence[Piece]) -> Iterator[str]:
    """Chains that bring each piece to the common frame."""
    for number, piece in enumerate(pieces):
        if frame.video is not None:
            yield f"{_pictures(frame, piece, number)}[v{number}]"
        if frame.audio is not None:
            yield f"{_sound(frame, piece, number)}[a{number}]"


def _pictures(frame: _Frame, piece: Piece, number: int) -> str:
    video = piece.media.video
    after = f"fps={frame.fps}:start_time=0,format=yuv420p"
    if video is None:
        size = f"{frame.size.width}x{frame.size.height}"
        return f"color=black:s={size}:r={frame.fps}:d={piece.seconds:.3f},{after},setsar=1"
    fitting = fitted(Shape.PAD, frame.size, video.width * video.aspect, video.height)
    is_mapped = video.is_hdr and not frame.is_hdr
    filters = [*whole_frames(video), *([TO_SDR] if is_mapped else []), *fitting]
    return f"[{number}:{video.index}]{','.join(filters)},{after}"


def _sound(frame: _Frame, piece: Piece, number: int) -> str:
    """Sound that begins with the pictures; where it ends before them, the joining adds silence."""
    audio, seconds = piece.media.audio, piece.seconds
    shape = f"aformat=sample_fmts=fltp:sample_rates={frame.rate}:channel_layouts={frame.layout}"
    if audio is None:
        return f"anullsrc=r={frame.rate}:cl={frame.layout}:d={seconds:.3f},{shape}"
    return (
        f"[{number}:{audio.index}]aresample={frame.rate}:async=1:first_pts=0,{shape},"
        f"atrim=end={seconds:.3f}"
    )


def _joined(frame: _Frame, count: int) -> str:
    """One stream of pictures without gaps, and one of sound."""
    has_video, has_audio = frame.video is not None, frame.audio is not None
    labels = "".join(
        f"[v{number}]" * has_video + f"[a{number}]" * has_audio for number in range(count)
    )
    outputs = "[loose]" * has_video + "[sound]" * has_audio
    joined = f"{labels}concat=n={count}:v={int(has_video)}:a={int(has_audio)}{outputs}"
    return f"{joined};[loose]fps={frame.fps}[joined]" if has_video else joined


def _muxing(params: Params, frame: _Frame) -> Iterator[str]:
    yield from ("-f", params.container.muxer, *params.container.options)
    if params.format == "hls":
        yield from hls_options(DEFAULT_SEGMENT_SECONDS)
        if frame.video is not None:
            yield from ("-force_key_frames", f"expr:gte(t,n_forced*{DEFAULT_SEGMENT_SECONDS:g})")
