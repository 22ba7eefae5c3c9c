"""What the nodes of a package may ask for, and that they must fit one another."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.operations import stream_pack, stream_pack_config, video_stream
from penstock.operations._pack_config import PackConfig, PackType

OUTPUT: Tree = {"Object": "${InputName}.${Ext}"}


def stream(name: str = "low", format_name: str = "hls", **blocks: Any) -> Tree:  # noqa: ANN401
    """What a pack sees of a stream; `Container` and the like are added to or replaced."""
    blocks = {"Container": {"Format": format_name}, "Video": {"Width": "320"}, **blocks}
    return {"Name": name, "Transcode": blocks, "Output": OUTPUT}


def pack(*streams: Tree, config: Tree | None = None, info: Tree | None = None) -> Tree:
    """What a pack works by."""
    return {
        "StreamPackConfig": config or {},
        "Output": OUTPUT,
        "VideoStream": list(streams or [stream()]),
        "StreamPackInfo": info or {},
    }


def bounds(*entries: tuple[str, str]) -> Tree:
    """A `StreamPackInfo`."""
    listed: list[str | Tree] = [
        {"VideoStreamName": name, "BandWidth": bits} for name, bits in entries
    ]
    return {"VideoStreamConfig": listed}


def faults_of(parse: Any, tree: Tree) -> tuple[str, ...]:  # noqa: ANN401  # any operation's
    """The faults that a tree is refused for."""
    with pytest.raises(InvalidArgumentError) as caught:
        parse(tree)
    return tuple(caught.value.faults)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({}, PackConfig(pack_type=PackType.HLS, ignores_failed=True)),
        ({"PackType": "dash"}, PackConfig(pack_type=PackType.DASH, ignores_failed=True)),
        (
            {"PackType": "HLS", "IgnoreFailedStream": "false", "ReserveAllStreamNode": "true"},
            PackConfig(pack_type=PackType.HLS, ignores_failed=False),
        ),
    ],
)
def test_config_has_the_documented_defaults(block: Tree, expected: PackConfig) -> None:
    """HLS of whatever streams there are, unless something else is said."""
    assert stream_pack_config.parse({"StreamPackConfig": block, "Output": OUTPUT}) == expected


def test_config_names_every_fault() -> None:
    """Unknown words, and an output without a key, are all named at once."""
    block = {"PackType": "CMAF", "IgnoreFailedStream": "maybe", "ReserveAllStreamNode": "2"}

    found = faults_of(
        stream_pack_config.parse, {"StreamPackConfig": block, "Output": {"Region": "r"}}
    )

    assert found == (
        "StreamPackConfig.ReserveAllStreamNode must be one of true, false, not '2'",
        "StreamPackConfig.PackType must be one of HLS, DASH, not 'CMAF'",
        "StreamPackConfig.IgnoreFailedStream must be one of true, false, not 'maybe'",
        "Output.Object must be given",
    )


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ({"Container": {"Format": "mp4"}}, "Transcode.Container.Format must be one of hls, dash"),
        ({"Container": {}}, "Transcode.Container.Format must be given"),
        (
            {"Video": {"Remove": "true"}, "Audio": {"Codec": "aac"}},
            "Transcode.Video must be given",
        ),
        ({"Video": "", "Audio": {"Codec": "aac"}}, "Transcode.Video must be given"),
        ({"Video": {"Codec": "VP9"}}, "Transcode.Video.Codec must be one of H.264, H.265"),
        ({"Audio": {"Codec": "opus"}}, "Transcode.Audio.Codec must be one of aac, mp3"),
        (
            {"Audio": {"KeepTwoTracks": "true"}},
            "Transcode.Audio.KeepTwoTracks must be false",
        ),
        (
            {"TransConfig": {"HlsEncrypt": {"IsHlsEncrypt": "true"}}},
            "Transcode.TransConfig.HlsEncrypt must be off",
        ),
        (
            {"Container": {"Format": "dash"}, "Video": {"Codec": "H.265"}},
            "Transcode.Video.Codec must be one of H.264",
        ),
        (
            {"Container": {"Format": "dash"}, "Audio": {"Codec": "mp3"}},
            "Transcode.Audio.Codec must be one of aac",
        ),
        (
            {"Container": {"Format": "dash"}, "Audio": {"Channels": "8"}},
            "Transcode.Audio.Channels must be one of 1, 2, 4, 5, 6, not '8'",
        ),
    ],
)
def test_stream_refuses_what_no_package_has(blocks: Mapping[str, Any], expected: str) -> None:
    """Containers, codecs and settings that do not go into a package are refused by name."""
    found = faults_of(video_stream.OPERATION.parse, stream(**blocks))

    assert any(fault.startswith(expected) for fault in found)


def test_stream_without_a_key_is_refused() -> None:
    """An output that names no key is refused before anything is encoded for it."""
    tree = {**stream(), "Output": {"Bucket": "b"}}

    assert faults_of(video_stream.OPERATION.parse, tree) == ("Output.Object must be given",)


def test_stream_reads_marks_as_transcode_does() -> None:
    """What a Transcode lays over pictures a stream may have as well."""
    mark: Tree = {
        "Type": "Text",
        "Pos": "Top",
        "LocMode": "Absolute",
        "Dx": "0",
        "Dy": "0",
        "Text": {
            "Text": "demo",
            "FontSize": "20",
            "FontType": "arial.ttf",
            "FontColor": "0xFFFFFF",
            "Transparency": "50",
        },
    }

    params = video_stream.OPERATION.parse({**stream(), "Watermark": mark})

    assert len(params.transcode.watermarks) == 1


@given(bits=st.integers(0, 2_000_000_000))
def test_pack_takes_every_bandwidth_within_bounds(bits: int) -> None:
    """A bound from 0 to two thousand million bits a second is kept as it is."""
    params = stream_pack.OPERATION.parse(pack(info=bounds(("low", str(bits)))))

    assert params.bandwidths == {"low": bits}


@given(bits=st.one_of(st.integers(max_value=-1), st.integers(min_value=2_000_000_001)))
def test_pack_refuses_every_bandwidth_out_of_bounds(bits: int) -> None:
    """A bound outside is refused, and the answer says what is allowed."""
    (fault,) = faults_of(stream_pack.OPERATION.parse, pack(info=bounds(("low", str(bits)))))

    assert "BandWidth must be a whole number from 0 to 2000000000" in fault


@pytest.mark.parametrize("block", ["StreamPackInfo", "HlsPackInfo"])
def test_pack_orders_its_streams_as_they_are_listed(block: str) -> None:
    """The list's order is the index's, under the block's present name or its older one."""
    tree = {**pack(stream("low"), stream("high")), "StreamPackInfo": ""}

    params = stream_pack.OPERATION.parse({**tree, block: bounds(("high", ""), ("low", "1000"))})

    assert list(params.bandwidths.items()) == [("high", 0), ("low", 1000)]


