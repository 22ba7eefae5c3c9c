"""Real planner processes: they read inputs, break, die, and are used again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.errors import BackendError
from penstock.domain.jobs import InputKind, Job, JobInput
from penstock.domain.planning import unpack_objects
from penstock.engine.batches import Batch, UnreadableInputError
from penstock.engine.planners import Planners
from tests.engine.workers import BROKEN, FAILING, UNEXPECTED
from tests.factories import make_job
from tests.waiting import wait_until

FACTORY = "tests.engine.workers:make_opener"


@pytest.fixture
def planners() -> Iterator[Planners]:
    """Planner processes that end with the test."""
    planners = Planners(factory=FACTORY, argument="")
    yield planners
    planners.close()


def job_of(objects: int, *, prefix: str = "") -> Job:
    """A job whose source has so many objects, a hundred a page."""
    return make_job(name=str(objects), input=JobInput(kind=InputKind.PREFIX, value=prefix))


def keys_of(batches: list[Batch]) -> list[str]:
    """The keys of batches, in order."""
    return [
        listed.key
        for batch in batches
        for packed in batch.packed
        for listed in unpack_objects(packed.objects)
    ]


def planner_pids() -> set[int]:
    """The planner processes that live below this one."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                ppid = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if ppid == os.getpid() and b"penstock.engine.planner" in command:
                found.add(int(folder.name))
    return found


def test_planners_read_a_job_in_batches(planners: Planners) -> None:
    """Every object comes, in order; the first batch is one page, and the last says so."""
    batches = list(planners.read(job_of(9_000), lambda: None))

    keys = keys_of(batches)
    assert len(keys) == len(set(keys)) == 9_000
    assert keys == sorted(keys)
    assert sum(packed.size for packed in batches[0].packed) == 100
    assert [batch.is_last for batch in batches] == [*[False] * (len(batches) - 1), True]


def test_planners_use_a_process_again(planners: Planners) -> None:
    """A second job is read by the process that read the first."""
    list(planners.read(job_of(10), lambda: None))
    before = planner_pids()

    list(planners.read(job_of(20), lambda: None))

    assert planner_pids() == before
    assert len(before) == 1


def test_planners_size_chunks_by_the_speed_of_the_moment(planners: Planners) -> None:
    """What the engine has measured meanwhile decides how long later chunks are."""
    batches = list(planners.read(job_of(9_000), lambda: 0.1))

    assert {packed.size for packed in batches[-1].packed[:-1]} == {20}


def test_planners_go_on_behind_a_cursor(planners: Planners) -> None:
    """A job that is planned in part goes on behind what is planned."""
    first = next(batches := planners.read(job_of(300), lambda: None))
    batches.close()
    job = make_job(name="300", cursor=first.cursor)

    rest = list(planners.read(job, lambda: None))

    assert len(keys_of([first])) == 100
    assert len(keys_of(rest)) == 200


@pytest.mark.parametrize(
    ("prefix", "code"), [(BROKEN, "InvalidContent"), (UNEXPECTED, "InternalError")]
)
def test_planners_tell_why_an_input_cannot_be_read(
    planners: Planners, prefix: str, code: str
) -> None:
    """The code comes over from the process; an error that nobody expected has one too."""
    with pytest.raises(UnreadableInputError) as caught:
        list(planners.read(job_of(10, prefix=prefix), lambda: None))

    assert caught.value.found == code
    assert len(list(planners.read(job_of(10), lambda: None))) == 2


def test_planners_tell_that_a_store_failed(planners: Planners) -> None:
    """What may work later is told as such."""
    with pytest.raises(BackendError):
        list(planners.read(job_of(10, prefix=FAILING), lambda: None))


def test_planners_survive_the_death_of_a_process(planners: Planners) -> None:
    """A process that is killed while it reads fails the attempt, and the next one has another."""
    batches = planners.read(job_of(9_000), lambda: None)
    next(batches)
    (pid,) = planner_pids()

    os.kill(pid, signal.SIGKILL)
    with pytest.raises(BackendError, match="died"):
        list(batches)

    assert len(keys_of(list(planners.read(job_of(150), lambda: None)))) == 150


def test_planners_end_a_process_whose_reader_stops(planners: Planners) -> None:
    """An expansion that is stopped leaves no process behind that reads on."""
    batches = planners.read(job_of(9_000), lambda: None)
    next(batches)

    batches.close()

    wait_until(lambda: not planner_pids(), "the end of the process")
