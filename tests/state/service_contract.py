"""What every database must do with open services, and with what they bound."""

from typing import Any

from penstock.domain.jobs import Counters, JobType
from penstock.domain.workflows import WorkflowState
from penstock.state import jobs, resources, services, workflows
from penstock.state.database import Database
from tests.factories import (
    BUCKET,
    NOW_MS,
    make_id,
    make_job,
    make_queue,
    make_template,
    make_workflow,
)
from tests.state.stored import store_job

OTHER = "other-1250000000"


class ServiceContract:
    """Services that are open on buckets, and the counts that quotas look at."""

    def test_service_is_opened_and_closed_once(self, database: Database) -> None:
        """Opening and closing tell whether they changed anything."""
        with database.write() as transaction:
            opened = [
                services.open_service(transaction, BUCKET, "media", NOW_MS),
                services.open_service(transaction, BUCKET, "media", NOW_MS + 1),
                services.open_service(transaction, BUCKET, "pic", NOW_MS),
            ]
            both = services.open_services(transaction, BUCKET)
            closed = [services.close_service(transaction, BUCKET, "media") for _ in range(2)]
            one = services.open_services(transaction, BUCKET)

        assert opened == [True, False, True]
        assert both == {"media", "pic"}
        assert closed == [True, False]
        assert one == {"pic"}

    def test_open_services_are_listed_by_name(self, database: Database) -> None:
        """A list filters by exact names and by a prefix, counts all and pages."""
        names = ["b-1", "a%-1", "a-1", "a-2"]
        with database.write() as transaction:
            for number, name in enumerate(names):
                services.open_service(transaction, name, "media", NOW_MS + number)
            services.open_service(transaction, "c-1", "pic", NOW_MS)

        def listed(
            *chosen: str, prefix: str = "", offset: int = 0, limit: int = 10
        ) -> tuple[int, list[str]]:
            with database.read() as transaction:
                total, page = services.list_open(
                    transaction,
                    "media",
                    names=chosen,
                    prefix=prefix,
                    offset=offset,
                    limit=limit,
                )
            return total, [one.bucket for one in page]

        assert listed() == (4, ["a%-1", "a-1", "a-2", "b-1"])
        assert listed("a-2", "c-1") == (1, ["a-2"])
        assert listed(prefix="a-") == (2, ["a-1", "a-2"])
        assert listed(prefix="a%") == (1, ["a%-1"])
        assert listed(prefix="A") == (0, [])
        assert listed(offset=1, limit=2) == (4, ["a-1", "a-2"])
        with database.read() as transaction:
            assert services.count_open(transaction, "media") == 4

    def test_template_is_replaced_unless_its_name_is_taken(self, database: Database) -> None:
        """A new version may keep its own name, and not take another's."""
        first = make_template(name="a")
        second = make_template(id=make_id("t", 2), name="b")
        with database.write() as transaction:
            for template in (first, second):
                resources.insert_template_if_name_free(transaction, template)

            same = resources.replace_template_if_name_free(
                transaction, make_template(name="a", body={"Type": "SHA1"})
            )
            taken = resources.replace_template_if_name_free(transaction, make_template(name="b"))

            assert (same, taken) == (True, False)
            assert resources.find_template(transaction, BUCKET, first.id) == make_template(
                name="a", body={"Type": "SHA1"}
            )
            assert resources.count_templates(transaction, BUCKET) == 2
            assert resources.count_templates(transaction, OTHER) == 0

    def test_queues_of_a_family_vanish_together(self, database: Database) -> None:
        """Deleting a family's queues tells their ids and leaves the others."""
        with database.write() as transaction:
            resources.insert_queue_if_missing(transaction, make_queue())
            resources.insert_queue_if_missing(
                transaction, make_queue(id=make_id("p", 2), family="pic")
            )
            gone = resources.delete_queues(transaction, BUCKET, "file")
            left = resources.list_queues(transaction, BUCKET)

        assert gone == [make_id("p", 1)]
        assert [queue.id for queue in left] == [make_id("p", 2)]

    def test_queue_bounds_are_set_for_all(self, database: Database) -> None:
        """Every queue gets the same length and concurrency."""
        with database.write() as transaction:
            resources.insert_queue_if_missing(transaction, make_queue(max_size=1))
            resources.insert_queue_if_missing(
                transaction, make_queue(id=make_id("p", 2), family="pic", max_concurrent=1)
            )
            resources.set_queue_bounds(transaction, max_size=7, max_concurrent=3)
            found = resources.list_queues(transaction, BUCKET)

        assert {(queue.max_size, queue.max_concurrent) for queue in found} == {(7, 3)}

    def test_workflows_of_uploads_are_the_active_ones(self, database: Database) -> None:
        """Active workflows of a bucket are listed oldest first; all of them are counted."""
        with database.write() as transaction:
            for number, (bucket, state) in enumerate(
                [
                    (BUCKET, WorkflowState.ACTIVE),
                    (BUCKET, WorkflowState.PAUSED),
                    (OTHER, WorkflowState.ACTIVE),
                    (BUCKET, WorkflowState.ACTIVE),
                ]
            ):
                workflows.insert_workflow(
                    transaction,
                    make_workflow(
                        id=make_id("w", number),
                        bucket=bucket,
                        state=state,
                        created_ms=NOW_MS + number,
                    ),
                )
            found = workflows.active_workflows(transaction, BUCKET)

            assert [one.id for one in found] == [make_id("w", 0), make_id("w", 3)]
            assert workflows.count_workflows(transaction, BUCKET) == 3

    def test_open_batches_are_counted(self, database: Database) -> None:
        """What counts are batch jobs of the bucket that have not ended and are no dry runs."""
        variants: tuple[dict[str, Any], ...] = (
            {},
            {"type": JobType.JOB},
            {"type": JobType.TRIGGER},
            {"is_dry_run": True},
            {"bucket": OTHER},
        )
        for number, changes in enumerate(variants):
            store_job(database, make_job(id=make_id("b", number + 1), **changes))

        with database.read() as transaction:
            assert jobs.count_open_batches(transaction, BUCKET) == 2
            assert len(jobs.list_open_jobs_of_bucket(transaction, BUCKET)) == 4

    def test_waiting_singles_are_counted_by_queue(self, database: Database) -> None:
        """What counts are triggers whose object waits, by the queues that they pass through."""
        variants: tuple[tuple[dict[str, Any], int], ...] = (
            ({"type": JobType.TRIGGER, "queue_ids": ("p1", "p2")}, 1),
            ({"type": JobType.TRIGGER, "queue_ids": ("p2",)}, 1),
            ({"type": JobType.TRIGGER, "queue_ids": ("p1",)}, 0),
            ({"queue_ids": ("p1",)}, 5),
        )
        for number, (changes, waiting) in enumerate(variants):
            job = store_job(database, make_job(id=make_id("b", number + 1), **changes))
            with database.write() as transaction:
                jobs.add_counters(
                    transaction, job.number, Counters(total=waiting, waiting=waiting)
                )

        with database.read() as transaction:
            assert jobs.count_waiting_singles(transaction, "p1") == 1
            assert jobs.count_waiting_singles(transaction, "p2") == 2
            assert jobs.count_waiting_singles(transaction, "p") == 0
