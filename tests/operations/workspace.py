"""A workspace over a plain folder: what an operation sees, without an engine behind it.

The folder is the bucket: the key `a/b.jpg` is the file `a/b.jpg` in it. Whatever is published
lands below `published/`, under the same keys.
"""

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidParamsError,
    ObjectNotFoundError,
)
from penstock.domain.executions import OutputObject
from penstock.operations.base import Limits

_PLACEHOLDER = re.compile(r"\$?\{(\w+)\}")
_DEFAULT_OUTPUTS = {"Object": "${InputPath}/${InputName}_out.${Ext}"}


class FolderWorkspace:
    """Implements the `Workspace` protocol over a folder.

    Attributes:
        bucket: Name that published objects carry.
        published: Folder that holds what was published, by key.
        published_paths: What was published, in order.
        reports: Every fraction reported, in order.
        cancel_after: How many more checkpoints pass before the attempt counts as cancelled;
            None is never.
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

    def fetch(self) -> Path:
        """The input file."""
        return self._object(self.key)

    def fetch_other(self, key_or_url: str) -> Path:
        """Another file of the folder, by key or by any URL whose path is its key."""
        is_url = re.match(r"https?://", key_or_url)
        return self._object(
            unquote(urlsplit(key_or_url).path.lstrip("/")) if is_url else key_or_url
        )

    def etag(self) -> str:
        """MD5 of the input."""
        return _md5(self.fetch())

    def modified_ms(self) -> int:
        """Modification time of the input file."""
        return self.fetch().stat().st_mtime_ns // 1_000_000

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


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
