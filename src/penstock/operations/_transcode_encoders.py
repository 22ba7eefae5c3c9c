"""ffmpeg's options for one encoder: speed, rate, key frames, threads."""

from collections.abc import Iterator

from penstock.domain.errors import InvalidParamsError
from penstock.operations._probe import AudioFacts, VideoFacts
from penstock.operations._transcode_settings import AudioParams, Excess, VideoParams
from penstock.operations._transcode_tables import (
    AUDIO_ENCODERS,
    CHANNELS,
    VIDEO_ENCODERS,
    AudioCodec,
    Container,
    VideoCodec,
    sample_rates,
)

_CRF_MAX_H264 = 51
_CRF_MAX_OTHERS = 63
_LEAST_VP8_CRF = 4
_UNBOUND_VP8 = "50M"  # without a bound VP8 stays below 256 kb/s, whatever quality is asked for
_AV1_PRESETS = {"universal": "8", "medium": "5"}
_AQ_STRENGTHS = {1: "1.1", 2: "1.3", 3: "1.5"}
_STEADY_MUXERS = frozenset({"hls", "dash"})  # others would tell wrong lengths of segments
_USUAL_RATES = (25, 30, 60)
_FLAC_SAMPLES = "4096"
_UNMEASURED = frozenset({AudioCodec.FLAC, AudioCodec.PCM})


def video_options(
    params: VideoParams, source: VideoFacts, excess: Excess, threads: int
) -> Iterator[str]:
    """Options of the video encoder.

    Raises:
        InvalidParamsError: The bit rate is above the source's and the params say to fail then.
    """
    codec = params.codec
    kilobits = _bounded(params.kilobits, source.kilobits, excess, "Video.Bitrate")
    yield from ("-c:v", VIDEO_ENCODERS[codec], "-threads", str(threads))
    match codec:
        case VideoCodec.H264:
            yield from _h264(params)
        case VideoCodec.H265:
            yield from _h265(params, threads)
        case VideoCodec.VP8:
            yield from ("-deadline", params.preset)
            yield from ("-cpu-used", "5" if params.preset == "realtime" else "2")
        case VideoCodec.VP9:
            yield from ("-deadline", "good", "-cpu-used", "4", "-row-mt", "1")
        case VideoCodec.AV1:
            yield from ("-preset", _AV1_PRESETS.get(params.preset, params.preset))
            yield from ("-svtav1-params", f"lp={threads}")
    yield from _rate(params, kilobits)
    yield from _peak(params, source, kilobits)
    if params.gop is not None:
        yield from ("-g", str(params.gop))
    if params.pixel_format.startswith("yuvj"):
        yield from ("-color_range", "pc")


def timing_options(params: VideoParams, source: VideoFacts, container: Container) -> Iterator[str]:
    """When pictures are shown: as in the source, where neither params nor container say more."""
    if container.picture_options:
        yield from container.picture_options
    elif source.is_steady or params.fps or params.is_interlaced:
        return
    elif container.muxer in _STEADY_MUXERS:
        rates = [rate for rate in _USUAL_RATES if source.fps and rate >= source.fps]
        yield from ("-r", str(min(rates, default=_USUAL_RATES[-1])))
    else:
        yield from ("-enc_time_base", "demux", "-fps_mode", "vfr")


def audio_options(params: AudioParams, source: AudioFacts, excess: Excess) -> Iterator[str]:
    """Options of the sound encoder; the first track's channels count for all.

    Raises:
        InvalidParamsError: The bit rate is above the source's and the params say to fail then.
    """
    yield from ("-c:a", AUDIO_ENCODERS[params.codec])
    yield from ("-ar", str(params.sample_rate), "-ac", str(channel_count(params, source)))
    kilobits = _bounded(params.kilobits, source.kilobits, excess, "Audio.Bitrate")
    if kilobits is not None and params.codec not in _UNMEASURED:
        yield from ("-b:a", f"{kilobits}k")
    if params.sample_format:
        yield from ("-sample_fmt", params.sample_format)
    if params.codec is AudioCodec.FLAC:
        # Otherwise it is that of the first frame, of which a cut may have left too little.
        yield from ("-frame_size", _FLAC_SAMPLES)


