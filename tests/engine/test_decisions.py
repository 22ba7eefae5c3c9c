"""Conditions and functions on an object's way through the nodes of a workflow."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from penstock.domain.executions import NodeOutcome
from penstock.domain.records import ExecutionRow, unpack_outcomes
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree
from penstock.engine.control import FunctionCall
from penstock.storage.folder import FolderStore
from tests.engine.bench import Bench, assign, job_over, put
from tests.engine.stores import FarStore
from tests.factories import BUCKET, make_node, make_topology
from tests.waiting import Clock

OTHER = "other-1250000000"
HASH = make_node("FileHashCode", after_type={"FileHashCodeConfig": {"Type": "MD5"}})


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


def condition(express: str) -> Tree:
    """A node that lets through what an expression is true of."""
    return make_node("Condition", after_type={"Condition": {"Express": express}})


def function(name: str = "work") -> Tree:
    """A node that calls a function."""
    return make_node("SCF", after_type={"SCF": {"FunctionName": name}})


def picture_node(pattern: str, **place: str) -> Tree:
    """A node that makes a small PNG."""
    params = {"ProcessRule": "imageMogr2/thumbnail/8x8/format/png"}
    output = {"Object": pattern, **place}
    return make_node("PicProcess", after_type={"PicProcess": params, "Output": output})


def chain(*names: str) -> dict[str, str]:
    """Nodes one behind the other."""
    row = ("Start", *names, "End")
    return dict(pairwise(row))


def put_picture(folder: Path, key: str, size: tuple[int, int] = (16, 8)) -> ObjectInfo:
    """A picture."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 30)).save(path)
    return ObjectInfo(key, path.stat().st_size)


def by_type(row: ExecutionRow, nodes: Mapping[str, Tree]) -> dict[str, NodeOutcome]:
    """The outcomes of an execution whose nodes stand one behind the other."""
    return dict(zip(nodes, unpack_outcomes(row.nodes), strict=True))


class Functions:
    """Functions that do what a test says, in this process."""

    def __init__(self, answer: Any = None) -> None:  # noqa: ANN401  # JSON
        self.answer = {} if answer is None else answer
        self.calls: list[FunctionCall] = []

    def __call__(self, call: FunctionCall, _checkpoint: object) -> Any:  # noqa: ANN401  # JSON
        """Note the call."""
        self.calls.append(call)
        return self.answer


def test_condition_that_is_true_hands_its_object_on(bench: Bench, bucket: Path) -> None:
    """The node behind reads the object as if the condition were not there."""
    nodes = {"wide": condition("ImageWidth > 15"), "small": picture_node("out/${InputName}.png")}
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, [put_picture(bucket, "in/a.png")]))

    found = by_type(row, nodes)
    assert (row.state, row.message) == ("Success", "")
    assert found["wide"].facts["JudgementResult"] == [
        {"ObjectName": "in/a.png", "State": "Success", "InputObjectInfo": {"ImageWidth": "16"}}
    ]
    assert [output.key for output in found["small"].outputs] == ["out/a.png"]


def test_condition_that_is_false_skips_what_is_behind_it(bench: Bench, bucket: Path) -> None:
    """All nodes behind are skipped, the one beside runs, nothing has failed, and it is told."""
    nodes = {
        "wide": condition("ImageWidth > 16"),
        "small": picture_node("small/${InputName}.png"),
        "smaller": picture_node("smaller/${InputName}.png"),
        "hash": HASH,
    }
    order = {"Start": "wide,hash", "wide": "small", "small": "smaller", "smaller": "End"}
    job = job_over(bucket, make_topology(nodes, {**order, "hash": "End"}))

    (row,) = bench.rows(assign(job, [put_picture(bucket, "a.png")]))

    outcomes = unpack_outcomes(row.nodes)
    assert (row.state, row.message) == ("Success", "skipped: small, smaller")
    assert sorted(str(one.state) for one in outcomes) == [
        "Skipped",
        "Skipped",
        "Success",
        "Success",
    ]
    assert not (bucket / "small").exists()


@pytest.mark.parametrize("express", ["Ext == 'png'", "Size > 10", "ContentType == 'image/png'"])
def test_condition_on_name_and_size_downloads_nothing(
    scratch: Path, clock: Clock, bucket: Path, express: str
) -> None:
    """What the store tells of an object is not found out from its content."""
    nodes = {"one": condition(f"{express} && Size < 1M"), "nothing": make_node()}
    store = FarStore(bucket)
    bench = Bench(scratch, clock, open_store=lambda _url: store)
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, [put_picture(bucket, "a.png")]))

    assert (row.state, row.message) == ("Success", "")
    assert store.opened == []


