import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from penstock.domain.executions import Address, NodeOutcome
from penstock.domain.jobs import InputKind, JobInput
from penstock.domain.records import ExecutionRow, unpack_outcomes
from penstock.domain.selection import ObjectFilter, ObjectInfo
from penstock.domain.states import ExecutionState
from penstock.storage.folder import FolderStore
from tests.engine.bench import Bench, assign, job_over, put
from tests.engine.stores import FailingStore, FarStore, open_trouble
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_chunk,
    make_hash_topology,
    make_node,
    make_topology,
)
from tests.waiting import Clock

OTHER = "other-1250000000"
ABC_MD5 = hashlib.md5(b"abc", usedforsecurity=False).hexdigest()
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


def picture_node(output: str, rule: str = "imageMogr2/thumbnail/8x8", **place: str) -> Any:  # noqa: ANN401  # a tree
    """A node that shrinks a picture."""
    node = make_node("PicProcess", after_type={"PicProcess": {"ProcessRule": rule}})
    return {**node, "Operation": {**node["Operation"], "Output": {"Object": output, **place}}}  # type: ignore[dict-item]  # a tree


def put_picture(folder: Path, key: str) -> ObjectInfo:
    """A small picture."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (200, 30, 30)).save(path)
    return ObjectInfo(key, path.stat().st_size)


def outcomes_of(row: ExecutionRow) -> list[NodeOutcome]:
    """The nodes of an execution."""
    return unpack_outcomes(row.nodes)


def output_keys(row: ExecutionRow) -> list[str]:
    """Every key that an execution wrote."""
    return [output.key for outcome in outcomes_of(row) for output in outcome.outputs]


def test_runner_takes_every_object_through_every_workflow(bench: Bench, bucket: Path) -> None:
    """Rows come object by object, workflow by workflow, at the addresses of the chunk."""
    objects = put(bucket, "a.bin", "b.bin", "c.bin")
    job = job_over(bucket, make_hash_topology(), make_topology())
    chunk = make_chunk(number=9, origin=4, start=1, size=2, attempts=2)

    outcome = bench.run(assign(job, objects, chunk))

    rows = [ExecutionRow(*row) for row in outcome.rows]  # type: ignore[arg-type]
    assert (outcome.chunk, outcome.done) == (chunk, 2)
    assert [(row.job, row.chunk, row.position, row.object_key) for row in rows] == [
        (1, 4, 2, "b.bin"),
        (1, 4, 3, "b.bin"),
        (1, 4, 4, "c.bin"),
        (1, 4, 5, "c.bin"),
    ]
    assert {row.state for row in rows} == {"Success"}
    assert {row.attempt for row in rows} == {2}
    assert bench.fractions[-1] == 1.0
    assert bench.fractions == sorted(bench.fractions)


def test_runner_records_what_an_operation_found_out(bench: Bench, bucket: Path) -> None:
    """The facts of a node are kept, with the version of the source that was read."""
    objects = put(bucket, "a.bin")
    job = job_over(bucket, make_hash_topology())

    (row,) = bench.rows(assign(job, objects))

    (node,) = outcomes_of(row)
    assert node.facts["FileHashCodeResult"]["MD5"] == ABC_MD5
    assert row.source_etag == FolderStore(bucket).head("a.bin").etag


def test_runner_does_not_read_what_no_node_reads(bench: Bench, bucket: Path) -> None:
    """A node that never looks at its object succeeds although there is none."""
    (row,) = bench.rows(assign(job_over(bucket), [ObjectInfo("gone.bin")]))

    assert row.state == "Success"
    assert row.source_etag == ""


def test_runner_fails_an_object_that_is_gone_and_goes_on(bench: Bench, bucket: Path) -> None:
    """One missing object is one failed execution; the next object runs."""
    objects = [ObjectInfo("gone.bin"), *put(bucket, "a.bin")]

    rows = bench.rows(assign(job_over(bucket, make_hash_topology()), objects))

    assert [row.state for row in rows] == ["Failed", "Success"]
    assert rows[0].code == "ResourceNotFound"
    assert "hash:" in rows[0].message
    assert "gone.bin" in rows[0].message


def test_runner_tells_every_node_that_an_object_is_gone(bench: Bench, bucket: Path) -> None:
    """Each node that reads a missing object fails for that reason, and so in each workflow."""
    topology = make_topology({"one": HASH, "two": HASH})
    job = job_over(bucket, topology, topology)

    rows = bench.rows(assign(job, [ObjectInfo("gone.bin")]))

    codes = [node.code for row in rows for node in outcomes_of(row)]
    assert codes == ["ResourceNotFound"] * 4


def test_runner_tries_a_node_again_when_its_store_failed(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """A store that fails once costs another attempt; the result is the same."""
    objects = put(bucket, "a.bin")
    store = FailingStore(bucket, failures=1)
    bench = Bench(scratch, clock, open_store=lambda _url: store, retry_seconds=[0.0])

    (row,) = bench.rows(assign(job_over(bucket, make_hash_topology()), objects))

    assert row.state == "Success"
    assert store.opened == ["a.bin", "a.bin"]


def test_runner_fails_a_node_whose_store_keeps_failing(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """After so many attempts the failure of the store is the object's."""
    objects = put(bucket, "a.bin")
    store = FailingStore(bucket, failures=9)
    bench = Bench(scratch, clock, open_store=lambda _url: store, retry_seconds=[0.0, 0.0])

    (row,) = bench.rows(assign(job_over(bucket, make_hash_topology()), objects))

    assert (row.state, row.code) == ("Failed", "ResourceDownloadFailed")
    assert len(store.opened) == 3


