"""Published packages, read and decoded independently of the code that made them."""

import re
import subprocess  # noqa: TID251  # plays what was made, without the code under test
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as Xml  # noqa: TID251  # reads what was written without it

import av

from penstock.operations._ffmpeg import program

_ATTRIBUTE = re.compile(r'([A-Z-]+)=("[^"]*"|[^,]*)')
_DASH = "{urn:mpeg:dash:schema:mpd:2011}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One segment, decoded by itself.

    Attributes:
        path: Its file.
        told: Its length in seconds, as the playlist has it.
        begin: When its first picture is shown, in seconds.
        keys: When its key frames are shown, in seconds.
        frames: How many pictures it has.
        size: Of the pictures.
        profile: Of the pictures, as PyAV names it.
        level: Of the pictures, ten times as large as it is written.
    """

    path: Path
    told: float
    begin: float
    keys: list[float]
    frames: int
    size: tuple[int, int]
    profile: str
    level: int

    @property
    def bits(self) -> int:
        """All bits of the file."""
        return 8 * self.path.stat().st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of a package.

    Attributes:
        told: What the index says of it.
        parts: Its segments of pictures, in order.
    """

    told: Mapping[str, str]
    parts: list[Part]

    @property
    def keys(self) -> list[float]:
        """When its key frames are shown, counted from the first one."""
        return [key - self.parts[0].begin for part in self.parts for key in part.keys]

    @property
    def seconds(self) -> float:
        """Its length as told."""
        return sum(part.told for part in self.parts)

    @property
    def mean_bits(self) -> float:
        """Bits a second over all of it."""
        return sum(part.bits for part in self.parts) / self.seconds

    @property
    def peak_bits(self) -> float:
        """The largest rate of a run of about the target duration (RFC 8216, 4.1)."""
        target = max(round(part.told) for part in self.parts)
        rates = []
        for first in range(len(self.parts)):
            for last in range(first, len(self.parts)):
                run = self.parts[first : last + 1]
                seconds = sum(part.told for part in run)
                if target / 2 <= seconds <= target * 1.5:
                    rates.append(sum(part.bits for part in run) / seconds)
        return max(rates, default=self.mean_bits)


def play_hls(index: Path) -> list[Stream]:
    """Read a master playlist, follow it, and decode every segment by itself."""
    lines = index.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    streams = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#EXT-X-STREAM-INF:"):
            told = {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line)}
            playlist = index.parent / unquote(following)
            streams.append(Stream(told=told, parts=list(_hls_parts(playlist))))
    return streams


def play_dash(index: Path) -> list[Stream]:
    """Read the sets of pictures of an MPD, and decode every segment behind its header."""
    root = Xml.fromstring(index.read_text(encoding="utf-8"))  # noqa: S314  # our own
    return [
        Stream(told=dict(one.attrib), parts=list(_dash_parts(index, one)))
        for one in root.iter(f"{_DASH}Representation")
        if one.attrib["mimeType"] == "video/mp4"
    ]


def sounds_of(index: Path) -> list[tuple[Mapping[str, str], list[Path]]]:
    """The sounds that an MPD names, each with its files, the header first."""
    root = Xml.fromstring(index.read_text(encoding="utf-8"))  # noqa: S314  # our own
    return [
        (dict(one.attrib), [path for path, _ in _files(index, one)])
        for one in root.iter(f"{_DASH}Representation")
        if one.attrib["mimeType"] == "audio/mp4"
    ]


def frames_played(index: Path) -> dict[int, int]:
    """How many pictures or pieces of sound ffmpeg plays of each stream of an index."""
    command = [program(), "-v", "error", "-i", str(index), "-map", "0", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603  # our own words
    assert not done.stderr
    counts: dict[int, int] = {}
    for line in done.stdout.decode().splitlines():
        if not line.startswith("#"):
            number = int(line.partition(",")[0])
            counts[number] = counts.get(number, 0) + 1
    return counts


def _hls_parts(playlist: Path) -> Iterator[Part]:
    lines = playlist.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "#EXT-X-ENDLIST"
    for line, following in pairwise(lines):
        if line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").rstrip(","))
            path = playlist.parent / unquote(following)
            yield _part(path, path, seconds)


def _dash_parts(index: Path, representation: Xml.Element) -> Iterator[Part]:
    (head, _), *files = _files(index, representation)
    for path, seconds in files:
        whole = path.with_suffix(".whole")
        whole.write_bytes(head.read_bytes() + path.read_bytes())
        try:
            yield _part(path, whole, seconds)
        finally:
            whole.unlink()


def _files(index: Path, representation: Xml.Element) -> Iterator[tuple[Path, float]]:
    """The header, then every segment with its length as told."""
    template = representation.find(f"{_DASH}SegmentTemplate")
    assert template is not None
    yield index.parent / unquote(template.attrib["initialization"]), 0.0
    tick = Fraction(1, int(template.attrib["timescale"]))
    number, expected = int(template.attrib["startNumber"]), 0
    for entry in template.iter(f"{_DASH}S"):
        assert int(entry.attrib["t"]) == expected, "a gap in the timeline"
        expected += int(entry.attrib["d"])
        name = template.attrib["media"].replace("$Number%05d$", f"{number:05d}")
        yield index.parent / unquote(name), float(int(entry.attrib["d"]) * tick)
        number += 1


def _part(path: Path, readable: Path, told: float) -> Part:
    with av.open(str(readable)) as opened:
        stream = opened.streams.video[0]
        frames = list(opened.decode(stream))
        context = stream.codec_context
        assert frames[0].key_frame, "a segment does not begin with a key frame"
        return Part(
            path=path,
            told=told,
            begin=float(frames[0].time),
            keys=[float(frame.time) for frame in frames if frame.key_frame],
            frames=len(frames),
            size=(frames[0].width, frames[0].height),
            profile=context.profile or "",
            level=context.level,
        )
