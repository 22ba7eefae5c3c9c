"""What every object store can do: one small protocol, one module a back end.

Keys are exact: a store lists, reads and writes any key it can hold as it is, a prefix is a
string prefix, and a key that it cannot hold raises `KeyNotStorableError` for that object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from penstock.domain.selection import ObjectInfo


class UploadedPart(NamedTuple):
    """One part of a multipart upload.

    Attributes:
        number: 1 to 10,000.
        etag: What the store answered for the part, without quotes.
    """

    number: int
    etag: str


class ObjectReader(Protocol):
    """An open object: its facts, and its bytes as a stream.

    Attributes:
        found: Size, time and entity tag of the version being read (of the whole object, also
            where a range was asked for).
        content_type: The stored media type; empty where the store keeps none.
    """

    found: ObjectInfo
    content_type: str

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes (all that is left when negative); empty at the end."""

    def close(self) -> None:
        """Let go of the connection or file; safe to repeat."""


class ObjectStore(Protocol):
    """One bucket on one back end. Safe to use from several threads at once."""

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix` and sorts after `start_after`.

        Keys come in the order of their UTF-8 bytes; the listing streams and is never held
        whole. A string prefix: `in` finds `in/x` and `input.mp4`.

        Raises:
            StoreError: The store failed.
            StoreAccessDeniedError: The store refuses.
        """

    def head(self, key: str) -> ObjectInfo:
        """The facts of one object.

        Raises:
            ObjectNotFoundError: There is no such object.
            KeyNotStorableError: The store cannot hold such a key.
            StoreError: The store failed.
        """

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        """Open an object for reading, from byte `start` on, `length` bytes or to the end.

        Raises:
            ObjectNotFoundError: There is no such object.
            KeyNotStorableError: The store cannot hold such a key.
            StoreError: The store failed.
        """

    def local_path(self, key: str) -> Path | None:
        """Where the object lies as an ordinary file; None where it does not."""

    def put_file(self, key: str, path: Path, *, content_type: str = "") -> ObjectInfo:
        """Store a local file under `key` in one atomic step; repeatable.

        The source file is left as it is. Above a size the store may upload it in parts.

        Raises:
            KeyNotStorableError: The store cannot hold such a key.
            StoreError: The store failed.
        """

    def put_stream(
        self, key: str, stream: BinaryIO, *, size_bytes: int, content_type: str = ""
    ) -> ObjectInfo:
        """Store exactly `size_bytes` bytes of a stream under `key` in one atomic step.

        Raises:
            KeyNotStorableError: The store cannot hold such a key.
            StoreError: The store failed, or the stream ended early.
        """

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""

    def sweep(self) -> int:
        """Remove leftovers of killed writers; the number removed."""

    def create_upload(self, key: str, *, content_type: str = "") -> str:
        """Begin a multipart upload and return its id."""

    def put_part(
        self, key: str, upload_id: str, number: int, stream: BinaryIO, *, size_bytes: int
    ) -> str:
        """Store one part, replacing one of the same number, and return its entity tag.

        Raises:
            NoSuchUploadError: The upload is unknown.
        """

    def list_parts(self, key: str, upload_id: str) -> list[tuple[UploadedPart, int]]:
        """The parts stored so far with their sizes in bytes, by number."""

    def complete_upload(self, key: str, upload_id: str, parts: list[UploadedPart]) -> ObjectInfo:
        """Join parts into one object in one atomic step.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: A part is missing, out of order or has another tag.
        """

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; no error when there is none."""