def audio_like(source: AudioFacts, codec: AudioCodec, format_name: str) -> AudioParams:
    """How sound is encoded that could not be copied: as like the source as the codec lets it."""
    rates = sample_rates(codec, format_name)
    return AudioParams(
        codec=codec,
        sample_rate=min(rates, key=lambda rate: abs(rate - source.sample_rate)),
        kilobits=None,
        channels=None,
        keeps_two_tracks=False,
        switches_tracks=False,
        sample_format="",
    )


def channel_count(params: AudioParams, source: AudioFacts) -> int:
    """How many channels come out: as asked for, else as many as source and codec both have."""
    allowed = CHANNELS[params.codec]
    fitting = [count for count in allowed if count <= source.channels]
    return params.channels or max(fitting, default=min(allowed))


def _bounded(wanted: int | None, source: float, excess: Excess, name: str) -> int | None:
    """A bit rate, held to the source's where the params say so."""
    if wanted is None or not source or wanted <= source or excess is Excess.ALLOW:
        return wanted
    if excess is Excess.FAIL:
        message = f"{name} {wanted} is above the source's {source:g} kilobits a second"
        raise InvalidParamsError(message)
    return max(round(source), 1)


def _h264(params: VideoParams) -> Iterator[str]:
    yield from ("-preset", params.preset)
    if params.profile:
        yield from ("-profile:v", params.profile)
    if params.roi:
        yield from ("-aq-mode", "3", "-aq-strength", _AQ_STRENGTHS[params.roi])
    if params.is_interlaced:
        yield from ("-flags", "+ilme+ildct")
    if params.encoder_options:
        yield from ("-x264-params", params.encoder_options)


def _h265(params: VideoParams, threads: int) -> Iterator[str]:
    own = f"log-level=error:pools={threads}:frame-threads={threads}"
    if params.roi:
        own += f":aq-mode=3:aq-strength={_AQ_STRENGTHS[params.roi]}"
    for more in (params.mastering, params.encoder_options):
        own += f":{more}" if more else ""
    yield from ("-x265-params", own)


def _rate(params: VideoParams, kilobits: int | None) -> Iterator[str]:
    """By quality or by bit rate; others than H.264 and H.265 count quality to 63, not to 51."""
    if params.crf is None:
        yield from ("-b:v", f"{kilobits}k")
        return
    wide = round(params.crf * _CRF_MAX_OTHERS / _CRF_MAX_H264)
    match params.codec:
        case VideoCodec.H264 | VideoCodec.H265:
            yield from ("-crf", f"{params.crf:g}")
        case VideoCodec.VP8:
            yield from ("-crf", str(max(wide, _LEAST_VP8_CRF)), "-b:v", _UNBOUND_VP8)
        case VideoCodec.VP9:
            yield from ("-crf", str(wide), "-b:v", "0")
        case VideoCodec.AV1:
            yield from ("-crf", str(max(wide, 1)))


def _peak(params: VideoParams, source: VideoFacts, kilobits: int | None) -> Iterator[str]:
    """Peak rate and buffer; VP8 and VP9 have none, and AV1 takes them only with a quality."""
    if params.codec in {VideoCodec.VP8, VideoCodec.VP9}:
        return
    if params.codec is VideoCodec.AV1 and params.crf is None:
        return
    peak = params.max_kilobits
    if peak is None and params.is_auto_bitrate and source.kilobits:
        peak = max(round(source.kilobits), 10)
    if peak is not None:
        peak = max(peak, kilobits or 0)
        yield from ("-maxrate", f"{peak}k", "-bufsize", f"{params.buffer_kilobits or 2 * peak}k")
