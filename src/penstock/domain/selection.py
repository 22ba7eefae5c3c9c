"""References to stored objects, and the filters that a job puts over them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

VIDEO_EXTENSIONS = frozenset(
    "3gp asf avi dv flv f4v m3u8 m4v mkv mov mp4 mpg mpeg mts ogg rm rmvb swf vob wmv webm "
    "ts m2ts mxf".split()
)
AUDIO_EXTENSIONS = frozenset("mp3 aac flac amr awb m4a wma wav oga opus aiff".split())
IMAGE_EXTENSIONS = frozenset(
    "jpg jpeg png bmp gif webp heif heic tpg avif tif tiff apng jp2 jxl svg psd".split()
)


class ObjectInfo(NamedTuple):
    """One stored object as a listing or an inventory names it; a tuple, since there are 10^8.

    Attributes:
        key: The exact key; never includes the bucket. Undecodable bytes of a local file name
            are surrogate escapes (PEP 383).
        size_bytes: Size, or -1 where the source does not tell.
        modified_ms: Last modification in milliseconds since 1970 UTC, or -1 where unknown.
        etag: The store's entity tag without quotes; empty where unknown.
    """

    key: str
    size_bytes: int = -1
    modified_ms: int = -1
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFilter:
    """Which of the listed objects a job takes.

    Attributes:
        modified_from_ms: Earliest last modification, inclusive; None is no bound. Objects whose
            time is unknown pass.
        modified_to_ms: Latest last modification, inclusive; None is no bound.
        extensions: Lower-case extensions without the dot; None takes every object.
        excluded_prefix: Keys that begin with it are left out; empty leaves nothing out.
    """

    modified_from_ms: int | None = None
    modified_to_ms: int | None = None
    extensions: frozenset[str] | None = None
    excluded_prefix: str = ""

    def select(self, objects: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
        """Pass on, in order, the objects that match; folder placeholders never do."""
        low = self.modified_from_ms
        high = self.modified_to_ms
        extensions = self.extensions
        excluded = self.excluded_prefix
        for found in objects:
            key, size, modified, _ = found
            if key[-1:] == "/" and size <= 0:
                continue
            if modified >= 0 and (
                (low is not None and modified < low) or (high is not None and modified > high)
            ):
                continue
            if extensions is not None and extension_of(key) not in extensions:
                continue
            if excluded and key.startswith(excluded):
                continue
            yield found

    def places_in_time(self, times_ms: Sequence[int]) -> Sequence[int]:
        """Where, in order, the times stand that `select` would not refuse an object for.

        For sources that find out early which objects they need not make; `select` decides.

        Args:
            times_ms: Last modifications as in `ObjectInfo`.
        """
        if self.modified_from_ms is None and self.modified_to_ms is None:
            return range(len(times_ms))
        low = -math.inf if self.modified_from_ms is None else self.modified_from_ms
        high = math.inf if self.modified_to_ms is None else self.modified_to_ms
        return [place for place, time in enumerate(times_ms) if low <= time <= high or time < 0]


def extension_of(key: str) -> str:
    """The lower-case extension of a key's file name, without the dot; empty if it has none."""
    name = key[key.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if dot > 0 else ""


def showable(text: str) -> str:
    """Text fit for a database, a log or a screen: undecodable bytes and U+0000 are escaped."""
    shown = text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    return shown.replace("\0", r"\x00") if "\0" in shown else shown
