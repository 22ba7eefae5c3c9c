"""A workspace over a plain folder: what an operation sees, without an engine behind it.

The folder is the bucket: the key `a/b.jpg` is the file `a/b.jpg` in it. Whatever is published
lands below `published/`, under the same keys.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidParamsError,
    ObjectNotFoundError,
)
from penstock.domain.executions import OutputObject
from penstock.domain.selection import ObjectInfo
from penstock.operations.base import Branch, Limits

_PLACEHOLDER = re.compile(r"\$?\{(\w+)\}")
_DEFAULT_OUTPUTS = {"Object": "${InputPath}/${InputName}_out.${Ext}"}


class FolderWorkspace:
    """Implements the `Workspace` protocol over a folder.

    Attributes:
        bucket: Name that published objects carry.
        published: Folder that holds what was published, by key.
        published_paths: What was published, in order.
        reports: Every fraction reported, in order.
        branches: What the nodes before have kept.
        is_source_bucket: Whether published objects count as those of the bucket.
        cancel_after: How many more checkpoints pass before the attempt counts as cancelled;
            None is never.
        called: Functions that were called, and what was said of each.
        answer: What every function answers.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        *,
        outputs: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.bucket = "test-1250000000"
        self.folder = folder
        self.key = key
        self.outputs = dict(_DEFAULT_OUTPUTS if outputs is None else outputs)
        self.limits = limits or Limits()
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.published = folder / "published"
        self.published_paths: list[Path] = []
        self.reports: list[float] = []
        self.cancel_after: int | None = None
        self.called: list[tuple[str, Mapping[str, str]]] = []
        self.answer: Any = {}
        self.is_source_bucket = True
        self.branches: list[Branch] = []

    def fetch(self) -> Path:
        """The input file."""
        return self._object(self.key)

    def fetch_other(self, key_or_url: str) -> Path:
        """Another file of the folder, by key or by any URL whose path is its key."""
        return self._object(_key_of(key_or_url))

    @contextmanager
    def borrow_other(self, key_or_url: str) -> Iterator[tuple[ObjectInfo, Path]]:
        """Another file of the folder, lent."""
        key = _key_of(key_or_url)
        path = self._object(key)
        yield _facts(key, path), path

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """The files of the folder that are neither scratch nor published, and what was."""
        files = {
            path.relative_to(root).as_posix(): path
            for root in (self.published, self.folder)
            for path in root.rglob("*")
            if path.is_file()
        }
        for key in sorted(files, key=lambda key: key.encode()):
            if key.startswith(prefix) and not key.startswith(("scratch/", "published/")):
                yield _facts(key, files[key])

    def etag(self) -> str:
        """MD5 of the input."""
        return _md5(self.fetch())

    def modified_ms(self) -> int:
        """Modification time of the input file."""
        return self.fetch().stat().st_mtime_ns // 1_000_000

    def size_bytes(self) -> int:
        """Size of the input file."""
        return self._object(self.key).stat().st_size

    def call_function(self, name: str, function: Mapping[str, str]) -> Any:  # noqa: ANN401  # JSON
        """Note a call and give the answer."""
        self.called.append((name, function))
        return self.answer

    def adopt(self, key: str) -> OutputObject:
        """Another file of the folder as an output."""
        path = self._object(key)
        return OutputObject(
            bucket=self.bucket,
            key=key,
            size_bytes=path.stat().st_size,
            etag=_md5(path),
            input_key=self.key,
        )

    def publish(
        self,
        path: Path,
        *,
        extension: str,
        number: int | None = None,
        time_ms: int | None = None,
        target: str = "Object",
    ) -> OutputObject:
        """Copy a file of the scratch folder to the key that its output pattern gives."""
        assert path.resolve().is_relative_to(self.scratch.resolve()), "published from elsewhere"
        key = self._expand(target, extension=extension, number=number, time_ms=time_ms)
        self._store(path, key)
        return OutputObject(
            bucket=self.bucket,
            key=key,
            size_bytes=path.stat().st_size,
            etag=_md5(path),
            target=target,
            input_key=self.key,
        )

    def publish_as(self, path: Path, key: str) -> OutputObject:
        """Copy a file of the scratch folder to a key."""
        assert path.resolve().is_relative_to(self.scratch.resolve()), "published from elsewhere"
        self._store(path, key)
        return OutputObject(
            bucket=self.bucket,
            key=key,
            size_bytes=path.stat().st_size,
            etag=_md5(path),
            input_key=self.key,
        )

    def planned_key(self, *, extension: str) -> str:
        """Where the output goes."""
        return self._expand("Object", extension=extension)

    def put_sidecar(self, path: Path, name: str) -> str:
        """Copy a file beside the output."""
        folder = self._expand("Object", extension="").rpartition("/")[0]
        key = f"{folder}/{name}" if folder else name
        self._store(path, key)
        return key

    def output_stem(self, *, extension: str) -> str:
        """File name of the output, up to its last dot."""
        name = self._expand("Object", extension=extension).rpartition("/")[2]
        return name.rpartition(".")[0] or name

    def checkpoint(self) -> None:
        """Count down to the cancellation that a test asked for."""
        if self.is_cancelled():
            raise AttemptCancelledError
        if self.cancel_after is not None:
            self.cancel_after -= 1

    def is_cancelled(self) -> bool:
        """Whether the countdown has ended."""
        return self.cancel_after is not None and self.cancel_after <= 0

    def report(self, fraction: float) -> None:
        """Keep the fraction."""
        self.reports.append(fraction)

    def _object(self, key: str) -> Path:
        path = self.folder / key
        if not path.is_file():
            raise ObjectNotFoundError(key)
        return path

    def _store(self, path: Path, key: str) -> None:
        target = self.published / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        self.published_paths.append(target)

    def _expand(
        self,
        target: str,
        *,
        extension: str,
        number: int | None = None,
        time_ms: int | None = None,
    ) -> str:
        pattern = self.outputs.get(target, "")
        if not pattern:
            message = f"Output.{target} must be given"
            raise InvalidParamsError(message)
        folder, _, name = self.key.rpartition("/")
        stem, dot, _ = name.rpartition(".")
        words = {
            "inputpath": folder,
            "inputname": stem if dot else name,
            "inputnameandext": name,
            "ext": extension,
            "number": "" if number is None else str(number),
            "time": "" if time_ms is None else str(time_ms),
            "runid": "i00000000000000000000000000000001",
            "jobid": "j00000000000000000000000000000001",
            "inventorytriggerjobid": "b00000000000000000000000000000001",
        }
        expanded = _PLACEHOLDER.sub(
            lambda found: words.get(found[1].lower(), found[0]),
            pattern,
        )
        return re.sub("/+", "/", expanded).lstrip("/")


def _key_of(key_or_url: str) -> str:
    is_url = re.match(r"https?://", key_or_url)
    return unquote(urlsplit(key_or_url).path.lstrip("/")) if is_url else key_or_url


def _facts(key: str, path: Path) -> ObjectInfo:
    found = path.stat()
    return ObjectInfo(key, found.st_size, found.st_mtime_ns // 1_000_000)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
