from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.executions import NodeOutcome, OutputObject
from penstock.domain.records import pack_outcomes, unpack_outcomes
from penstock.domain.states import ExecutionState

TEXT = st.text(max_size=8)
FACTS = st.recursive(
    TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OUTPUTS = st.builds(OutputObject, TEXT, TEXT, st.integers(0, 1 << 50), TEXT, TEXT, TEXT)


@st.composite
def outcomes(draw: st.DrawFn) -> NodeOutcome:
    """What a node may come to; a success always has the code Success."""
    state = draw(st.sampled_from(ExecutionState))
    return NodeOutcome(
        number=draw(st.integers(1, 255)),
        state=state,
        code="Success" if state is ExecutionState.SUCCESS else draw(TEXT),
        message=draw(TEXT),
        started_ms=draw(st.integers(0, 1 << 50)),
        ended_ms=draw(st.integers(0, 1 << 50)),
        outputs=tuple(draw(st.lists(OUTPUTS, max_size=3))),
        facts=draw(st.dictionaries(TEXT, FACTS, max_size=3)),
    )


@given(made=st.lists(outcomes(), max_size=4))
def test_outcomes_come_back_as_they_were_packed(made: list[NodeOutcome]) -> None:
    """States, times, outputs and facts survive being stored."""
    assert unpack_outcomes(pack_outcomes(made)) == made


def test_outcomes_leave_out_what_goes_without_saying() -> None:
    """A success without outputs is stored in a few bytes."""
    packed = pack_outcomes([NodeOutcome(number=1, state=ExecutionState.SUCCESS)])

    assert packed == '[{"n":1,"s":"Success","b":0,"e":0}]'
