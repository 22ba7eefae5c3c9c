"""Writes archives member by member, and reads them back: zip, zip with AES, tar, tar.gz.

The bytes of an archive follow from its members alone, so that a repeat writes the same (but for
the random salts of encryption). No member is held in memory, and any may be larger than 4 GiB.
"""

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from penstock.domain.errors import OutputRejectedError, StoreError
from penstock.operations._archive_streams import BLOCK_BYTES, Readable
from penstock.operations.base import Workspace

_FIRST_ZIP_SECOND = 315_532_800  # 1980, where its calendar begins
_LAST_ZIP_SECOND = 4_354_819_198  # the end of 2107
_MODE = stat.S_IFREG | 0o644


class Packed(NamedTuple):
    """A member as it was written.

    Attributes:
        name: Its name.
        size_bytes: How many bytes went in.
        crc32: Their checksum.
    """

    name: str
    size_bytes: int
    crc32: int


class ArchiveWriter(Protocol):
    """An archive that grows."""

    def add(self, name: str, modified_ms: int, size_bytes: int, content: Readable) -> None:
        """Write a member of exactly `size_bytes` bytes."""

    def close(self) -> None:
        """Write its end."""


class ZipWriter:
    """A zip archive, Zip64 where needed; with a password its members are encrypted by AES-256."""

    def __init__(self, path: Path, *, level: int, password: bytes) -> None:
        self._level = level
        self._zip: Any = _open_zip(path, "w", password)

    def add(self, name: str, modified_ms: int, size_bytes: int, content: Readable) -> None:
        """Write a member."""
        seconds = min(max(modified_ms // 1000, _FIRST_ZIP_SECOND), _LAST_ZIP_SECOND)
        moment = datetime.fromtimestamp(seconds, tz=UTC).timetuple()[:6]
        kind: Any = getattr(self._zip, "zipinfo_cls", zipfile.ZipInfo)  # pyzipper has its own
        entry = kind(name, moment)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry._compresslevel = self._level  # noqa: SLF001  # no other way with a stream
        entry.external_attr = _MODE << 16
        entry.file_size = size_bytes
        with self._zip.open(entry, "w") as member:
            while block := content.read(BLOCK_BYTES):
                member.write(block)

    def close(self) -> None:
        """Write the directory."""
        self._zip.close()


class TarWriter:
    """A tar archive with pax headers, plain or behind gzip."""

    def __init__(self, path: Path, *, level: int | None) -> None:
        """Begin an archive.

        Args:
            level: Of gzip; None for none.
        """
        self._stack = ExitStack()
        target: Any = self._stack.enter_context(path.open("wb"))
        if level is not None:
            target = self._stack.enter_context(
                gzip.GzipFile("", "wb", compresslevel=level, fileobj=target, mtime=0)
            )
        self._tar = self._stack.enter_context(
            tarfile.TarFile(fileobj=target, mode="w", copybufsize=BLOCK_BYTES)
        )

    def add(self, name: str, modified_ms: int, size_bytes: int, content: Readable) -> None:
        """Write a member."""
        entry = tarfile.TarInfo(name)
        entry.mtime = max(modified_ms // 1000, 0)
        entry.mode = stat.S_IMODE(_MODE)
        entry.size = size_bytes
        self._tar.addfile(entry, content)  # type: ignore[arg-type]  # it reads, and no more
        self._tar.members.clear()  # type: ignore[attr-defined]  # else every header is kept

    def close(self) -> None:
        """Write the end."""
        self._stack.close()


class MeasuredFile:
    """A file on its way into an archive: its bytes are counted and summed."""

    def __init__(self, path: Path, key: str, workspace: Workspace) -> None:
        self._file = path.open("rb")
        self._key = key
        self._workspace = workspace
        self._left = self.size_bytes = path.stat().st_size
        self.crc32 = 0

    def read(self, size: int, /) -> bytes:
        """The next bytes.

        Raises:
            StoreError: The file has become shorter than it was.
        """
        self._workspace.checkpoint()
        wanted = min(size, self._left)
        block = self._file.read(wanted)
        if len(block) < wanted:
            raise StoreError(self._key, "the object has changed while it was read")
        self._left -= len(block)
        self.crc32 = zlib.crc32(block, self.crc32)
        return block

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def check_zip(path: Path, password: bytes, packed: list[Packed], workspace: Workspace) -> None:
    """Read a zip archive back and compare every member.

    Raises:
        OutputRejectedError: It does not hold exactly what was written.
    """
    with _open_zip(path, "r", password) as archive:
        found = (
            (entry.filename, lambda entry=entry: archive.open(entry))
            for entry in archive.infolist()
        )
        _compare(found, packed, workspace)


def check_tar(path: Path, *, is_gzip: bool, packed: list[Packed], workspace: Workspace) -> None:
    """Read a tar archive back and compare every member.

    Raises:
        OutputRejectedError: It does not hold exactly what was written.
    """
    with tarfile.open(path, "r|gz" if is_gzip else "r|") as archive:
        found = (
            (entry.name, lambda entry=entry: archive.extractfile(entry) or io.BytesIO())
            for entry in archive
        )
        _compare(found, packed, workspace)


def _compare(
    found: Iterator[tuple[str, Callable[[], Any]]], packed: list[Packed], workspace: Workspace
) -> None:
    count = 0
    for name, opened in found:
        with opened() as content:
            made = Packed(name, *_measure(content, workspace))
        if count >= len(packed) or made != packed[count]:
            message = f"the archive has another member {name!r} than was written"
            raise OutputRejectedError(message)
        count += 1
    if count != len(packed):
        message = f"the archive has {count} members, not {len(packed)}"
        raise OutputRejectedError(message)


def _measure(content: Readable, workspace: Workspace) -> tuple[int, int]:
    size, crc32 = 0, 0
    while block := content.read(BLOCK_BYTES):
        size += len(block)
        crc32 = zlib.crc32(block, crc32)
        workspace.checkpoint()
    return size, crc32


def _open_zip(path: Path, mode: str, password: bytes) -> Any:  # noqa: ANN401  # two libraries
    if not password:
        return zipfile.ZipFile(path, mode)  # type: ignore[call-overload]  # r or w
    import pyzipper  # noqa: PLC0415  # an extra

    archive = pyzipper.AESZipFile(path, mode, encryption=pyzipper.WZ_AES)
    archive.setpassword(password)
    return archive
