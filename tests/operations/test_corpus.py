"""Every operation over broken files of each kind, in one worker: it lives, and each has a code."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from penstock.domain.records import ExecutionRow
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree
from penstock.domain.workflows import parse_topology
from penstock.engine.executor import Progressed
from penstock.engine.executor_local import LocalExecutor
from penstock.engine.runner import ChunkOutcome
from penstock.operations.registry import OPERATIONS
from tests.engine.bench import assign, job_over, put, rows_of
from tests.operations.corpus import Corpus, topologies
from tests.waiting import wait_until

_PAGE = Path(__file__).parents[2] / "docs/reference/error-codes.md"
_OBJECT_SECTION = re.compile(r"^## This object cannot.*?(?=^## )", re.MULTILINE | re.DOTALL)
CODES = frozenset(
    re.findall(r"^\| `(\w+)`", _OBJECT_SECTION.findall(_PAGE.read_text("utf-8"))[0], re.MULTILINE)
)
_SECONDS = 30.0


class Found(NamedTuple):
    """What came of one workflow and one object."""

    workflow: str
    name: str
    row: ExecutionRow


class Bucket:
    """A corpus, one worker, and what it makes of the corpus."""

    def __init__(self, root: Path, scratch: Path, executor: LocalExecutor) -> None:
        self.corpus = Corpus(root)
        self.root = root
        self.scratch = scratch
        self._executor = executor

    def run(self, objects: Sequence[ObjectInfo], asked: Mapping[str, Tree]) -> list[Found]:
        """Put objects through workflows, all in one chunk."""
        job = job_over(self.root, *asked.values())
        self._executor.submit(assign(job, objects))
        reports: list[object] = []

        def is_done() -> bool:
            heard = self._executor.reports(0.2)
            reports.extend(one for one in heard if not isinstance(one, Progressed))
            return bool(reports)

        wait_until(is_done, "the chunk", 300.0)
        (outcome,) = reports
        assert isinstance(outcome, ChunkOutcome), "the worker died"
        assert outcome.done == len(objects)
        names = [(workflow, one.key) for one in objects for workflow in asked]
        pairs = zip(names, rows_of(outcome), strict=True)
        return [Found(*name, row) for name, row in pairs]

    def workers(self) -> list[str]:
        """The processes that have been workers."""
        return (self.scratch.parent / "workers").read_text().split()

    def leftovers(self) -> list[str]:
        """What lies in scratch space, or half-written in the bucket."""
        partial = self.root / ".penstock-partial"
        return [str(path) for folder in (self.scratch, partial) for path in folder.glob("*")]

    def published(self, found: Found) -> list[str]:
        """What a workflow wrote for an object."""
        operation = "StreamPack" if found.workflow == "StreamPack" else found.workflow
        folder = self.root / "out" / operation / found.name.removeprefix("in/")
        return sorted(path.name for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _bucket(folder: Path, seconds: float) -> Iterator[Bucket]:
    root, scratch = folder / "bucket", folder / "scratch"
    root.mkdir()
    scratch.mkdir()
    executor = LocalExecutor(
        workers=1, factory="tests.operations.corpus:make_runner", argument=f"{scratch}:{seconds}"
    )
    try:
        yield Bucket(root, scratch, executor)
    finally:
        executor.close()


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    """A bucket and its worker."""
    with _bucket(tmp_path, _SECONDS) as bucket:
        yield bucket


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Bucket]:
    """The same with a second for an object."""
    with _bucket(tmp_path, 1.0) as bucket:
        yield bucket


def test_corpus_asks_every_operation() -> None:
    """No operation of this build is left out."""
    asked = {
        node.type for topology in topologies().values() for node in parse_topology(topology).nodes
    }

    assert asked == {operation.tag for operation in OPERATIONS}


# They read bytes, or tell what a header says, and make nothing of the contents.
_INDIFFERENT = frozenset(
    {
        *("FileCompress", "FileHashCode", "Noop", "MediaInfo", "ImageInspect"),
        *("Condition ImageWidth", "Condition Duration"),
    }
)
_STILLS = frozenset({"SmartCover", "Snapshot", "Snapshot key frames"})
_ALL = frozenset(topologies())

# What may succeed on which damaged file, and why.
ALLOWED: Mapping[str, frozenset[str]] = {
    # Nothing in these says how long they should be: what is there is a whole, shorter file.
    **dict.fromkeys(("cut2.wav", "cut50.wav", "cut50.ogg"), _ALL),
    **dict.fromkeys(("cut50-whole.ts", "cut50-parts.mp4"), _ALL),
    "cut3-whole.ts": _STILLS | {"Animation", "StreamExtract"},
    # Decoders conceal what is damaged in the middle; every moment is there.
    "holes.mp4": _ALL,
    # Only the container's headers lie; the stream tells the truth and is believed.
    "absurd.mp4": _ALL,
    # Pictures are taken where there are some, and what is asked for has its full length.
    **dict.fromkeys(("cut50-front.mp4", "cut50-whole.mkv"), _STILLS | {"VideoMontage"}),
    "cut50-whole.webm": _STILLS,
    # What is missing is padding behind the last member; what the name lies about does not matter.
    **dict.fromkeys(("cut90.tar", "zip.webp"), frozenset({"FileUncompress"})),
}  # fmt: skip


def _check(bucket: Bucket, sealed: Mapping[str, tuple[bytes, int]]) -> None:
    """Run everything over the corpus, and hold each outcome against what is promised."""
    objects = [ObjectInfo(key, len(held[0])) for key, held in sealed.items() if key[:3] == "in/"]

    found = bucket.run(objects, topologies())

    wrong = [fault for one in found if (fault := _fault(bucket, one))]
    assert wrong == []
    able = {one.workflow for one in found if _is_whole(one) and one.row.state == "Success"}
    failed = {one.workflow for one in found if one.row.state == "Failed"}
    if not any("whole.gz" in one.name for one in found):
        able.add("FileUncompress")  # archives have their own run
    assert failed - able == {"SCF"}, "what fails on everything proves nothing"
    now = {key: (bucket.root / key).stat() for key in sealed}
    kept = {key: ((bucket.root / key).read_bytes(), now[key].st_mtime_ns) for key in sealed}
    assert [key for key in sealed if kept[key] != sealed[key]] == []
    assert bucket.leftovers() == []
    assert len(bucket.workers()) == 1


def _is_whole(found: Found) -> bool:
    return found.name.startswith("in/whole")


def _fault(bucket: Bucket, found: Found) -> str:
    """What is wrong with an outcome; empty where nothing is."""
    row, name = found.row, found.name.removeprefix("in/")
    told = f"{name}: {found.workflow}: {row.code}: {row.message}"
    if row.state == "Failed":
        if row.code not in CODES or not row.message:
            return f"no clear code: {told}"
        return f"published all the same: {told}" if bucket.published(found) else ""
    allowed = _INDIFFERENT | ALLOWED.get(name, frozenset())
    is_allowed = row.state == "Skipped" or _is_whole(found) or found.workflow in allowed
    return "" if is_allowed else f"succeeded on a broken file: {told}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pictures", "videos", "sounds", "archives"])
def test_broken_files_get_clear_codes(bucket: Bucket, kind: str) -> None:
    """No broken file ends the worker, is made something of, is touched, or leaves anything."""
    makers: Mapping[str, Callable[[], None]] = {
        "pictures": bucket.corpus.pictures,
        "videos": bucket.corpus.videos,
        "sounds": bucket.corpus.sounds,
        "archives": bucket.corpus.archives,
    }
    makers[kind]()

    _check(bucket, bucket.corpus.seal())


def test_endless_and_strange_files_get_clear_codes(hasty: Bucket) -> None:
    """A pipe, a device and a download without end fail in time; the worker goes on."""
    os.mkfifo(hasty.root / "in/pipe.jpg")
    (hasty.root / "in/device.mp4").symlink_to("/dev/zero")
    objects = [ObjectInfo("in/pipe.jpg", 10), ObjectInfo("in/device.mp4", 10)]
    objects += [*put(hasty.root, "endless.bin"), *put(hasty.root, "in/a.bin")]
    hashing = {"FileHashCode": topologies()["FileHashCode"]}

    found = hasty.run(objects, hashing)

    codes = [one.row.code for one in found]
    assert codes == ["ResourceNotFound", "ResourceNotFound", "OperationTimeout", "Success"]
    assert hasty.leftovers() == []
    assert len(hasty.workers()) == 1
