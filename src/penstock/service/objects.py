"""The plain object calls, over every bound bucket; an API of files for the API of jobs."""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from penstock.domain.errors import ObjectNotFoundError
from penstock.domain.listings import ListingPage, ListingQuery
from penstock.domain.refusals import (
    BucketNotBoundError,
    ContentTooLargeError,
    NoSuchBucketError,
    NoSuchKeyError,
)
from penstock.domain.selection import ObjectInfo
from penstock.service.listings import list_page
from penstock.storage.base import ObjectReader, ObjectStore, UploadedPart

MAX_OBJECT_BYTES = 5 * 1024**3
_COPY_BYTES = 1024 * 1024


class Place(NamedTuple):
    """An object in a bucket.

    Attributes:
        bucket: The bucket's name.
        key: The exact key.
    """

    bucket: str
    key: str


class ObjectService:
    """Reads and writes the objects of bound buckets.

    Every method blocks, and raises `NoSuchBucketError` for a bucket that is not bound,
    `KeyNotStorableError` for a key that its store cannot hold, and `StoreError` or
    `StoreAccessDeniedError` when the store fails or refuses.
    """

    def __init__(
        self,
        stores: Callable[[str], ObjectStore],
        *,
        buckets: Callable[[], Sequence[str]] = tuple,
        on_created: Callable[[str, ObjectInfo], None] = lambda _bucket, _stored: None,
        scratch: Path | None = None,
    ) -> None:
        """Take the way to the stores.

        Args:
            stores: The store of a bucket; raises `BucketNotBoundError` for an unknown one.
            buckets: The names of all bound buckets.
            on_created: Called with the bucket and the object after every object stored here.
            scratch: Where uploads of unknown length wait; the system's folder by default.
        """
        self._stores = stores
        self._on_created = on_created
        self._scratch = scratch
        self.buckets = buckets

    def store(self, bucket: str) -> ObjectStore:
        """The store of a bound bucket."""
        try:
            return self._stores(bucket)
        except BucketNotBoundError as error:
            raise NoSuchBucketError(bucket) from error

    def describe(self, place: Place) -> tuple[ObjectInfo, str]:
        """The facts of an object, and its media type; empty where the store keeps none.

        Raises:
            NoSuchKeyError: There is no such object.
        """
        store = self.store(place.bucket)
        with _finding(place):
            found = store.head(place.key)
            if not found.size_bytes:
                return found, ""
            # Stores tell the media type of an object that is open only.
            with closing(store.open(place.key, length=1)) as reader:
                return found, reader.content_type

    def open(self, place: Place, *, start: int = 0, length: int | None = None) -> ObjectReader:
        """Open an object, or a range of it, for reading.

        Raises:
            NoSuchKeyError: There is no such object.
        """
        with _finding(place):
            return self.store(place.bucket).open(place.key, start=start, length=length)

    def head(self, place: Place) -> ObjectInfo:
        """The facts of an object.

        Raises:
            NoSuchKeyError: There is no such object.
        """
        with _finding(place):
            return self.store(place.bucket).head(place.key)

    def put(
        self, place: Place, stream: BinaryIO, *, size_bytes: int | None, content_type: str = ""
    ) -> ObjectInfo:
        """Store a stream in one atomic step; one of unknown size waits in scratch space first.

        Raises:
            ContentTooLargeError: It is over 5 GiB.
        """
        store = self.store(place.bucket)
        with self._sized(stream, size_bytes) as (sized, size):
            stored = store.put_stream(place.key, sized, size_bytes=size, content_type=content_type)
        self._on_created(place.bucket, stored)
        return stored

    def copy(self, source: Place, target: Place, *, content_type: str = "") -> ObjectInfo:
        """Copy an object, within a bucket or from one to another.

        Args:
            content_type: Replaces the one of the source; empty keeps it.

        Raises:
            NoSuchKeyError: There is no such source.
        """
        with closing(self.open(source)) as reader:
            return self.put(
                target,
                _as_stream(reader),
                size_bytes=reader.found.size_bytes,
                content_type=content_type or reader.content_type,
            )

    def delete(self, place: Place) -> None:
        """Remove an object; no error when there is none."""
        self.store(place.bucket).delete(place.key)

    def list_page(self, bucket: str, query: ListingQuery) -> ListingPage:
        """One page of a listing, keys in the order of their UTF-8 bytes."""
        return list_page(self.store(bucket), query)

    def create_upload(self, place: Place, *, content_type: str = "") -> str:
        """Begin a multipart upload and return its id."""
        return self.store(place.bucket).create_upload(place.key, content_type=content_type)

    def put_part(
        self,
        place: Place,
        upload_id: str,
        number: int,
        stream: BinaryIO,
        *,
        size_bytes: int | None,
    ) -> str:
        """Store one part and return its entity tag, without quotes.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: The number is not in 1 to 10,000.
            ContentTooLargeError: The part is over 5 GiB.
        """
        store = self.store(place.bucket)
        with self._sized(stream, size_bytes) as (sized, size):
            return store.put_part(place.key, upload_id, number, sized, size_bytes=size)

    def copy_part(
        self,
        source: Place,
        span: tuple[int, int | None],
        place: Place,
        upload_id: str,
        number: int,
    ) -> str:
        """Store a range of another object as a part and return its entity tag.

        Args:
            span: The first byte, and the number of bytes; None takes all that follow.

        Raises:
            NoSuchKeyError: There is no such source.
            NoSuchUploadError: The upload is unknown.
        """
        start, length = span
        with closing(self.open(source, start=start, length=length)) as reader:
            rest = reader.found.size_bytes - start
            size = rest if length is None else min(length, rest)
            return self.put_part(place, upload_id, number, _as_stream(reader), size_bytes=size)

    def list_parts(self, place: Place, upload_id: str) -> list[tuple[UploadedPart, int]]:
        """The parts stored so far with their sizes in bytes, by number.

        Raises:
            NoSuchUploadError: The upload is unknown.
        """
        return self.store(place.bucket).list_parts(place.key, upload_id)

    def complete_upload(
        self, place: Place, upload_id: str, parts: Sequence[tuple[int, str]]
    ) -> ObjectInfo:
        """Join parts, given by number and entity tag, into one object in one atomic step.

        Raises:
            NoSuchUploadError: The upload is unknown.
            InvalidArgumentError: A part is missing, out of order or has another tag.
        """
        chosen = [UploadedPart(number, etag) for number, etag in parts]
        store = self.store(place.bucket)
        stored = store.complete_upload(place.key, upload_id, chosen)
        self._on_created(place.bucket, stored)
        return stored

    def abort_upload(self, place: Place, upload_id: str) -> None:
        """Drop a multipart upload; no error when there is none."""
        self.store(place.bucket).abort_upload(place.key, upload_id)

    @contextmanager
    def _sized(self, stream: BinaryIO, size_bytes: int | None) -> Iterator[tuple[BinaryIO, int]]:
        """A stream whose size is known."""
        if size_bytes is not None:
            if size_bytes > MAX_OBJECT_BYTES:
                raise ContentTooLargeError(limit_bytes=MAX_OBJECT_BYTES)
            yield stream, size_bytes
            return
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            size = 0
            while block := stream.read(_COPY_BYTES):
                size += file.write(block)
                if size > MAX_OBJECT_BYTES:
                    raise ContentTooLargeError(limit_bytes=MAX_OBJECT_BYTES)
            file.seek(0)
            yield file, size


class _ReaderStream(io.RawIOBase):
    """An open object as a file that can only be read."""

    def __init__(self, reader: ObjectReader) -> None:
        super().__init__()
        self._reader = reader

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # what io gives
        """Fill the buffer as far as one read goes."""
        piece = self._reader.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _as_stream(reader: ObjectReader) -> BinaryIO:
    return io.BufferedReader(_ReaderStream(reader), _COPY_BYTES)


@contextmanager
def _finding(place: Place) -> Iterator[None]:
    try:
        yield
    except ObjectNotFoundError as error:
        raise NoSuchKeyError(place.key) from error
