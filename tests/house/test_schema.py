"""The CHECK constraints of the tables say what the enums and the tables of states say."""

import re
from collections.abc import Iterable

import pytest
from sqlalchemy import CheckConstraint

from penstock.domain.callbacks import CallbackFormat
from penstock.domain.jobs import Counters, JobType
from penstock.domain.states import (
    CHUNK_TABLE,
    DELIVERY_TABLE,
    FINAL_EXECUTION_STATES,
    JOB_TABLE,
    ChunkState,
    DeliveryState,
    JobState,
    is_final,
)
from penstock.domain.workflows import WorkflowState
from penstock.state.schema import metadata

WORD = re.compile(r"'(\w+)'")
FINAL_JOBS = [state for state in JobState if is_final(JOB_TABLE, state)]
FINAL_CHUNKS = [state for state in ChunkState if is_final(CHUNK_TABLE, state)]
FINAL_DELIVERIES = [state for state in DeliveryState if is_final(DELIVERY_TABLE, state)]


def checks() -> dict[str, str]:
    """The text of every CHECK constraint by its name."""
    return {
        str(constraint.name): str(constraint.sqltext)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("job_type", JobType),
        ("job_state", JobState),
        ("job_end", FINAL_JOBS),
        ("chunk_state", ChunkState),
        ("chunk_end", FINAL_CHUNKS),
        ("execution_state", FINAL_EXECUTION_STATES),
        ("workflow_state", WorkflowState),
        ("queue_state", WorkflowState),
        ("event_state", DeliveryState),
        ("event_end", FINAL_DELIVERIES),
        ("event_format", CallbackFormat),
    ],
)
def test_schema_checks_name_the_words_of_the_enums(name: str, words: Iterable[str]) -> None:
    """A CHECK lists exactly the words that the code can write."""
    found = WORD.findall(checks()[name])

    assert sorted(found) == sorted(map(str, words))


def test_schema_checks_every_state_and_type() -> None:
    """No column that holds a state or a type is without its CHECK."""
    columns = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name in {"state", "type"}
    }
    checked = {
        f"{table.name}.{name}"
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
        for name in ("state", "type")
        if str(constraint.sqltext).startswith(f"{name} IN ")
    }

    assert columns == checked


def test_schema_counters_are_those_of_the_record() -> None:
    """The sum that the database checks has every counter of the record, and a column for each."""
    found = re.findall(r"[a-z]+", checks()["job_counters"].partition(" AND ")[0])

    assert sorted(found) == sorted(Counters.__dataclass_fields__)
    assert set(found) <= set(metadata.tables["jobs"].columns.keys())
