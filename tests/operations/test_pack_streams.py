"""How packages count bits, name codecs and objects, and compare streams; without files."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidParamsError, OutputRejectedError
from penstock.operations._av import Turn
from penstock.operations._codec_names import codec_name
from penstock.operations._image_geometry import Size
from penstock.operations._lengths import Span
from penstock.operations._pack_streams import (
    PackStream,
    check_keys,
    check_streams,
    relative_url,
)
from penstock.operations._pack_tracks import Segment, Track
from penstock.operations._probe import VideoFacts
from penstock.operations.base import Branch
from tests.operations.workspace import FolderWorkspace

Lengths: TypeAlias = Sequence[tuple[Fraction, int]]

PARTS = st.text(st.characters(blacklist_characters="/", blacklist_categories=["Cs"]), min_size=1)
KEYS = st.lists(PARTS.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=4).map(
    "/".join
)


class Coded:
    """A stream as far as its codec's name goes."""

    def __init__(self, codec: str, header: bytes | None = None, profile: str = "") -> None:
        self.codec_context = self
        self.codec = self
        self.canonical_name = codec
        self.extradata = header
        self.profile = profile


def track(lengths: Lengths, *, keys: Sequence[Fraction] = ()) -> Track:
    """A track of segments of the given lengths in seconds and sizes in bytes."""
    start = Fraction(0)
    segments = []
    for seconds, size in lengths:
        segments.append(Segment(Path("none"), start, seconds, size))
        start += seconds
    return Track(
        codecs=("avc1.64001f",),
        segments=tuple(segments),
        key_times=tuple(keys or (segment.start for segment in segments)),
        tick=Fraction(1, 90000),
        size=Size(640, 360),
        sample_rate=0,
        channels=0,
        init=None,
    )


def pack_stream(folder: Path, name: str, found: Track, fps: int = 25) -> PackStream:
    """A stream of a package with this track."""
    workspace = FolderWorkspace(folder, "a.mp4")
    video = VideoFacts(
        index=0,
        codec="h264",
        width=640,
        height=360,
        aspect=Fraction(1),
        turn=Turn(),
        fps=Fraction(fps),
        kilobits=0,
        span=Span(0.0, found.seconds),
        is_hdr=False,
        is_decodable=True,
    )
    branch = Branch(name=name, path=folder, workspace=workspace)
    return PackStream(branch=branch, key=f"{name}.m3u8", video=video, tracks=(found,), facts={})


@given(
    lengths=st.lists(
        st.tuples(st.fractions(Fraction(1, 25), 12, max_denominator=25), st.integers(1, 10**7)),
        min_size=1,
        max_size=8,
    )
)
def test_peak_is_that_of_the_worst_run(lengths: list[tuple[Fraction, int]]) -> None:
    """The peak is the largest rate of any run of half to one and a half target durations."""
    found = track(lengths)
    target = max(round(max(seconds for seconds, _ in lengths)), 1)
    rates = []
    for first in range(len(lengths)):
        for last in range(first + 1, len(lengths) + 1):
            seconds = sum(one[0] for one in lengths[first:last])
            if Fraction(target, 2) <= seconds <= Fraction(3 * target, 2):
                rates.append(8 * sum(one[1] for one in lengths[first:last]) / seconds)
    total = 8 * sum(one[1] for one in lengths) / sum(one[0] for one in lengths)

    assert found.target_seconds == target
    assert found.peak_bits == pytest.approx(max(rates, default=total), abs=1)
    assert found.mean_bits == pytest.approx(total, abs=1)


def test_peak_does_not_take_a_last_frame_for_a_rate() -> None:
    """A last segment of one frame, all of it a key frame, does not count by itself."""
    found = track([(Fraction(5), 500_000), (Fraction(5), 500_000), (Fraction(1, 25), 50_000)])

    assert found.peak_bits == 873_016


@given(key=KEYS, base=KEYS)
def test_relative_url_leads_from_the_index_to_the_object(key: str, base: str) -> None:
    """A client that joins index address and path asks for exactly the key."""
    here = "https://host/" + quote(base)

    found = urljoin(here, relative_url(key, base))

    assert unquote(found.removeprefix("https://host/")) == key


@pytest.mark.parametrize("key", ["a/../b.m3u8", "./b.m3u8"])
def test_relative_url_refuses_keys_that_no_url_has(key: str) -> None:
    """Clients remove dots from paths, so that such a key could not be asked for."""
    with pytest.raises(InvalidParamsError, match="no index can name the key"):
        relative_url(key, "index.m3u8")