def test_runner_gives_up_waiting_for_a_store_when_it_is_cancelled(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """A cancellation ends the pause before another attempt."""
    objects = put(bucket, "a.bin")
    store = FailingStore(bucket, failures=9)
    bench = Bench(scratch, clock, open_store=lambda _url: store, retry_seconds=[3600.0])
    bench.is_cancelled = lambda: bool(store.opened)

    outcome = bench.run(assign(job_over(bucket, make_hash_topology()), objects))

    assert outcome.done == 0
    assert outcome.rows == []


def test_runner_downloads_an_object_once(scratch: Path, clock: Clock, bucket: Path) -> None:
    """However many nodes and workflows read an object, it is fetched once, and tidied away."""
    objects = put(bucket, "a.bin")
    store = FarStore(bucket)
    bench = Bench(scratch, clock, open_store=lambda _url: store)
    topology = make_topology({"one": HASH, "two": HASH})

    rows = bench.rows(assign(job_over(bucket, topology, topology), objects))

    assert store.opened == ["a.bin"]
    assert {
        node.facts["FileHashCodeResult"]["MD5"] for row in rows for node in outcomes_of(row)
    } == {ABC_MD5}
    assert list(scratch.iterdir()) == []


def test_runner_skips_what_the_filter_leaves_out(bench: Bench, bucket: Path) -> None:
    """A workflow's ExtFilter holds for each object, also where another workflow takes it."""
    start = {"ExtFilter": {"State": "On", "Image": "true"}}
    job = job_over(bucket, make_topology(start=start), make_topology())

    rows = bench.rows(assign(job, [ObjectInfo("a.pdf")]))

    assert [(row.state, row.code) for row in rows] == [
        ("Skipped", "Skipped"),
        ("Success", "Success"),
    ]
    assert "ExtFilter" in rows[0].message


def test_runner_skips_a_node_that_cannot_read_the_kind(bench: Bench, bucket: Path) -> None:
    """The other nodes run, those behind the skipped one are skipped, and the message says so."""
    objects = put(bucket, "a.pdf")
    topology = make_topology(
        {"thumb": picture_node("t.${Ext}"), "smaller": picture_node("s.${Ext}"), "hash": HASH},
        {"Start": "thumb,hash", "thumb": "smaller", "smaller": "End", "hash": "End"},
    )

    (row,) = bench.rows(assign(job_over(bucket, topology), objects))

    states = {node.number: node.state for node in outcomes_of(row)}
    assert row.state == "Success"
    assert row.message == "skipped: thumb, smaller"
    assert sorted(states.values()) == ["Skipped", "Skipped", "Success"]


def test_runner_skips_an_object_that_no_node_can_read(bench: Bench, bucket: Path) -> None:
    """An execution of which nothing ran has been skipped."""
    objects = put(bucket, "a.pdf")

    (row,) = bench.rows(
        assign(job_over(bucket, make_topology({"thumb": picture_node("t.${Ext}")})), objects)
    )

    assert (row.state, row.code, row.message) == ("Skipped", "Skipped", "skipped: thumb")


def test_runner_stops_the_branch_of_a_failed_node_alone(bench: Bench, bucket: Path) -> None:
    """What lies behind a failure is cancelled, what lies beside it runs; the whole has failed."""
    objects = put(bucket, "broken.jpg")
    topology = make_topology(
        {"thumb": picture_node("t.${Ext}"), "smaller": picture_node("s.${Ext}"), "hash": HASH},
        {"Start": "thumb,hash", "thumb": "smaller", "smaller": "End", "hash": "End"},
    )

    (row,) = bench.rows(assign(job_over(bucket, topology), objects))

    by_state = {node.state: node for node in outcomes_of(row)}
    assert row.state == "Failed"
    assert row.code == by_state[ExecutionState.FAILED].code == "ResourceNotSupported"
    assert row.message.startswith("thumb: ")
    assert ExecutionState.SUCCESS in by_state
    assert by_state[ExecutionState.CANCEL].code == "Cancel"


def test_runner_contains_an_error_that_nobody_expected(
    scratch: Path, clock: Clock, bucket: Path
) -> None:
    """A bug in the way of one object fails that object and no other."""
    objects = put(bucket, "break.bin", "fine.bin")
    bench = Bench(scratch, clock, open_store=open_trouble)

    rows = bench.rows(assign(job_over(bucket, make_hash_topology()), objects))

    assert [(row.state, row.code) for row in rows] == [
        ("Failed", "InternalError"),
        ("Success", "Success"),
    ]
    assert "KeyError in FileHashCode" in rows[0].message


def test_runner_hands_results_on(bench: Bench, bucket: Path) -> None:
    """A node behind another reads what that one made, and is named by it."""
    found = put_picture(bucket, "in/photo.png")
    topology = make_topology(
        {
            "thumb": picture_node(
                "out/${InputPath}/${InputName}_t.${Ext}", "imageMogr2/thumbnail/8x8/format/webp"
            ),
            "small": picture_node("${InputPath}/${InputName}_s.${Ext}", "imageMogr2/format/png"),
        },
        {"Start": "thumb", "thumb": "small", "small": "End"},
    )

    (row,) = bench.rows(assign(job_over(bucket, topology), [found]))

    assert row.message == ""
    assert output_keys(row) == ["out/in/photo_t.webp", "out/in/photo_t_s.png"]
    with Image.open(bucket / "out/in/photo_t_s.png") as image:
        assert image.size == (8, 8)


def test_runner_numbers_results_that_would_share_a_key(bench: Bench, bucket: Path) -> None:
    """Two inputs of one node whose pattern does not tell them apart give two objects."""
    found = put_picture(bucket, "a.png")
    topology = make_topology(
        {
            "one": picture_node("one.${Ext}"),
            "two": picture_node("two.${Ext}"),
            "both": picture_node("both.${Ext}"),
        },
        {"Start": "one,two", "one": "both", "two": "both", "both": "End"},
    )

    (row,) = bench.rows(assign(job_over(bucket, topology), [found]))

    assert output_keys(row) == ["one.png", "two.png", "both.png", "both_1.png"]


def test_runner_gives_a_node_the_same_object_once(bench: Bench, bucket: Path) -> None:
    """Behind two nodes that only look at the object, a node reads that object once."""
    found = put_picture(bucket, "a.png")
    topology = make_topology(
        {"one": HASH, "two": HASH, "thumb": picture_node("thumb.${Ext}")},
        {"Start": "one,two", "one": "thumb", "two": "thumb", "thumb": "End"},
    )

    (row,) = bench.rows(assign(job_over(bucket, topology), [found]))

    assert output_keys(row) == ["thumb.png"]


def test_runner_writes_to_another_bucket(bench: Bench, bucket: Path, tmp_path: Path) -> None:
    """A node may name another bucket, where even the source's key is free."""
    found = put_picture(bucket, "a.png")
    node = picture_node("${InputName}.${Ext}", Bucket=OTHER)
    buckets = {BUCKET: f"file://{bucket}", OTHER: f"file://{tmp_path / 'other'}"}

    (row,) = bench.rows(
        assign(job_over(bucket, make_topology({"thumb": node}), buckets=buckets), [found])
    )

    ((output,),) = [node.outputs for node in outcomes_of(row)]
    assert (output.bucket, output.key, output.input_key) == (OTHER, "a.png", "a.png")
    assert output.size_bytes == (tmp_path / "other" / "a.png").stat().st_size


def test_runner_never_overwrites_its_source(bench: Bench, bucket: Path) -> None:
    """An output that would take the place of its own source is a failure; the source stays."""
    found = put_picture(bucket, "a.png")
    before = (bucket / "a.png").read_bytes()

    (row,) = bench.rows(
        assign(
            job_over(bucket, make_topology({"t": picture_node("${InputName}.${Ext}")})), [found]
        )
    )

    assert (row.state, row.code) == ("Failed", "InvalidArgument")
    assert "overwrite its source" in row.message
    assert (bucket / "a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "age_ms", "is_spared"),
    [
        ({"input": JobInput(kind=InputKind.PREFIX, value="in/")}, 1_001, True),
        ({"input": JobInput(kind=InputKind.PREFIX, value="in/")}, 1_000, False),
        ({"input": JobInput(kind=InputKind.PREFIX, value="in/")}, -500, False),
        ({"input": JobInput(kind=InputKind.PREFIX, value="in/b")}, 60_000, False),
        ({"input": JobInput(kind=InputKind.OBJECT, value="in/a.png")}, 60_000, False),
        (
            {
                "input": JobInput(kind=InputKind.PREFIX, value=""),
                "filter": ObjectFilter(extensions=frozenset({"png"})),
            },
            60_000,
            False,
        ),
    ],
    ids=["taken", "just now", "made meanwhile", "other prefix", "one object", "left out"],
)
def test_runner_spares_other_objects_of_its_job(
    bench: Bench, bucket: Path, changes: dict[str, Any], age_ms: int, *, is_spared: bool
) -> None:
    """A result does not take the place of another object that the job takes; of others it does."""
    found = put_picture(bucket, "in/a.png")
    put(bucket, "in/a.jpg")
    changed_ns = (NOW_MS - age_ms) * 1_000_000
    os.utime(bucket / "in/a.jpg", ns=(changed_ns, changed_ns))
    node = picture_node("in/${InputName}.${Ext}", "imageMogr2/format/jpg")

    (row,) = bench.rows(assign(job_over(bucket, make_topology({"t": node}), **changes), [found]))

    assert ((bucket / "in/a.jpg").read_bytes() == b"abc") == is_spared
    assert (row.state == "Failed") == is_spared
    assert ("'in/a.jpg' would overwrite another object" in row.message) == is_spared


def test_runner_replaces_ids_in_output_keys(bench: Bench, bucket: Path) -> None:
    """Run id, node id and job id of an output key are those that lookups take."""
    found = put_picture(bucket, "a.png")
    node = picture_node("${RunId}/${JobId}/${InventoryTriggerJobId}.${Ext}")
    job = job_over(bucket, make_topology({"thumb": node}))

    (row,) = bench.rows(assign(job, [found]))

    run_id, node_id, name = output_keys(row)[0].split("/")
    assert Address.decode(run_id) == job.address(row.chunk, row.position)
    assert Address.decode(node_id) == job.address(row.chunk, row.position, node=1)
    assert name == f"{job.id}.png"


def test_runner_twice_gives_the_same_keys(bench: Bench, bucket: Path) -> None:
    """A second attempt at a chunk writes the same keys as the first."""
    found = put_picture(bucket, "a.png")
    node = picture_node("${InputName}_${RunId}.${Ext}")
    assignment = assign(job_over(bucket, make_topology({"thumb": node})), [found])

    first = bench.rows(assignment)
    second = bench.rows(assignment)

    assert output_keys(first[0]) == output_keys(second[0])
    assert len(list(FolderStore(bucket).list_objects())) == 2


def test_runner_stops_behind_the_present_object_when_it_drains(bench: Bench, bucket: Path) -> None:
    """A draining worker ends the object at hand and begins no other."""
    objects = put(bucket, "a.bin", "b.bin", "c.bin")
    bench.may_begin = lambda index: index < 1

    outcome = bench.run(assign(job_over(bucket), objects))

    assert outcome.done == 1
    assert len(outcome.rows) == 1


def test_runner_gives_up_a_cancelled_object(bench: Bench, bucket: Path) -> None:
    """What was done before the cancellation stays done; the object at hand leaves no trace."""
    objects = put(bucket, "a.bin", "b.bin", "c.bin")
    bench.is_cancelled = lambda: len(bench.fractions) > 1

    outcome = bench.run(assign(job_over(bucket, make_hash_topology()), objects))

    assert outcome.done == 1
    assert [ExecutionRow(*row).object_key for row in outcome.rows] == ["a.bin"]  # type: ignore[arg-type]


def test_runner_shows_a_key_that_is_no_text(bench: Bench, bucket: Path) -> None:
    """A file name that is not UTF-8 is read exactly, and recorded with its bytes escaped."""
    raw = os.fsencode(bucket) + b"/\xff.bin"
    with open(raw, "wb") as file:  # noqa: PTH123  # pathlib knows text only
        file.write(b"abc")
    (listed,) = FolderStore(bucket).list_objects()

    (row,) = bench.rows(assign(job_over(bucket, make_hash_topology()), [listed]))

    assert row.state == "Success"
    assert row.object_key == "\\udcff.bin"


def test_runner_keeps_jobs_apart(bench: Bench, tmp_path: Path) -> None:
    """Chunks of many jobs may come in any order; each runs its own workflow over its bucket."""
    found = {}
    for number in list(range(1, 21)) * 2:
        folder = tmp_path / f"bucket-{number}"
        objects = put(folder, "a.bin", content=str(number).encode())
        job = job_over(folder, make_hash_topology(), number=number, id=f"b{number:032x}")

        (row,) = bench.rows(assign(job, objects))

        found[number] = outcomes_of(row)[0].facts["FileHashCodeResult"]["MD5"]
    assert found == {
        number: hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        for number in range(1, 21)
    }
