"""Reads tar archives, plain and behind gzip, and single files behind gzip.

A tar archive has no checksums of its members. Behind gzip there is one of the whole stream: it is
read to its end, and compared, before the first member is taken out in a second pass.
"""

import gzip
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._archive_members import (
    Member,
    MemberKind,
    PlannedMember,
    Take,
    allowed_bytes,
)
from penstock.operations._archive_names import decode_unix_name
from penstock.operations._archive_streams import GuardedStream, reading, spool
from penstock.operations.base import Workspace

_WHAT = "the tar archive"


class TarArchive:
    """A tar archive; opened anew for each pass."""

    def __init__(self, path: Path, workspace: Workspace, *, is_gzip: bool) -> None:
        self._path = path
        self._workspace = workspace
        self._is_gzip = is_gzip

    def members(self) -> Iterator[Member]:
        """What it holds, in order; behind gzip the whole stream is read."""
        with self._opened() as stream:
            for entry in _entries(stream, self._workspace.key):
                yield Member(decode_unix_name(entry.name), entry.size, _kind_of(entry))
            with reading(self._workspace.key, _WHAT):
                stream.drain()

    def extract(self, wanted: Sequence[PlannedMember], take: Take) -> None:
        """Unpack members."""
        by_number = {member.number: member for member in wanted}
        target = self._workspace.scratch / "member"
        with self._opened() as stream:
            for number, entry in enumerate(_entries(stream, self._workspace.key)):
                member = by_number.pop(number, None)
                if member is not None:
                    self._spool(stream, entry, target)
                    take(member, target)
                if not by_number:
                    return

    def _spool(self, stream: GuardedStream, entry: tarfile.TarInfo, target: Path) -> None:
        with reading(self._workspace.key, f"the member {entry.name!r}"):
            stream.seek(entry.offset_data)
            content = _Content(stream, entry.size)
            size = spool(content, target, self._workspace, most_bytes=entry.size)
        if size != entry.size:
            fault = f"the member {entry.name!r} has {size} bytes, not {entry.size}"
            raise UnsupportedInputError(self._workspace.key, fault)

    @contextmanager
    def _opened(self) -> Iterator[GuardedStream]:
        archive_bytes = self._path.stat().st_size
        with self._path.open("rb") as file:
            if not self._is_gzip:
                yield GuardedStream(file, self._workspace, most_bytes=archive_bytes, can_seek=True)
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                most_bytes = allowed_bytes(archive_bytes)
                yield GuardedStream(unpacked, self._workspace, most_bytes=most_bytes)


class GzipFileArchive:
    """One file behind gzip: an archive of one member, named like the archive."""

    def __init__(self, path: Path, workspace: Workspace, name: str) -> None:
        self._path = path
        self._workspace = workspace
        self._name = name

    def members(self) -> Iterator[Member]:
        """The file; gzip does not tell its size."""
        yield Member(self._name, -1)

    def extract(self, wanted: Sequence[PlannedMember], take: Take) -> None:
        """Unpack it; its checksum is compared at its end."""
        target = self._workspace.scratch / "member"
        most_bytes = allowed_bytes(self._path.stat().st_size)
        for member in wanted:
            with (
                reading(self._workspace.key, "the gzip file"),
                gzip.open(self._path) as unpacked,
            ):
                spool(unpacked, target, self._workspace, most_bytes=most_bytes)
            take(member, target)


class _Content:
    """The bytes of one member."""

    def __init__(self, stream: GuardedStream, size_bytes: int) -> None:
        self._stream = stream
        self._left = size_bytes

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end of the member."""
        block = self._stream.read_content(min(size, self._left)) if self._left else b""
        self._left -= len(block)
        return block


def looks_like_tar(head: bytes) -> bool:
    """Whether bytes begin with the header of a member: its checksum must be right."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _entries(stream: GuardedStream, key: str) -> Iterator[tarfile.TarInfo]:
    """The headers in order, none kept.

    Raises:
        UnsupportedInputError: A header is broken, or the mark of the end is missing: then the
            archive may have been cut short, which its format has no other sign of.
    """
    with reading(key, _WHAT):
        archive = tarfile.TarFile(fileobj=stream, errors="surrogateescape", encoding="utf-8")
        entry = archive.next()
    while entry is not None:
        yield entry
        stream.begin_header()
        with reading(key, _WHAT):
            archive.members.clear()  # type: ignore[attr-defined]  # else every header is kept
            entry = archive.next()
    if stream.last != bytes(tarfile.BLOCKSIZE):
        raise UnsupportedInputError(key, f"{_WHAT} is broken or cut short: it has no end")


def _kind_of(entry: tarfile.TarInfo) -> MemberKind:
    if entry.isdir():
        return MemberKind.FOLDER
    if entry.issym() or entry.islnk():
        return MemberKind.LINK
    if entry.issparse():
        return MemberKind.SPARSE
    return MemberKind.FILE if entry.isreg() else MemberKind.DEVICE
