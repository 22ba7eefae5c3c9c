"""Decides how a source is encoded anew with marks: as much like itself as can be."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.selection import extension_of
from penstock.operations._companions import Companions
from penstock.operations._media_checks import Expected, slack
from penstock.operations._probe import AudioFacts, Media, VideoFacts
from penstock.operations._remux import WRAPPERS, tag
from penstock.operations._transcode_encoders import (
    audio_like,
    audio_options,
    timing_options,
    video_options,
)
from penstock.operations._transcode_filters import filter_chain
from penstock.operations._transcode_graph import joined, picture_part
from penstock.operations._transcode_settings import Adjustments, Excess, VideoParams
from penstock.operations._transcode_tables import (
    AUDIO_NAMES,
    CONTAINERS,
    VIDEO_NAMES,
    Container,
    VideoCodec,
)

_CONTAINERS = frozenset({"mp4", "mov", "mkv", "webm", "ts", "flv", "avi"})
_PRESETS = {VideoCodec.H264: "medium", VideoCodec.VP8: "good", VideoCodec.AV1: "5"}
_CRF = 18.0
_KEPT_PIXELS = frozenset({VideoCodec.H264, VideoCodec.H265})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ffmpeg is told, and what must come out.

    Attributes:
        options: After the inputs, up to the output's name.
        expected: What must come out.
        container: What it is put into.
    """

    options: Sequence[str]
    expected: Expected
    container: Container


def plan_marks(
    media: Media, video: VideoFacts, key: str, threads: int, companions: Companions
) -> Plan:
    """Plan one source.

    Args:
        video: Its pictures.
        companions: The marks, for pictures of its size.

    Raises:
        InvalidParamsError: A mark does not fit.
    """
    name = extension_of(key)
    name = name if name in _CONTAINERS else "mp4"
    container = CONTAINERS[name]
    params = _like(video, container)
    chain = filter_chain(params, Adjustments(), video)
    pictures, size = picture_part(f"0:{video.index}", chain, (), companions)
    sound, codecs = _sound(media.audios, name)
    video_codec = VIDEO_NAMES[params.codec]
    seconds = max(video.seconds, *(track.seconds for track in media.audios), 0.0)
    return Plan(
        options=(
            *joined([pictures]),
            *sound,
            *video_options(params, video, Excess.ALLOW, threads),
            *tag(name, video_codec),
            *timing_options(params, video, container),
            *("-f", container.muxer, *container.options),
        ),
        expected=Expected(
            seconds=seconds,
            most_seconds=max(seconds, media.seconds),
            slack_seconds=slack(seconds, chain.fps),
            size=size,
            video_codec=video_codec,
            audio_codecs=codecs,
        ),
        container=container,
    )


def _like(video: VideoFacts, container: Container) -> VideoParams:
    """The source's codec, or the container's first where that does not take it."""
    own = [codec for codec in container.videos if VIDEO_NAMES[codec] == video.codec]
    codec = own[0] if own else container.videos[0]
    return VideoParams(
        codec=codec,
        width=None,
        height=None,
        fps=None,
        profile="",
        kilobits=None,
        is_auto_bitrate=True,
        crf=_CRF,
        gop=None,
        preset=_PRESETS.get(codec, ""),
        buffer_kilobits=None,
        max_kilobits=None,
        pixel_format="" if own and codec in _KEPT_PIXELS else "yuv420p",
        is_long_short=False,
        degrees=0.0,
        roi=0,
        crop=None,
        is_interlaced=video.is_interlaced and codec is VideoCodec.H264,
        colours=(),
    )


def _sound(audios: Sequence[AudioFacts], name: str) -> tuple[Sequence[str], tuple[str, ...]]:
    """Options and codecs of every track: copied, or encoded where one cannot be."""
    maps = [word for track in audios for word in ("-map", f"0:{track.index}")]
    if not audios:
        return maps, ()
    if all(WRAPPERS[name].takes(track.codec) for track in audios):
        return [*maps, "-c:a", "copy"], tuple(track.codec for track in audios)
    codec = CONTAINERS[name].audios[0]
    params = audio_like(audios[0], codec, name)
    options = [*maps, *audio_options(params, audios[0], Excess.ALLOW)]
    return options, tuple(AUDIO_NAMES[codec] for _ in audios)
