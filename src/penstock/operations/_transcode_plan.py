"""Decides, from params and what a source holds, which streams go where and what must come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._hls import hls_options
from penstock.operations._media_checks import Expected, slack
from penstock.operations._probe import AudioFacts, Media, VideoFacts
from penstock.operations._transcode_encoders import audio_options, video_options
from penstock.operations._transcode_filters import filter_chain
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_tables import AUDIO_NAMES, VIDEO_NAMES, VideoCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ffmpeg is told, and what its output must be like.

    Attributes:
        input_options: Before the input.
        options: After the input, up to the output's name.
        expected: What must come out.
    """

    input_options: Sequence[str]
    options: Sequence[str]
    expected: Expected


def plan_transcode(params: Params, media: Media, key: str, threads: int) -> Plan:
    """Plan one source.

    Raises:
        UnsupportedInputError: The source has nothing of what is wanted.
        InvalidParamsError: The params do not fit this source.
    """
    video, audios = _streams(params, media)
    if video is None and not audios:
        wanted = "video" if params.video and not params.audio else "sound"
        wanted = "video or sound" if params.video and params.audio else wanted
        raise UnsupportedInputError(key, f"has no {wanted} to make the output of")
    seconds, most_seconds = _lengths(params, media, video, audios)
    options: list[str] = []
    size, fps = None, None
    for stream in (video, *audios):
        if stream is not None:
            options += ["-map", f"0:{stream.index}"]
    if video is not None and params.video is not None:
        chain = filter_chain(params.video, params.adjustments, video)
        size, fps = chain.size, chain.fps
        excess = params.adjustments.video_bitrate
        if chain.text:
            options += ["-vf", chain.text]
        options += video_options(params.video, video, excess, threads)
    if audios and params.audio is not None:
        options += audio_options(params.audio, audios[0], params.adjustments.audio_bitrate)
    options += _muxing(params, has_video=video is not None)
    return Plan(
        input_options=params.cut.options,
        options=options,
        expected=Expected(
            seconds=seconds,
            most_seconds=most_seconds,
            slack_seconds=slack(seconds, fps),
            size=size,
            video_codec=VIDEO_NAMES[params.video.codec] if video and params.video else "",
            audio_codecs=tuple(AUDIO_NAMES[params.audio.codec] for _ in audios)
            if params.audio
            else (),
        ),
    )


def _streams(params: Params, media: Media) -> tuple[VideoFacts | None, list[AudioFacts]]:
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
) -> tuple[float, float]:
    """How long the output will be, at least and at most, in seconds."""
    streams = (video, *audios)
    least = max(stream.seconds for stream in streams if stream is not None)
    most = max(least, media.seconds)
    name = "TimeInterval.Start"
    return params.cut.seconds_of(least, name), params.cut.seconds_of(most, name)


def _muxing(params: Params, *, has_video: bool) -> Iterator[str]:
    """Metadata, container, and what only some containers need."""
    if params.adjustments.drops_metadata:
        yield from ("-map_metadata", "-1", "-map_chapters", "-1")
    container = params.container
    is_h265 = has_video and params.video is not None and params.video.codec is VideoCodec.H265
    if is_h265 and params.format == "mp4":
        yield from ("-tag:v", "hvc1")  # what Apple's players ask for
    yield from ("-f", container.muxer, *container.options)
    if params.format == "hls":
        yield from hls_options(params.clip_seconds)
        if has_video:
            yield from ("-force_key_frames", f"expr:gte(t,n_forced*{params.clip_seconds:g})")
