"""Finds out by its content what kind of archive a file is, and opens it."""

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._archive_members import Archive
from penstock.operations._archive_tar import GzipFileArchive, TarArchive, looks_like_tar
from penstock.operations._archive_zip import ZipArchive
from penstock.operations._rar import BSDTAR, RarArchive
from penstock.operations._seven_zip import SEVEN_ZIP, SevenZipArchive
from penstock.operations.base import Workspace
from penstock.operations.requirements import Requirement, missing_sentence

_HEAD_BYTES = 512
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
_GZIP = b"\x1f\x8b"
_RAR = b"Rar!\x1a\x07"


def decode_password(text: str) -> bytes:
    """A password out of its base64.

    Raises:
        ValueError: The text is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        message = "the text is no base64"
        raise ValueError(message) from error


@contextmanager
def open_archive(path: Path, workspace: Workspace, password: bytes) -> Iterator[Archive]:
    """An archive of any kind that can be read.

    Args:
        password: Empty where none was given.

    Raises:
        UnsupportedInputError: It is none, is broken, or needs what is not installed.
        InvalidParamsError: The password cannot be one of this kind of archive.
    """
    with ExitStack() as stack:
        yield _opened(path, workspace, password, stack)


def _opened(path: Path, workspace: Workspace, password: bytes, stack: ExitStack) -> Archive:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_ZIP):
        return ZipArchive(path, workspace, password, stack)
    if head.startswith(_SEVEN_ZIP):
        return _seven_zip(path, workspace, password)
    if head.startswith(_RAR):
        _require(BSDTAR, "rar", workspace)
        return RarArchive(path, workspace)
    if head.startswith(_GZIP):
        if _is_tar(_unpacked_head(path), workspace.key):
            return TarArchive(path, workspace, is_gzip=True)
        return GzipFileArchive(path, workspace, archive_stem(workspace.key))
    if _is_tar(head, workspace.key):
        return TarArchive(path, workspace, is_gzip=False)
    fault = "it is no archive of the kinds zip, apk, tar, tar.gz, gz, 7z and rar"
    raise UnsupportedInputError(workspace.key, fault if head else "the object is empty")


def _seven_zip(path: Path, workspace: Workspace, password: bytes) -> SevenZipArchive:
    _require(SEVEN_ZIP, "7z", workspace)
    try:
        return SevenZipArchive(path, workspace, password.decode())
    except UnicodeDecodeError as error:
        message = "UnCompressKey must be text in UTF-8 for a 7z archive"
        raise InvalidParamsError(message) from error


def _require(requirement: Requirement, kind: str, workspace: Workspace) -> None:
    """Refuse an archive whose reader is not installed."""
    if not requirement.is_met():
        raise UnsupportedInputError(
            workspace.key, f"a {kind} archive {missing_sentence(requirement)}"
        )


def _is_tar(head: bytes, key: str) -> bool:
    """Whether a head is that of a tar archive; of zeros alone where the name says so."""
    is_named = key.lower().endswith((".tar", ".tar.gz", ".tgz"))
    return looks_like_tar(head) or (is_named and head == bytes(_HEAD_BYTES))


def _unpacked_head(path: Path) -> bytes:
    """The first bytes behind gzip; none where it is broken, which unpacking will tell."""
    try:
        with gzip.open(path) as file:
            return file.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def archive_stem(key: str) -> str:
    """The file name of an archive without its extension; `.tar.gz` counts as one."""
    name = key.rpartition("/")[2]
    stem = name[: name.rfind(".")] if name.rfind(".") > 0 else name
    is_double = name.lower().endswith(".tar.gz") and len(stem) > len(".tar")
    return stem[: -len(".tar")] if is_double else stem
