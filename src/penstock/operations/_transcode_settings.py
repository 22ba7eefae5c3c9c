"""The settings of a Transcode node as records: pictures, sound, and how the source bends them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from penstock.operations._transcode_tables import AudioCodec, VideoCodec
from penstock.operations._watermark_params import Delogo


class Shape(StrEnum):
    """What to do where the requested ratio of sides is not the source's."""

    NONE = "none"
    SCALE = "scale"
    CROP = "crop"
    PAD = "pad"


class Excess(StrEnum):
    """What to do where a setting asks for more than the source has."""

    ALLOW = "allow"
    KEEP_SOURCE = "keep source"
    FAIL = "fail"


Crop: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParams:
    """How pictures are encoded.

    Attributes:
        codec: Which encoder.
        width: Even pixels; None follows the height, or the source.
        height: Even pixels; None follows the width, or the source.
        fps: Frames a second; None is the source's.
        profile: H.264 only; empty leaves it to the encoder.
        kilobits: Target bit rate in kilobits a second; None is by quality.
        is_auto_bitrate: Whether the source's bit rate caps a choice by quality.
        crf: Quality on the scale of H.264, above 0 to 51; None where a bit rate is given.
        gop: Frames between key frames; None leaves it to the encoder.
        preset: Speed, by the codec's own words; empty is its default.
        buffer_kilobits: Buffer of the rate control; None leaves it out.
        max_kilobits: Peak bit rate; None leaves it out.
        pixel_format: ffmpeg's name; empty for `auto`, which keeps the source's.
        is_long_short: Whether width and height mean long and short side.
        degrees: Clockwise turn, 0 to 359.
        roi: How much more care textured areas get: 0 none to 3 high.
        crop: Width, height, left and top of what is kept; None keeps all.
        is_interlaced: Whether fields are encoded.
        is_depth_free: Whether HDR, for which 8 bits are too few, may have 10.
        colours: Labels of the colours, as options of ffmpeg's `setparams`.
        delogo: A rectangle of the source that is wiped; None wipes nothing.
        encoder_options: Settings of the encoder of H.264 or H.265, as `name=value:name=value`.
        mastering: Settings of the H.265 encoder that tell how HDR was mastered.
    """

    codec: VideoCodec
    width: int | None
    height: int | None
    fps: float | None
    profile: str
    kilobits: int | None
    is_auto_bitrate: bool
    crf: float | None
    gop: int | None
    preset: str
    buffer_kilobits: int | None
    max_kilobits: int | None
    pixel_format: str
    is_long_short: bool
    degrees: float
    roi: int
    crop: Crop | None
    is_interlaced: bool
    colours: tuple[str, ...]
    is_depth_free: bool = False
    mastering: str = ""
    encoder_options: str = ""
    delogo: Delogo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioParams:
    """How sound is encoded.

    Attributes:
        codec: Which encoder.
        sample_rate: Samples a second.
        kilobits: Bit rate in kilobits a second; None leaves it to the encoder.
        channels: None is as many as the source has, or the codec takes.
        keeps_two_tracks: Whether the first two tracks are kept, instead of the first alone.
        switches_tracks: Whether the first two tracks change places.
        sample_format: ffmpeg's name; empty leaves it to the encoder.
    """

    codec: AudioCodec
    sample_rate: int
    kilobits: int | None
    channels: int | None
    keeps_two_tracks: bool
    switches_tracks: bool
    sample_format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """`TransConfig`: how the source bends the params.

    Attributes:
        shape: What to do where the ratio of sides differs.
        resolution: What to do where the target is larger than the source.
        video_bitrate: Likewise for the video's bit rate.
        audio_bitrate: Likewise for the sound's bit rate.
        fps: Likewise for the frame rate.
        drops_metadata: Whether tags of the source are left out.
        is_sdr_wanted: Whether HDR is tone-mapped.
        stream_index: The only stream to use; None uses the first video and sound.
    """

    shape: Shape = Shape.NONE
    resolution: Excess = Excess.ALLOW
    video_bitrate: Excess = Excess.ALLOW
    audio_bitrate: Excess = Excess.ALLOW
    fps: Excess = Excess.ALLOW
    drops_metadata: bool = False
    is_sdr_wanted: bool = False
    stream_index: int | None = None
