"""The door to PyAV: media files opened for reading, and the way a picture is to be turned."""

import functools
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._ffmpeg import PROTOCOLS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PLAYLISTS = frozenset({"hls", "applehttp", "concat", "dash", "imf"})
_FIXED_POINT = 1 << 16
_LARGE_HEIGHT = 577
_UNKNOWN = 2


class Turn(NamedTuple):
    """How stored pixels are to be shown: turned first, then mirrored.

    Attributes:
        degrees: Clockwise: 0, 90, 180 or 270.
        is_mirrored: Whether left and right change places after the turn.
    """

    degrees: int = 0
    is_mirrored: bool = False

    @property
    def is_sideways(self) -> bool:
        """Whether width and height change places."""
        return self.degrees in {90, 270}


_TURNS = {
    (1, 0, 0, 1): Turn(),
    (0, 1, -1, 0): Turn(degrees=90),
    (-1, 0, 0, -1): Turn(degrees=180),
    (0, -1, 1, 0): Turn(degrees=270),
    (-1, 0, 0, 1): Turn(is_mirrored=True),
    (0, 1, 1, 0): Turn(degrees=90, is_mirrored=True),
    (1, 0, 0, -1): Turn(degrees=180, is_mirrored=True),
    (0, -1, -1, 0): Turn(degrees=270, is_mirrored=True),
}


@functools.cache
def library() -> ModuleType:
    """PyAV itself; imported at first use, since that takes 150 ms."""
    import av  # noqa: PLC0415  # see above

    return av


@contextmanager
def open_media(
    path: Path, key: str, *, is_playlist_allowed: bool = False, format_name: str | None = None
) -> Iterator["InputContainer"]:
    """A media file opened for reading, closed on the way out.

    Args:
        key: The object's key, for messages.
        is_playlist_allowed: Whether the file may name other files; only for what we wrote.
        format_name: ffmpeg's name of the container, for files too short to be recognized.

    Raises:
        UnsupportedInputError: The file is not media, is broken, or is a playlist.
    """
    options = {"protocol_whitelist": PROTOCOLS}
    try:
        with library().open(
            f"file:{path}", format=format_name, options=options, metadata_errors="replace"
        ) as media:
            names = set(media.format.name.split(","))
            if names & _PLAYLISTS and not is_playlist_allowed:
                raise UnsupportedInputError(key, "playlists are not read as input")
            yield media
    except library().FFmpegError as error:
        fault = (error.strerror or "not a media file").rstrip(".")
        raise UnsupportedInputError(key, fault) from error


def main_video(media: "InputContainer") -> "VideoStream | None":
    """The first stream of moving pictures; cover pictures are none."""
    cover = library().stream.Disposition.attached_pic
    for stream in media.streams.video:
        if not stream.disposition & cover and has_decoder(stream):
            return stream
    return None


def has_decoder(stream: "Stream") -> bool:
    """Whether PyAV can decode a stream; where it cannot, most of its attributes are missing."""
    context: Any = stream.codec_context  # None there, whatever its type says
    return context is not None


def turn_of(frame: "VideoFrame") -> Turn:
    """How a frame is to be shown; angles other than right ones count as none."""
    matrix = _display_matrix(frame)
    if matrix is None:
        return Turn()
    a, b, _, c, d, *_ = matrix
    return _TURNS.get(
        (
            round(a / _FIXED_POINT),
            round(b / _FIXED_POINT),
            round(c / _FIXED_POINT),
            round(d / _FIXED_POINT),
        ),
        Turn(),
    )


def pixel_aspect(stream: "VideoStream") -> Fraction:
    """Width of a stored pixel over its height; 1 where the stream does not tell."""
    ratio = stream.sample_aspect_ratio
    return ratio if ratio and ratio > 0 else Fraction(1)


def assumed_matrix(context: Any) -> str:  # noqa: ANN401  # of PyAV's decoder
    """The matrix of colours that nobody told, by the custom of large pictures, as ffmpeg calls it.

    Empty where it is told, where there is none, and where ffmpeg's own custom is that of small
    pictures.
    """
    is_large = context.height >= _LARGE_HEIGHT or context.width > 2 * _LARGE_HEIGHT
    is_yuv = (context.pix_fmt or "").startswith(("yuv", "nv", "p0"))
    return "bt709" if is_large and is_yuv and context.colorspace == _UNKNOWN else ""


def _display_matrix(frame: "VideoFrame") -> tuple[int, ...] | None:
    side_data: Any = frame.side_data
    kind = library().sidedata.sidedata.Type.DISPLAYMATRIX
    for entry in side_data:
        if entry.type == kind:
            return struct.unpack("<9i", bytes(entry)[:36])
    return None
