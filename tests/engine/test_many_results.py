"""Nodes with several results: where each goes, and what the nodes behind them read."""

import shutil
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import av
import pytest
from PIL import Image

from penstock.domain.executions import OutputObject
from penstock.domain.records import unpack_outcomes
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree, Value
from tests.engine.bench import Bench, assign, job_over
from tests.factories import make_node, make_topology
from tests.operations.media_fixtures import MediaFolder, media
from tests.waiting import Clock

__all__ = ["media"]


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder of the job's bucket."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def bench(scratch: Path, clock: Clock) -> Iterator[Bench]:
    """A runner; afterwards its scratch space must be empty."""
    yield Bench(scratch, clock)
    assert list(scratch.iterdir()) == []


def _node(type_: str, output: Value, params: Mapping[str, Value] | None = None) -> Tree:
    return make_node(type_, after_type={type_: params or {}, "Output": output})


def _outputs(bench: Bench, bucket: Path, source: Path, nodes: Mapping[str, Tree]) -> list[str]:
    """The keys that a chain of nodes publishes for one object, in order."""
    shutil.copy(source, bucket / "a.mp4")
    names = ["Start", *nodes, "End"]
    topology = make_topology(nodes, dict(pairwise(names)))
    found = ObjectInfo("a.mp4", source.stat().st_size)
    (row,) = bench.rows(assign(job_over(bucket, topology), [found]))
    assert row.message == ""
    outputs: list[OutputObject] = [
        output for outcome in unpack_outcomes(row.nodes) for output in outcome.outputs
    ]
    return [output.key for output in outputs]


@pytest.mark.parametrize(
    ("type_", "params"),
    [
        ("Snapshot", {"Mode": "Average", "Count": "3"}),
        ("SmartCover", {"Count": "3"}),
    ],
)
def test_pictures_are_handed_on_one_by_one(
    bench: Bench, bucket: Path, media: MediaFolder, type_: str, params: Mapping[str, Value]
) -> None:
    """The node behind reads every picture, and not one of them several times."""
    nodes = {
        "stills": _node(type_, {"Object": "s/${InputName}_${Number}.jpg"}, params),
        "grey": _node(
            "PicProcess",
            {"Object": "g/${InputName}.${Ext}"},
            {"ProcessRule": "imageMogr2/thumbnail/1x1!/format/png"},
        ),
    }

    keys = _outputs(bench, bucket, media.path("numbered.mp4"), nodes)

    assert keys == [*(f"s/a_{n}.jpg" for n in range(3)), *(f"g/a_{n}.png" for n in range(3))]
    levels = set()
    for key in keys[3:]:
        with Image.open(bucket / key) as image:
            levels.add(image.convert("L").tobytes())
    assert len(levels) == 3


def test_extracted_streams_go_where_their_entries_say(
    bench: Bench, bucket: Path, media: MediaFolder
) -> None:
    """Every entry of Output.StreamExtract names its own key; the node behind reads all."""
    entries: Tree = {
        "StreamExtract": [
            {"Index": "1", "Object": "sound/${InputName}.${Ext}"},
            {"Index": "0", "Object": "video/${InputName}.mkv"},
        ]
    }
    nodes = {
        "apart": make_node("StreamExtract", after_type={"Output": entries}),
        "wrapped": _node("Segment", {"Object": "ts/${InputName}_${JobId}.ts"}, {"Format": "ts"}),
    }

    keys = _outputs(bench, bucket, media.path("clip.mp4"), nodes)

    assert keys[:2] == ["sound/a.m4a", "video/a.mkv"]
    codecs = []
    for key in keys[2:]:
        with av.open(str(bucket / key)) as opened:
            codecs.append([one.codec_context.codec.canonical_name for one in opened.streams])
    assert codecs == [["aac"], ["h264"]]


def test_parts_are_handed_on_one_by_one(bench: Bench, bucket: Path, media: MediaFolder) -> None:
    """The node behind a Segment reads every part."""
    nodes = {
        "parts": _node(
            "Segment",
            {"Object": "p/${InputName}_${Number}.${Ext}"},
            {"Format": "mp4", "Duration": "5"},
        ),
        "covers": _node("SmartCover", {"Object": "c/${InputName}.jpg"}, {"Count": "1"}),
    }

    keys = _outputs(bench, bucket, media.path("parts.mp4"), nodes)

    assert keys[3:] == [f"c/a_{number}.jpg" for number in range(3)]
    assert len({(bucket / key).read_bytes() for key in keys[3:]}) == 3
