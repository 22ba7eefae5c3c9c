"""What members of archives may be called, and how large they may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InputLimitError, UnsupportedInputError
from penstock.operations._archive_members import (
    MOST_BYTES,
    Choice,
    Member,
    MemberKind,
    PlannedMember,
    allowed_bytes,
    plan_members,
)
from penstock.operations._archive_names import decode_names

PARTS = st.sampled_from(["..", ".", "", "a", "b.txt", "C:", "\\", "\0", "图", "\udcff"])
NAMES = st.lists(PARTS, max_size=5).map("/".join)


def plan(*members: Member, archive_bytes: int = 1000) -> list[PlannedMember]:
    """Plan members below a folder."""
    return plan_members(
        "x.zip",
        members,
        archive_bytes=archive_bytes,
        choice=Choice(),
        key_of=lambda name: f"target/{name}",
    )


@given(names=st.lists(NAMES, max_size=4))
def test_planned_keys_lie_below_their_folder(names: list[str]) -> None:
    """Whatever the names, each gets a key of its own below the folder, or all are refused."""
    try:
        planned = plan(*(Member(name, 1) for name in names))
    except UnsupportedInputError:
        return

    keys = [member.key for member in planned]
    assert len(keys) == len(set(keys)) == len(names)
    for key in keys:
        assert key.startswith("target/")
        assert not {"..", ".", ""} & set(key.split("/"))
        assert not set("\0\\") & set(key)
        key.encode()


@given(archive_bytes=st.integers(0, 1 << 50))
def test_allowed_bytes_are_the_documented_ones(archive_bytes: int) -> None:
    """An archive may hold 256 MiB and 200 times its size, but never more than 5 TiB."""
    bound = min((256 << 20) + 200 * archive_bytes, 5 << 40)

    assert allowed_bytes(archive_bytes) == bound <= MOST_BYTES
    assert len(plan(Member("a", bound), archive_bytes=archive_bytes)) == 1
    with pytest.raises(InputLimitError):
        plan(Member("a", bound), Member("b", 1), archive_bytes=archive_bytes)


def test_folders_are_passed_over() -> None:
    """A folder is no object, whatever it is called."""
    planned = plan(Member("../up", 0, MemberKind.FOLDER), Member("a", 1))

    assert planned == [PlannedMember(1, "target/a", 1)]


@given(names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=5))
def test_names_in_utf8_are_read_as_such(names: list[str]) -> None:
    """Where all unmarked names are UTF-8, that is what they are."""
    assert decode_names([name.encode() for name in names]) == names


@given(names=st.lists(st.binary(min_size=1), max_size=5))
def test_any_names_can_be_read(names: list[bytes]) -> None:
    """There is always one encoding that fits."""
    assert len(decode_names(names)) == len(names)
