"""FileCompress: packs many objects of a bucket into one archive.

Inputs: the objects that `UrlList`, `Prefix`, `Key` or `KeyConfig` name, up to 10,000 and 50 GiB;
the node's own input is not read. Output: one zip, tar or tar.gz archive. The result is a
`FileCompressResult`.

    {"type": "FileCompress", "params": {"Flatten": 0, "Format": "zip", "Prefix": "photos/"},
     "output": "packed/photos.zip"}

The archive is read back, and every member compared by size and checksum, before it is published.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from penstock.domain.errors import (
    InputLimitError,
    InvalidParamsError,
    OperationError,
    OperationTimeoutError,
    UnsupportedInputError,
)
from penstock.domain.planning import numbered_key
from penstock.operations._archive_members import name_fault
from penstock.operations._archive_writing import (
    ArchiveWriter,
    MeasuredFile,
    Packed,
    TarWriter,
    ZipWriter,
    check_tar,
    check_zip,
)
from penstock.operations._archive_zip import AES
from penstock.operations._compress_params import BLOCK, Entry, Format, Params, parse
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

MOST_FILES = 10_000
MOST_BYTES = 50 << 30


def run(params: Params, workspace: Workspace) -> Result:
    """Pack the objects that the params name.

    Raises:
        ObjectNotFoundError: One of them does not exist, or nothing begins with the prefix.
        InputLimitError: There are too many, or they are too large.
        InvalidParamsError: One cannot be a member of an archive, or none is left.
        OutputRejectedError: The archive does not hold what was written.
        AttemptCancelledError: The attempt was cancelled between two blocks.
    """
    path = workspace.scratch / "archive"
    entries = list(_entries(params, workspace))
    packing = _Packing(params, workspace, path)
    with closing(_writer(params, path)) as writer:
        for number, entry in enumerate(entries, 1):
            packing.add(writer, entry)
            workspace.report(0.8 * number / len(entries))
    if not packing.packed:
        message = f"nothing could be packed: all of {len(entries)} objects failed"
        raise InvalidParamsError(message)
    _check(params, path, packing.packed, workspace)
    output = workspace.publish(path, extension=params.format)
    errors = {"ErrorCount": str(len(packing.failed)), "ErrorFile": packing.failed}
    facts = {
        "Region": params.region,
        "Bucket": output.bucket,
        "Object": output.key,
        "CompressFileCount": str(len(packing.packed)),
        "ErrorCount": errors["ErrorCount"],
        "ErrorDetail": errors,
    }
    return Result(outputs=(output,), facts={"FileCompressResult": facts})


@dataclass(slots=True)
class _Packing:
    """What has been packed so far.

    Attributes:
        packed: Members as they were written, in order.
        failed: What could not be packed, as it was named.
    """

    params: Params
    workspace: Workspace
    path: Path
    packed: list[Packed] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _taken: dict[str, int] = field(default_factory=dict)
    _total_bytes: int = 0

    def add(self, writer: ArchiveWriter, entry: Entry) -> None:
        """Pack one object; a whole one or, where errors are ignored, none."""
        try:
            self._add(writer, entry)
        except (InputLimitError, OperationTimeoutError):
            raise
        except OperationError:
            if not self.params.ignores_errors:
                raise
            self.failed.append(entry.source)

    def _add(self, writer: ArchiveWriter, entry: Entry) -> None:
        with self.workspace.borrow_other(entry.source) as (found, path):
            name = self._free_name(self._name(entry, found.key))
            with closing(MeasuredFile(path, found.key, self.workspace)) as content:
                self._total_bytes += content.size_bytes
                self._check_limits()
                writer.add(name, found.modified_ms, content.size_bytes, content)
        self.packed.append(Packed(name, content.size_bytes, content.crc32))
        self._check_limits()

    def _name(self, entry: Entry, key: str) -> str:
        own_folder, _, own_name = key.rpartition("/")
        folder = "" if self.params.is_flat else own_folder
        if entry.folder is not None:
            folder = entry.folder
        name = f"{folder}/{entry.name or own_name}".strip("/")
        fault = name_fault(name)
        if fault:
            message = f"{key!r} cannot be a member of an archive: it {fault}"
            raise InvalidParamsError(message)
        return "/".join(part for part in name.split("/") if part)

    def _free_name(self, name: str) -> str:
        """The name, or with a number before its extension where it is taken."""
        free = name
        while free in self._taken:
            self._taken[name] += 1
            free = numbered_key(name, self._taken[name])
        self._taken[free] = 0
        return free

    def _check_limits(self) -> None:
        if self._total_bytes > MOST_BYTES:
            message = f"the objects are larger than {MOST_BYTES} bytes together"
            raise InputLimitError(message)
        bound = self.workspace.limits.output_bytes
        if self.path.stat().st_size > bound:
            message = f"the archive is larger than {bound} bytes"
            raise InputLimitError(message)


def _entries(params: Params, workspace: Workspace) -> Iterator[Entry]:
    """What is to be packed: by list, else by prefix, else by key."""
    if params.url_list:
        found = _listed(params.url_list, workspace)
        yield from _bounded(found, f"{params.url_list} names")
    elif params.prefix is not None:
        found = _below(params, params.prefix, workspace)
        yield from _bounded(found, f"{params.prefix!r} begins the keys of")
    else:
        yield from params.entries


def _bounded(found: Iterator[Entry], what: str) -> Iterator[Entry]:
    """At least one entry, and not too many.

    Raises:
        InputLimitError: There are too many.
        InvalidParamsError: There is none.
    """
    entries = list(islice(found, MOST_FILES + 1))
    if len(entries) > MOST_FILES:
        message = f"{what} more than {MOST_FILES} objects"
        raise InputLimitError(message)
    if not entries:
        message = f"{what} no objects"
        raise InvalidParamsError(message)
    yield from entries


def _below(params: Params, prefix: str, workspace: Workspace) -> Iterator[Entry]:
    """Objects by prefix, but for placeholders of folders and the archive of an earlier attempt."""
    own = workspace.planned_key(extension=params.format) if workspace.is_source_bucket else ""
    for found in workspace.list_objects(prefix):
        workspace.checkpoint()
        is_folder = found.key.endswith("/") and found.size_bytes <= 0
        if not is_folder and found.key != own:
            yield Entry(source=found.key)


def _listed(url_list: str, workspace: Workspace) -> Iterator[Entry]:
    """The first column of a list of URLs."""
    path = workspace.fetch_other(url_list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file):
                if row and row[0].strip():
                    yield Entry(source=row[0].strip())
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnsupportedInputError(url_list, f"it is no list of URLs: {error}") from error


def _writer(params: Params, path: Path) -> ArchiveWriter:
    writers: dict[Format, Callable[[], ArchiveWriter]] = {
        Format.ZIP: lambda: ZipWriter(path, level=params.level, password=params.password),
        Format.TAR: lambda: TarWriter(path, level=None),
        Format.TAR_GZ: lambda: TarWriter(path, level=params.level),
    }
    return writers[params.format]()


def _check(params: Params, path: Path, packed: list[Packed], workspace: Workspace) -> None:
    if params.format is Format.ZIP:
        check_zip(path, params.password, packed, workspace)
    else:
        is_gzip = params.format is Format.TAR_GZ
        check_tar(path, is_gzip=is_gzip, packed=packed, workspace=workspace)


OPERATION = Operation(
    tag="FileCompress",
    block=BLOCK,
    family=Family.FILE,
    reads=frozenset(Kind),
    optional={"CompressKey": AES},
    parse=parse,
    run=run,
)
