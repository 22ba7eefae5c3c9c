"""Which uploads start which workflows, and what happens when a start goes wrong."""

from collections.abc import Iterator
from threading import Event

import pytest

from penstock.domain.requests import ExecutionQuery
from penstock.domain.selection import ObjectInfo
from penstock.domain.workflows import Workflow, WorkflowState
from penstock.service.uploads import UploadTrigger
from tests.factories import BUCKET, make_hash_topology, make_object
from tests.service.desk import Desk


@pytest.fixture
def trigger(desk: Desk) -> Iterator[UploadTrigger]:
    """The trigger over the services of the desk."""
    made = UploadTrigger(desk.database, desk.jobs.start_stored)
    yield made
    made.close()


def active(desk: Desk, name: str = "sums") -> Workflow:
    """A stored workflow that uploads start."""
    return desk.workflows.create(BUCKET, name, WorkflowState.ACTIVE, make_hash_topology())


def keys(desk: Desk) -> list[str]:
    """The keys of all executions, oldest first."""
    query = ExecutionQuery(bucket=BUCKET, is_ascending=True, limit=100)
    return [one.object_key for one in desk.executions.page(query)[0]]


def test_upload_starts_one_execution_for_each_workflow(desk: Desk, trigger: UploadTrigger) -> None:
    """Every Active workflow is started once, with the object as it was stored."""
    first, second = active(desk, "a"), active(desk, "b")

    trigger(BUCKET, make_object(key="in/a.jpg"))

    page, _ = desk.executions.page(ExecutionQuery(bucket=BUCKET, limit=100))
    assert {one.workflow.id for one in page} == {first.id, second.id}
    assert [one.object_key for one in page] == ["in/a.jpg"] * 2


def test_upload_of_a_key_that_is_no_text_starts(desk: Desk, trigger: UploadTrigger) -> None:
    """A key with undecodable bytes is planned exactly, and shown with escapes."""
    active(desk)

    trigger(BUCKET, make_object(key="in/\udcff.bin"))

    assert keys(desk) == ["in/\\udcff.bin"]


def test_upload_that_cannot_be_matched_is_no_error(desk: Desk, trigger: UploadTrigger) -> None:
    """Without a database the upload is stored all the same."""
    active(desk)
    with desk.database.write() as transaction:
        transaction.exec_driver_sql("ALTER TABLE workflows RENAME TO elsewhere")

    trigger(BUCKET, make_object())

    with desk.database.write() as transaction:
        transaction.exec_driver_sql("ALTER TABLE elsewhere RENAME TO workflows")
    assert keys(desk) == []


def test_upload_survives_a_start_that_breaks(desk: Desk) -> None:
    """An error that nobody thought of in a start does not reach the upload."""

    def start(_bucket: str, _workflow_id: str, _stored: ObjectInfo) -> None:
        message = "unexpected"
        raise RuntimeError(message)

    active(desk)
    trigger = UploadTrigger(desk.database, start)

    trigger(BUCKET, make_object())

    trigger.close()


def test_upload_does_not_wait_for_a_slow_start(desk: Desk) -> None:
    """A start that takes long goes on while the upload is answered, and is not lost."""
    go_on = Event()
    begun: list[str] = []

    def start(_bucket: str, _workflow_id: str, stored: ObjectInfo) -> None:
        go_on.wait(20)
        begun.append(stored.key)

    active(desk)
    trigger = UploadTrigger(desk.database, start, longest_wait_seconds=0.01)

    trigger(BUCKET, make_object(key="a"))
    before = list(begun)
    go_on.set()
    trigger.close()

    assert before == []
    assert begun == ["a"]
