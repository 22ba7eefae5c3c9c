"""Reads rar archives by bsdtar, which turns them into tar archives in a child process.

libarchive reads most of both generations of the format; it stops at what is encrypted, and at
solid archives of the older one. It does not compare checksums everywhere, and gives the part that
one of several volumes has as if it were all: so the headers are read here as well, and every
member is compared with its own.
"""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.domain.errors import InputLimitError, UnsupportedInputError
from penstock.operations._archive_members import (
    Member,
    PlannedMember,
    Take,
    allowed_bytes,
    check_member_count,
)
from penstock.operations._archive_streams import BLOCK_BYTES
from penstock.operations._archive_tar import TarArchive
from penstock.operations._child import run_child
from penstock.operations._rar_headers import RarHeader, read_headers
from penstock.operations.base import Workspace
from penstock.operations.requirements import Program

BSDTAR = Program("bsdtar", "libarchive-tools")


class RarArchive:
    """A rar archive; turned into a tar archive in scratch space before it is read."""

    def __init__(self, path: Path, workspace: Workspace) -> None:
        self._path = path
        self._workspace = workspace
        self._tar = workspace.scratch / "converted.tar"
        self._headers: list[RarHeader] = []

    def members(self) -> Iterator[Member]:
        """What it holds, in order; the whole archive is unpacked."""
        key = self._workspace.key
        for header in read_headers(self._path, key):
            self._headers.append(header)
            check_member_count(key, len(self._headers))
        self._convert()
        found = list(TarArchive(self._tar, self._workspace, is_gzip=False).members())
        if len(found) != len(self._headers):
            fault = f"the rar archive has {len(self._headers)} members, {len(found)} can be read"
            raise UnsupportedInputError(key, fault)
        yield from found

    def extract(self, wanted: Sequence[PlannedMember], take: Take) -> None:
        """Unpack members, each compared with its header."""

        def take_checked(member: PlannedMember, path: Path) -> None:
            self._check(member, path)
            take(member, path)

        TarArchive(self._tar, self._workspace, is_gzip=False).extract(wanted, take_checked)
        self._tar.unlink()

    def _check(self, member: PlannedMember, path: Path) -> None:
        header = self._headers[member.number]
        made = RarHeader(False, path.stat().st_size, self._crc32(path))  # noqa: FBT003  # a file
        if header != made:
            lacks = "has no CRC-32" if header.crc32 is None else "has another checksum or size"
            fault = f"the member for {member.key!r} {lacks}"
            raise UnsupportedInputError(self._workspace.key, fault)

    def _crc32(self, path: Path) -> int:
        value = 0
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                value = zlib.crc32(block, value)
                self._workspace.checkpoint()
        return value

    def _convert(self) -> None:
        """Write the tar archive.

        Raises:
            UnsupportedInputError: The archive is broken, or of a kind that cannot be read.
            InputLimitError: It unpacks to more than it may.
        """
        key, limits = self._workspace.key, self._workspace.limits
        most_bytes = min(allowed_bytes(self._path.stat().st_size), limits.output_bytes)
        # Names are converted by the child's locale, which is else that of plain ASCII.
        program = ("env", "LC_ALL=C.UTF-8", BSDTAR.name, "--format", "pax", "-Pcf", str(self._tar))
        end = run_child(
            (*program, f"@{self._path}"),
            self._workspace,
            limits=limits._replace(output_bytes=most_bytes),
        )
        if end.is_over_size or end.is_over_time:
            message = f"{key}: the rar archive unpacks to more than {most_bytes} bytes"
            raise InputLimitError(message)
        if not end.is_success or end.tail:  # what it cannot write it leaves out with a word
            said = end.tail[0] if end.tail else "no reason told"
            said = said.removeprefix("bsdtar: ").replace(str(self._path), key)
            fault = f"the rar archive is broken, encrypted or of a kind that is not read: {said}"
            raise UnsupportedInputError(key, fault)
