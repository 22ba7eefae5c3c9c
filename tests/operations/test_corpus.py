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
