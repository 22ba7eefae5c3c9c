"""Decides, from params and what a source holds, which streams go where and what must come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidParamsError, OutputRejectedError, UnsupportedInputError
from penstock.operations._image_geometry import Size
from penstock.operations._probe import AudioFacts, Media, VideoFacts
from penstock.operations._transcode_encoders import audio_options, video_options
from penstock.operations._transcode_filters import filter_chain
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_tables import AUDIO_NAMES, VIDEO_NAMES, VideoCodec

_SLACK_SECONDS = 0.5
_SLACK_SHARE = 0.02
SEGMENT_PATTERN = "segment_%05d.ts"
"""Local names of HLS segments; their stored names depend on the output's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ffmpeg is told, and what its output must be like.

    Attributes:
        input_options: Before the input.
        options: After the input, up to the output's name.
        seconds: Length of the output at least.
        most_seconds: Length of the output at most.
        slack_seconds: How far a length may lie outside.
        size: Of the pictures; None where there are none.
        video_codec: As a probe names it; empty where there are no pictures.
        audio_codec: As a probe names it; empty where there is no sound.
        audio_count: Number of sound tracks.
    """

    input_options: Sequence[str]
    options: Sequence[str]
    seconds: float
    most_seconds: float
    slack_seconds: float
    size: Size | None
    video_codec: str
    audio_codec: str
    audio_count: int

    def check(self, made: Media) -> None:
        """Hold a finished output against the plan.

        Raises:
            OutputRejectedError: It is not what was asked for; names every difference.
        """
        if faults := list(self._faults(made)):
            raise OutputRejectedError("; ".join(faults))

    def _faults(self, made: Media) -> Iterator[str]:
        video = made.video
        video_codec = "" if video is None else video.codec
        if video_codec != self.video_codec:
            yield f"expected {self.video_codec or 'no'} video, got {video_codec or 'none'}"
        elif video is not None and self.size is not None:
            if not video.is_decodable:
                yield "its first frame cannot be decoded"
            if (video.width, video.height) != self.size:
                expected = f"{self.size.width}x{self.size.height}"
                yield f"expected {expected} pixels, got {video.width}x{video.height}"
        codecs = [track.codec for track in made.audios]
        if codecs != [self.audio_codec] * self.audio_count:
            yield f"expected {self.audio_count} sound tracks of {self.audio_codec}, got {codecs}"
        low, high = self.seconds - self.slack_seconds, self.most_seconds + self.slack_seconds
        if not low <= made.seconds <= high:
            yield f"expected {self.seconds:.2f} s, got {made.seconds:.2f} s"


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
        input_options=_cut(params),
        options=options,
        seconds=seconds,
        most_seconds=most_seconds,
        slack_seconds=max(_SLACK_SECONDS, _SLACK_SHARE * seconds, 1 / fps if fps else 0),
        size=size,
        video_codec=VIDEO_NAMES[params.video.codec] if video and params.video else "",
        audio_codec=AUDIO_NAMES[params.audio.codec] if audios and params.audio else "",
        audio_count=len(audios),
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
    start = params.start_seconds
    if start >= least:
        message = f"TimeInterval.Start is {start:g} s, the source ends at {least:g} s"
        raise InvalidParamsError(message)
    longest = params.length_seconds
    if longest is None:
        return least - start, most - start
    return min(least - start, longest), min(most - start, longest)


def _cut(params: Params) -> Sequence[str]:
    options: list[str] = []
    if params.start_seconds:
        options += ["-ss", f"{params.start_seconds:.3f}"]
    if params.length_seconds is not None:
        options += ["-t", f"{params.length_seconds:.3f}"]
    return options


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
        clip = f"{params.clip_seconds:g}"
        yield from ("-hls_time", clip, "-hls_playlist_type", "vod", "-hls_list_size", "0")
        yield from ("-hls_segment_filename", SEGMENT_PATTERN)
        if has_video:
            yield from ("-force_key_frames", f"expr:gte(t,n_forced*{clip})")
