import json

from sqlalchemy import select  # looks at the table itself

from penstock.domain.callbacks import CallbackFormat, Event
from penstock.domain.states import DeliveryState, ExecutionState
from penstock.engine.letters import Letter, LetterWriter
from penstock.state import resources, schema
from penstock.state.database import Database
from tests.engine.told import asking, ended, outcomes_of, record
from tests.factories import (
    make_id,
    make_job,
    make_node,
    make_pinned,
    make_queue,
    make_template,
    make_topology,
)

URL = "http://hooks.example/cb"
TEMPLATE = make_template(tag="Noop", name="nothing")
QUEUES = [
    make_queue(id=make_id("p", 1), family="media", category="Transcoding"),
    make_queue(id=make_id("p", 2), family="file", category="FileProcessing"),
]


def events(database: Database) -> list[Event]:
    """What waits in the outbox."""
    table = schema.events
    with database.read() as transaction:
        rows = transaction.execute(select(table).order_by(table.c.number)).all()
    return [
        Event(
            number=row.number,
            job=row.job,
            chunk=row.chunk,
            position=row.position,
            node=row.node,
            url=row.url,
            format=CallbackFormat(row.format),
            created_ms=row.created_ms,
            attempts=1,
            state=DeliveryState.WAITING,
            answer="",
        )
        for row in rows
    ]


def letters_of(database: Database, *, has_template: bool = True) -> list[Letter]:
    """The letters of an execution of two nodes, one of which has a template."""
    with database.write() as transaction:
        for queue in QUEUES:
            resources.insert_queue_if_missing(transaction, queue)
        if has_template:
            resources.insert_template_if_name_free(transaction, TEMPLATE)
    nodes = {"a": make_node(after_type={"TemplateId": TEMPLATE.id}), "b": make_node()}
    topology = make_topology(nodes, start=asking(URL, form="JSON"))
    queue_ids = tuple(queue.id for queue in QUEUES)
    job = make_job(workflows=(make_pinned(topology=topology),), queue_ids=queue_ids)
    record(database, job, ended(outcomes_of(*[ExecutionState.SUCCESS] * 2)))
    writer = LetterWriter(database, region="here")
    written = [writer.write(event) for event in events(database)]
    return [letter for letter in written if letter is not None]


def test_letters_name_queue_and_template(database: Database) -> None:
    """A node's letter has the queue of its family, and the name of the template it came from."""
    first, second, _ = letters_of(database)

    (with_template,) = json.loads(first.body)["JobsDetail"]
    (without,) = json.loads(second.body)["JobsDetail"]
    assert with_template["QueueId"] == without["QueueId"] == make_id("p", 2)
    assert with_template["Operation"]["TemplateName"] == "nothing"
    assert "TemplateName" not in without["Operation"]
    assert with_template["Input"]["Region"] == "here"


def test_letters_of_an_execution_name_templates(database: Database) -> None:
    """So does the letter of the execution, in its tasks."""
    *_, last = letters_of(database)

    tasks = json.loads(last.body)["WorkflowExecution"]["Tasks"]
    assert [task.get("TemplateName") for task in tasks] == ["nothing", None]


def test_letters_do_without_a_template_that_is_gone(database: Database) -> None:
    """The id stays, the name is left out."""
    first, _, last = letters_of(database, has_template=False)

    (detail,) = json.loads(first.body)["JobsDetail"]
    (task, _) = json.loads(last.body)["WorkflowExecution"]["Tasks"]
    assert detail["Operation"]["TemplateId"] == task["TemplateId"] == TEMPLATE.id
    assert "TemplateName" not in detail["Operation"]
    assert "TemplateName" not in task


def test_letters_are_the_same_every_time(database: Database) -> None:
    """A repeat has the same id and the same body."""
    first, *_ = letters_of(database)
    event, *_ = events(database)

    again = LetterWriter(database, region="here").write(event)

    assert again == first
    assert first.id == f"e{event.number:026x}{make_id('b', 1)[-6:]}"


def test_letters_of_what_is_gone_are_none(database: Database) -> None:
    """Neither a job nor an execution that is not there gives a letter."""
    letters_of(database)
    event, *_ = events(database)
    writer = LetterWriter(database, region="here")

    with database.write() as transaction:
        transaction.execute(schema.executions.delete())
    without_execution = writer.write(event)
    with database.write() as transaction:
        transaction.execute(schema.jobs.delete())

    assert without_execution is None
    assert writer.write(event) is None


def test_letters_survive_a_chunk_that_is_gone(database: Database) -> None:
    """Without its chunk an execution counts from its start."""
    letters_of(database)
    *_, event = events(database)
    with database.write() as transaction:
        transaction.execute(schema.chunks.delete())

    letter = LetterWriter(database, region="here").write(event)

    assert letter is not None
    assert json.loads(letter.body)["WorkflowExecution"]["CreateTime"].startswith("2023-11-15 ")