def test_pack_without_a_list_takes_every_stream() -> None:
    """Without a list the streams come in their own order, without bounds."""
    params = stream_pack.OPERATION.parse(pack(stream("low"), stream("high")))

    assert list(params.bandwidths.items()) == [("low", 0), ("high", 0)]
    assert params.segment_seconds == 5.0


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("low", "")], "high is missing"),
        ([("low", ""), ("high", ""), ("tiny", "")], "not 'tiny'"),
        ([("low", ""), ("low", ""), ("high", "")], "given once, not 'low' again"),
        ([("low", ""), ("high", ""), ("", "")], "VideoStreamName must be given"),
    ],
)
def test_pack_lists_every_stream_once_or_none(
    entries: list[tuple[str, str]], expected: str
) -> None:
    """A stream that is missing, unknown, repeated or nameless is refused."""
    found = faults_of(
        stream_pack.OPERATION.parse,
        pack(stream("low"), stream("high"), info=bounds(*entries)),
    )

    assert any(expected in fault for fault in found)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (stream("high", "dash"), "Container.Format of high must be hls, as PackType says"),
        (
            stream("high", Container={"Format": "hls", "ClipConfig": {"Duration": "6"}}),
            "Container.ClipConfig.Duration of high must be that of low",
        ),
        (
            stream("high", TimeInterval={"Start": "1"}),
            "TimeInterval of high must be that of low",
        ),
        (stream("high", Video={"Gop": "50"}), "Video.Gop of high must be that of low"),
    ],
)
def test_pack_refuses_streams_that_do_not_fit(other: Tree, expected: str) -> None:
    """Streams of other containers, lengths, parts or key frames cannot stand side by side."""
    assert faults_of(stream_pack.OPERATION.parse, pack(stream("low"), other)) == (expected,)


def test_pack_demands_one_frame_rate_where_key_frames_are_counted() -> None:
    """`Gop` counts frames, so that it asks for equal rates; without it rates may differ."""
    counted = [
        stream("low", Video={"Gop": "50"}),
        stream("high", Video={"Gop": "50", "Fps": "30"}),
    ]
    free = [stream("low"), stream("high", Video={"Fps": "30"})]

    (fault,) = faults_of(stream_pack.OPERATION.parse, pack(*counted))

    assert fault == "Video.Fps of high must be that of low where Gop is given"
    assert len(stream_pack.OPERATION.parse(pack(*free)).bandwidths) == 2


def test_pack_leaves_the_faults_of_streams_to_the_streams() -> None:
    """A stream that is wrong itself is not complained of a second time."""
    wrong = stream("high", Video={"Width": "1"})

    params = stream_pack.OPERATION.parse(pack(stream("low"), wrong))

    assert list(params.bandwidths) == ["low", "high"]
