"""How indexes of packages name codecs (RFC 6381), such as `avc1.64001f` and `mp4a.40.2`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.domain.errors import OutputRejectedError

if TYPE_CHECKING:
    from av.stream import Stream

_START_CODE = b"\x00\x00\x01"
_H264_SPS = 7
_H265_SPS = 33
_AAC_TYPES = {"LC": 2, "HE-AAC": 5, "HE-AACv2": 29}
_MP3 = "mp4a.40.34"


def codec_name(stream: "Stream") -> str:
    """The name of a stream's codec, with profile and level as the stream itself has them.

    Raises:
        OutputRejectedError: The stream does not tell, or is of a codec that no package has.
    """
    context = stream.codec_context
    codec = context.codec.canonical_name
    header = bytes(context.extradata or b"")
    found = ""
    match codec:
        case "h264":
            found = _h264(header)
        case "hevc":
            found = _h265(header)
        case "aac":
            found = f"mp4a.40.{_AAC_TYPES.get(context.profile or '', 2)}"
        case "mp3":
            found = _MP3
    if not found:
        message = f"a stream of {codec} does not tell its profile and level"
        raise OutputRejectedError(message)
    return found


def _h264(header: bytes) -> str:
    """Three bytes: behind the version of an `avcC` box, or at the head of the parameter set."""
    if header[:1] == b"\x01":
        return f"avc1.{header[1:4].hex()}"
    for unit in _units(header):
        if unit[0] & 0x1F == _H264_SPS:
            return f"avc1.{unit[1:4].hex()}"
    return ""


def _h265(header: bytes) -> str:
    """Twelve bytes: behind the version of an `hvcC` box, or in the parameter set."""
    if header[:1] == b"\x01":
        return _h265_name(header[1:13])
    for unit in _units(header):
        if unit[0] >> 1 & 0x3F == _H265_SPS:
            return _h265_name(unit.replace(b"\x00\x00\x03", b"\x00\x00")[3:15])
    return ""


def _h265_name(level: bytes) -> str:
    """From profile, compatibility and constraints to the name, as ISO/IEC 14496-15 writes it."""
    space, tier, profile = level[0] >> 6, level[0] >> 5 & 1, level[0] & 0x1F
    compatible = int(f"{int.from_bytes(level[1:5], 'big'):032b}"[::-1], 2)
    constraints = level[5:11].rstrip(b"\x00")
    parts = [
        f"hvc1.{['', 'A', 'B', 'C'][space]}{profile}",
        f"{compatible:X}",
        f"{'LH'[tier]}{level[11]}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)


def _units(stream: bytes) -> Iterator[bytes]:
    """The units between start codes."""
    for unit in stream.split(_START_CODE)[1:]:
        if unit:
            yield unit
