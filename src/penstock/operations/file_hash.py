"""FileHashCode: a hash or checksum of an object's bytes.

Input: one object of any kind. Output: none; the result is a `FileHashCodeResult`. `CRC64` is not
among the vendor's types: it is the checksum that COS keeps of every object
(`x-cos-hash-crc64ecma`), for comparing objects there with objects here.

    {"type": "FileHashCode", "params": {"Type": "SHA256"}}
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from penstock.domain.trees import Tree
from penstock.operations._crc64 import Crc64
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "FileHashCodeConfig"
_BLOCK_BYTES = 1 << 20
_ALGORITHMS = ("MD5", "SHA1", "SHA256", "CRC64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What to compute.

    Attributes:
        algorithm: `MD5`, `SHA1`, `SHA256` or `CRC64`.
    """

    algorithm: str

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `FileHashCodeConfig`.

        Raises:
            InvalidArgumentError: `Type` is missing or unknown, or `AddToHeader` is asked for.
        """
        reader = ParamReader(tree).block(_BLOCK)
        if reader.required_text("Type"):
            reader.choice("Type", _ALGORITHMS)
        if reader.flag("AddToHeader"):
            reader.fault(
                "AddToHeader", "false: a stored object, and so its headers, is never changed"
            )
        reader.finish()
        return cls(algorithm=reader.choice("Type", _ALGORITHMS))


def run(params: Params, workspace: Workspace) -> Result:
    """Hash the input, a block at a time.

    Raises:
        AttemptCancelledError: The attempt was cancelled between two blocks.
    """
    path = workspace.fetch()
    modified_ms = workspace.modified_ms()
    facts = {
        params.algorithm: _hash(path, params.algorithm, workspace),
        "FileSize": str(path.stat().st_size),
        "LastModified": _timestamp(modified_ms) if modified_ms >= 0 else "",
        "Etag": workspace.etag(),
    }
    return Result(facts={"FileHashCodeResult": facts})


def _hash(path: Path, algorithm: str, workspace: Workspace) -> str:
    """The hash in lower-case hex, the checksum in decimal."""
    update, text = _digest(algorithm)
    total = path.stat().st_size
    done = 0
    with path.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            update(block)
            done += len(block)
            workspace.checkpoint()
            workspace.report(min(done / total, 1.0))
    return text()


def _digest(algorithm: str) -> tuple[Callable[[bytes], None], Callable[[], str]]:
    """What takes in blocks, and what tells the result."""
    if algorithm == "CRC64":
        checksum = Crc64()
        return checksum.update, checksum.text
    digest = hashlib.new(algorithm.lower(), usedforsecurity=False)
    return digest.update, digest.hexdigest


def _timestamp(milliseconds: int) -> str:
    """ISO 8601 in UTC, to the second."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


OPERATION = Operation(
    tag="FileHashCode",
    block=_BLOCK,
    family=Family.FILE,
    reads=frozenset(Kind),
    needs_output=False,
    parse=Params.parse,
    run=run,
)