def test_condition_shares_its_download(scratch: Path, clock: Clock, bucket: Path) -> None:
    """Two conditions that look into an object and the node behind them fetch it once."""
    nodes = {
        "wide": condition("ImageWidth > 1"),
        "png": condition("ImageFormat == 'png' && FrameCount == 1"),
        "small": picture_node("small.png"),
    }
    store = FarStore(bucket)
    bench = Bench(scratch, clock, open_store=lambda _url: store)
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, [put_picture(bucket, "a.png")]))

    assert (row.state, row.message) == ("Success", "")
    assert store.opened == ["a.png"]


def test_condition_hands_on_the_inputs_that_pass(bench: Bench, bucket: Path) -> None:
    """Of several results the node behind gets those of which the expression is true."""
    wide = picture_node("wide.png")
    params = {"ProcessRule": "imageMogr2/thumbnail/4x4!/format/png"}
    narrow = make_node(
        "PicProcess", after_type={"PicProcess": params, "Output": {"Object": "narrow.png"}}
    )
    nodes = {
        "a": wide,
        "b": narrow,
        "choose": condition("ImageDar == 1"),
        "last": picture_node("last/${InputName}.png"),
    }
    order = {"Start": "a,b", "a": "choose", "b": "choose", "choose": "last", "last": "End"}
    job = job_over(bucket, make_topology(nodes, order))

    (row,) = bench.rows(assign(job, [put_picture(bucket, "a.png")]))

    *_, judged, last = unpack_outcomes(row.nodes)
    states = [entry["State"] for entry in judged.facts["JudgementResult"]]
    assert (row.state, row.message) == ("Success", "")
    assert states == ["Failed", "Success"]
    assert [output.key for output in last.outputs] == ["last/narrow.png"]


def test_condition_that_cannot_be_read_fails_its_object(bench: Bench, bucket: Path) -> None:
    """An expression of another grammar is kept, and fails with a message that says where."""
    nodes = {"odd": condition("width gt 5"), "nothing": make_node()}
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, put(bucket, "a.bin")))

    assert (row.state, row.code) == ("Failed", "InvalidArgument")
    assert "odd: Condition.Express cannot be read: character 7: expected" in row.message
    assert by_type(row, nodes)["nothing"].state == "Cancel"


def test_condition_behind_a_failure_changes_nothing(bench: Bench, bucket: Path) -> None:
    """A node behind a failed one and a false condition is cancelled, for something went wrong."""
    nodes = {
        "broken": picture_node("small.png"),
        "never": condition("Size > 1G"),
        "both": picture_node("both.png"),
    }
    order = {"Start": "broken,never", "broken": "both", "never": "both", "both": "End"}
    job = job_over(bucket, make_topology(nodes, order))

    (row,) = bench.rows(assign(job, put(bucket, "a.png")))

    *_, last = unpack_outcomes(row.nodes)
    assert row.state == "Failed"
    assert last.state == "Cancel"


def test_function_hands_on_what_it_names(scratch: Path, clock: Clock, bucket: Path) -> None:
    """Objects that a function wrote are results of its node, and the nodes behind read them."""
    nodes = {"work": function(), "small": picture_node("small/${InputName}.png")}
    put_picture(bucket, "made/x.png")
    put_picture(bucket, "made/y.png")
    functions = Functions({"Objects": ["made/x.png", "made/y.png", "made/x.png"]})
    store = FarStore(bucket)
    bench = Bench(scratch, clock, open_store=lambda _url: store, functions=functions)
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, [put_picture(bucket, "a.png")]))

    found = by_type(row, nodes)
    made, small = found["work"].outputs, found["small"].outputs
    assert (row.state, row.message) == ("Success", "")
    assert [(one.key, one.bucket, one.input_key) for one in made] == [
        ("made/x.png", BUCKET, "a.png"),
        ("made/y.png", BUCKET, "a.png"),
    ]
    assert made[0].etag == FolderStore(bucket).head("made/x.png").etag
    assert [one.key for one in small] == ["small/x.png", "small/y.png"]
    assert sorted(store.opened) == ["made/x.png", "made/y.png"]
    (call,) = functions.calls
    assert (call.name, call.bucket, call.key) == ("work", BUCKET, "a.png")
    assert call.job_id.startswith("j")
    assert call.event_id.startswith(f"{call.job_id}-")
    assert list(scratch.iterdir()) == []


