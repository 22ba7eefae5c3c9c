"""The `MediaInfo` tree of `nodes.md` 4.3, spelt as ffprobe and the vendor spell it.

Every leaf is text. Bit rates are in kilobits a second, times in seconds, both with six decimals;
what is not known is an empty leaf, except where the vendor writes a word for it.
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from penstock.operations._av import has_decoder, library, pixel_aspect

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

_UNKNOWN = "unknown"
_MICROSECONDS = 1_000_000
_ONE_PROGRAM = frozenset({"mpegts", "hls"})
_RANGES = {1: "tv", 2: "pc"}
_FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
"""Transfer characteristics by their number in the standard, as ffmpeg spells them."""


def media_info(media: "InputContainer", *, seconds: float, rotation: float) -> dict[str, Any]:
    """The whole tree of an open file.

    Args:
        seconds: Its length, for a file that does not tell.
        rotation: Counter-clockwise angle of the display matrix, in degrees.
    """
    streams: dict[str, Any] = {}
    if videos := [_video(stream, rotation) for stream in media.streams.video]:
        streams["Video"] = videos
    if audios := [_audio(stream) for stream in media.streams.audio]:
        streams["Audio"] = audios
    subtitles = [
        {"Index": str(stream.index), "Language": _language(stream)}
        for stream in media.streams.subtitles
    ]
    streams["Subtitle"] = subtitles or ""
    return {"Format": _format(media, seconds), "Stream": streams}


def _format(media: "InputContainer", seconds: float) -> dict[str, str]:
    names = media.format.name
    start = media.start_time
    return {
        "NumStream": str(len(media.streams)),
        "NumProgram": "1" if names in _ONE_PROGRAM else "0",
        "FormatName": names,
        "FormatLongName": media.format.long_name,
        "StartTime": _decimal(Fraction(start or 0, _MICROSECONDS)),
        "Duration": _decimal(
            Fraction(seconds)
            if media.duration is None
            else Fraction(media.duration, _MICROSECONDS)
        ),
        "Bitrate": _kilobits(media.bit_rate),
        "Size": str(media.size),
    }


def _video(stream: "VideoStream", rotation: float) -> dict[str, str]:
    if not has_decoder(stream):
        return _coded(stream)
    context = stream.codec_context
    aspect = pixel_aspect(stream)
    shape = Fraction(context.width, context.height or 1) * aspect
    return _coded(stream) | {
        "ColorPrimaries": _PRIMARIES.get(context.color_primaries, _UNKNOWN),
        "ColorRange": _RANGES.get(context.color_range, _UNKNOWN),
        "ColorTransfer": TRANSFERS.get(context.color_trc, _UNKNOWN),
        "Profile": context.profile or _UNKNOWN,
        "Height": str(context.height),
        "Width": str(context.width),
        "HasBFrame": str(context.reorder_depth),
        "RefFrames": "1",  # what ffprobe reports for every codec
        "Sar": _ratio(aspect, ":"),
        "Dar": _ratio(shape, ":"),
        "PixFormat": context.pix_fmt or _UNKNOWN,
        "FieldOrder": _FIELD_ORDERS.get(context.field_order, _UNKNOWN),
        "Level": str(context.level),
        "Fps": _decimal(stream.base_rate or stream.average_rate or Fraction(0)),
        "AvgFps": _ratio(stream.average_rate or Fraction(0), "/"),
        "Timebase": _ratio(stream.time_base or Fraction(0), "/"),
        **_times(stream),
        "NumFrames": str(stream.frames),
        "Language": _language(stream),
        "Rotation": _decimal(Fraction(rotation)),
    }


def _audio(stream: "AudioStream") -> dict[str, str]:
    if not has_decoder(stream):
        return _coded(stream)
    context = stream.codec_context
    sample_format: Any = context.format  # None of a broken stream, whatever its type says
    return _coded(stream) | {
        "SampleFmt": sample_format.name if sample_format is not None else _UNKNOWN,
        "SampleRate": str(context.sample_rate),
        "Channel": str(context.channels),
        "ChannelLayout": context.layout.name,
        "Timebase": _ratio(stream.time_base or Fraction(0), "/"),
        **_times(stream),
        "Language": _language(stream),
    }


def _coded(stream: "Stream") -> dict[str, str]:
    """The names of a stream's codec."""
    if not has_decoder(stream):
        return {"Index": str(stream.index), "CodecName": _UNKNOWN}
    context = stream.codec_context
    tag = _tag(stream)
    name = context.codec.canonical_name
    return {
        "Index": str(stream.index),
        "CodecName": name,
        "CodecLongName": _long_name(name) or context.codec.long_name,
        "CodecTimeBase": _ratio(stream.time_base or Fraction(0), "/"),
        "CodecTagString": "".join(_tag_letter(byte) for byte in tag),
        "CodecTag": f"0x{int.from_bytes(tag, 'little'):04x}",
    }


def _times(stream: "Stream") -> dict[str, str]:
    base = stream.time_base or Fraction(0)
    rate = getattr(stream.codec_context, "bit_rate", None)
    return {
        "StartTime": _decimal((stream.start_time or 0) * base),
        "Duration": "" if stream.duration is None else _decimal(stream.duration * base),
        "Bitrate": _kilobits(rate),
    }


def _long_name(name: str) -> str:
    """A codec's long name rather than that of the library that decodes it."""
    try:
        return str(library().Codec(name, "r").long_name)
    except library().codec.codec.UnknownCodecError:
        return ""


def _tag(stream: "Stream") -> bytes:
    """The four bytes that name the codec in the container."""
    try:
        return stream.codec_context.codec_tag.encode("ascii")
    except UnicodeDecodeError as error:  # PyAV takes them for ASCII, AVI has others
        return bytes(error.object)


def _tag_letter(byte: int) -> str:
    letter = chr(byte)
    is_plain = letter.isascii() and (letter.isalnum() or letter in ". -_")
    return letter if is_plain else f"[{byte}]"


def _language(stream: "Stream") -> str:
    language = stream.language or ""
    # A tag of the file's own making could hold anything, even what XML cannot carry.
    is_plain = language.isascii() and language.replace("-", "").isalnum()
    return language if is_plain else "und"


def _kilobits(bits: int | None) -> str:
    return _decimal(Fraction(bits, 1000)) if bits else ""


def _decimal(number: Fraction) -> str:
    return f"{float(number):.6f}"


def _ratio(number: Fraction, sign: str) -> str:
    return f"{number.numerator}{sign}{number.denominator}"
