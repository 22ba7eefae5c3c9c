"""Several servers on one database: what they promise each, they keep together."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from penstock.bootstrap.clock import new_id
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.domain.jobs import Counters
from penstock.domain.node_jobs import NodeJobRequest
from penstock.domain.quotas import Quotas
from penstock.domain.refusals import BucketNotBoundError
from penstock.domain.states import JobState
from penstock.domain.workflows import WorkflowState
from penstock.service.activation import ActivationService
from penstock.service.buckets import BucketService
from penstock.service.jobs import JobService
from penstock.service.node_jobs import NodeJobService
from penstock.service.queues import QueueService
from penstock.service.templates import TemplateService
from penstock.service.workflows import WorkflowService
from penstock.state import jobs
from penstock.state.database import Database
from penstock.storage.opening import open_store
from tests.factories import BUCKET, NOW_MS, make_request, make_rule, make_topology
from tests.state.stored import lease
from tests.waiting import Clock

RIVALS = 8
QUOTAS = Quotas(buckets=3, workflows=3, templates=3, running_jobs=3, queue_size=3)


class Servers:
    """The services of a server; several threads stand for several servers."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = Database.open(url)
        self.folder = folder
        clock = Clock(NOW_MS)
        self.buckets = BucketService(
            self.database, open_store, now_ms=clock, new_id=new_id, quotas=QUOTAS
        )
        self.workflows = WorkflowService(
            self.database, self.buckets, now_ms=clock, new_id=new_id, quotas=QUOTAS
        )
        self.templates = TemplateService(
            self.database, self.buckets, now_ms=clock, new_id=new_id, quotas=QUOTAS
        )
        self.jobs = JobService(
            self.database, self.buckets, now_ms=clock, new_id=new_id, quotas=QUOTAS
        )
        self.queues = QueueService(self.database, self.buckets, now_ms=clock)
        self.node_jobs = NodeJobService(self.database, self.buckets, self.jobs, now_ms=clock)
        self.activation = ActivationService(
            self.database, self.buckets, now_ms=clock, quotas=QUOTAS, bind_root=str(folder)
        )

    def node_job(self) -> str:
        """Make a single job; its id."""
        rules = (make_rule(),)
        request = NodeJobRequest(bucket=BUCKET, object_key="a.txt", rules=rules)
        (made,) = self.node_jobs.create(request)
        return made.view.job_id


@pytest.fixture
def servers(postgres_url: str, tmp_path: Path) -> Iterator[Servers]:
    """Services on a new database, and a bound bucket with one object."""
    servers = Servers(postgres_url, tmp_path)
    (tmp_path / BUCKET).mkdir()
    (tmp_path / BUCKET / "a.txt").write_text("a")
    servers.buckets.bind(BUCKET, f"file://{tmp_path / BUCKET}")
    yield servers
    servers.database.close()


def race(work: Callable[[int], object]) -> list[str]:
    """The words for how each of several calls at the same moment ended: `done` or its code."""
    start = Barrier(RIVALS)

    def run(number: int) -> str:
        start.wait(10)
        try:
            work(number)
        except PenstockError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(run, range(RIVALS)))


def test_batch_jobs_never_exceed_their_limit(servers: Servers) -> None:
    """Of more calls at once than there is room for, as many succeed as there is."""
    ended = race(lambda _: servers.jobs.create(make_request()))

    assert sorted(set(ended)) == ["QueueSaturated", "done"]
    assert ended.count("done") == QUOTAS.running_jobs


def test_single_jobs_never_exceed_the_length_of_their_queue(servers: Servers) -> None:
    """What waits in a queue stays within its length, whoever sends it."""
    ended = race(lambda _: servers.node_job())

    assert sorted(set(ended)) == ["QueueSaturated", "done"]
    assert ended.count("done") == QUOTAS.queue_size


def test_workflows_templates_and_buckets_never_exceed_their_limits(servers: Servers) -> None:
    """Each limit holds for all servers together."""
    body = {"Type": "MD5"}

    made = race(
        lambda number: servers.workflows.create(
            BUCKET, f"w{number}", WorkflowState.PAUSED, make_topology()
        )
    )
    named = race(
        lambda number: servers.templates.create(BUCKET, f"t{number}", "FileHashCode", body)
    )
    bound = race(lambda number: servers.activation.bind(f"b{number}-1250000000"))

    assert [made.count("done"), named.count("done")] == [3, 3]
    assert bound.count("done") == QUOTAS.buckets - 1  # one was bound before


def test_template_name_is_taken_once(servers: Servers) -> None:
    """Of several that give templates the same name, one gets it; the others are told."""
    ended = race(
        lambda _: servers.templates.create(BUCKET, "one", "FileHashCode", {"Type": "MD5"})
    )

    assert sorted(set(ended)) == ["TemplateNameDuplicate", "done"]
    assert ended.count("done") == 1


def test_queue_changes_are_merged(servers: Servers) -> None:
    """Nobody's change of a queue is lost under another that read the queue before it."""
    (queue,) = servers.queues.of_family(BUCKET, "file")
    fields = {
        "Url": "http://192.0.2.1/hook",
        "State": "On",
        "Type": "Url",
        "Event": "TaskFinish",
        "ResultFormat": "JSON",
    }
    servers.queues.update(BUCKET, "file", queue.id, name="q", is_paused=False, notify=fields)

    def change(number: int) -> None:
        event = {"Event": "WorkflowFinish"} if number % 2 else {"ResultFormat": "XML"}
        servers.queues.update(BUCKET, "file", queue.id, name="q", is_paused=False, notify=event)

    ended = race(change)

    (found,) = servers.queues.of_family(BUCKET, "file")
    assert set(ended) == {"done"}
    assert dict(found.notify) == {**fields, "Event": "WorkflowFinish", "ResultFormat": "XML"}


def test_bucket_that_is_unbound_has_no_open_jobs_left(servers: Servers) -> None:
    """A job that is made while its bucket is unbound is refused, or cancelled with the others."""

    def work(number: int) -> None:
        if number == RIVALS - 1:
            servers.activation.unbind(BUCKET)
        else:
            servers.jobs.create(make_request())

    race(work)

    with servers.database.read() as transaction:
        assert jobs.list_open_jobs_of_bucket(transaction, BUCKET) == []
    with pytest.raises(BucketNotBoundError):
        servers.jobs.create(make_request())


@pytest.mark.parametrize("turn", range(4))
def test_single_job_is_cancelled_or_run_but_not_both(servers: Servers, turn: int) -> None:
    """A cancel that comes as an engine leases the object is refused, or the object never runs."""
    del turn
    job_id = servers.node_job()
    job = servers.node_jobs.get(BUCKET, job_id).execution.job
    leased: list[bool] = []

    def work(number: int) -> None:
        if number:
            servers.node_jobs.cancel(BUCKET, job_id)
        else:
            leased.append(lease(servers.database, job) is not None)

    ended = race(work)

    with servers.database.read() as transaction:
        found = jobs.find_job(transaction, job.number)
    assert found is not None
    if leased == [True]:
        assert set(ended[1:]) == {InvalidArgumentError.code}
        assert found.counters == Counters(total=1, waiting=1)
    else:
        assert set(ended) == {"done"}
        assert (found.state, found.counters) == (
            JobState.CANCEL,
            Counters(total=1, cancelled=1),
        )
