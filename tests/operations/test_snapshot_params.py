"""Snapshot: what its params may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.operations._colours import parse_colour
from penstock.operations.snapshot import OPERATION

_OUTPUTS = {"Object": "o/${Number}_${Time}.${Ext}", "SpriteObject": "o/sheet_${Number}.jpg"}
_SHEET = {"Color": "red", "Columns": "3", "Lines": "2"}


def _tree(**leaves: str) -> Tree:
    return {"Snapshot": leaves, "Output": _OUTPUTS}


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({"Count": "0"}, "Snapshot.Count"),
        ({"Count": "10001"}, "Snapshot.Count"),
        ({}, "Snapshot.Count"),
        ({"Mode": "Average"}, "Snapshot.Count"),
        ({"Mode": "Smart", "Count": "1"}, "Snapshot.Mode"),
        ({"Count": "1", "Width": "127"}, "Snapshot.Width"),
        ({"Count": "1", "Height": "4097"}, "Snapshot.Height"),
        ({"Count": "1", "TimeInterval": "0"}, "Snapshot.TimeInterval"),
        ({"Count": "1", "TimeInterval": "3600.1"}, "Snapshot.TimeInterval"),
        ({"Count": "1", "Start": "-1"}, "Snapshot.Start"),
        ({"Count": "1", "CIParam": "imageMogr9/x"}, "Snapshot.CIParam"),
        ({"Count": "1", "CIParam": "imageInfo"}, "Snapshot.CIParam"),
        ({"Count": "1", "IsCheckBlack": "yes"}, "Snapshot.IsCheckBlack"),
        ({"Count": "1", "BlackLevel": "29"}, "Snapshot.BlackLevel"),
        ({"Count": "1", "PixelBlackThreshold": "256"}, "Snapshot.PixelBlackThreshold"),
        ({"Count": "1", "SnapshotOutMode": "OnlySprite"}, "SpriteSnapshotConfig.Color"),
    ],
)
def test_snapshot_refuses_wrong_params(leaves: dict[str, str], named: str) -> None:
    """What is out of range is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        OPERATION.parse(_tree(**leaves))


@pytest.mark.parametrize(
    ("outputs", "leaves", "named"),
    [
        ({"Object": "a.jpg"}, {"Count": "2"}, "Output.Object"),
        ({"Object": "a.jpg"}, {"TimeInterval": "1"}, "Output.Object"),
        ({"Bucket": "b"}, {"Count": "1"}, "Output.Object"),
        ({"Object": "a.jpg"}, {"Count": "1", "SnapshotOutMode": "OnlySprite"}, "SpriteObject"),
        (
            {"SpriteObject": "a.jpg"},
            {"Count": "7", "SnapshotOutMode": "OnlySprite"},
            "SpriteObject",
        ),
    ],
)
def test_snapshot_demands_a_number_where_names_would_collide(
    outputs: dict[str, str], leaves: dict[str, str], named: str
) -> None:
    """Several results need a placeholder that tells them apart."""
    tree: Tree = {
        "Snapshot": {**leaves, "SpriteSnapshotConfig": _SHEET},
        "Output": outputs,
    }

    with pytest.raises(InvalidArgumentError, match=named):
        OPERATION.parse(tree)


@pytest.mark.parametrize(
    ("outputs", "leaves"),
    [
        ({"Object": "a.jpg"}, {"Count": "1"}),
        ({"Object": "a_${number}.jpg"}, {"Count": "2"}),
        ({"Object": "a_${Time}.jpg"}, {"Count": "2"}),
        ({"SpriteObject": "a.jpg"}, {"Count": "6", "SnapshotOutMode": "OnlySprite"}),
    ],
)
def test_snapshot_accepts_names_that_cannot_collide(
    outputs: dict[str, str], leaves: dict[str, str]
) -> None:
    """One result needs no placeholder; case does not matter."""
    tree: Tree = {"Snapshot": {**leaves, "SpriteSnapshotConfig": _SHEET}, "Output": outputs}

    assert OPERATION.parse(tree).count == int(leaves["Count"])


@given(
    count=st.integers(1, 10_000),
    width=st.integers(128, 4096),
    interval_ms=st.integers(1, 3_600_000),
    start_ms=st.integers(0, 10**9),
)
def test_snapshot_reads_back_every_valid_number(
    count: int, width: int, interval_ms: int, start_ms: int
) -> None:
    """Numbers within bounds are taken exactly, to the millisecond."""
    params = OPERATION.parse(
        _tree(
            Count=str(count),
            Width=str(width),
            TimeInterval=f"{interval_ms / 1000:.3f}",
            Start=f"{start_ms / 1000:.3f}",
        )
    )

    assert (params.count, params.width) == (count, width)
    assert params.interval is not None
    assert params.interval * 1000 == interval_ms
    assert params.start * 1000 == start_ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red", (255, 0, 0)),
        ("DarkOliveGreen", (0x55, 0x6B, 0x2F)),
        ("0x1020ff", (16, 32, 255)),
        ("#1020FF80", (16, 32, 255)),
        ("white@0.5", (255, 255, 255)),
        ("no-such-colour", None),
        ("0x12", None),
    ],
)
def test_colours_are_those_of_ffmpeg(text: str, expected: tuple[int, int, int] | None) -> None:
    """Names and codes are read, anything else is not."""
    assert parse_colour(text) == expected
