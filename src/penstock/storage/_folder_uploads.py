"""Multipart uploads into a folder: parts lie beside each other until they are joined.

An upload is a folder named after its id with a note of its key, and one file a part. A part
file ends with the MD5 of its content, 32 hexadecimal digits, so that a part and its tag come and
go in one rename. Completing and aborting hold a lock on the note.
"""

# Names that are not UTF-8 are bytes here; pathlib knows text only.
# ruff: noqa: PTH103, PTH123, PTH208

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.refusals import NoSuchUploadError
from penstock.storage._folder_partial import (
    BLOCK_BYTES,
    PartialFolder,
    copy_exactly,
    write_all,
)
from penstock.storage.base import UploadedPart

MAX_PARTS = 10_000

_TAG_BYTES = 32
_ID = re.compile(r"[0-9a-zA-Z-]{8,64}")


class _Part(NamedTuple):
    path: bytes
    etag: str
    size_bytes: int


class UploadFolder:
    """The multipart uploads below one root."""

    def __init__(self, partial: PartialFolder, *, new_id: Callable[[], str]) -> None:
        self._partial = partial
        self._new_id = new_id

    def create(self, key: str, content_type: str) -> str:
        """Begin an upload and return its id."""
        upload_id = self._new_id()
        folder = self._partial.uploads + b"/" + upload_id.encode()
        os.makedirs(folder)
        note = json.dumps({"key": key, "content_type": content_type}).encode()
        with self._partial.create() as partial:
            write_all(partial.file, note)
            partial.publish(folder + b"/note")
        return upload_id

    def put_part(
        self, key: str, upload_id: str, number: int, stream: BinaryIO, size_bytes: int
    ) -> str:
        """Store one part in place of any other of its number and return its tag."""
        folder = self._find(key, upload_id)
        if not 1 <= number <= MAX_PARTS:
            fault = f"part number {number} is not in 1 to {MAX_PARTS}"
            raise InvalidArgumentError(fault)
        with self._partial.create() as partial:
            etag = copy_exactly(key, stream, partial.file, size_bytes)
            write_all(partial.file, etag.encode())
            self._find(key, upload_id)
            partial.publish(folder + b"/%05d" % number)
        return etag

    def list_parts(self, key: str, upload_id: str) -> list[tuple[UploadedPart, int]]:
        """The parts stored so far with their sizes in bytes, by number."""
        folder = self._find(key, upload_id)
        return [
            (UploadedPart(number, part.etag), part.size_bytes)
            for number, part in sorted(_read_parts(folder).items())
        ]

    @contextmanager
    def locked(self, key: str, upload_id: str) -> Iterator[str]:
        """Keep an upload from being completed or aborted by others; gives its content type.

        Raises:
            NoSuchUploadError: The upload is unknown.
        """
        folder = self._find(key, upload_id)
        try:
            note = os.open(folder + b"/note", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NoSuchUploadError(upload_id) from None
        try:
            fcntl.flock(note, fcntl.LOCK_EX)
            self._find(key, upload_id)
            yield json.loads(os.read(note, BLOCK_BYTES))["content_type"]
        finally:
            os.close(note)

    def join(self, key: str, upload_id: str, parts: list[UploadedPart], target: BinaryIO) -> str:
        """Write the parts one after another into a file and return the object's tag.

        Raises:
            InvalidArgumentError: A part is missing, out of order or has another tag.
        """
        chosen = _choose_parts(_read_parts(self._find(key, upload_id)), parts)
        digest = hashlib.md5(usedforsecurity=False)
        for part in chosen:
            digest.update(bytes.fromhex(part.etag))
            with open(part.path, "rb", buffering=0) as source:
                copy_exactly(key, source, target, part.size_bytes)
        return f"{digest.hexdigest()}-{len(chosen)}"

    def remove(self, upload_id: str) -> None:
        """Drop an upload and its parts."""
        folder = self._partial.uploads + b"/" + upload_id.encode()
        shutil.rmtree(folder, ignore_errors=True)

    def _find(self, key: str, upload_id: str) -> bytes:
        if not _ID.fullmatch(upload_id):
            raise NoSuchUploadError(upload_id)
        folder = self._partial.uploads + b"/" + upload_id.encode()
        try:
            with open(folder + b"/note", "rb") as note:
                noted = json.loads(note.read())
        except FileNotFoundError:
            raise NoSuchUploadError(upload_id) from None
        if noted["key"] != key:
            raise NoSuchUploadError(upload_id)
        return folder


def _read_parts(folder: bytes) -> dict[int, _Part]:
    parts = {}
    for name in os.listdir(folder):
        if name.isdigit():
            path = folder + b"/" + name
            with open(path, "rb", buffering=0) as file:
                size_bytes = file.seek(-_TAG_BYTES, os.SEEK_END)
                parts[int(name)] = _Part(path, file.read(_TAG_BYTES).decode(), size_bytes)
    return parts


def _choose_parts(stored: dict[int, _Part], parts: list[UploadedPart]) -> list[_Part]:
    """The stored parts that a completion names, once all of its faults are known."""
    faults = []
    if not parts:
        faults.append("an upload needs at least one part")
    if any(left.number >= right.number for left, right in pairwise(parts)):
        faults.append("the parts are not in ascending order")
    for number, etag in parts:
        if number not in stored:
            faults.append(f"there is no part {number}")
        elif stored[number].etag != etag.strip('"').lower():
            faults.append(f"part {number} has another entity tag")
    if faults:
        raise InvalidArgumentError(*faults)
    return [stored[number] for number, _ in parts]
