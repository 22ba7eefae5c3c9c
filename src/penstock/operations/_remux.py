"""Which codecs go into which containers as they are, without being encoded again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.operations._hls import hls_options

_MPEG_SOUND = frozenset({"aac", "mp3", "mp2", "ac3", "eac3"})
_PCM = frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_u8", "pcm_f32le"})
_MP4_SOUND = _MPEG_SOUND | {"flac", "opus", "alac"}
_MP4_VIDEO = frozenset(
    {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
)
_MKV_VIDEO = _MP4_VIDEO | {"vp8", "prores", "ffv1", "theora", "msmpeg4v3", "wmv2", "vc1", "flv1"}
_FAST_START = ("-movflags", "+faststart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """A container as far as copied streams go; codecs are named as a probe names them.

    Attributes:
        muxer: ffmpeg's name of it.
        videos: Video codecs that it takes; empty for sound alone.
        audios: Sound codecs that it takes; empty for video alone.
        options: Options of the muxer.
    """

    muxer: str
    videos: frozenset[str] = frozenset()
    audios: frozenset[str] = frozenset()
    options: Sequence[str] = ()

    def takes(self, codec: str) -> bool:
        """Whether a stream of this codec can be copied into it."""
        return codec in self.videos or codec in self.audios


COPIED = ("-fflags", "+genpts")
"""Options of an input that is copied: some containers tell the times of some packets alone."""

WRAPPERS: Mapping[str, Wrapper] = {
    "mp4": Wrapper(muxer="mp4", videos=_MP4_VIDEO, audios=_MP4_SOUND, options=_FAST_START),
    "mov": Wrapper(
        muxer="mov",
        videos=_MP4_VIDEO - {"av1", "vp9"} | {"prores"},
        audios=_MPEG_SOUND | _PCM | {"alac"},
        options=_FAST_START,
    ),
    "mkv": Wrapper(
        muxer="matroska",
        videos=_MKV_VIDEO,
        audios=_MP4_SOUND | _PCM | {"vorbis", "dts", "truehd", "wmav2"},
    ),
    "webm": Wrapper(
        muxer="webm",
        videos=frozenset({"vp8", "vp9", "av1"}),
        audios=frozenset({"vorbis", "opus"}),
    ),
    "ts": Wrapper(
        muxer="mpegts",
        videos=frozenset({"h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4"}),
        audios=_MPEG_SOUND,
    ),
    "flv": Wrapper(
        muxer="flv", videos=frozenset({"h264", "flv1"}), audios=frozenset({"aac", "mp3"})
    ),
    "avi": Wrapper(
        muxer="avi",
        videos=frozenset({"h264", "mpeg4", "mjpeg", "msmpeg4v3", "wmv2", "mpeg2video"}),
        audios=frozenset({"aac", "mp3", "mp2", "ac3", "pcm_s16le", "pcm_u8"}),
    ),
    "m3u8": Wrapper(
        muxer="hls",
        videos=frozenset({"h264", "hevc"}),
        audios=frozenset({"aac", "mp3", "ac3", "eac3"}),
    ),
    "aac": Wrapper(muxer="adts", audios=frozenset({"aac"})),
    "m4a": Wrapper(muxer="ipod", audios=frozenset({"aac", "alac"}), options=_FAST_START),
    "mp3": Wrapper(muxer="mp3", audios=frozenset({"mp3"})),
    "flac": Wrapper(muxer="flac", audios=frozenset({"flac"})),
    "wav": Wrapper(muxer="wav", audios=_PCM),
    "ogg": Wrapper(muxer="ogg", audios=frozenset({"vorbis", "opus", "flac"})),
    "opus": Wrapper(muxer="opus", audios=frozenset({"opus"})),
    "amr": Wrapper(muxer="amr", audios=frozenset({"amr_nb", "amr_wb"})),
    "ac3": Wrapper(muxer="ac3", audios=frozenset({"ac3"})),
    "h264": Wrapper(muxer="h264", videos=frozenset({"h264"})),
    "h265": Wrapper(muxer="hevc", videos=frozenset({"hevc"})),
}
"""By extension."""


def wrapping(
    extension: str,
    video_codec: str,
    *,
    segment_seconds: float = 0.0,
    is_encrypted: bool = False,
) -> Sequence[str]:
    """Options that write copied streams into a container.

    Args:
        video_codec: Of the stream of pictures; empty where there is none.
        segment_seconds: Length of a segment of a playlist; no other container reads it.
        is_encrypted: Whether the segments of a playlist are.
    """
    wrapper = WRAPPERS[extension]
    options = ["-f", wrapper.muxer, *wrapper.options]
    if extension == "m3u8":
        options += hls_options(segment_seconds, is_encrypted=is_encrypted)
    return (*adapted(extension, video_codec), *options)


def adapted(extension: str, video_codec: str) -> Sequence[str]:
    """Options without which copied pictures could not be read in a container."""
    if video_codec == "h264" and extension == "avi":
        return ("-bsf:v", "h264_mp4toannexb")
    return tag(extension, video_codec)


def tag(extension: str, video_codec: str) -> Sequence[str]:
    """The mark by which Apple's players know H.265; nothing for other streams."""
    is_marked = video_codec == "hevc" and extension in {"mp4", "mov"}
    return ("-tag:v", "hvc1") if is_marked else ()