def test_function_that_names_nothing_hands_its_input_on(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """Without `Objects` in the answer the object flows on, and is fetched once."""
    nodes = {"work": function(), "hash": HASH}
    store = FarStore(bucket)
    bench = Bench(scratch, clock, open_store=lambda _url: store, functions=Functions())
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, put(bucket, "a.bin")))

    assert (row.state, row.message) == ("Success", "")
    assert by_type(row, nodes)["work"].outputs == ()
    assert store.opened == ["a.bin"]


def test_function_that_names_its_input_hands_it_on(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """The source under its own key is the source, and is not fetched a second time."""
    nodes = {"hash": HASH, "work": function(), "again": HASH}
    store = FarStore(bucket)
    functions = Functions({"Objects": ["a.bin"]})
    bench = Bench(scratch, clock, open_store=lambda _url: store, functions=functions)
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, put(bucket, "a.bin")))

    assert (row.state, row.message) == ("Success", "")
    assert store.opened == ["a.bin"]


def test_function_that_names_no_object_ends_the_branch(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """An empty list of objects gives the nodes behind nothing to read: they are skipped."""
    nodes = {"work": function(), "hash": HASH}
    bench = Bench(scratch, clock, functions=Functions({"Objects": []}))
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, put(bucket, "a.bin")))

    assert (row.state, row.message) == ("Success", "skipped: hash")


def test_function_that_names_what_is_not_there_fails(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """An object that does not exist is a failure that names it."""
    nodes = {"work": function(), "hash": HASH}
    bench = Bench(scratch, clock, functions=Functions({"Objects": ["lost.txt"]}))
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, put(bucket, "a.bin")))

    assert (row.state, row.code) == ("Failed", "ResourceNotFound")
    assert "lost.txt" in row.message


def test_function_behind_another_bucket_is_told_that_bucket(
    scratch: Path, clock: Clock, bucket: Path, tmp_path: Path
) -> None:
    """A function works where its input lies, and what it names is looked for there."""
    nodes = {
        "small": picture_node("small.png", Bucket=OTHER),
        "work": function(),
        "next": function(),
        "hash": HASH,
    }
    other = tmp_path / "other"
    (text,) = put(other, "made.txt")
    functions = Functions({"Objects": [text.key]})
    bench = Bench(scratch, clock, functions=functions)
    buckets = {BUCKET: f"file://{bucket}", OTHER: f"file://{other}"}
    job = job_over(bucket, make_topology(nodes, chain(*nodes)), buckets=buckets)

    (row,) = bench.rows(assign(job, [put_picture(bucket, "a.png")]))

    found = by_type(row, nodes)
    assert (row.state, row.message) == ("Success", "")
    assert [(call.bucket, call.key) for call in functions.calls] == [
        (OTHER, "small.png"),
        (OTHER, "made.txt"),
    ]
    assert {output.bucket for output in found["next"].outputs} == {OTHER}
    assert found["hash"].facts["FileHashCodeResult"]["FileSize"] == "3"


def test_function_without_a_table_fails_its_object(bench: Bench, bucket: Path) -> None:
    """Where no functions are known, the message says so."""
    nodes = {"work": function("lost")}
    job = job_over(bucket, make_topology(nodes, chain(*nodes)))

    (row,) = bench.rows(assign(job, put(bucket, "a.bin")))

    assert (row.state, row.code) == ("Failed", "InvalidArgument")
    assert "there is no function 'lost'" in row.message


def test_runner_without_an_operation_fails_every_object(bench: Bench, bucket: Path) -> None:
    """Where a plug-in is gone since a job was made, its objects fail by name, and none is lost."""
    topology = make_topology({"gone": make_node("GoneWithItsPackage")})
    job = job_over(bucket, topology, make_topology())

    outcome = bench.run(assign(job, put(bucket, "a.bin", "b.bin")))

    rows = [ExecutionRow(*row) for row in outcome.rows]  # type: ignore[arg-type]
    assert outcome.done == 2
    assert [row.object_key for row in rows] == ["a.bin", "a.bin", "b.bin", "b.bin"]
    assert {(row.state, row.code) for row in rows} == {("Failed", "InvalidArgument")}
    assert "no operation 'GoneWithItsPackage'" in rows[0].message
