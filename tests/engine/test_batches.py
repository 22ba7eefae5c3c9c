"""Reading a job's input in batches."""

import dataclasses

from penstock.domain.planning import unpack_objects
from penstock.domain.selection import ObjectFilter
from penstock.engine.batches import read_batches
from tests.engine.sources import ListSource
from tests.factories import make_job, make_object

ONLY_PICTURES = ObjectFilter(extensions=frozenset({"jpg"}))


def test_batches_hold_what_the_filter_takes() -> None:
    """The source is given the job's filter, and what it leaves out is in no chunk."""
    source = ListSource([make_object(key=f"{number}.jpg") for number in range(3)])
    others = ListSource([make_object(key="a.png"), make_object(key="b.jpg")])
    job = make_job(filter=ONLY_PICTURES)

    found = [
        found.key
        for each in (source, others)
        for batch in read_batches(each, job, lambda: None)
        for packed in batch.packed
        for found in unpack_objects(packed.objects)
    ]

    assert found == ["0.jpg", "1.jpg", "2.jpg", "b.jpg"]


def test_batches_of_nothing_move_the_cursor_on() -> None:
    """An input of which nothing matches still says how far it was read."""
    source = ListSource([make_object(key=f"{number}.png") for number in range(6)], page_size=2)
    job = make_job(filter=ONLY_PICTURES)

    first, *_, last = read_batches(source, job, lambda: None)

    assert (first.packed, first.cursor) == ([], '{"at":2}')
    assert (last.packed, last.cursor, last.is_last) == ([], '{"at":6}', True)
    rest = list(read_batches(source, dataclasses.replace(job, cursor=first.cursor), lambda: None))
    assert rest[-1].cursor == last.cursor
