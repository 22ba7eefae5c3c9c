"""What an archive holds as its own directory tells it, and the keys that follow from that.

Every member that is wanted gets its key before the first one is published. An archive is somebody
else's file: names that lead out of the target folder, links, two members of one name, and sizes
that no honest archive has are found here, and refuse it as a whole.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from penstock.domain.errors import InputLimitError, InvalidParamsError, UnsupportedInputError

MOST_MEMBERS = 100_000
MOST_BYTES = 5 << 40  # nodes.md 8.3
MOST_KEY_BYTES = 1024
_FREE_BYTES = 256 << 20
_MOST_RATIO = 200
_SHOWN_CHARACTERS = 200
_DRIVE = re.compile(r"[A-Za-z]:")


class MemberKind(StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    DEVICE = "device"
    SPARSE = "sparse file"


class Member(NamedTuple):
    """One entry of an archive.

    Attributes:
        name: As the archive has it, decoded.
        size_bytes: How large it says it is once unpacked; -1 where the format does not tell.
        kind: What it is.
    """

    name: str
    size_bytes: int
    kind: MemberKind = MemberKind.FILE


class PlannedMember(NamedTuple):
    """A member that is to be published.

    Attributes:
        number: Its place in the archive, from 0.
        key: Where it goes.
        size_bytes: As in `Member`.
    """

    number: int
    key: str
    size_bytes: int


Take: TypeAlias = Callable[[PlannedMember, Path], None]
"""Takes over a member: a file with all of its bytes, its checksum compared; gone afterwards."""


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[Member]:
        """What it holds, in order.

        Raises:
            UnsupportedInputError: It is broken or cut short.
            InputLimitError: It unpacks to more than it may.
        """

    def extract(self, wanted: Sequence[PlannedMember], take: Take) -> None:
        """Unpack members one by one, in their order in the archive.

        Raises:
            UnsupportedInputError: A member is broken; those before it have been taken.
            InvalidParamsError: The password is missing or wrong; nothing has been taken.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which members are wanted; all of them where nothing is given.

    Attributes:
        prefix: Members whose name begins with it.
        names: Members of these names.
    """

    prefix: str = ""
    names: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether a member is wanted."""
        if not self.prefix and not self.names:
            return True
        return bool(self.prefix and name.startswith(self.prefix)) or name in self.names


def allowed_bytes(archive_bytes: int) -> int:
    """How much an archive of a size may unpack to, all members together."""
    return min(_FREE_BYTES + _MOST_RATIO * archive_bytes, MOST_BYTES)


def check_member_count(key: str, count: int) -> None:
    """Refuse an archive of too many members.

    Raises:
        InputLimitError: There are more than `MOST_MEMBERS`.
    """
    if count > MOST_MEMBERS:
        message = f"{key}: the archive holds more than {MOST_MEMBERS} members"
        raise InputLimitError(message)


def check_total(key: str, total_bytes: int, archive_bytes: int) -> None:
    """Refuse an archive that unpacks to more than it may.

    Raises:
        InputLimitError: It does.
    """
    allowed = allowed_bytes(archive_bytes)
    if total_bytes > allowed:
        message = (
            f"{key}: {archive_bytes} bytes unpack to more than {allowed}: more than an honest "
            "archive does"
        )
        raise InputLimitError(message)


def plan_members(
    archive_key: str,
    members: Iterable[Member],
    *,
    archive_bytes: int,
    choice: Choice,
    key_of: Callable[[str], str],
) -> list[PlannedMember]:
    """Give every wanted file its key; folders give none.

    Args:
        archive_bytes: Size of the archive.
        choice: What is wanted.
        key_of: From the clean name of a member to its key.

    Raises:
        UnsupportedInputError: A wanted member is no file or has a name that cannot be a key.
        InputLimitError: There are too many members, or they are too large.
        InvalidParamsError: A member that is wanted by name is not there.
    """
    planned = []
    taken: dict[str, str] = {}
    names: set[str] = set()
    total = 0
    for number, member in enumerate(members):
        check_member_count(archive_key, number + 1)
        total += max(member.size_bytes, 0)
        check_total(archive_key, total, archive_bytes)
        if member.kind is MemberKind.FOLDER:
            continue
        plain = _plain(member.name)
        if not choice.takes(plain):
            continue
        names.add(plain)
        key = key_of(_clean_name(archive_key, member))
        if len(key.encode("utf-8", "surrogateescape")) > MOST_KEY_BYTES:
            fault = (
                f"the member {_shown(member.name)} would have a key of over {MOST_KEY_BYTES} bytes"
            )
            raise UnsupportedInputError(archive_key, fault)
        if key in taken:
            fault = f"two members are both {_shown(key)}: {_shown(taken[key])} and " + (
                _shown(member.name)
            )
            raise UnsupportedInputError(archive_key, fault)
        taken[key] = member.name
        planned.append(PlannedMember(number, key, member.size_bytes))
    _check_missing(archive_key, choice.names, names)
    return planned


def _check_missing(archive_key: str, wanted: Sequence[str], found: set[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        shown = ", ".join(map(_shown, missing[:3]))
        message = f"{archive_key}: the archive holds no member {shown}"
        raise InvalidParamsError(message)


def _plain(name: str) -> str:
    """A name without the `./` that tar likes to put before it, and without empty parts."""
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def _clean_name(archive_key: str, member: Member) -> str:
    """The name of a member, fit for the end of a key.

    Raises:
        UnsupportedInputError: The member is no file, or its name is not a relative path.
    """
    fault = name_fault(member.name)
    if member.kind is not MemberKind.FILE:
        fault = f"is a {member.kind.value}, and objects are files"
    if fault:
        raise UnsupportedInputError(archive_key, f"the member {_shown(member.name)} {fault}")
    return _plain(member.name)


def name_fault(name: str) -> str:
    """Why a name cannot be that of a member; empty where it can."""
    faults = {
        "has a NUL in its name": "\0" in name,
        "has a backslash in its name": "\\" in name,
        "has an absolute path for a name": name.startswith("/") or bool(_DRIVE.match(name)),
        "has a name that leads out of the target folder": ".." in name.split("/"),
        "has no name": not _plain(name),
        "has a name in an encoding that cannot be told": not _is_text(name),
    }
    return next((fault for fault, is_so in faults.items() if is_so), "")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(name: str) -> str:
    """A name for a message; long ones are cut."""
    return repr(name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}…")
