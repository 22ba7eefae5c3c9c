"""Reads zip archives, and apk packages, which are the same: Zip64, ZipCrypto and AES too."""

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._archive_members import Member, MemberKind, PlannedMember, Take
from penstock.operations._archive_names import decode_names
from penstock.operations._archive_streams import GuardedFile, reading, spool
from penstock.operations.base import Workspace
from penstock.operations.requirements import Library, missing_sentence

AES = Library("pyzipper", "penstock[archives]")

_WHAT = "the zip archive"
_IS_ENCRYPTED = 0x1
_IS_UTF8 = 0x800
_AES_METHOD = 99
_UNICODE_PATH = 0x7075
# Made on FAT, NTFS or VFAT, where a backslash parts folders; some tools there write it.
_WINDOWS = frozenset({0, 10, 14})
_EXTRA_HEAD_BYTES = 4


class ZipArchive:
    """An open zip archive."""

    def __init__(
        self, path: Path, workspace: Workspace, password: bytes, stack: ExitStack
    ) -> None:
        """Read the directory.

        Args:
            password: Empty where none was given.
            stack: Closes it.

        Raises:
            UnsupportedInputError: It is broken, or its members overlap.
            InputLimitError: Its directory is too large.
        """
        self._workspace = workspace
        self._password = password
        self._path = path
        self._stack = stack
        self._aes: Any = None  # a library without types
        with reading(workspace.key, _WHAT):
            file = stack.enter_context(GuardedFile(path, workspace.key))
            self._zip = stack.enter_context(zipfile.ZipFile(file))
        self._entries = self._zip.infolist()
        self._check_overlaps()

    def members(self) -> Iterator[Member]:
        """What it holds, in order."""
        raw = [_raw_name(entry) for entry in self._entries if not _is_told(entry)]
        with reading(self._workspace.key, _WHAT):
            guessed = iter(decode_names(raw))
            for entry in self._entries:
                name = _told_name(entry) if _is_told(entry) else next(guessed)
                if entry.create_system in _WINDOWS:
                    name = name.replace("\\", "/")
                yield Member(name, entry.file_size, _kind_of(entry, name))

    def extract(self, wanted: Sequence[PlannedMember], take: Take) -> None:
        """Unpack members; the password is tried before the first is taken."""
        locked = next((one for one in wanted if self._is_locked(one)), None)
        if locked is not None:
            self._open(locked).close()
        target = self._workspace.scratch / "member"
        for member in wanted:
            what = f"the member {self._entries[member.number].filename!r}"
            with reading(self._workspace.key, what), self._open(member) as source:
                size = spool(source, target, self._workspace, most_bytes=member.size_bytes)
            if size != member.size_bytes:
                fault = f"{what} has {size} bytes, not {member.size_bytes}"
                raise UnsupportedInputError(self._workspace.key, fault)
            take(member, target)

    def _is_locked(self, member: PlannedMember) -> bool:
        return bool(self._entries[member.number].flag_bits & _IS_ENCRYPTED)

    def _open(self, member: PlannedMember) -> IO[bytes]:
        """The content of a member.

        Raises:
            InvalidParamsError: The password is missing or wrong.
        """
        if not self._is_locked(member):
            return self._zip.open(self._entries[member.number])
        if not self._password:
            message = (
                f"{self._workspace.key}: the archive is encrypted: UnCompressKey must be given"
            )
            raise InvalidParamsError(message)
        try:
            if self._entries[member.number].compress_type == _AES_METHOD:
                return self._open_aes(member.number)
            return self._zip.open(self._entries[member.number], pwd=self._password)
        except RuntimeError as error:
            if isinstance(error, NotImplementedError):
                raise
            message = f"{self._workspace.key}: UnCompressKey is not the password of the archive"
            raise InvalidParamsError(message) from error

    def _open_aes(self, index: int) -> IO[bytes]:
        if not AES.is_met():
            fault = f"a member is encrypted with AES, which {missing_sentence(AES)}"
            raise UnsupportedInputError(self._workspace.key, fault)
        import pyzipper  # noqa: PLC0415  # an extra

        if self._aes is None:
            file = self._stack.enter_context(GuardedFile(self._path, self._workspace.key))
            self._aes = self._stack.enter_context(pyzipper.AESZipFile(file))
        content: IO[bytes] = self._aes.open(self._aes.infolist()[index], pwd=self._password)
        return content

    def _check_overlaps(self) -> None:
        """Refuse members that share bytes: the same data counted many times is a bomb."""
        end = 0
        for entry in sorted(self._entries, key=lambda entry: entry.header_offset):
            if entry.header_offset < end:
                raise UnsupportedInputError(
                    self._workspace.key, f"{_WHAT} has overlapping members"
                )
            end = entry.header_offset + entry.compress_size


def _is_told(entry: zipfile.ZipInfo) -> bool:
    """Whether the archive tells the encoding of a name, or there is but one."""
    return bool(entry.flag_bits & _IS_UTF8) or _unicode_path(entry) is not None


def _told_name(entry: zipfile.ZipInfo) -> str:
    return _unicode_path(entry) or entry.orig_filename


def _raw_name(entry: zipfile.ZipInfo) -> bytes:
    return entry.orig_filename.encode("cp437")


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """The name in the extra field of Info-ZIP, where it is about this very name."""
    if entry.flag_bits & _IS_UTF8:
        return None
    rest = entry.extra
    while len(rest) >= _EXTRA_HEAD_BYTES:
        kind, size = int.from_bytes(rest[:2], "little"), int.from_bytes(rest[2:4], "little")
        body, rest = rest[4 : 4 + size], rest[4 + size :]
        if kind == _UNICODE_PATH and body[:1] == b"\x01":
            checksum = int.from_bytes(body[1:5], "little")
            if checksum == zlib.crc32(_raw_name(entry)):
                return body[5:].decode()
    return None


def _kind_of(entry: zipfile.ZipInfo, name: str) -> MemberKind:
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if mode == stat.S_IFLNK:
        return MemberKind.LINK
    if mode not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return MemberKind.DEVICE
    is_folder = mode == stat.S_IFDIR or name.endswith("/")
    return MemberKind.FOLDER if is_folder else MemberKind.FILE
