"""Decides, from params and what a source holds, which streams go where and what must come out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._aigc import label_options
from penstock.operations._companions import NO_COMPANIONS, Companions
from penstock.operations._dash import dash_options
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._hls import hls_options
from penstock.operations._lengths import taken
from penstock.operations._media_checks import Expected, slack
from penstock.operations._probe import AudioFacts, Media, VideoFacts
from penstock.operations._transcode_encoders import (
    audio_options,
    timing_options,
    video_options,
)
from penstock.operations._transcode_filters import filter_chain
from penstock.operations._transcode_graph import (
    Part,
    joined,
    picture_part,
    sound_part,
    subtitle_part,
)
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_settings import AudioParams, Excess
from penstock.operations._transcode_tables import AUDIO_NAMES, VIDEO_NAMES, VideoCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ffmpeg is told, and what its output must be like.

    Attributes:
        input_options: Before the source.
        inputs: What is read behind the source.
        options: After the inputs, up to the output's name.
        expected: What must come out.
    """

    input_options: Sequence[str]
    inputs: Sequence[MediaInput]
    options: Sequence[str]
    expected: Expected


def plan_transcode(  # noqa: PLR0913  # all that an output follows from
    params: Params,
    media: Media,
    key: str,
    threads: int,
    *,
    filters: Sequence[str] = (),
    leaves: Mapping[str, str] = MappingProxyType({}),
    companions: Companions = NO_COMPANIONS,
) -> Plan:
    """Plan one source.

    Args:
        media: The source; its video as it is after `filters`.
        filters: What is done to pictures before anything that the params say.
        leaves: What `MediaInfo` must tell of the pictures that come out.
        companions: What the params name besides the source.

    Raises:
        UnsupportedInputError: The source has nothing of what is wanted.
        InvalidParamsError: The params do not fit this source.
    """
    video, audios = _streams(params, media)
    _demand_companions(params, companions, has_video=video is not None)
    if video is None and not audios:
        raise UnsupportedInputError(key, f"has no {_wanted(params)} to make the output of")
    least_seconds, seconds, most_seconds = _lengths(params, media, video, audios)
    parts: list[Part] = []
    options: list[str] = []
    size, fps = None, None
    if video is not None and params.video is not None:
        chain = filter_chain(params.video, params.adjustments, video)
        pictures, size = picture_part(f"0:{video.index}", chain, filters, companions)
        parts.append(pictures)
        fps = chain.fps
        options += video_options(params.video, video, params.adjustments.video_bitrate, threads)
        options += timing_options(params.video, video, params.container)
    if params.audio is not None:
        sound, audios = sound_part(params, params.audio, audios, companions, seconds)
        parts.append(sound)
        options += _sound_options(params.audio, audios, params.adjustments.audio_bitrate)
    options += _muxing(params, companions, has_video=video is not None)
    return Plan(
        input_options=params.cut.options,
        inputs=companions.inputs,
        options=[*joined([*parts, subtitle_part(companions, params.format)]), *options],
        expected=Expected(
            seconds=least_seconds,
            most_seconds=most_seconds,
            slack_seconds=slack(seconds, fps),
            size=size,
            video_codec=VIDEO_NAMES[params.video.codec] if video and params.video else "",
            audio_codecs=tuple(AUDIO_NAMES[params.audio.codec] for _ in audios)
            if params.audio
            else (),
            leaves=leaves if video else {},
            subtitles=len(companions.soft),
            label=params.label,
        ),
    )


def _sound_options(
    encoding: AudioParams, audios: Sequence[AudioFacts], excess: Excess
) -> Iterator[str]:
    """Options of the encoder, and of the tracks that it makes."""
    if audios:
        yield from audio_options(encoding, audios[0], excess)
    if encoding.switches_tracks and len(audios) > 1:
        # The source's own mark would have players go on choosing the other one.
        yield from ("-disposition:a:0", "default", "-disposition:a:1", "0")


def _wanted(params: Params) -> str:
    if params.video and params.audio:
        return "video or sound"
    return "video" if params.video else "sound"


def _streams(params: Params, media: Media) -> tuple[VideoFacts | None, Sequence[AudioFacts]]:
    """The streams that are both wanted and there."""
    video = media.video
    audios = list(media.audios)
    if (index := params.adjustments.stream_index) is not None:
        video = video if video is not None and video.index == index else None
        audios = [track for track in audios if track.index == index]
        if video is None and not audios:
            message = f"TranscodeIndex {index} names no video or sound stream of the source"
            raise InvalidParamsError(message)
    if params.audio is None:
        audios = []
    else:
        audios = audios[:2]
        if params.audio.switches_tracks:
            audios.reverse()
        if not params.audio.keeps_two_tracks:
            audios = audios[:1]
    return (None if params.video is None else video), audios


def _lengths(
    params: Params, media: Media, video: VideoFacts | None, audios: Sequence[AudioFacts]
) -> tuple[float, float, float]:
    """How long the output will be, in seconds: at least, as far as is known, and at most.

    A container that keeps times is as long as its last stream ends, another as its longest.
    """
    is_sound_replaced = params.mix is not None and params.mix.replaces_source
    streams = (video,) if video is not None and is_sound_replaced else (video, *audios)
    spans = [stream.span for stream in streams if stream is not None]
    name = "TimeInterval.Start"
    least, known = taken(params.cut, spans, name)
    end = max(media.seconds, params.cut.start_seconds + known)
    return least, known, params.cut.seconds_of(end, name)


def _demand_companions(params: Params, companions: Companions, *, has_video: bool) -> None:
    """Make sure that whoever plans has gathered what the params name."""
    wanted = (
        len(params.watermarks) if has_video else 0,
        len(params.mix.tracks) if params.mix and params.audio else 0,
        len(params.subtitles) if has_video else 0,
    )
    found = (len(companions.marks), len(companions.tracks), len(companions.subtitles))
    if wanted != found:
        message = "marks, background sound or subtitles were not gathered"
        raise AssertionError(message)


def _muxing(params: Params, companions: Companions, *, has_video: bool) -> Iterator[str]:
    """Metadata, container, and what only some containers need."""
    if params.adjustments.drops_metadata:
        yield from ("-map_metadata", "-1", "-map_chapters", "-1")
    elif companions.inputs:
        yield from ("-map_chapters", "0")  # none of a background track
    container = params.container
    is_h265 = has_video and params.video is not None and params.video.codec is VideoCodec.H265
    if is_h265 and params.format == "mp4":
        yield from ("-tag:v", "hvc1")  # what Apple's players ask for
    yield from ("-f", container.muxer, *container.options)
    yield from label_options(params.label, container.extension)
    if params.format == "hls":
        yield from hls_options(params.clip_seconds, is_encrypted=params.encryption is not None)
    elif params.format == "dash":
        yield from dash_options(params.clip_seconds)
    if params.format in {"hls", "dash"} and has_video:
        yield from ("-force_key_frames", f"expr:gte(t,n_forced*{params.clip_seconds:g})")
