"""Which containers, codecs and settings go together (`nodes.md` 5.1); how ffmpeg names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class VideoCodec(StrEnum):
    """Video codecs, as the wire spells them."""

    H264 = "H.264"
    H265 = "H.265"
    VP8 = "VP8"
    VP9 = "VP9"
    AV1 = "AV1"


class AudioCodec(StrEnum):
    """Audio codecs, as the wire spells them."""

    AAC = "aac"
    MP3 = "mp3"
    FLAC = "flac"
    AMR = "amr"
    VORBIS = "Vorbis"
    OPUS = "opus"
    PCM = "pcm_s16le"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One output format.

    Attributes:
        muxer: ffmpeg's name of it.
        extension: What `${Ext}` stands for.
        videos: Video codecs it takes; the first is the default; empty for sound alone.
        audios: Audio codecs it takes; the first is the default.
        options: Options of the muxer.
        picture_options: Options for the encoder and the times of pictures.
        keeps_times: Whether it tells when sound is heard, so that it may begin late or pause.
    """

    muxer: str
    extension: str
    videos: tuple[VideoCodec, ...] = ()
    audios: tuple[AudioCodec, ...]
    options: tuple[str, ...] = ()
    picture_options: tuple[str, ...] = ()
    keeps_times: bool = True


_AAC_MP3 = (AudioCodec.AAC, AudioCodec.MP3)
_FAST_START = ("-movflags", "+faststart")
_ADTS = Container(muxer="adts", extension="aac", audios=(AudioCodec.AAC,), keeps_times=False)

CONTAINERS: Mapping[str, Container] = {
    "mp4": Container(
        muxer="mp4",
        extension="mp4",
        videos=(VideoCodec.H264, VideoCodec.H265, VideoCodec.AV1),
        audios=_AAC_MP3,
        options=_FAST_START,
    ),
    "hls": Container(
        muxer="hls",
        extension="m3u8",
        videos=(VideoCodec.H264, VideoCodec.H265),
        audios=_AAC_MP3,
    ),
    "dash": Container(
        muxer="dash", extension="mpd", videos=(VideoCodec.H264,), audios=(AudioCodec.AAC,)
    ),
    "mkv": Container(
        muxer="matroska",
        extension="mkv",
        videos=(VideoCodec.H264, VideoCodec.H265, VideoCodec.AV1),
        audios=_AAC_MP3,
    ),
    "ts": Container(muxer="mpegts", extension="ts", videos=(VideoCodec.H264,), audios=_AAC_MP3),
    "flv": Container(muxer="flv", extension="flv", videos=(VideoCodec.H264,), audios=_AAC_MP3),
    "avi": Container(
        muxer="avi",
        extension="avi",
        videos=(VideoCodec.H264,),
        audios=_AAC_MP3,
        # Its pictures follow each other at one rate, in the order in which they are shown.
        picture_options=("-bf", "0", "-fps_mode", "cfr"),
        keeps_times=False,
    ),
    "mov": Container(
        muxer="mov",
        extension="mov",
        videos=(VideoCodec.H264,),
        audios=_AAC_MP3,
        options=_FAST_START,
    ),
    "webm": Container(
        muxer="webm",
        extension="webm",
        videos=(VideoCodec.VP8, VideoCodec.VP9, VideoCodec.AV1),
        audios=(AudioCodec.VORBIS, AudioCodec.OPUS),
    ),
    "aac": _ADTS,
    "adts": _ADTS,
    "m4a": Container(muxer="ipod", extension="m4a", audios=(AudioCodec.AAC,), options=_FAST_START),
    "mp3": Container(muxer="mp3", extension="mp3", audios=(AudioCodec.MP3,), keeps_times=False),
    "flac": Container(
        muxer="flac", extension="flac", audios=(AudioCodec.FLAC,), keeps_times=False
    ),
    "amr": Container(muxer="amr", extension="amr", audios=(AudioCodec.AMR,), keeps_times=False),
    "wav": Container(muxer="wav", extension="wav", audios=(AudioCodec.PCM,), keeps_times=False),
    # The vendor has no ogg; it costs a line here.
    "ogg": Container(muxer="ogg", extension="ogg", audios=(AudioCodec.OPUS, AudioCodec.VORBIS)),
}

