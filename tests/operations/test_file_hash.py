"""FileHashCode."""

import hashlib
import lzma
import os
from pathlib import Path

import pytest

from penstock.domain.errors import AttemptCancelledError, InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.operations.base import Kind
from penstock.operations.file_hash import OPERATION
from tests.operations.workspace import FolderWorkspace


def _params(**leaves: str) -> Tree:
    return {"FileHashCodeConfig": leaves}


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256"])
def test_file_hash_is_that_of_the_bytes(tmp_path: Path, algorithm: str, size: int) -> None:
    """The hash is hashlib's, at every edge of a block."""
    content = os.urandom(size)
    (tmp_path / "a.bin").write_bytes(content)
    workspace = FolderWorkspace(tmp_path, "a.bin")

    result = OPERATION.run(OPERATION.parse(_params(Type=algorithm)), workspace)

    facts = result.facts["FileHashCodeResult"]
    assert facts[algorithm] == hashlib.new(algorithm, content).hexdigest()
    assert facts["FileSize"] == str(size)
    assert facts["Etag"] == workspace.etag()
    assert not result.outputs


def _crc64(content: bytes) -> int:
    """CRC-64/XZ, a bit at a time."""
    value = (1 << 64) - 1
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return value ^ ((1 << 64) - 1)


@pytest.mark.parametrize("content", [b"", b"123456789", os.urandom(3000), bytes(100_001)])
def test_file_hash_knows_the_checksum_of_cos(tmp_path: Path, content: bytes) -> None:
    """CRC64 is the decimal number that COS shows as `x-cos-hash-crc64ecma`."""
    (tmp_path / "a.bin").write_bytes(content)

    result = OPERATION.run(
        OPERATION.parse(_params(Type="crc64")), FolderWorkspace(tmp_path, "a.bin")
    )

    assert result.facts["FileHashCodeResult"]["CRC64"] == str(_crc64(content))


def test_file_hash_checksum_grows_over_blocks(tmp_path: Path) -> None:
    """A file of several blocks has the checksum that the format of xz keeps of the same bytes."""
    content = os.urandom(1 << 10) * 2050
    (tmp_path / "a.bin").write_bytes(content)
    packed = lzma.compress(content, check=lzma.CHECK_CRC64)
    footer_bytes = 12
    index_bytes = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    kept = packed[: -footer_bytes - index_bytes][-8:]

    result = OPERATION.run(
        OPERATION.parse(_params(Type="CRC64")), FolderWorkspace(tmp_path, "a.bin")
    )

    checksum = result.facts["FileHashCodeResult"]["CRC64"]
    assert checksum == str(int.from_bytes(kept, "little"))


def test_file_hash_tells_when_the_object_was_modified(tmp_path: Path) -> None:
    """LastModified is ISO 8601 in UTC."""
    (tmp_path / "a.bin").write_bytes(b"x")
    os.utime(tmp_path / "a.bin", (1_700_000_000, 1_700_000_000))
    workspace = FolderWorkspace(tmp_path, "a.bin")

    result = OPERATION.run(OPERATION.parse(_params(Type="md5")), workspace)

    assert result.facts["FileHashCodeResult"]["LastModified"] == "2023-11-14T22:13:20Z"


def test_file_hash_stops_between_blocks(tmp_path: Path) -> None:
    """A cancelled attempt does not read the file to its end."""
    (tmp_path / "a.bin").write_bytes(bytes(4 << 20))
    workspace = FolderWorkspace(tmp_path, "a.bin")
    workspace.cancel_after = 2

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(OPERATION.parse(_params(Type="MD5")), workspace)

    assert len(workspace.reports) == 2


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({}, "FileHashCodeConfig.Type"),
        ({"Type": "CRC32"}, "FileHashCodeConfig.Type"),
        ({"Type": "MD5", "AddToHeader": "true"}, "FileHashCodeConfig.AddToHeader"),
        ({"Type": "MD5", "AddToHeader": "maybe"}, "FileHashCodeConfig.AddToHeader"),
    ],
)
def test_file_hash_refuses_wrong_params(leaves: dict[str, str], named: str) -> None:
    """What is missing, unknown or not offered is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        OPERATION.parse(_params(**leaves))


def test_file_hash_accepts_what_clients_send() -> None:
    """Case does not matter, and AddToHeader may be false."""
    assert OPERATION.parse(_params(Type="sha256", AddToHeader="false")).algorithm == "SHA256"


def test_file_hash_reads_every_kind() -> None:
    """Any object can be hashed, and no output is asked for."""
    assert OPERATION.reads == frozenset(Kind)
    assert not OPERATION.needs_output
