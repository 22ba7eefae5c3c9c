"""What a Transcode node asks for, checked against the tables of `nodes.md` 5.1 and 4.11."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.domain.trees import Tree, text
from penstock.operations._aigc import read_label
from penstock.operations._cuts import Cut, read_interval
from penstock.operations._encoder_options import clashes, parse_options, passed_on
from penstock.operations._hls import DEFAULT_SEGMENT_SECONDS, Encryption, read_encryption
from penstock.operations._mix_params import Mix, read_mix
from penstock.operations._subtitle_params import Subtitle, read_subtitles
from penstock.operations._transcode_settings import (
    Adjustments,
    AudioParams,
    Crop,
    Excess,
    Shape,
    VideoParams,
)
from penstock.operations._transcode_tables import (
    CONTAINERS,
    SAMPLE_FORMATS,
    AudioCodec,
    Container,
    VideoCodec,
    channel_counts,
    default_sample_rate,
    sample_rates,
)
from penstock.operations._watermark_params import Watermark, read_delogo, read_watermarks
from penstock.operations.params import ParamReader

_PRESETS = {
    VideoCodec.H264: ("medium", "veryfast", "fast", "slow", "slower"),
    VideoCodec.VP8: ("good", "realtime"),
    VideoCodec.AV1: ("5", "4", "universal", "medium"),
}
_PIXEL_FORMATS = {
    VideoCodec.H264: (
        "yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "auto",
    ),
    VideoCodec.H265: ("yuv420p", "yuv420p10le", "auto"),
}  # fmt: skip
_COLOURS = {
    "ColorRange": ("tv", "pc", "unknown"),
    "ColorSpace": (
        "bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "bt2020c", "unknown",
    ),
    "ColorTrc": (
        "bt709", "gamma22", "gamma28", "smpte170m", "smpte240m", "linear", "iec61966-2-1",
        "bt2020-10", "bt2020-12", "smpte2084", "arib-std-b67", "unknown",
    ),
    "ColorPrimaries": (
        "bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "unknown",
    ),
}  # fmt: skip
_DEEP_CODECS = frozenset({VideoCodec.H265, VideoCodec.AV1})
_ROI = ("none", "low", "medium", "high")
_CROP = re.compile(r"(\d{1,5}):(\d{1,5}):(\d{1,5}):(\d{1,5})")
_NOT_OFFERED = ("DigitalWatermark", "AIGCMetadata")
_NOT_OFFERED_CONFIG = ("InitialClipNum", "CosTag")
_MARKS = ("Watermark", "WatermarkTemplateId")
_WIPES = ("RemoveWatermark", "DelogoParam")
_MIXES = ("AudioMix", "AudioMixArray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What to make of the source.

    Attributes:
        format: Word of `Container.Format`.
        clip_seconds: Length of a segment of HLS or DASH.
        cut: The part of the source that is used.
        video: None leaves pictures out.
        audio: None leaves sound out.
        adjustments: How the source bends the params.
        watermarks: What is laid over the pictures, in order.
        mix: Background sound; None leaves the sound as it is.
        subtitles: What is drawn on the pictures, or becomes tracks.
        encryption: How an HLS is encrypted; None leaves it plain.
        label: The label of generated content as JSON; empty for none.
    """

    format: str
    clip_seconds: float
    cut: Cut
    video: VideoParams | None
    audio: AudioParams | None
    adjustments: Adjustments
    watermarks: tuple[Watermark, ...] = ()
    mix: Mix | None = None
    subtitles: tuple[Subtitle, ...] = ()
    encryption: Encryption | None = None
    label: str = ""

    @property
    def asks_for_rates(self) -> bool:
        """Whether anything follows from the bit rates of the source."""
        checks = {self.adjustments.video_bitrate, self.adjustments.audio_bitrate}
        is_capped = self.video is not None and self.video.is_auto_bitrate
        return is_capped or checks != {Excess.ALLOW}

    @property
    def container(self) -> Container:
        """What is known of the format."""
        return CONTAINERS[self.format]

    @classmethod
    def parse(cls, tree: Tree, formats: Mapping[str, Container] = CONTAINERS) -> "Params":
        """Read the block `Transcode`, and refuse what this build does not do.

        Args:
            formats: Output formats to choose from; the first is assumed where none is given.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        top.refuse(_NOT_OFFERED)
        reader = top.block("Transcode")
        reader.refuse(_NOT_OFFERED)
        container = reader.block("Container")
        container.required_text("Format")
        name = container.choice("Format", formats, next(iter(formats)))
        is_video = reader.has("Video") and reader.tree["Video"] != ""
        video = read_video(reader, formats[name]) if is_video else None
        is_audio = reader.has("Audio") and reader.tree["Audio"] != ""
        # A container of sound alone can only mean sound, whether or not the block is there.
        is_sound = is_audio or not formats[name].videos
        audio = read_audio(reader, name) if is_sound else None
        if video is None and audio is None:
            reader.fault("Video or Audio", "given and not removed")
        subtitle = reader.block("Subtitle")
        if not subtitle.flag("Remove", default=True):
            subtitle.fault("Remove", "true: subtitles of the source are not kept")
        video = _wiped(_place(top, reader, _WIPES), video)
        config = reader.block("TransConfig")
        params = cls(
            format=name,
            clip_seconds=_clip_seconds(reader, container),
            cut=read_interval(reader),
            video=video,
            audio=audio,
            adjustments=_adjustments(config),
            watermarks=_watermarks(_place(top, reader, _MARKS), video),
            mix=read_background(top, reader, audio),
            subtitles=_subtitles(_place(top, reader, ("Subtitles",)), name, video),
            encryption=_encryption(config, top, name),
            label=read_label(config, formats[name].extension),
        )
        top.finish()
        return params


def _place(top: ParamReader, block: ParamReader, names: Sequence[str]) -> ParamReader:
    """Where some children stand: beside the block, as in jobs, or inside of it."""
    return top if any(map(top.is_given, names)) else block


def _wiped(place: ParamReader, video: VideoParams | None) -> VideoParams | None:
    """The same with what is to be wiped off the source."""
    delogo = read_delogo(place)
    if delogo is None:
        return video
    if video is None or video.codec is VideoCodec.H265:
        codec = "H.265" if video else "an output without video"
        place.fault("RemoveWatermark", f"absent: it is not for {codec}")
        return video
    return replace(video, delogo=delogo)


def _watermarks(place: ParamReader, video: VideoParams | None) -> tuple[Watermark, ...]:
    marks = read_watermarks(place)
    if marks and video is None:
        place.fault("Watermark", "absent: the output has no video")
    elif any(mark.slide for mark in marks) and video and video.codec is VideoCodec.H265:
        place.fault("Watermark.SlideConfig.SlideMode", "Default for H.265")
    return marks


def read_background(
    top: ParamReader, reader: ParamReader, audio: AudioParams | None
) -> Mix | None:
    """Read background sound; as the vendor has it, it is without effect where sound is removed.

    Args:
        top: The node's `Operation`.
        reader: The block that holds `Audio`.
        audio: What was read of that.
    """
    mix = read_mix(_place(top, reader, _MIXES))
    if mix is not None and audio is None and not reader.block("Audio").flag("Remove"):
        reader.fault("Audio", "given where there is an AudioMix")
    return mix


def _subtitles(place: ParamReader, name: str, video: VideoParams | None) -> tuple[Subtitle, ...]:
    subtitles = read_subtitles(place, name)
    if subtitles and video is None:
        place.fault("Subtitles", "absent: the output has no video")
    return subtitles


def _encryption(config: ParamReader, top: ParamReader, name: str) -> Encryption | None:
    config.refuse_encryption("DashEncrypt")
    encryption = read_encryption(config, top.block("Output").text("Region"))
    if encryption is not None and name != "hls":
        config.fault("HlsEncrypt", f"off: {name} is not hls")
    return encryption


def _clip_seconds(reader: ParamReader, container: ParamReader) -> float:
    """Segment length, under its present name or an old one."""
    clip = container.block("ClipConfig").decimal("Duration", 0, 3600, above_low=True)
    names = ("HlsTsTime", "DashSegment")
    old = [reader.block("Video").decimal(one, 0, 3600, above_low=True) for one in names]
    return clip or old[0] or old[1] or DEFAULT_SEGMENT_SECONDS


def read_video(reader: ParamReader, container: Container) -> VideoParams | None:
    """Read the block `Video`, with its defaults; None where it is to be removed."""
    block = reader.block("Video")
    if block.flag("Remove"):
        return None
    if not container.videos:
        reader.fault("Video", f"absent or removed: a .{container.extension} holds sound alone")
        return None
    codec = VideoCodec(block.choice("Codec", container.videos, container.videos[0]))
    is_auto = text(block.tree, "Bitrate").lower() == "auto"
    kilobits = None if is_auto else block.integer("Bitrate", 10, 50_000)
    crf = block.decimal("Crf", 0, 51, above_low=True)
    if crf is None and kilobits is None:
        crf = 25.0
    pixel_format = _pixel_format(block, codec)
    profile = _profile(block, codec, pixel_format)
    roi = _ROI.index(block.choice("Roi", _ROI, _ROI[0]))
    is_interlaced = block.flag("Interlaced")
    return VideoParams(
        codec=codec,
        width=block.integer("Width", 128, 4096, even=True),
        height=block.integer("Height", 128, 4096, even=True),
        fps=block.decimal("Fps", 0, 60, above_low=True),
        profile=profile,
        kilobits=kilobits if crf is None else None,
        is_auto_bitrate=is_auto,
        crf=crf,
        gop=block.integer("Gop", 1, 100_000),
        preset=_preset(block, codec),
        buffer_kilobits=block.integer("Bufsize", 1000, 128_000),
        max_kilobits=block.integer("Maxrate", 10, 50_000),
        pixel_format=pixel_format,
        is_long_short=block.flag("LongShortMode"),
        degrees=_degrees(block),
        roi=roi,
        crop=_crop(block),
        is_interlaced=is_interlaced,
        is_depth_free=codec in _DEEP_CODECS and not block.is_given("Pixfmt"),
        colours=_colours(block.block("ColorParam")),
        encoder_options=_encoder_options(
            block, codec, profile=profile, has_roi=roi > 0, is_interlaced=is_interlaced
        ),
    )


def _encoder_options(
    block: ParamReader, codec: VideoCodec, *, profile: str, has_roi: bool, is_interlaced: bool
) -> str:
    value = block.text("StdExtInfo")
    if not value:
        return ""
    options, faults = parse_options(value, codec)
    if not faults:
        faults += clashes(
            options, codec, profile=profile, has_roi=has_roi, is_interlaced=is_interlaced
        )
    for fault in faults:
        block.fault("StdExtInfo", fault)
    return passed_on(options)


def _preset(block: ParamReader, codec: VideoCodec) -> str:
    """The preset; empty for codecs where it has no effect."""
    if codec not in _PRESETS:
        return ""
    return block.choice("Preset", _PRESETS[codec], _PRESETS[codec][0])


def _pixel_format(block: ParamReader, codec: VideoCodec) -> str:
    """The pixel format; `yuv420p` for codecs where the setting has no effect."""
    if codec not in _PIXEL_FORMATS:
        return "yuv420p"
    chosen = block.choice("Pixfmt", _PIXEL_FORMATS[codec], "yuv420p")
    return "" if chosen == "auto" else chosen


def _profile(block: ParamReader, codec: VideoCodec, pixel_format: str) -> str:
    """The profile of H.264; empty where pixels other than 4:2:0 demand another."""
    if codec is not VideoCodec.H264:
        return ""
    profile = block.choice("Profile", ("baseline", "main", "high", "auto"), "high")
    is_free = profile == "auto" or pixel_format not in {"yuv420p", "yuvj420p"}
    return "" if is_free else profile


def _degrees(block: ParamReader) -> float:
    return block.decimal("Rotate", 0, 359) or 0.0


def _crop(block: ParamReader) -> Crop | None:
    value = block.text("Crop")
    if not value:
        return None
    found = _CROP.fullmatch(value)
    if found is None or not int(found[1]) or not int(found[2]):
        block.fault("Crop", f"width:height:left:top in pixels, not {value!r}")
        return None
    return int(found[1]), int(found[2]), int(found[3]), int(found[4])


def _colours(block: ParamReader) -> tuple[str, ...]:
    options: list[str] = []
    for name, option in (
        ("ColorRange", "range"),
        ("ColorSpace", "colorspace"),
        ("ColorTrc", "color_trc"),
        ("ColorPrimaries", "color_primaries"),
    ):
        if word := block.choice(name, _COLOURS[name]):
            options.append(f"{option}={word}")
    return tuple(options)


def read_audio(reader: ParamReader, format_name: str) -> AudioParams | None:
    """Read the block `Audio`, with its defaults; None where it is to be removed."""
    container = CONTAINERS[format_name]
    block = reader.block("Audio")
    if block.flag("Remove"):
        return None
    codec = AudioCodec(block.choice("Codec", container.audios, container.audios[0]))
    formats = SAMPLE_FORMATS[codec]
    return AudioParams(
        codec=codec,
        sample_rate=_sample_rate(block, codec, format_name),
        kilobits=block.integer("Bitrate", 8, 1000),
        channels=_one_of(block, "Channels", channel_counts(codec, format_name)),
        keeps_two_tracks=block.flag("KeepTwoTracks"),
        switches_tracks=block.flag("SwitchTrack"),
        sample_format=formats.get(block.choice("SampleFormat", formats), ""),
    )


def _sample_rate(block: ParamReader, codec: AudioCodec, format_name: str) -> int:
    rates = sample_rates(codec, format_name)
    return _one_of(block, "Samplerate", rates) or default_sample_rate(codec)


def _one_of(block: ParamReader, name: str, choices: tuple[int, ...]) -> int | None:
    word = block.choice(name, [str(number) for number in choices])
    return int(word) if word else None


def _adjustments(block: ParamReader) -> Adjustments:
    block.refuse(_NOT_OFFERED_CONFIG)
    return Adjustments(
        shape=Shape(block.choice("AdjDarMethod", list(Shape), Shape.NONE)),
        resolution=_excess(block, "IsCheckReso", "ResoAdjMethod"),
        video_bitrate=_excess(block, "IsCheckVideoBitrate", "VideoBitrateAdjMethod"),
        audio_bitrate=_excess(block, "IsCheckAudioBitrate", "AudioBitrateAdjMethod"),
        fps=_excess(block, "IsCheckVideoFps", "VideoFpsAdjMethod"),
        drops_metadata=block.flag("DeleteMetadata"),
        is_sdr_wanted=block.flag("IsHdr2Sdr"),
        stream_index=block.integer("TranscodeIndex", 0, 1000),
    )


def _excess(block: ParamReader, switch: str, method: str) -> Excess:
    is_failing = block.choice(method, ("0", "1"), "0") == "1"
    if not block.flag(switch):
        return Excess.ALLOW
    return Excess.FAIL if is_failing else Excess.KEEP_SOURCE