VIDEO_ENCODERS: Mapping[VideoCodec, str] = {
    VideoCodec.H264: "libx264",
    VideoCodec.H265: "libx265",
    VideoCodec.VP8: "libvpx",
    VideoCodec.VP9: "libvpx-vp9",
    VideoCodec.AV1: "libsvtav1",
}
VIDEO_NAMES: Mapping[VideoCodec, str] = {
    VideoCodec.H264: "h264",
    VideoCodec.H265: "hevc",
    VideoCodec.VP8: "vp8",
    VideoCodec.VP9: "vp9",
    VideoCodec.AV1: "av1",
}
"""What a probe calls them."""

AUDIO_ENCODERS: Mapping[AudioCodec, str] = {
    AudioCodec.AAC: "aac",
    AudioCodec.MP3: "libmp3lame",
    AudioCodec.FLAC: "flac",
    AudioCodec.AMR: "libopencore_amrnb",
    AudioCodec.VORBIS: "libvorbis",
    AudioCodec.OPUS: "libopus",
    AudioCodec.PCM: "pcm_s16le",
}
AUDIO_NAMES: Mapping[AudioCodec, str] = {
    AudioCodec.AAC: "aac",
    AudioCodec.MP3: "mp3",
    AudioCodec.FLAC: "flac",
    AudioCodec.AMR: "amr_nb",
    AudioCodec.VORBIS: "vorbis",
    AudioCodec.OPUS: "opus",
    AudioCodec.PCM: "pcm_s16le",
}
"""What a probe calls them."""

CHANNELS: Mapping[AudioCodec, tuple[int, ...]] = {
    AudioCodec.AAC: (1, 2, 4, 5, 6, 8),
    AudioCodec.FLAC: (1, 2, 4, 5, 6, 8),
    AudioCodec.MP3: (1, 2),
    AudioCodec.OPUS: (1, 2),
    AudioCodec.PCM: (1, 2),
    AudioCodec.VORBIS: (2,),
    AudioCodec.AMR: (1,),
}
LAYOUTS: Mapping[int, str] = {
    1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1",
}  # fmt: skip
"""ffmpeg's names of channel layouts, by number of channels."""

SAMPLE_FORMATS: Mapping[AudioCodec, Mapping[str, str]] = {
    AudioCodec.AAC: {"fltp": "fltp"},
    AudioCodec.MP3: {"fltp": "fltp", "s16p": "s16p", "s32p": "s32p"},
    # ffmpeg's FLAC knows the interleaved forms only; the samples are the same.
    AudioCodec.FLAC: {"s16": "s16", "s32": "s32", "s16p": "s16", "s32p": "s32"},
    AudioCodec.AMR: {"s16": "s16", "s16p": "s16"},
    AudioCodec.OPUS: {"s16": "s16"},
    AudioCodec.PCM: {"s16": "s16"},
    AudioCodec.VORBIS: {"fltp": "fltp"},
}

_ALL_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)
_MP3_RATES = _ALL_RATES[:9]
_MP3_RATES_IN: Mapping[str, tuple[int, ...]] = {
    "flv": (22050, 44100),
    "mp4": (16000, 22050, 24000, 32000, 44100, 48000),
}


def channel_counts(codec: AudioCodec, container: str) -> tuple[int, ...]:
    """How many channels a codec may have in a container."""
    counts = CHANNELS[codec]
    return counts[:-1] if container == "dash" else counts


def sample_rates(codec: AudioCodec, container: str) -> tuple[int, ...]:
    """The sample rates that a codec may have in a container."""
    match codec:
        case AudioCodec.AMR:
            return (8000,)
        case AudioCodec.OPUS:
            return (8000, 16000, 24000, 48000)
        case AudioCodec.MP3:
            return _MP3_RATES_IN.get(container, _MP3_RATES)
        case _:
            return _ALL_RATES


def default_sample_rate(codec: AudioCodec) -> int:
    """The sample rate where none is asked for."""
    return {AudioCodec.AMR: 8000, AudioCodec.OPUS: 48000}.get(codec, 44100)
