"""What runs in a Ray worker, without Ray."""

import pickle
from pathlib import Path
from typing import Any

from penstock import __version__
from penstock.engine.ray_channel import Desk
from penstock.engine.ray_messages import Call, DeskAddress
from penstock.engine.ray_worker import run_chunk
from penstock.engine.runner import Assignment
from tests.engine.bench import assign, job_over, put, rows_of
from tests.factories import BUCKET, make_hash_topology
from tests.waiting import wait_until

FACTORY = "tests.engine.workers:make_runner"


def call_for(assignment: Assignment, scratch: Path, **changes: Any) -> Call:  # noqa: ANN401
    """A call that nobody listens to."""
    call = Call(
        version=__version__,
        ticket=1,
        desk=DeskAddress("127.0.0.1", 1, "nobody"),
        factory=FACTORY,
        argument=str(scratch),
        job=assignment.job,
        chunk=assignment.chunk,
        is_elsewhere=True,
    )
    return call._replace(**changes)


def test_ray_worker_runs_a_chunk_although_the_server_cannot_be_called(
    tmp_path: Path, scratch: Path
) -> None:
    """Without a line there is no progress, but the work is done."""
    assignment = assign(job_over(tmp_path, make_hash_topology()), put(tmp_path, "a.bin"))

    result = run_chunk(call_for(assignment, scratch), assignment.objects)

    assert isinstance(result, bytes)
    (row,) = rows_of(pickle.loads(result))  # noqa: S301  # made a moment ago
    assert row.state == "Success"


def test_ray_worker_refuses_work_of_another_version(tmp_path: Path, scratch: Path) -> None:
    """A node with another penstock begins nothing, and says which versions do not go together."""
    assignment = assign(job_over(tmp_path), put(tmp_path, "a.bin"))

    result = run_chunk(call_for(assignment, scratch, version="0.0.1"), assignment.objects)

    assert isinstance(result, str)
    assert f"has penstock {__version__}, the server 0.0.1" in result


def test_ray_worker_refuses_a_bucket_that_its_node_does_not_have(
    tmp_path: Path, scratch: Path
) -> None:
    """A folder that is not mounted here is no reason to fail every object in it."""
    job = job_over(tmp_path, buckets={BUCKET: (tmp_path / "not-mounted").as_uri()})
    assignment = assign(job, put(tmp_path, "a.bin"))

    refused = run_chunk(call_for(assignment, scratch), assignment.objects)
    on_own_machine = run_chunk(
        call_for(assignment, scratch, is_elsewhere=False), assignment.objects
    )

    assert isinstance(refused, str)
    assert f"does not have the folder {tmp_path / 'not-mounted'}" in refused
    assert isinstance(on_own_machine, bytes)


def test_ray_worker_says_why_it_cannot_be_made(tmp_path: Path, scratch: Path) -> None:
    """A node that cannot make a runner begins nothing."""
    assignment = assign(job_over(tmp_path), put(tmp_path, "a.bin"))
    call = call_for(assignment, scratch, factory="tests.engine.workers:nowhere")

    result = run_chunk(call, assignment.objects)

    assert isinstance(result, str)
    assert "cannot make a runner: AttributeError" in result


def test_ray_worker_keeps_its_line_between_chunks(tmp_path: Path, scratch: Path) -> None:
    """One process calls in once, however many chunks it runs."""
    begun: list[int] = []
    desk = Desk("127.0.0.1", "token", lambda ticket, _news, _number: begun.append(ticket))
    assignment = assign(job_over(tmp_path), put(tmp_path, "a.bin"))

    for ticket in (1, 2):
        run_chunk(
            call_for(assignment, scratch, desk=desk.address, ticket=ticket), assignment.objects
        )

    wait_until(lambda: {1, 2} <= set(begun), "both chunks to begin")
    desk.close()
