"""The streams of a package beside one another: whether players can change between them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote_from_bytes

from penstock.domain.errors import InvalidParamsError, OutputRejectedError
from penstock.domain.executions import OutputObject
from penstock.operations._pack_tracks import Track
from penstock.operations._probe import VideoFacts
from penstock.operations.base import Branch

_TICK = Fraction(1, 1000)  # what clocks of containers differ by when they round


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStream:
    """One stream, cut into segments that lie in the scratch space of its branch.

    Attributes:
        branch: The node that made it.
        key: Where its own playlist will lie.
        video: Its pictures, as a probe of the rendition tells them.
        tracks: What it is cut into; the first holds the pictures.
        facts: A `MediaInfo` result.
    """

    branch: Branch
    key: str
    video: VideoFacts
    tracks: tuple[Track, ...]
    facts: Mapping[str, object]

    @property
    def pictures(self) -> Track:
        """The track that holds the pictures."""
        return self.tracks[0]

    @property
    def frame_seconds(self) -> Fraction:
        """How long a frame is shown."""
        return 1 / (self.video.fps or Fraction(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packer:
    """How one kind of package is made.

    Attributes:
        extension: That of its indexes, without the dot.
        cut_stream: Cuts a rendition into segments of the given length in seconds, in the scratch
            space of its branch; the first track holds the pictures.
        stream_facts: A `MediaInfo` result of a branch whose rendition has been cut.
        store_stream: Stores the segments of a stream.
        publish_stream: Publishes the playlist of a stream whose segments are stored.
        write_index: The text of an index at a key over some streams, given the most bits a
            second that each may have, by its name; 0 for no bound.
    """

    extension: str
    cut_stream: Callable[[Branch, float], tuple[Track, ...]]
    stream_facts: Callable[[Branch], Mapping[str, object]]
    store_stream: Callable[[PackStream], None]
    publish_stream: Callable[[PackStream], OutputObject]
    write_index: Callable[[Sequence[PackStream], str, Mapping[str, int]], str]


def check_streams(streams: Sequence[PackStream], bandwidths: Mapping[str, int]) -> None:
    """Hold streams against one another, and against what was asked for.

    Raises:
        OutputRejectedError: Segments or key frames of one do not lie where those of the others
            do, or one has more bits a second than it may; names every fault.
    """
    first, *others = streams
    faults = [fault for other in others for fault in _differences(first, other)]
    for stream in streams:
        most, found = bandwidths[stream.branch.name], stream.pictures.peak_bits
        if 0 < most < found:
            name = stream.branch.name
            faults.append(f"{name} has {found} bits a second, more than its BandWidth {most}")
    if faults:
        raise OutputRejectedError("; ".join(faults))


def check_keys(index_key: str, streams: Sequence[PackStream]) -> None:
    """Refuse keys that would overwrite one another, their segments counted in.

    Raises:
        InvalidParamsError: Two of them are the same up to the extension.
    """
    taken: dict[str, str] = {}
    for key in (index_key, *(stream.key for stream in streams)):
        folder, slash, name = key.rpartition("/")
        stem = f"{folder}{slash}{name.rpartition('.')[0] or name}"
        if stem in taken:
            both = f"{taken[stem]!r} and {key!r} are both outputs of the package"
            message = f"{both}: their files would have the same names"
            raise InvalidParamsError(message)
        taken[stem] = key


def relative_url(key: str, base_key: str) -> str:
    """How an index at one key names an object at another of the same bucket.

    Raises:
        InvalidParamsError: The key has a part that no URL can name, `.` or `..`.
    """
    if {".", ".."} & set(key.split("/")):
        message = f"no index can name the key {key!r}: it has a part '.' or '..'"
        raise InvalidParamsError(message)
    here, parts = base_key.split("/")[:-1], key.split("/")
    shared = 0
    while shared < min(len(here), len(parts) - 1) and here[shared] == parts[shared]:
        shared += 1
    path = "/".join([*[".."] * (len(here) - shared), *parts[shared:]])
    return quote_from_bytes(path.encode(errors="surrogateescape"))


def _differences(first: PackStream, other: PackStream) -> Iterator[str]:
    name, mine, theirs = other.branch.name, first.pictures, other.pictures
    allowed = _TICK
    if first.frame_seconds != other.frame_seconds:
        allowed += max(first.frame_seconds, other.frame_seconds)
    if len(theirs.segments) != len(mine.segments):
        yield f"{name} has {len(theirs.segments)} segments, not {len(mine.segments)}"
    elif not _agree(theirs.key_times, mine.key_times, allowed):
        yield f"key frames of {name} are not where those of {first.branch.name} are"
    elif abs(theirs.seconds - mine.seconds) > allowed:
        yield f"{name} is {theirs.seconds:.3f} s long, not {mine.seconds:.3f} s"


def _agree(some: Sequence[Fraction], others: Sequence[Fraction], allowed: Fraction) -> bool:
    return len(some) == len(others) and all(
        abs(one - other) <= allowed for one, other in zip(some, others, strict=True)
    )
