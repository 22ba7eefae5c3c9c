"""Templates of operations that cannot have any."""

import pytest

from penstock.domain.errors import InvalidArgumentError
from tests.factories import BUCKET
from tests.service.desk import Desk


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ("Condition", "Tag: Condition has no templates"),
        ("SCF", "Tag: SCF has no templates"),
        ("Magic", "Tag: this build has no operation 'Magic'"),
        ("", "Tag must be given"),
    ],
)
def test_template_of_what_has_none_is_refused(desk: Desk, tag: str, fault: str) -> None:
    """Nodes that stand in workflows only have no templates, nor has what this build lacks."""
    with pytest.raises(InvalidArgumentError) as caught:
        desk.templates.create(BUCKET, "mine", tag, {})

    assert list(caught.value.faults) == [fault]
