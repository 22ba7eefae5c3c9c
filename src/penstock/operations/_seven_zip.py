"""Reads 7z archives by py7zr, in a child process with limits."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from penstock.domain.errors import (
    BackendError,
    InputLimitError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.operations._archive_members import Member, MemberKind, PlannedMember, Take
from penstock.operations._child import ChildEnd, run_child
from penstock.operations.base import Workspace
from penstock.operations.requirements import Library

SEVEN_ZIP = Library("py7zr", "penstock[archives]")

# Exit codes of `_seven_zip_child`, which must not be imported: it needs an extra.
_LOCKED = 4
_UNSUPPORTED = 5
_TOO_LARGE = 6
_FAILED = 7


class SevenZipArchive:
    """A 7z archive; opened anew for each pass."""

    def __init__(self, path: Path, workspace: Workspace, password: str) -> None:
        """Take what it needs.

        Args:
            password: Empty where none was given.
        """
        self._path = path
        self._workspace = workspace
        self._password = password
        self._names: list[str] = []

    def members(self) -> Iterator[Member]:
        """What it holds, in order."""
        self._run(None)
        self._names = []
        rows = self._workspace.scratch / "members.jsonl"
        with rows.open(encoding="utf-8") as file:
            for row in file:
                name, size_bytes, kind = json.loads(row)
                self._names.append(name)
                yield Member(name, size_bytes, MemberKind(kind))
        rows.unlink()

    def extract(self, wanted: Sequence[PlannedMember], take: Take) -> None:
        """Unpack members; the child goes on while one is taken over."""
        by_number = {str(member.number): member for member in wanted}
        if not by_number:
            return

        def take_one(line: str) -> None:
            member = by_number.pop(line)
            path = self._workspace.scratch / line
            if path.stat().st_size != member.size_bytes:
                fault = f"the member {self._names[member.number]!r} has a wrong size"
                raise UnsupportedInputError(self._workspace.key, fault)
            take(member, path)
            path.unlink()

        self._run({self._names[member.number]: member.number for member in wanted}, take_one)
        if by_number:
            fault = f"the 7z archive is broken: it lacks {len(by_number)} members"
            raise UnsupportedInputError(self._workspace.key, fault)

    def _run(
        self, wanted: dict[str, int] | None, on_line: Callable[[str], None] | None = None
    ) -> None:
        request = {"path": str(self._path), "password": self._password, "wanted": wanted}
        file = self._workspace.scratch / "request.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(request), encoding="utf-8")
        command = (sys.executable, "-m", "penstock.operations._seven_zip_child")
        try:
            end = run_child(command, self._workspace, on_line=on_line)
        finally:
            file.unlink()
        if not end.is_success:
            raise self._error(end)

    def _error(self, end: ChildEnd) -> Exception:
        """Why the archive could not be read."""
        key, said = self._workspace.key, end.tail[-1] if end.tail else "no reason told"
        if end.exit_code == _LOCKED:
            message = f"{key}: the archive is encrypted: UnCompressKey must be given"
            return InvalidParamsError(message)
        if end.exit_code == _TOO_LARGE or end.is_over_size or end.is_over_time:
            message = f"{key}: the 7z archive needs more memory, space or time than there is"
            return InputLimitError(message)
        if end.exit_code == _FAILED:
            return BackendError(f"{key}: the 7z archive could not be unpacked here: {said}")
        if end.exit_code == _UNSUPPORTED:
            return UnsupportedInputError(key, f"the 7z archive cannot be read: {said}")
        if self._password:
            message = f"{key}: UnCompressKey is wrong, or the 7z archive is broken: {said}"
            return InvalidParamsError(message)
        return UnsupportedInputError(key, f"the 7z archive is broken or cut short: {said}")
