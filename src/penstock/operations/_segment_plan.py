"""Decides which streams of a source go into which container, copied or encoded anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._aigc import label_options, part_label_options
from penstock.operations._lengths import taken
from penstock.operations._probe import AudioFacts, Media, VideoFacts
from penstock.operations._remux import adapted, wrapping
from penstock.operations._segment_params import Params
from penstock.operations._transcode_encoders import audio_like, audio_options
from penstock.operations._transcode_settings import Excess
from penstock.operations._transcode_tables import AUDIO_NAMES, CONTAINERS

PART_PREFIX = "part_"
_MOST_LATE_SECONDS = 0.1
_MOST_TEXT = 100_000  # of one argument of a program


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ffmpeg is told, and what must come out.

    Attributes:
        options: After the input, up to the output's name.
        least_seconds: Length of the longest stream of what is taken.
        seconds: Length up to the end of the last stream.
        video: The stream of pictures; None where there is none.
        video_codec: As a probe names it; empty where there are no pictures.
        audio_codecs: Of the sound tracks, as a probe names them.
    """

    options: Sequence[str]
    least_seconds: float
    seconds: float
    video: VideoFacts | None
    video_codec: str
    audio_codecs: tuple[str, ...]


def plan_segment(params: Params, media: Media, key: str) -> Plan:
    """Plan one source.

    Raises:
        UnsupportedInputError: It has nothing that the container takes, or a codec that it does
            not take.
        InvalidParamsError: The params do not fit this source.
    """
    video, audios = _streams(params, media)
    if video is None and not audios:
        wanted = "video or sound" if params.wrapper.videos else "sound"
        raise UnsupportedInputError(key, f"has no {wanted} to make the output of")
    spans = [stream.span for stream in (video, *audios) if stream is not None]
    least_seconds, seconds = taken(params.cut, spans, "StartTime")
    options: list[str] = []
    for stream in (video, *audios):
        if stream is not None:
            options += ["-map", f"0:{stream.index}"]
    _demand_in_step(params, video, audios, key)
    codecs, sound = _sound(params, audios, key)
    video_codec = ""
    if video is not None:
        video_codec = video.codec
        _demand_fitting(params, video.codec, key)
        options += ["-c:v", "copy", *_rate(params, video)]
    options += [*sound, *_muxing(params, video_codec, seconds)]
    return Plan(
        options=options,
        least_seconds=least_seconds,
        seconds=seconds,
        video=video,
        video_codec=video_codec,
        audio_codecs=codecs,
    )


def _streams(params: Params, media: Media) -> tuple[VideoFacts | None, Sequence[AudioFacts]]:
    """The streams that are both wanted and there."""
    video, audios = media.video, media.audios
    if (index := params.stream_index) is not None:
        video = video if video is not None and video.index == index else None
        audios = tuple(track for track in audios if track.index == index)
        if video is None and not audios:
            message = f"TranscodeIndex {index} names no video or sound stream of the source"
            raise InvalidParamsError(message)
    if not params.wrapper.videos:
        return None, audios[:1]
    return video, audios


def _sound(
    params: Params, audios: Sequence[AudioFacts], key: str
) -> tuple[tuple[str, ...], Sequence[str]]:
    """Codecs and options of the sound; only a container of sound alone has it encoded anew."""
    if not audios:
        return (), ()
    if params.wrapper.videos:
        for track in audios:
            _demand_fitting(params, track.codec, key)
    elif not _is_copied(params, audios[0].codec):
        codec = CONTAINERS[params.extension].audios[0]
        wanted = audio_like(audios[0], codec, params.extension)
        return (AUDIO_NAMES[codec],), tuple(audio_options(wanted, audios[0], Excess.ALLOW))
    return tuple(track.codec for track in audios), ("-c:a", "copy")


def _is_copied(params: Params, codec: str) -> bool:
    """Whether sound goes as it is into a container of sound alone; a cut FLAC would not."""
    is_cut = params.is_split or not params.cut.is_whole
    return params.wrapper.takes(codec) and not (codec == "flac" and is_cut)


def _demand_fitting(params: Params, codec: str, key: str) -> None:
    if not params.wrapper.takes(codec):
        fault = f"{codec} cannot be put into a .{params.extension} without encoding it anew"
        raise UnsupportedInputError(key, fault)


def _rate(params: Params, video: VideoFacts) -> Sequence[str]:
    """The rate of an AVI, which otherwise would be that of the source's clock."""
    is_told = params.extension == "avi" and video.is_steady and video.fps
    return ("-r", str(video.fps)) if is_told else ()


def _demand_in_step(
    params: Params, video: VideoFacts | None, audios: Sequence[AudioFacts], key: str
) -> None:
    """Complain of sound that would be heard too early: an AVI does not tell when it begins."""
    if video is None or params.extension != "avi":
        return
    late = max((track.span.begin - video.span.begin for track in audios), default=0.0)
    if late > _MOST_LATE_SECONDS:
        fault = f"sound begins {late:.2f} s behind the pictures, which a .avi cannot tell"
        raise UnsupportedInputError(key, fault)


def _muxing(params: Params, video_codec: str, seconds: float) -> Iterator[str]:
    if not params.is_split or params.is_piecewise:
        seconds = params.playlist_seconds
        is_encrypted = params.encryption is not None
        yield from wrapping(
            params.extension, video_codec, segment_seconds=seconds, is_encrypted=is_encrypted
        )
        yield from label_options(params.label, params.extension)
        return
    yield from adapted(params.extension, video_codec)
    yield from ("-f", "segment", *_cuts(params, seconds, is_sound=not video_codec))
    yield from ("-segment_format", params.wrapper.muxer, "-reset_timestamps", "1")
    yield from part_label_options(params.label, params.extension)


def _cuts(params: Params, seconds: float, *, is_sound: bool) -> Sequence[str]:
    """Where parts begin: for sound that can be cut anywhere, so that no tiny one is left over."""
    length = params.part_seconds or 1
    times = ",".join(str(number * length) for number in range(1, params.part_count(seconds)))
    if is_sound and len(times) < _MOST_TEXT:
        return ("-segment_times", times or str(2 * length))
    return ("-segment_time", str(length))
