"""Checks a finished picture before anybody gets to see it.

Its file must go to its logical end and no further, and open as what was computed: format, size,
frames, time. A small one is decoded too, by other libraries than the one that wrote it, which
costs next to nothing beside making it; a large one has been written whole by an encoder that said
so, and decoding it would cost up to three times as much as writing it did.
"""

from collections.abc import Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from penstock.domain.errors import InputLimitError, OutputRejectedError, UnsupportedInputError
from penstock.operations import _heif, _pillow
from penstock.operations._image_bench import Bench
from penstock.operations._image_ends import has_end, picture_end
from penstock.operations._image_geometry import Size
from penstock.operations._vips import (
    Header,
    Picture,
    frame_times,
    read_header,
)

_DECODED_PIXELS = 2_000_000
_ROUNDING_MS = 10  # a frame: GIF counts hundredths of a second


class Rendered(NamedTuple):
    """A finished picture.

    Attributes:
        format: By the names of `Header.format`.
        quality: 1 to 100; 100 for formats that have none.
    """

    path: Path
    format: str
    size: Size
    quality: int


def check_result(made: Rendered, frames: Sequence[Picture], bench: Bench) -> None:
    """Hold a file against what was to be in it.

    Args:
        frames: What was written.

    Raises:
        OutputRejectedError: It is something else, or cannot be read.
    """
    try:
        found = read_header(made.path, "the result", bench.limits)
        _check_shape(made, found)
        _check_frames(found, frames)
        _check_end(made)
        if made.size.width * made.size.height * found.frames <= _DECODED_PIXELS:
            _decode(made, found)
    except (UnsupportedInputError, InputLimitError) as error:
        message = f"the result cannot be read back: {error}"
        raise OutputRejectedError(message) from error


def _check_shape(made: Rendered, found: Header) -> None:
    if found.format != made.format or found.size != made.size:
        message = (
            f"the result must be {made.format} of {made.size.width}x{made.size.height}, "
            f"not {found.format} of {found.size.width}x{found.size.height}"
        )
        raise OutputRejectedError(message)


def _check_frames(found: Header, frames: Sequence[Picture]) -> None:
    """As many as were written, but that encoders join a frame to one before that equals it."""
    wanted = len(frames)
    if found.frames == wanted or (found.frames == 1 and _are_equal(frames)):
        return
    off_ms = abs(found.length_ms - sum(frame_times(frames[0], wanted)))
    if 1 < found.frames < wanted and off_ms <= _ROUNDING_MS * wanted:
        return
    message = f"the result must have {wanted} frames, not {found.frames} of {found.length_ms} ms"
    raise OutputRejectedError(message)


def _are_equal(frames: Sequence[Picture]) -> bool:
    return all((frame - frames[0]).abs().max() == 0 for frame in frames[1:])


def _decode(made: Rendered, found: Header) -> None:
    if made.format == "heif":
        _heif.read_heif(made.path, "the result", found.size)
    else:
        _pillow.decode(made.path, made.format, "the result")


def _check_end(made: Rendered) -> None:
    if not has_end(made.format):
        return
    with (
        made.path.open("rb") as file,
        mmap(file.fileno(), 0, access=ACCESS_READ) as content,
    ):
        end, length = picture_end(content, made.format), len(content)
    if not end.is_complete or end.at != length:
        message = f"the result must end at its last byte, {length}, not at {end.at}"
        raise OutputRejectedError(message)
