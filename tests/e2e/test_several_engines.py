"""Two servers on one database: one is stopped past its lease, and wakes up late."""

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.sdk import Cloud, counters
from tests.e2e.test_postgres import (
    JOB_SECONDS,
    OBJECTS,
    check_records,
    ended,
    fetch,
    fill,
    make_server,
    start_job,
)
from tests.waiting import wait_until

OWNER = "SELECT lease_owner, epoch FROM jobs"


@pytest.mark.slow
def test_engine_that_is_stopped_past_its_lease_seals_nothing(
    tmp_path: Path, postgres_url: str
) -> None:
    """Another engine takes the job over; the one that wakes up changes nothing, and works on."""
    bucket = tmp_path / "bucket"
    (bucket / "in").mkdir(parents=True)
    fill(bucket, OBJECTS)
    first = make_server(tmp_path / "first", bucket, postgres_url)
    second = make_server(tmp_path / "second", bucket, postgres_url)
    first.start()
    try:
        job_id = start_job(first)
        wait_until(lambda: ended(postgres_url) > OBJECTS // 20, "it to work", JOB_SECONDS)
        os.kill(first.pid, signal.SIGSTOP)  # before the other starts, so that the job cannot end
        owner, epoch = fetch(postgres_url, OWNER)
        second.start()

        wait_until(lambda: fetch(postgres_url, OWNER)[1] > epoch, "the takeover", JOB_SECONDS)
        before = ended(postgres_url)
        os.kill(first.pid, signal.SIGCONT)
        detail = Cloud(second.client()).wait(job_id, seconds=JOB_SECONDS)

        assert before < OBJECTS, "the job ended before it was taken over"
        assert (detail["State"], detail["Counters"]) == ("Success", counters(succeeded=OBJECTS))
        check_records(postgres_url, OBJECTS)
        assert len(list((bucket / "out").iterdir())) == OBJECTS
        wait_until(lambda: "job_lease_lost" in first.log(), "the loss to be noticed")
        second.kill()
        again = start_job(first)
        assert Cloud(first.client()).wait(again, seconds=JOB_SECONDS)["State"] == "Success"
        assert owner
    finally:
        for server in (first, second):
            if server.is_running():
                os.kill(server.pid, signal.SIGCONT)
            server.kill()
