from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import BucketNotBoundError, NoSuchBucketError, QueueNotFoundError
from penstock.operations.base import Family
from tests.factories import BUCKET
from tests.service.desk import Desk

OTHER = "other-1250000000"


def test_bucket_that_is_bound_has_a_store_and_a_queue_a_family(desk: Desk) -> None:
    """Binding opens every service: one active queue each."""
    queues = {family: desk.queues.of_family(BUCKET, family) for family in Family}

    assert desk.buckets.names() == [BUCKET]
    assert list(desk.buckets.store(BUCKET).list_objects()) == []
    assert {len(found) for found in queues.values()} == {1}
    assert not any(queue.is_paused for found in queues.values() for queue in found)


def test_bucket_may_be_bound_again(desk: Desk, tmp_path: Path) -> None:
    """A second binding moves the bucket and keeps its queues."""
    before = desk.queues.of_family(BUCKET, "file")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "a.bin").touch()

    desk.buckets.bind(BUCKET, f"file://{folder}")

    assert [listed.key for listed in desk.buckets.store(BUCKET).list_objects()] == ["a.bin"]
    assert desk.queues.of_family(BUCKET, "file") == before


def test_bucket_that_is_not_bound_is_refused(desk: Desk) -> None:
    """Calls of the two kinds have an error of their own each."""
    with pytest.raises(NoSuchBucketError):
        desk.buckets.store(OTHER)
    with pytest.raises(BucketNotBoundError):
        desk.queues.of_family(OTHER, "file")


def test_bucket_with_a_wrong_url_is_not_bound(desk: Desk) -> None:
    """A URL that names no store leaves nothing behind."""
    with pytest.raises(InvalidArgumentError):
        desk.buckets.bind(OTHER, "ftp://somewhere/else")

    assert desk.buckets.names() == [BUCKET]


def test_bucket_store_is_opened_once(desk: Desk) -> None:
    """Every caller shares one store a URL."""
    assert desk.buckets.store(BUCKET) is desk.buckets.store(BUCKET)


def test_queue_is_paused_renamed_and_resumed(desk: Desk) -> None:
    """What is changed is kept; settings of notification are merged."""
    (queue,) = desk.queues.of_family(BUCKET, "file")
    desk.queues.update(
        BUCKET,
        "file",
        queue.id,
        name="later",
        is_paused=True,
        notify={"Url": "http://x/", "State": "Off"},
    )
    desk.clock.move(1)

    desk.queues.update(
        BUCKET, "file", queue.id, name="again", is_paused=False, notify={"Type": "Url"}
    )

    (found,) = desk.queues.of_family(BUCKET, "file")
    assert (found.name, found.is_paused) == ("again", False)
    assert found.notify == {"Url": "http://x/", "State": "Off", "Type": "Url"}
    assert found.updated_ms == desk.clock.now_ms
    assert found.created_ms == queue.created_ms


def test_queue_of_another_family_is_not_found(desk: Desk) -> None:
    """A queue id is good in its own family only."""
    (queue,) = desk.queues.of_family(BUCKET, "file")

    with pytest.raises(QueueNotFoundError):
        desk.queues.update(BUCKET, "media", queue.id, name="x", is_paused=True, notify={})
