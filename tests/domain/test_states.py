from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.states import (
    CHUNK_TABLE,
    DELIVERY_TABLE,
    FINAL_EXECUTION_STATES,
    JOB_TABLE,
    ChunkEvent,
    ChunkState,
    DeliveryEvent,
    DeliveryState,
    ExecutionState,
    JobEvent,
    JobState,
    WrongStateError,
    is_final,
    move,
    sources,
)

Table = Mapping[Any, Mapping[Any, Any]]
MACHINES: list[tuple[Table, type[StrEnum], type[StrEnum]]] = [
    (JOB_TABLE, JobState, JobEvent),
    (CHUNK_TABLE, ChunkState, ChunkEvent),
    (DELIVERY_TABLE, DeliveryState, DeliveryEvent),
]


@given(machine=st.sampled_from(MACHINES), data=st.data())
def test_states_every_sequence_of_events_stays_in_the_table(
    machine: tuple[Table, type[StrEnum], type[StrEnum]], data: st.DataObject
) -> None:
    """Whatever happens, a move lands on a state of the table or is refused and changes nothing."""
    table, states, events = machine
    state: StrEnum = next(iter(states))

    for event in data.draw(st.lists(st.sampled_from(list(events)), max_size=20)):
        if event in table[state]:
            state = move(table, state, event)
            assert state in table
        else:
            with pytest.raises(WrongStateError, match=str(event)):
                move(table, state, event)


@pytest.mark.parametrize(("table", "states", "events"), MACHINES, ids=["job", "chunk", "delivery"])
def test_states_table_has_every_state_and_uses_every_event(
    table: Table, states: type[StrEnum], events: type[StrEnum]
) -> None:
    """Each state has a row, each event leads somewhere, and each state can be reached."""
    used = {event for row in table.values() for event in row}
    reached = {after for row in table.values() for after in row.values()}

    assert set(table) == set(states)
    assert used == set(events)
    assert reached | {next(iter(states))} == set(states)


@pytest.mark.parametrize(
    ("table", "finals"),
    [
        (JOB_TABLE, {JobState.SUCCESS, JobState.FAILED, JobState.CANCEL}),
        (CHUNK_TABLE, {ChunkState.SEALED, ChunkState.CANCELLED}),
        (DELIVERY_TABLE, {DeliveryState.DELIVERED, DeliveryState.EXPIRED}),
    ],
    ids=["job", "chunk", "delivery"],
)
def test_states_final_rows_are_empty(table: Table, finals: set[StrEnum]) -> None:
    """Nothing moves a final state, and everything else can move."""
    found = {state for state in table if is_final(table, state)}

    assert found == finals
    assert all(not table[state] for state in finals)


def test_states_final_executions_are_those_of_a_wire_end() -> None:
    """The execution states that are stored are those from which nothing goes on."""
    open_states = {ExecutionState.SUBMITTED, ExecutionState.PAUSE, ExecutionState.RUNNING}

    assert set(FINAL_EXECUTION_STATES) == set(ExecutionState) - open_states


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (JobEvent.CANCEL, {JobState.SUBMITTED, JobState.RUNNING, JobState.PAUSE}),
        (JobEvent.RESUME, {JobState.PAUSE}),
    ],
)
def test_states_sources_are_where_an_event_may_happen(
    event: JobEvent, expected: set[JobState]
) -> None:
    """`sources` names exactly the states whose rows have the event."""
    assert set(sources(JOB_TABLE, event)) == expected