@pytest.mark.parametrize("index", ["low.m3u8", "low.mpd", "low"])
def test_keys_that_would_share_files_are_refused(tmp_path: Path, index: str) -> None:
    """Two keys of a package may not be the same up to their extensions."""
    streams = [pack_stream(tmp_path, "low", track([(Fraction(5), 1)]))]

    with pytest.raises(InvalidParamsError, match="both outputs of the package"):
        check_keys(index, streams)
    check_keys("other/low.m3u8", streams)


SECONDS = [(Fraction(5), 100), (Fraction(5), 100), (Fraction(3), 60)]


@pytest.mark.parametrize(
    ("lengths", "keys", "expected"),
    [
        (SECONDS[:2], (), "high has 2 segments, not 3"),
        ([*SECONDS[:2], (Fraction(4), 60)], (), "high is 14.000 s long, not 13.000 s"),
        (
            SECONDS,
            (Fraction(0), Fraction(5), Fraction(21, 2)),
            "key frames of high are not where those of low are",
        ),
        (
            SECONDS,
            (Fraction(0), Fraction(2), Fraction(5), Fraction(10)),
            "key frames of high are not where those of low are",
        ),
    ],
)
def test_streams_that_do_not_line_up_are_rejected(
    tmp_path: Path, lengths: Lengths, keys: Sequence[Fraction], expected: str
) -> None:
    """Streams between which no player could change are told apart, each fault by name."""
    low = pack_stream(tmp_path, "low", track(SECONDS))
    high = pack_stream(tmp_path, "high", track(lengths, keys=keys))

    with pytest.raises(OutputRejectedError, match=expected):
        check_streams([low, high], {"low": 0, "high": 0})


@pytest.mark.parametrize(("fps", "is_taken"), [(25, False), (30, True)])
def test_streams_may_differ_by_a_frame_where_rates_differ(
    tmp_path: Path,
    fps: int,
    is_taken: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """Where frame rates differ a key frame may be a frame late; otherwise not."""
    late = [Fraction(0), Fraction(126, 25), Fraction(10)]
    streams = [
        pack_stream(tmp_path, "low", track(SECONDS)),
        pack_stream(tmp_path, "high", track(SECONDS, keys=late), fps),
    ]

    if is_taken:
        check_streams(streams, {"low": 0, "high": 0})
    else:
        with pytest.raises(OutputRejectedError, match="key frames of high"):
            check_streams(streams, {"low": 0, "high": 0})


@pytest.mark.parametrize(("bits", "is_taken"), [(0, True), (160, True), (159, False)])
def test_streams_keep_to_their_bandwidth(
    tmp_path: Path,
    bits: int,
    is_taken: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """A stream whose peak is above its bound is rejected, with both numbers; 0 is no bound."""
    streams = [pack_stream(tmp_path, "low", track(SECONDS))]

    if is_taken:
        check_streams(streams, {"low": bits})
    else:
        with pytest.raises(OutputRejectedError, match=r"160 bits a second.*BandWidth 159"):
            check_streams(streams, {"low": bits})


@pytest.mark.parametrize(
    ("coded", "expected"),
    [
        (Coded("h264", bytes.fromhex("0164001fffe10018")), "avc1.64001f"),
        (Coded("h264", bytes.fromhex("00000001674d401fd9")), "avc1.4d401f"),
        (Coded("h264", bytes.fromhex("0000000109f000000167 42c00d d9")), "avc1.42c00d"),
        (Coded("hevc", bytes.fromhex("01016000000090000000 00005d f0")), "hvc1.1.6.L93.90"),
        (
            Coded(
                "hevc",
                bytes.fromhex(
                    "0000000140010c01ffff0160000003009000000300000300 5d"
                    "0000000142010101600000030090000003000003005da0"
                ),
            ),
            "hvc1.1.6.L93.90",
        ),
        (Coded("hevc", bytes.fromhex("01222000000090000000000099f0")), "hvc1.2.4.H153.90"),
        (Coded("aac", profile="LC"), "mp4a.40.2"),
        (Coded("aac", profile="HE-AACv2"), "mp4a.40.29"),
        (Coded("mp3"), "mp4a.40.34"),
    ],
)
def test_codec_names_are_those_of_rfc_6381(coded: Coded, expected: str) -> None:
    """Profile and level are read from box or parameter set alike, and spelt as players ask."""
    found = codec_name(coded)  # type: ignore[arg-type]  # as much of a stream as it reads

    assert found == expected


@pytest.mark.parametrize(
    "coded", [Coded("h264"), Coded("hevc", b"\x00\x00\x01\x40"), Coded("vp9", b"\x01")]
)
def test_codec_without_a_name_is_rejected(coded: Coded) -> None:
    """A stream that does not tell its profile, or is of another codec, goes into no index."""
    with pytest.raises(OutputRejectedError, match="does not tell its profile"):
        codec_name(coded)  # type: ignore[arg-type]  # as much of a stream as it reads
